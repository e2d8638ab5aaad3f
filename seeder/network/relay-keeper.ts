// Through which public peers this one is reached, when nobody can dial it: two of them at a time, asked again for as long as it runs.
//
//   candidates (mates, then others, in an order of its own) ──> ask ──> reserved ──> announced
//                        ^                                        │        │
//                        └────── after a pause that doubles ───── no     lost
//
// Invariants. Never more than RELAYS_WANTED are asked or held at a time. One that is away is not waited for: the next candidate is asked at once.
// What was announced stays announced until something else is reserved in its place, so that a relay that restarts changes no record.

import { hash } from 'node:crypto'
import type { PeerName } from '#protocol/identity/keys.ts'

/** One may be away while the other relays. */
export const RELAYS_WANTED = 2
export const RELAY_PAUSE_FIRST_MS = 500
export const RELAY_PAUSE_LAST_MS = 60_000
/** After an answer, whatever it was: a large network that has no room is not asked all at once. */
const SPACING_MS = 100
/** A pause is stretched by up to this share of itself. */
const JITTER = 0.5

export type RelayKeeperOptions = {
  readonly self: PeerName
  /** Resolves when the relay has given a reservation; rejects otherwise. */
  readonly reserve: (relay: PeerName) => Promise<void>
  readonly now: () => number
  /** In [0, 1). */
  readonly chance: () => number
  /** What is announced is another than before. */
  readonly onChange: () => void
  readonly note?: ((event: string, facts: Readonly<Record<string, unknown>>) => void) | undefined
}

type Candidate = {
  readonly relay: PeerName
  state: 'idle' | 'asked' | 'reserved'
  failures: number
  /** It was lost before it was known that it was given. */
  isLost: boolean
  /** When it may be asked again. */
  notBefore: number
}

export class RelayKeeper implements Disposable {
  readonly #options: RelayKeeperOptions
  #candidates: readonly Candidate[] = []
  #announced: readonly PeerName[] = []
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: RelayKeeperOptions) {
    this.#options = options
  }

  /** Those that hold a reservation now. */
  reserved(): readonly PeerName[] {
    return this.#candidates.filter(({ state }) => state === 'reserved').map(({ relay }) => relay)
  }

  /** Where this peer says that it is reached: those reserved, then those that were and that nothing replaced. */
  announced(): readonly PeerName[] {
    return this.#announced
  }

  /** What its record said before this process was. */
  remember(announced: readonly PeerName[]): void {
    if (this.#announced.length === 0) this.#announced = announced.slice(0, RELAYS_WANTED)
  }

  /** Public peers: members of its own groups, who are asked first, and all else. */
  setCandidates(mates: readonly PeerName[], others: readonly PeerName[]): void {
    const known = new Map(this.#candidates.map((candidate) => [candidate.relay, candidate]))
    const { self } = this.#options
    this.#candidates = [...inOwnOrder(self, mates), ...inOwnOrder(self, others)].map(
      (relay) => known.get(relay) ?? { relay, state: 'idle', failures: 0, isLost: false, notBefore: 0 },
    )
    this.#announce()
    this.#ask()
  }

  /** The reservation ended. */
  lost(relay: PeerName): void {
    const candidate = this.#candidates.find((each) => each.relay === relay)
    if (candidate?.state === 'asked') candidate.isLost = true
    if (candidate?.state !== 'reserved') return
    candidate.state = 'idle'
    this.#options.note?.('relay_lost', { relay })
    this.#pause(candidate)
    this.#ask()
  }

  [Symbol.dispose](): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #ask(): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    const now = this.#options.now()
    let held = this.#candidates.filter(({ state }) => state !== 'idle').length
    for (const candidate of this.#candidates) {
      if (held >= RELAYS_WANTED) return
      if (candidate.state !== 'idle' || candidate.notBefore > now) continue
      held++
      void this.#reserve(candidate)
    }
    if (held >= RELAYS_WANTED) return
    const idle = this.#candidates.filter(({ state }) => state === 'idle')
    if (idle.length === 0) return
    this.#askAt(Math.min(...idle.map(({ notBefore }) => notBefore)))
  }

  #askAt(due: number): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#timer = setTimeout(() => this.#ask(), Math.max(1, due - this.#options.now()))
    this.#timer.unref()
  }

  async #reserve(candidate: Candidate): Promise<void> {
    const { relay } = candidate
    candidate.state = 'asked'
    candidate.isLost = false
    try {
      await this.#options.reserve(relay)
      if (candidate.isLost) throw new Error('it was given and lost')
      candidate.state = 'reserved'
      candidate.failures = 0
      this.#options.note?.('relay_found', { relay })
      this.#announce()
    } catch (cause) {
      candidate.state = 'idle'
      this.#options.note?.('relay_failed', { relay, cause })
      this.#pause(candidate)
    }
    this.#askAt(this.#options.now() + SPACING_MS)
  }

  #pause(candidate: Candidate): void {
    const base = Math.min(RELAY_PAUSE_LAST_MS, RELAY_PAUSE_FIRST_MS * 2 ** Math.min(candidate.failures, 16))
    candidate.failures++
    candidate.notBefore = this.#options.now() + base * (1 + JITTER * this.#options.chance())
  }

  #announce(): void {
    const candidates = new Set(this.#candidates.map(({ relay }) => relay))
    const reserved = new Set(this.reserved())
    const before = this.#announced.filter((relay) => candidates.has(relay))
    const newcomers = [...reserved].filter((relay) => !before.includes(relay))
    // Those that were lost make room first, so that what stays keeps its place.
    const kept = [...before.filter((relay) => reserved.has(relay)), ...newcomers]
    const waiting = before.filter((relay) => !reserved.has(relay)).slice(0, Math.max(0, RELAYS_WANTED - kept.length))
    const next = [...kept, ...waiting].toSorted()
    if (next.join() === this.#announced.join()) return
    this.#announced = next
    this.#options.onChange()
  }
}

/** By a hash of both: each home has another order, so that no relay is everybody's first. */
function inOwnOrder(self: PeerName, relays: readonly PeerName[]): readonly PeerName[] {
  const rank = (relay: PeerName): string => hash('sha256', `${self} ${relay}`)
  return relays.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
}
