// What visitors share: places, bytes, connections. Each source may take as much as is still free, so that one that takes all it can gets half,
// n of them get 1/(n+1) each, and whoever comes next finds something (the dynamic threshold of Choudhury and Hahne, with α = 1).
//
// Invariant: what is given out is never more than `max`, and sources that hold nothing are not remembered.

import { assert } from '#protocol/codec/result.ts'

const MAPPED_IPV4 = '::ffff:'
/** A visitor with IPv6 has a whole /64 to itself: four groups of sixteen bits. */
const IPV6_GROUPS = 8
const IPV6_GROUPS_OF_A_NETWORK = 4

/** Who counts as one visitor: an IPv4 address, or an IPv6 network of 64 bits. */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return ''
  if (address.startsWith(MAPPED_IPV4)) return address.slice(MAPPED_IPV4.length)
  if (!address.includes(':')) return address
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = Array.from({ length: Math.max(0, IPV6_GROUPS - head.length - tail.length) }, () => '0')
  return [...head, ...zeros, ...tail].slice(0, IPV6_GROUPS_OF_A_NETWORK).join(':')
}

export class Share {
  readonly #max: number
  readonly #bySource = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  get total(): number {
    return this.#total
  }

  of(source: string): number {
    return this.#bySource.get(source) ?? 0
  }

  fits(source: string, amount = 1): boolean {
    return this.of(source) + amount <= this.#max - this.#total
  }

  /** False, and nothing taken, when it does not fit. */
  take(source: string, amount = 1): boolean {
    if (!this.fits(source, amount)) return false
    this.#total += amount
    this.#bySource.set(source, this.of(source) + amount)
    return true
  }

  give(source: string, amount = 1): void {
    const left = this.of(source) - amount
    assert(left >= 0, 'what is given back was taken')
    this.#total -= amount
    if (left > 0) this.#bySource.set(source, left)
    else this.#bySource.delete(source)
  }
}
