// Certified reads: a read is a pure function of (state root, request, block time, nonce), so what was computed once is served from memory
// for as long as it stays true (agreement §5).
//
//   asked for neither time nor chance   until the state root changes
//   asked for the time                  until the next block
//   asked for chance                    never, and never for two visitors
//
// Invariant: an answer's receipt names the height whose state it was computed on, or a height with the same state root when
// it did not ask for the time. Only the receipt is signed anew a height.

import type { Coding } from '#protocol/answer/etag.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { requestHash } from '#protocol/message/request.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import { type Headers, NO_BODY } from '#protocol/site/response-hash.ts'
import type { Log } from '#seeder/config/log.ts'
import type { AssetFinder } from '#seeder/serve/assets.ts'
import { byteCache } from '#seeder/serve/byte-cache.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { Head, HostedSite } from '#seeder/serve/port.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import { OVERHEAD_BYTES, type Representation, representationOf, weightOf } from '#seeder/serve/representation.ts'
import { createTurns } from '#seeder/serve/turns.ts'

type HeadWay = Coding | 'plain' | '304'

/** A finished read and what proves it. */
export type ReadEntry = {
  readonly requestHash: Digest
  /** Undefined when it was kept by the cache of files alone, and went from there. */
  readonly representation: () => Representation | undefined
  /** Its bytes are counted elsewhere. */
  readonly shared: boolean
  readonly asked: { readonly time: boolean; readonly chance: boolean }
  readonly stateRoot: Cid
  readonly height: number
  /** Present when the script asked for chance. */
  readonly nonce: Uint8Array | undefined
  /** The newest receipt, and the whole heads sent with it, by coding or `304`, and by the bar of the page. */
  receipt: { readonly height: number; readonly text: string } | undefined
  readonly sent: Map<HeadWay | `${HeadWay} ${string}`, { readonly height: number; readonly fields: string[] }>
}

export type ReadRequest = {
  /** GET or OPTIONS: a HEAD is the GET it stands for. */
  readonly method: string
  readonly target: string
  readonly headers: Headers
  /** The site, and the origin that was asked. */
  readonly at: string
  /** Names the request and the origin it was sent to among all of all sites. */
  readonly key: string
}

/** An answer at hand. `head`: what it was computed at, when it was not the one that was asked for: who waits is answered from the newest. */
export type FoundRead = { readonly entry: ReadEntry; readonly representation: Representation; readonly head?: Head }

/** A read, the order to run it as a write, or why not. */
export type ReadOutcome = Result<FoundRead | 'writes', Refusal>

export type Reads = {
  /** The answer from memory, if there is one that is true at this head. */
  find(request: ReadRequest, head: Head): FoundRead | undefined
  /** Runs it, together with everybody who asks the same at the same time. */
  run(site: HostedSite, request: ReadRequest, head: Head, source: string): Promise<ReadOutcome>
  /** Runs it alone with a nonce of the asker's choice, or at a height that is not the newest; nobody else sees the answer. */
  runAlone(
    site: HostedSite,
    request: ReadRequest,
    head: Head,
    source: string,
    nonce: Uint8Array | undefined,
  ): Promise<ReadOutcome>
  readonly cacheBytes: number
  readonly running: number
}

export type ReadsOptions = {
  readonly limits: ServeLimits
  readonly assets: AssetFinder
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
  readonly onCache: (result: 'hit' | 'miss' | 'shared') => void
}

/** The listed headers and the key that names this read. */
export function readRequest(
  site: HostedSite,
  method: string,
  target: string,
  pairs: readonly (readonly [string, string])[],
  origin: string,
  alsoListed: readonly string[],
): ReadRequest {
  const headers = requestHeaders(pairs, origin, site.name, alsoListed)
  const verb = method === 'HEAD' ? 'GET' : method
  const at = `${site.name} ${origin}`
  return { method: verb, target, headers, at, key: keyOf(at, verb, target, headers) }
}

/** The same read with other headers. */
export function withHeaders(request: ReadRequest, headers: Headers): ReadRequest {
  const { at, method, target } = request
  return { ...request, headers, key: keyOf(at, method, target, headers) }
}

function keyOf(at: string, method: string, target: string, headers: Headers): string {
  let key = `${at}\n${method} ${target}`
  for (const [name, value] of headers) key += `\n${name}: ${value}`
  return key
}

/**
 * The one end of a read that another member would not reach at the same point, since this machine's clock decided it: no receipt may stand
 * for it. All others are functions of the request and the state, as the fuel is.
 */
const OVERRUN = 'time'

/** Of all reads that may be under way, what one site may take: visitors of another find room whatever happens to it. */
const SITE_SHARE = 0.75

/** A file in memory belongs to the cache of files: an answer that refers to it does not keep it there. */
function isShared({ file, plain }: Representation): boolean {
  return file === undefined && plain.length > OVERHEAD_BYTES
}

function heldBy(asset: Representation): ReadEntry['representation'] {
  if (!isShared(asset)) return () => asset
  const reference = new WeakRef(asset)
  return () => reference.deref()
}

export function createReads(options: ReadsOptions): Reads {
  const { limits, assets, random, log, onCache } = options
  const cache = byteCache<ReadEntry>(limits.readCacheBytes)
  const flights = new Map<string, { readonly height: number; readonly outcome: Promise<ReadOutcome> }>()
  const runningBySite = new Map<HostedSite, number>()
  const siteMax = Math.ceil(limits.readsMax * SITE_SHARE)
  const turns = createTurns({ atOnce: limits.readsAtOnce, max: limits.readsMax, waitMsMax: limits.turnMs })

  /** A place among the reads of its site, or undefined when the site has taken its share. */
  function enterSite(site: HostedSite): (() => void) | undefined {
    const count = runningBySite.get(site) ?? 0
    if (count >= siteMax) return undefined
    runningBySite.set(site, count + 1)
    return () => {
      const left = (runningBySite.get(site) ?? 0) - 1
      if (left > 0) runningBySite.set(site, left)
      else runningBySite.delete(site)
    }
  }

  function holds(entry: ReadEntry, head: Head): boolean {
    if (entry.asked.time) return entry.height === head.height
    return entry.height === head.height || bytesEqual(entry.stateRoot, head.stateRoot)
  }

  async function compute(
    site: HostedSite,
    request: ReadRequest,
    head: Head,
    source: string,
    chosen: Uint8Array | undefined,
    isAlone: boolean,
  ): Promise<ReadOutcome> {
    const hashed = requestHash({
      job: site.job,
      method: request.method,
      target: request.target,
      headers: request.headers,
      bodyHash: NO_BODY,
    })
    const entryOf = (
      representation: ReadEntry['representation'],
      shared: boolean,
      asked: ReadEntry['asked'],
      nonce: Uint8Array | undefined,
      at: Head = head,
    ): ReadEntry => ({
      requestHash: hashed,
      representation,
      shared,
      asked,
      stateRoot: at.stateRoot,
      height: at.height,
      nonce,
      receipt: undefined,
      sent: new Map(),
    })
    if (request.method === 'GET') {
      const asset = await assets.find(site, head, request.target)
      if (asset !== undefined)
        return ok({
          entry: entryOf(heldBy(asset), isShared(asset), { time: false, chance: false }, undefined),
          representation: asset,
        })
    }
    const leaveSite = enterSite(site)
    const leave = leaveSite === undefined ? undefined : await turns.enter(source)
    if (leave === undefined) {
      leaveSite?.()
      return err({ code: 'overloaded' })
    }
    const at = isAlone ? head : (site.head() ?? head)
    try {
      const nonce = chosen ?? random(16)
      const result = await site.read(at, {
        request: { method: request.method, target: request.target, headers: request.headers, body: new Uint8Array(0) },
        requestHash: hashed,
        nonce,
      })
      if (result.failure === OVERRUN) {
        log.warn('read_failed', { site: site.name, target: request.target, failure: result.failure })
        return err({ code: 'runtime_unavailable' })
      }
      if (result.wrote) return ok('writes')
      const representation = representationOf(result.response, true)
      if (!representation.ok) {
        log.warn('script_answer', { site: site.name, target: request.target, status: result.response.status })
        return err({ code: representation.error })
      }
      const stands =
        request.method === 'GET' && (result.response.status === 404 || result.response.status === 410)
          ? assets.standIn(site, at, request.target)
          : undefined
      const value = stands ?? representation.value
      return ok({
        entry: entryOf(() => value, false, result.asked, result.asked.chance ? nonce : undefined, at),
        representation: value,
        head: at,
      })
    } catch (cause) {
      // Who asks at a height that has passed asks at the risk that its state is gone: that is nobody's fault.
      const say = at.height === site.head()?.height ? log.error : log.debug
      say('read_broke', { site: site.name, target: request.target, height: at.height, cause })
      return err({ code: 'runtime_unavailable' })
    } finally {
      leave()
      leaveSite?.()
    }
  }

  async function fly(site: HostedSite, request: ReadRequest, head: Head, source: string): Promise<ReadOutcome> {
    const outcome = await compute(site, request, head, source, undefined, false)
    if (outcome.ok && outcome.value !== 'writes' && !outcome.value.entry.asked.chance) {
      const { entry, representation } = outcome.value
      const weight = entry.shared ? OVERHEAD_BYTES : weightOf(representation)
      cache.set(request.key, entry, weight + request.key.length)
    }
    return outcome
  }

  return {
    find(request, head) {
      const entry = cache.get(request.key)
      if (entry === undefined) return undefined
      const representation = holds(entry, head) ? entry.representation() : undefined
      if (representation !== undefined) {
        onCache('hit')
        return { entry, representation }
      }
      if (entry.height <= head.height) cache.delete(request.key)
      return undefined
    },
    async run(site, request, head, source) {
      const flight = flights.get(request.key)
      if (flight !== undefined && flight.height === head.height) {
        const outcome = await flight.outcome
        // An answer with chance in it, or one that has to be ordered, is its asker's alone.
        if (!outcome.ok || (outcome.value !== 'writes' && !outcome.value.entry.asked.chance)) {
          onCache('shared')
          return outcome
        }
        onCache('miss')
        return outcome.value === 'writes' ? outcome : compute(site, request, head, source, undefined, false)
      }
      onCache('miss')
      const outcome = fly(site, request, head, source)
      flights.set(request.key, { height: head.height, outcome })
      try {
        return await outcome
      } finally {
        if (flights.get(request.key)?.outcome === outcome) flights.delete(request.key)
      }
    },
    runAlone: (site, request, head, source, nonce) => compute(site, request, head, source, nonce, true),
    get cacheBytes() {
      return cache.bytes
    },
    get running() {
      return turns.total
    },
  }
}
