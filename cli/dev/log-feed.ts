// The logs of all replicas as one. A write is run by each of them and leaves the same lines at each: they are shown once. A read is run by
// one member and logged there alone.

import type { LogLine } from '#seeder/execute/port.ts'
import type { HostedSite } from '#seeder/serve/port.ts'

/** Lines of which it is remembered that they were shown. */
const REMEMBERED_MAX = 4_096
const LINES_A_LOOK = 500

type Seen = { shown: number; readonly counts: number[] }

export type LogFeed = {
  /** Lines that came since the last look, oldest first; `undefined` for a replica that does not host the site (yet). */
  look(sites: readonly (HostedSite | undefined)[]): readonly LogLine[]
}

/** Begins after what stands in the logs when a site is seen first. */
export function createLogFeed(): LogFeed {
  const seen = new Map<string, Seen>()
  const last = new Map<HostedSite, number>()

  const isNew = (replica: number, line: LogLine): boolean => {
    const key = JSON.stringify([line.time, line.level, line.text])
    const known = seen.get(key) ?? { shown: 0, counts: [] }
    if (!seen.has(key)) {
      seen.set(key, known)
      const [oldest] = seen.keys()
      if (seen.size > REMEMBERED_MAX && oldest !== undefined) seen.delete(oldest)
    }
    const count = (known.counts[replica] ?? 0) + 1
    known.counts[replica] = count
    if (count <= known.shown) return false
    known.shown = count
    return true
  }

  return {
    look(sites) {
      const lines: LogLine[] = []
      for (const [replica, site] of sites.entries()) {
        if (site === undefined) continue
        const after = last.get(site)
        if (after === undefined) {
          last.set(site, site.logs({ limit: 1 }).at(-1)?.sequence ?? 0)
          continue
        }
        const fresh = site.logs({ limit: LINES_A_LOOK, after })
        last.set(site, fresh.at(-1)?.sequence ?? after)
        for (const line of fresh) if (isNew(replica, line)) lines.push(line)
      }
      return lines.sort((a, b) => a.time - b.time)
    },
  }
}
