// The newest heads of every hosted site: members that look at each other ask for a height, and may be one behind.

import { HEADS_KEPT } from '#seeder/serve/limits.ts'
import type { Head, HostedSite, HostedSites } from '#seeder/serve/port.ts'

export type RecentHeads = Disposable & {
  /** The site's head at a height; undefined when it is no longer at hand. */
  at(site: HostedSite, height: number): Head | undefined
  /** Sites came or went. */
  follow(): void
}

export function watchHeads(sites: HostedSites): RecentHeads {
  const bySite = new Map<HostedSite, { readonly recent: Head[]; readonly stop: () => void }>()

  function follow(): void {
    const present = new Set(sites.all())
    for (const [site, { stop }] of bySite) {
      if (present.has(site)) continue
      stop()
      bySite.delete(site)
    }
    for (const site of present) {
      if (bySite.has(site)) continue
      const first = site.head()
      const recent: Head[] = first === undefined ? [] : [first]
      const stop = site.onHead((head) => {
        recent.push(head)
        if (recent.length > HEADS_KEPT) recent.shift()
      })
      bySite.set(site, { recent, stop })
    }
  }

  follow()
  return {
    follow,
    at: (site, height) => bySite.get(site)?.recent.find((head) => head.height === height),
    [Symbol.dispose]() {
      for (const { stop } of bySite.values()) stop()
    },
  }
}
