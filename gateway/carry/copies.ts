// What this gateway keeps of sites that it carried, for the time when nobody of a group answers (`copy.ts` says of what, and shows it).
//
// Invariant: all of it together and what of it is of one site are bounded; over a bound the oldest goes, of the site that holds the most. Of a
// site that the network file lacks nothing is kept.

import { COPIES_ASKED_MAX, COPIES_BYTES_MAX, COPIES_SITE_BYTES_MAX, COPY_KEPT_MS } from '#gateway/settings.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** A certified answer of status 200, with its evidence among the headers. */
export type Copy = {
  readonly headers: Headers
  readonly body: Uint8Array
  readonly height: number
  /** When it was checked, ms by our clock. */
  readonly checkedAt: number
}

/** `copy` undefined: what stands there now is not kept. */
type Entry = { readonly copy: Copy | undefined; readonly askedAt: number; readonly bytes: number }
/** Entries by target, the oldest first. */
type Site = { readonly entries: Map<string, Entry>; bytes: number }

/** Of an entry beside its body and its texts. */
const ENTRY_BYTES = 512
/** A character of a text in memory. */
const CHAR_BYTES = 2

export type CopyBounds = { readonly bytesMax: number; readonly siteBytesMax: number; readonly askedMax: number }

export class Copies {
  readonly #bounds: CopyBounds
  /** By job, hexadecimal. */
  readonly #sites = new Map<string, Site>()
  readonly #awayUntil = new Map<string, number>()
  #bytes = 0
  #asked = 0

  constructor({
    bytesMax = COPIES_BYTES_MAX,
    siteBytesMax = COPIES_SITE_BYTES_MAX,
    askedMax = COPIES_ASKED_MAX,
  }: Partial<CopyBounds> = {}) {
    this.#bounds = { bytesMax, siteBytesMax, askedMax }
  }

  /** Bytes, of all. */
  get held(): number {
    return this.#bytes
  }

  find(job: string, target: string, now: number): Copy | undefined {
    const copy = this.#sites.get(job)?.entries.get(target)?.copy
    if (copy === undefined || now - copy.checkedAt <= COPY_KEPT_MS) return copy
    this.#drop(job, target)
    return undefined
  }

  /** When this address was last asked for, ms; undefined: nothing is known of it. */
  askedAt(job: string, target: string): number | undefined {
    return this.#sites.get(job)?.entries.get(target)?.askedAt
  }

  /** A place among those that are being asked for; to be ended. */
  begin(): boolean {
    if (this.#asked >= this.#bounds.askedMax) return false
    this.#asked++
    return true
  }

  end(): void {
    this.#asked--
  }

  /** What stands at this address now; undefined: nothing that is kept. */
  put(job: string, target: string, askedAt: number, copy: Copy | undefined): void {
    const fields = copy?.headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0) ?? 0
    const bytes = ENTRY_BYTES + CHAR_BYTES * (target.length + fields) + (copy?.body.length ?? 0)
    const entry = { copy, askedAt, bytes }
    this.#drop(job, target)
    if (entry.bytes > this.#bounds.siteBytesMax) return
    let site = this.#sites.get(job)
    if (site === undefined) {
      site = { entries: new Map(), bytes: 0 }
      this.#sites.set(job, site)
    }
    site.entries.set(target, entry)
    site.bytes += entry.bytes
    this.#bytes += entry.bytes
    while (site.bytes > this.#bounds.siteBytesMax) this.#dropOldest(job, site)
    while (this.#bytes > this.#bounds.bytesMax) this.#dropOldest(...this.#largest(job, site))
  }

  /** Nothing of other jobs is kept any more. */
  retain(isKept: (job: string) => boolean): void {
    for (const [job, site] of this.#sites) {
      if (isKept(job)) continue
      this.#bytes -= site.bytes
      this.#sites.delete(job)
    }
    for (const job of this.#awayUntil.keys()) if (!isKept(job)) this.#awayUntil.delete(job)
  }

  /** Nobody of the group answered for as long as a visitor waits: until then whoever can have a copy is not made to wait as well. */
  away(job: string, until: number): void {
    this.#awayUntil.set(job, until)
  }

  isAway(job: string, now: number): boolean {
    return (this.#awayUntil.get(job) ?? 0) > now
  }

  /** Somebody answered. */
  back(job: string): void {
    this.#awayUntil.delete(job)
  }

  #largest(job: string, site: Site): [job: string, site: Site] {
    let largest: [string, Site] = [job, site]
    for (const each of this.#sites) if (each[1].bytes > largest[1].bytes) largest = each
    return largest
  }

  #dropOldest(job: string, site: Site): void {
    const [target] = site.entries.keys()
    if (target !== undefined) this.#drop(job, target)
  }

  #drop(job: string, target: string): void {
    const site = this.#sites.get(job)
    const entry = site?.entries.get(target)
    if (site === undefined || entry === undefined) return
    site.entries.delete(target)
    site.bytes -= entry.bytes
    this.#bytes -= entry.bytes
    if (site.entries.size === 0) this.#sites.delete(job)
  }
}
