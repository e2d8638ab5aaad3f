// What a seeder keeps across restarts beside its key and its store: its ports, its label, the number of its last record.
//
// Losing ports and numbers is no harm: the ports are chosen anew, and the network says which record number it knows. `storeLost` stands here
// only for the moment until the new store knows it.

import { readFileSync } from 'node:fs'
import { boolean, mapOf, object, oneOf, optional, readShape, type Shaped, text, uint } from '#protocol/codec/shape.ts'
import { JOBS_MAX, SITE_NAME } from '#protocol/directory/network-file.ts'
import type { Log } from '#seeder/config/log.ts'
import { type Place, writeWhole } from '#seeder/config/place.ts'

const PORT_MAX = 65_535
/** A host label of its own, between a site's name and `localhost`. */
export const LABEL = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/
export const LABEL_WORDS = 'takes lower-case letters, digits and hyphens between them, 32 at most'
const memoShape = object({
  httpPort: uint(PORT_MAX),
  p2pPort: uint(PORT_MAX),
  controlPort: uint(PORT_MAX),
  label: text(32, LABEL),
  target: oneOf('hosts', 'plain'),
  /** Port by site name, where every site has one of its own. */
  plainPorts: mapOf(text(63, SITE_NAME), uint(PORT_MAX), JOBS_MAX),
  /** Of the last PEER_RECORD that was signed. */
  recordSequence: uint(),
  /** The store went and the key stayed: what was signed is not known any more, and the sites do not know that yet (R1). */
  storeLost: optional(boolean()),
})
/** Ports are 0 until they are known. */
export type Memo = Shaped<typeof memoShape>

const NOTHING_KNOWN: Memo = {
  httpPort: 0,
  p2pPort: 0,
  controlPort: 0,
  label: 's',
  target: 'hosts',
  plainPorts: {},
  recordSequence: 0,
}

/** A missing or unreadable memo is no loss: ports are chosen anew. */
export function readMemo(place: Place): Memo {
  try {
    const shaped = readShape(memoShape, JSON.parse(readFileSync(place.memoFile, 'utf8')))
    return shaped.ok ? shaped.value : NOTHING_KNOWN
  } catch {
    return NOTHING_KNOWN
  }
}

export function writeMemo(place: Place, memo: Memo): void {
  writeWhole(place.memoFile, `${JSON.stringify(memo)}\n`, place.points)
}

export type MemoKeeper = {
  memo(): Memo
  change(part: Partial<Memo>): void
  readonly nextSequence: (above: number) => number
  readonly plainPorts: { get(site: string): number | undefined; set(site: string, port: number): void }
}

/** `chosen` replaces what was remembered. */
export function openMemo(
  place: Place,
  chosen: { readonly label?: string; readonly target?: Memo['target'] },
  log: Log,
): MemoKeeper {
  let memo = readMemo(place)
  const change = (part: Partial<Memo>): void => {
    const next = { ...memo, ...part }
    if (JSON.stringify(next) === JSON.stringify(memo)) return
    writeMemo(place, next)
    memo = next
  }
  change({
    ...(chosen.label === undefined ? {} : { label: chosen.label }),
    ...(chosen.target === undefined ? {} : { target: chosen.target }),
  })
  return {
    memo: () => memo,
    change,
    nextSequence(above) {
      change({ recordSequence: Math.max(above, memo.recordSequence) + 1 })
      return memo.recordSequence
    },
    plainPorts: {
      get: (site) => memo.plainPorts[site],
      set(site, port) {
        try {
          change({ plainPorts: { ...memo.plainPorts, [site]: port } })
        } catch (cause) {
          // The site is served at it all the same; the next start may choose another.
          log.warn('port_not_remembered', { site, cause })
        }
      },
    },
  }
}
