// Registration at the gateways (§5.2): once per seeder, signed, renewed every 5 s, gone after 15 s of silence.
//
//   sites, who is seen, who is accused ──signed REGISTER──> each gateway, on its own clock
//
// Invariant: no gateway holds up another, and no failure here is anybody else's: it is tried again and said in the log.

import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { type Domain, signStatement } from '#protocol/message/domain.ts'
import type { Register } from '#protocol/message/statement.ts'
import { shownText } from '#seeder/config/shown-text.ts'
import { call } from '#seeder/register/http.ts'
import type { GatewayStanding } from '#seeder/register/reach.ts'

export const REGISTER_INTERVAL_MS = 5_000
export const REGISTER_EXPIRES_MS = 15_000
/** Changes that come together are told together. */
const ANNOUNCE_PAUSE_MS = 100
const ANSWER_BYTES_MAX = 64 * 1024
const DEREGISTER_TIMEOUT_MS = 1_000
const PROOFS_REMEMBERED = 4_096
const WANTED_MAX = 64
const TOO_MANY_REQUESTS = 429
/** Of a gateway's answer, for people. */
const UNPROVEN_MAX = 4

export type RegistrationFacts = Pick<Register, 'sites' | 'sees' | 'accuses' | 'load' | 'place'>
/** What a gateway said about itself when it took a registration. */
export type GatewayOffer = {
  readonly tunnels: boolean
  /** HTTPS origins to which it sends nobody, with why, for people; empty: there are none. */
  readonly unproven: string
}

export type RegistrarOptions = {
  readonly signer: Signer
  readonly domain: Domain
  readonly gateways: () => readonly string[]
  readonly facts: () => RegistrationFacts
  /** A tunnel to this gateway is open. */
  readonly hasTunnel?: (gateway: string) => boolean
  readonly onOffer?: (gateway: string, offer: GatewayOffer) => void
  /** The proof of an accusation by the hexadecimal of its hash, for gateways that want to judge it. */
  readonly evidence: (hash: string) => Uint8Array | undefined
  readonly now: () => number
  readonly note?: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/** Its disposal resolves when the gateways know that this seeder is gone, or did not answer; a second one waits for the first. */
export type Registrar = AsyncDisposable & {
  /** Something changed: tell the gateways now instead of at the next turn. */
  announce(): void
  /** What each gateway made of it. */
  standing(): readonly GatewayStanding[]
}

export function startRegistrar(options: RegistrarOptions): Registrar {
  const { signer, domain, now, note } = options
  const refused = new Map<string, string>()
  /** Of the last statement that each gateway took: it takes only later ones. One that it refused, of a clock that was wrong, binds nobody. */
  const taken = new Map<string, number>()
  const answered = new Map<string, Pick<GatewayStanding, 'takenAt' | 'clockAheadMs' | 'clockWithinMs'>>()
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let left: Promise<void> | undefined
  const busy = new Set<string>()
  const again = new Set<string>()
  const proven = new Set<string>()

  const statement = (
    gateway: string,
    facts: RegistrationFacts,
    lifeMs: number,
  ): { readonly time: number; readonly bytes: Uint8Array } => {
    const time = Math.max(now(), (taken.get(gateway) ?? 0) + 1)
    const tunnel = lifeMs > 0 && options.hasTunnel?.(gateway) === true
    const body: Register = { gateway, time, expires: time + lifeMs, tunnel, ...facts }
    return { time, bytes: cborFromValue(signStatement(domain, 'register', signer, body)) }
  }

  const outcome = (gateway: string, problem: string): void => {
    if ((refused.get(gateway) ?? '') === problem) return
    refused.set(gateway, problem)
    if (problem === '') note?.('registered', { gateway })
    else note?.('registration_failed', { gateway, problem })
  }

  const tell = async (gateway: string): Promise<void> => {
    if (busy.has(gateway)) {
      again.add(gateway)
      return
    }
    busy.add(gateway)
    try {
      const { time, bytes } = statement(gateway, options.facts(), REGISTER_EXPIRES_MS)
      const sentAt = now()
      const answer = await call(`${gateway}/register`, {
        method: 'POST',
        body: bytes,
        answerBytesMax: ANSWER_BYTES_MAX,
      })
      const fine = answer.status >= 200 && answer.status < 300
      if (fine) taken.set(gateway, time)
      if (!refused.has(gateway) && fine) refused.set(gateway, 'unknown')
      outcome(gateway, fine ? '' : `${answer.status} ${answer.body.toString().slice(0, 300)}`)
      if (fine) {
        const lease = leaseOf(answer.body)
        answered.set(gateway, { takenAt: now(), ...clockOf(lease, sentAt, now()) })
        options.onOffer?.(gateway, { tunnels: lease.tunnels === true, unproven: unprovenIn(lease) })
        await prove(gateway, lease)
      }
    } catch (cause) {
      outcome(gateway, cause instanceof Error ? cause.message : String(cause))
    } finally {
      busy.delete(gateway)
    }
    if (again.delete(gateway) && !stopped) void tell(gateway)
  }

  /** A gateway names the accusations whose proof it wants; each is handed over until it is judged. */
  const prove = async (gateway: string, lease: Lease): Promise<void> => {
    for (const hash of wantedIn(lease)) {
      const key = `${gateway} ${hash}`
      const proof = options.evidence(hash)
      if (proof === undefined || proven.has(key)) continue
      const url = `${gateway}/evidence`
      const { status } = await call(url, { method: 'POST', body: proof, answerBytesMax: ANSWER_BYTES_MAX })
      if (status === TOO_MANY_REQUESTS || status >= 500) return
      if (proven.size >= PROOFS_REMEMBERED) proven.clear()
      proven.add(key)
    }
  }

  const turn = (): void => {
    if (stopped) return
    for (const gateway of options.gateways()) void tell(gateway)
    schedule(REGISTER_INTERVAL_MS)
  }
  const schedule = (pauseMs: number): void => {
    clearTimeout(timer)
    timer = setTimeout(turn, pauseMs)
    timer.unref()
  }
  schedule(0)

  return {
    announce() {
      if (!stopped) schedule(ANNOUNCE_PAUSE_MS)
    },
    standing: () =>
      options.gateways().map((gateway) => {
        const problem = refused.get(gateway)
        const isTaken = problem === undefined ? undefined : problem === ''
        return {
          gateway,
          taken: isTaken,
          ...(problem === undefined || problem === '' ? {} : { problem }),
          ...answered.get(gateway),
        }
      }),
    [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      left ??= leave()
      return left
    },
  }

  async function leave(): Promise<void> {
    await Promise.allSettled(
      options.gateways().map((gateway) =>
        call(`${gateway}/register`, {
          method: 'POST',
          body: statement(gateway, { sites: [], sees: [], accuses: [] }, 0).bytes,
          answerBytesMax: ANSWER_BYTES_MAX,
          timeoutMs: DEREGISTER_TIMEOUT_MS,
        }),
      ),
    )
  }
}

/** What is read of a gateway's answer; whatever else it says is not believed. */
type Lease = {
  readonly evidence_wanted?: unknown
  readonly tunnels?: unknown
  readonly time?: unknown
  readonly unproven?: unknown
}

/** By the time in its answer, which it wrote somewhere between the two. */
function clockOf(
  { time }: Lease,
  sentAt: number,
  cameAt: number,
): Pick<GatewayStanding, 'clockAheadMs' | 'clockWithinMs'> {
  if (typeof time !== 'number' || !Number.isSafeInteger(time) || cameAt < sentAt) return {}
  return { clockAheadMs: Math.round(time - (sentAt + cameAt) / 2), clockWithinMs: Math.ceil((cameAt - sentAt) / 2) }
}

function leaseOf(answer: Buffer): Lease {
  try {
    const lease: unknown = JSON.parse(answer.toString('utf8'))
    return typeof lease === 'object' && lease !== null ? lease : {}
  } catch {
    return {}
  }
}

function wantedIn({ evidence_wanted: wanted }: Lease): readonly string[] {
  if (!Array.isArray(wanted)) return []
  return wanted.filter((hash) => typeof hash === 'string').slice(0, WANTED_MAX)
}

/** Told to the operator, and no more than that. */
function unprovenIn({ unproven }: Lease): string {
  if (!Array.isArray(unproven)) return ''
  return (unproven as readonly unknown[])
    .slice(0, UNPROVEN_MAX)
    .map((each) => {
      const { origin, reason } = (each ?? {}) as { readonly origin?: unknown; readonly reason?: unknown }
      return shownText(`${origin}: ${reason}`)
    })
    .join('; ')
}
