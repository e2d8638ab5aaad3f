// Origins of members on HTTPS that were tried from here: that the name answers with a certificate that holds, that whoever answers there is the
// member that declares it, and how long that took.
//
//   registration with https origins ──> due ──> GET <origin>/.well-known/interpeer/reach?gateway=…&challenge=… ──> signed `reach` ──> proven
//
// Invariant: visitors are sent to an HTTPS origin only while it is proven; it is tried behind the answers of others, a few at a time, and no
// registration can make this gateway ask one origin more often than `RETRY_MS`.

import type { Registration } from '#gateway/locate/registration.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { type PeerName, type PublicKey, peerName, type Signature } from '#protocol/identity/keys.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { signedShape } from '#protocol/message/statement.ts'

/** A proof is believed so long, and made anew before. */
export const PROVEN_MS = 11 * 60_000
export const RENEW_PROOF_MS = 5 * 60_000
/** After a failure: twice as long each time. */
export const RETRY_MS = 15_000
const RETRY_MS_MAX = 10 * 60_000
/** Of failures after which a proof that still stands is believed no more. */
const FAILURES_MAX = 2
/** Tried at a time, and in one turn. */
const TURN_MAX = 8
const TURN_PAUSE_MS = 1_000
/** Of all members and sites together. */
export const ORIGINS_MAX = 65_536
const CHALLENGE_BYTES = 32
/** Of a signed `reach`. */
export const REACH_BYTES_MAX = 2_048
/** How much a new measurement counts beside those before. */
const NEWEST_SHARE = 0.3
const PROBLEM_LENGTH_MAX = 200

const reachShape = signedShape('reach')

/** What an origin is asked; the whole answer, or a rejection. Bounded in time and in bytes (`REACH_BYTES_MAX`), follows nobody elsewhere. */
export type Probe = (url: string) => Promise<Uint8Array>

export type ReachOptions = {
  readonly gateway: string
  /** Absent: this gateway cannot try origins, and sends nobody to HTTPS origins of members. */
  readonly probe?: Probe
  readonly verify: (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>
  readonly random: (bytes: number) => Uint8Array
  readonly now: () => number
  readonly domain: () => Domain | undefined
  /** What is known of this peer's origins is another than before. */
  readonly onChange: (peer: PeerName) => void
}

type Tried = {
  provenUntil: number
  nextAt: number
  failures: number
  latencyMs: number | undefined
  problem: string | undefined
}

type Due = {
  readonly peer: PeerName
  readonly origin: string
  readonly tried: Tried
  /** Among those of its peer: who declares many waits for nobody but itself. */
  readonly place: number
}

export class Reach {
  readonly #options: ReachOptions
  readonly #tried = new Map<string, Tried>()
  #dueAt = Number.POSITIVE_INFINITY
  #turn: Promise<void> | undefined

  constructor(options: ReachOptions) {
    this.#options = options
  }

  provenUntil(peer: PeerName, origin: string): number {
    return this.#tried.get(keyOf(peer, origin))?.provenUntil ?? 0
  }

  /** There and back from here, ms; undefined: not measured. */
  latencyMs(peer: PeerName, origin: string): number | undefined {
    return this.#tried.get(keyOf(peer, origin))?.latencyMs
  }

  /** Why nobody is sent there; undefined: they are, or it was not tried yet. */
  problem(peer: PeerName, origin: string): string | undefined {
    return this.#tried.get(keyOf(peer, origin))?.problem
  }

  /** It declares origins that have to be tried. */
  heard({ peer, sites }: Registration): void {
    for (const { origin } of sites.values())
      if (origin?.startsWith('https:') && !this.#tried.has(keyOf(peer, origin))) this.#dueAt = 0
  }

  isDue(now: number): boolean {
    return this.#dueAt <= now && this.#turn === undefined && this.#options.probe !== undefined
  }

  get isTrying(): boolean {
    return this.#turn !== undefined
  }

  /** Tries some of those that are due; resolves when they are tried. Another call meanwhile waits for the same. */
  turn(registrations: Iterable<Registration>): Promise<void> {
    this.#turn ??= this.#try(registrations).finally(() => {
      this.#turn = undefined
    })
    return this.#turn
  }

  async #try(registrations: Iterable<Registration>): Promise<void> {
    const now = this.#options.now()
    const present = new Set<string>()
    const due: Due[] = []
    let nextAt = Number.POSITIVE_INFINITY
    for (const { peer, sites, freshUntil, leaseUntil } of registrations) {
      if (Math.max(freshUntil, leaseUntil) <= now) continue
      let place = 0
      for (const { origin } of sites.values()) {
        if (!origin?.startsWith('https:') || present.size >= ORIGINS_MAX) continue
        const key = keyOf(peer, origin)
        present.add(key)
        let tried = this.#tried.get(key)
        if (tried === undefined) {
          tried = { provenUntil: 0, nextAt: 0, failures: 0, latencyMs: undefined, problem: undefined }
          this.#tried.set(key, tried)
        }
        if (tried.nextAt <= now) due.push({ peer, origin, tried, place: place++ })
        else nextAt = Math.min(nextAt, tried.nextAt)
      }
    }
    for (const key of this.#tried.keys()) if (!present.has(key)) this.#tried.delete(key)
    due.sort((a, b) => a.place - b.place || a.tried.nextAt - b.tried.nextAt)
    const chosen = due.slice(0, TURN_MAX)
    this.#dueAt = due.length > chosen.length ? now + TURN_PAUSE_MS : Math.min(nextAt, now + RETRY_MS)
    if (present.size === 0) this.#dueAt = Number.POSITIVE_INFINITY
    await Promise.all(chosen.map((one) => this.#tryOne(one)))
  }

  async #tryOne({ peer, origin, tried }: Due): Promise<void> {
    const before = tried.provenUntil
    try {
      const latencyMs = await this.#prove(peer, origin)
      const now = this.#options.now()
      const known = tried.latencyMs
      tried.latencyMs = known === undefined ? latencyMs : known + NEWEST_SHARE * (latencyMs - known)
      tried.provenUntil = now + PROVEN_MS
      tried.nextAt = now + RENEW_PROOF_MS
      tried.failures = 0
      tried.problem = undefined
    } catch (cause) {
      const now = this.#options.now()
      tried.nextAt = now + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tried.failures)
      tried.failures = Math.min(tried.failures + 1, 16)
      tried.problem = (cause instanceof Error ? cause.message : String(cause)).slice(0, PROBLEM_LENGTH_MAX)
      if (tried.failures >= FAILURES_MAX) tried.provenUntil = 0
    }
    if (before === 0 || tried.provenUntil === 0) this.#options.onChange(peer)
  }

  /** The time that the quicker of two questions took: the first one opens the connection. Rejects with why it is not proven. */
  async #prove(peer: PeerName, origin: string): Promise<number> {
    const { gateway, probe, verify, random, now } = this.#options
    const domain = this.#options.domain()
    if (probe === undefined || domain === undefined) throw new Error('it cannot be tried from here')
    const challenge = random(CHALLENGE_BYTES)
    const url = `${origin}${WELL_KNOWN}reach?gateway=${encodeURIComponent(gateway)}&challenge=${hexFromBytes(challenge)}`
    let leastMs = Number.POSITIVE_INFINITY
    let bytes: Uint8Array = new Uint8Array(0)
    for (let question = 0; question < 2; question++) {
      const began = now()
      bytes = await probe(url)
      leastMs = Math.min(leastMs, Math.max(0, now() - began))
    }
    const read = readCbor(reachShape, bytes, REACH_BYTES_MAX)
    if (!read.ok) throw new Error('what answers there is no seeder')
    const { from, body, signature } = read.value
    if (peerName(from) !== peer) throw new Error('another seeder answers there')
    const isAnswer = body.gateway === gateway && body.origin === origin && bytesEqual(body.challenge, challenge)
    if (!isAnswer) throw new Error('the seeder answers for another origin')
    if (!(await verify(from, statementHash(domain, 'reach', body), signature)))
      throw new Error('the signature does not verify')
    return leastMs
  }
}

function keyOf(peer: PeerName, origin: string): string {
  return `${peer} ${origin}`
}
