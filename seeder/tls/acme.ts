// Certificates from an authority (ACME, RFC 8555): one a host, asked for when a site is here, renewed after two thirds of its life.
//
//   hosts ──> due ──order──> challenge: `tls-alpn-01` at the TLS listener, or `http-01` at the HTTP one ──> certificate ──> file, then visitors
//                    └─failed──> again later, twice as long each time, with jitter; what is held goes on
//
// Invariant: what is held is shown until something newer is on disk; one order at a time, and no more than `ORDERS_BURST` at once and one each
// `ORDER_PAUSE_MS` after these, whatever sites come and go: authorities count.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Authorization, Client } from 'acme-client'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import { writeWhole } from '#seeder/config/place.ts'
import { shownText } from '#seeder/config/shown-text.ts'
import type { PersistPoints } from '#seeder/store/points.ts'
import { type Certificate, readCertificate } from '#seeder/tls/certificate.ts'
import type { Certificates } from '#seeder/tls/port.ts'
import { pemOfSealed, sealedText } from '#seeder/tls/sealed.ts'

/** Let's Encrypt gives 50 a week for one registered name, and takes 5 failures of a host an hour. */
const ORDERS_BURST = 20
const ORDER_PAUSE_MS = 3_600_000
const RETRY_MS = 300_000
const RETRY_MS_MAX = 24 * 3_600_000
/** The authority has asked for rest. */
const RATE_LIMITED_MS = 3_600_000
const RATE_LIMITED = /rate.?limit|too many/i
const RENEW_AFTER = 2 / 3
const JITTER = 0.1
/** A timer is looked at again after this at the latest. */
const WAKE_MS_MAX = 3_600_000
const ORDER_MS_MAX = 300_000
const CALL_MS = 20_000
/** Between two looks at an order, at the least. */
const POLL_MS = 2_000
const POLL_MS_MAX = 15_000
const PROBLEM_LENGTH_MAX = 500
const OWN_ONLY = 0o600

export type AcmeOptions = {
  readonly directoryUrl: string
  readonly email?: string
  /** Account and certificates lie here. */
  readonly directory: string
  readonly points?: PersistPoints | undefined
  /** The best first. */
  readonly challenges: readonly ('tls-alpn-01' | 'http-01')[]
  readonly hosts: () => readonly string[]
  readonly onChange: () => void
  readonly registry: Registry
  readonly now: () => number
  readonly chance: () => number
  readonly log: Log
  /** Absent: what a public authority is asked with. */
  readonly pace?: { readonly retryMs: number; readonly pollMs: number }
}

type HostState = {
  held: Certificate | undefined
  /** When it is to be asked for. */
  nextAt: number
  failures: number
  problem: { readonly message: string; readonly at: number } | undefined
}

export function keepAcmeCertificates(options: AcmeOptions): Certificates & Disposable {
  const { now, chance, log } = options
  const { retryMs = RETRY_MS, pollMs = POLL_MS } = options.pace ?? {}
  const stateByHost = new Map<string, HostState>()
  const contexts = new Map<string, SecureContext>()
  const answers = new Map<string, string>()
  const orders = options.registry.counter('interpeer_acme_orders_total', 'Certificates asked for.', ['outcome'])
  const hostsDirectory = join(options.directory, 'hosts')
  let budget = ORDERS_BURST
  let budgetAt = now()
  let restUntil = 0
  let client: Promise<Client> | undefined
  let isBusy = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  mkdirSync(hostsDirectory, { recursive: true, mode: 0o700 })
  readKept()

  function renewAt({ notBefore, notAfter }: Certificate): number {
    const life = notAfter - notBefore
    return notBefore + life * RENEW_AFTER * (1 - JITTER * chance())
  }

  function fileOf(host: string): string {
    return join(hostsDirectory, `${host}.pem`)
  }

  /** What an earlier run was given; what has ended, or is not as it was written, is thrown away. */
  function readKept(): void {
    for (const file of readdirSync(hostsDirectory)) {
      if (!file.endsWith('.pem')) continue
      const host = file.slice(0, -'.pem'.length)
      const pem = pemOfSealed(readFileSync(join(hostsDirectory, file), 'utf8'))
      const held = pem === undefined ? undefined : certificateIn(pem, host, now())
      if (held === undefined) rmSync(join(hostsDirectory, file), { force: true })
      else stateByHost.set(host, { held, nextAt: renewAt(held), failures: 0, problem: undefined })
    }
  }

  function stateOf(host: string): HostState {
    let state = stateByHost.get(host)
    if (state === undefined) {
      state = { held: undefined, nextAt: 0, failures: 0, problem: undefined }
      stateByHost.set(host, state)
    }
    return state
  }

  function holds(host: string): Certificate | undefined {
    const held = stateByHost.get(host)?.held
    return held !== undefined && held.notAfter > now() ? held : undefined
  }

  async function connected(): Promise<Client> {
    const acme = (await import('acme-client')).default
    acme.axios.defaults.timeout = CALL_MS
    const accountFile = join(options.directory, 'account.pem')
    let accountKey: string | undefined
    try {
      accountKey = pemOfSealed(readFileSync(accountFile, 'utf8'))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    }
    if (accountKey === undefined) {
      accountKey = (await acme.crypto.createPrivateEcdsaKey()).toString()
      writeWhole(accountFile, sealedText(accountKey), options.points, OWN_ONLY)
    }
    const opened = new acme.Client({
      directoryUrl: options.directoryUrl,
      accountKey,
      ...{ backoffAttempts: 20, backoffMin: pollMs, backoffMax: POLL_MS_MAX },
    })
    // The same key again is the same account.
    await opened.createAccount({
      termsOfServiceAgreed: true,
      ...(options.email === undefined ? {} : { contact: [`mailto:${options.email}`] }),
    })
    return opened
  }

  async function obtain(host: string): Promise<Certificate> {
    client ??= connected()
    const opened = await client.catch((cause: unknown) => {
      client = undefined
      throw cause
    })
    const acme = (await import('acme-client')).default
    const [key, csr] = await acme.crypto.createCsr(
      { commonName: host, altNames: [host] },
      await acme.crypto.createPrivateEcdsaKey(),
    )
    const chain = await opened.auto({
      csr,
      termsOfServiceAgreed: true,
      // Our own view of our address may differ from the authority's.
      skipChallengeVerification: true,
      challengePriority: [...options.challenges],
      challengeCreateFn: (authorization, challenge, answer) => show(authorization, challenge, answer),
      challengeRemoveFn: async (authorization, { token }) => {
        contexts.delete(authorization.identifier.value)
        answers.delete(token)
      },
    })
    const text = `${chain.trim()}\n${key.toString().trim()}\n`
    const held = certificateIn(text, host, now())
    if (held === undefined) throw new Error('the authority gave something that is no certificate for this host now')
    writeWhole(fileOf(host), sealedText(text), options.points, OWN_ONLY)
    return held
  }

  async function show(
    authorization: Authorization,
    challenge: { readonly type: string; readonly token: string },
    answer: string,
  ): Promise<void> {
    if (challenge.type === 'http-01') {
      answers.set(challenge.token, answer)
      return
    }
    if (challenge.type !== 'tls-alpn-01')
      throw new Error(`the authority offers ${challenge.type}, and neither tls-alpn-01 nor http-01`)
    const acme = (await import('acme-client')).default
    const [key, certificate] = await acme.crypto.createAlpnCertificate(authorization, answer)
    contexts.set(authorization.identifier.value, createSecureContext({ key, cert: certificate }))
  }

  /** Orders that may be begun now. */
  function room(): number {
    const came = Math.floor((now() - budgetAt) / ORDER_PAUSE_MS)
    if (came > 0) {
      budget = Math.min(ORDERS_BURST, budget + came)
      budgetAt += came * ORDER_PAUSE_MS
    }
    return budget
  }

  async function turn(): Promise<void> {
    if (isBusy || stopped) return
    isBusy = true
    try {
      for (;;) {
        const host = nextDue()
        if (host === undefined || stopped) break
        budget--
        await tryHost(host)
      }
    } finally {
      isBusy = false
      schedule()
    }
  }

  function nextDue(): string | undefined {
    if (room() <= 0 || now() < restUntil) return undefined
    const due = options.hosts().filter((host) => stateOf(host).nextAt <= now())
    // Who has none comes before who has one for a while yet.
    return due.sort((a, b) => (holds(a)?.notAfter ?? 0) - (holds(b)?.notAfter ?? 0))[0]
  }

  async function tryHost(host: string): Promise<void> {
    const state = stateOf(host)
    try {
      const held = await inTime(obtain(host))
      state.held = held
      state.nextAt = renewAt(held)
      state.failures = 0
      state.problem = undefined
      orders.inc(['given'])
      log.info('certificate', { names: held.names, until: new Date(held.notAfter).toISOString() })
      if (!stopped) options.onChange()
    } catch (cause) {
      const message = shownText(cause instanceof Error ? cause.message : String(cause)).slice(0, PROBLEM_LENGTH_MAX)
      const pauseMs = Math.min(RETRY_MS_MAX, retryMs * 2 ** state.failures)
      state.nextAt = now() + pauseMs * (1 + JITTER * (2 * chance() - 1))
      state.failures = Math.min(state.failures + 1, 16)
      state.problem = { message, at: now() }
      if (RATE_LIMITED.test(message)) restUntil = now() + RATE_LIMITED_MS
      orders.inc(['failed'])
      log.warn('certificate_failed', { host, problem: message, again: new Date(state.nextAt).toISOString() })
    }
  }

  function schedule(): void {
    clearTimeout(timer)
    if (stopped) return
    const times = options.hosts().map((host) => stateOf(host).nextAt)
    const first = Math.max(Math.min(...times), restUntil, room() > 0 ? 0 : budgetAt + ORDER_PAUSE_MS)
    timer = setTimeout(() => void turn(), Math.min(WAKE_MS_MAX, Math.max(0, first - now())))
    timer.unref()
  }

  schedule()
  return {
    contextOf: (host) => holds(host)?.context,
    challengeContextOf: (host) => contexts.get(host),
    challengeAnswer: (token) => answers.get(token),
    certificates: () =>
      [...stateByHost].flatMap(([host, { held, nextAt }]) =>
        held === undefined ? [] : [{ names: [host], notAfter: held.notAfter, renewAt: Math.round(nextAt) }],
      ),
    problems: () =>
      options.hosts().flatMap((host) => {
        const { problem, nextAt } = stateOf(host)
        if (problem !== undefined) return [{ host, code: 'acme', ...problem, againAt: Math.round(nextAt) }]
        return holds(host) === undefined
          ? [{ host, code: 'no_certificate_yet', message: 'it is being asked for', at: now() }]
          : []
      }),
    check: schedule,
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

const PEM = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g

/** Chain and key as one file has them; undefined: not for this host, or not now. */
function certificateIn(text: string, host: string, now: number): Certificate | undefined {
  const parts = Array.from(text.matchAll(PEM), ([whole, kind = '']) => ({ whole, isKey: kind.endsWith('PRIVATE KEY') }))
  const chain = parts.flatMap(({ whole, isKey }) => (isKey ? [] : [whole])).join('\n')
  const key = parts.find(({ isKey }) => isKey)?.whole ?? ''
  const read = readCertificate(`${chain}\n`, key, now)
  return read.ok && read.value.covers(host) ? read.value : undefined
}

/** What takes longer is given up; what it still does is nobody's. */
function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('the authority took too long')), ORDER_MS_MAX)
  timer.unref()
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}
