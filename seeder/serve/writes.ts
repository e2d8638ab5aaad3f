// Ordered requests: everything but GET, HEAD and OPTIONS, and a read that turned out to write. The body is here whole before
// the request is shared; the salt makes what the script draws unguessable from outside (agreement §5).

import { hash } from 'node:crypto'
import { setTimeout as pass } from 'node:timers/promises'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { type Request, SALT_BYTES } from '#protocol/message/request.ts'
import type { Log } from '#seeder/config/log.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { Committed, HostedSite } from '#seeder/serve/port.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import { createTurns } from '#seeder/serve/turns.ts'

export type OrderedRequest = {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
}

export type Writes = {
  /**
   * `source`: of `sourceOf`, for its share of what may wait and for its turn. `isPatient`: while the group changes, or this member catches up, a
   * request with a key is tried again for a while; it runs once (R9).
   */
  submit(
    site: HostedSite,
    request: OrderedRequest,
    body: Uint8Array,
    source: string,
    isPatient?: () => boolean,
  ): Promise<Result<Committed, Refusal>>
  /** As `submit`, for a read that writes: rate-limited a site, since any link on any page can cause one. */
  resubmit(site: HostedSite, request: OrderedRequest, source: string): Promise<Result<Committed, Refusal>>
  readonly waiting: number
}

export type WritesOptions = {
  readonly limits: ServeLimits
  /** ms since the epoch. */
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
}

const NO_BODY_BYTES = new Uint8Array(0)
const READY_PAUSE_MS = 200

/** R9: however often it is sent, and to whom, it runs once. */
export function isKeyed({ headers }: Pick<OrderedRequest, 'headers'>): boolean {
  return headers.some(([name]) => name === 'idempotency-key')
}

export function createWrites(options: WritesOptions): Writes {
  const { limits, now, random, log } = options
  const turns = createTurns({ atOnce: limits.writesAtOnce, max: limits.writesMax, waitMsMax: limits.turnMs })
  const tokens = new WeakMap<HostedSite, { left: number; time: number }>()

  function takeToken(site: HostedSite): boolean {
    const time = now()
    const bucket = tokens.get(site) ?? { left: limits.resubmitsBurst, time }
    const refill = (Math.max(0, time - bucket.time) / 1000) * limits.resubmitsPerSecond
    const left = Math.min(limits.resubmitsBurst, bucket.left + refill)
    tokens.set(site, { left: left >= 1 ? left - 1 : left, time })
    return left >= 1
  }

  async function once(
    site: HostedSite,
    request: OrderedRequest,
    body: Uint8Array,
    source: string,
  ): Promise<Result<Committed, Refusal>> {
    const leave = await turns.enter(source)
    if (leave === undefined) return err({ code: 'queue_full' })
    try {
      const ordered = requestOf(site, request, body, { salt: random(SALT_BYTES), now: now() })
      const outcome = await site.submit(ordered, body)
      return 'code' in outcome ? err(outcome) : ok(outcome)
    } catch (cause) {
      log.error('write_broke', { site: site.name, target: request.target, cause })
      return err({ code: 'internal' })
    } finally {
      leave()
    }
  }

  const submit: Writes['submit'] = async (site, request, body, source, isPatient = () => false) => {
    const until = performance.now() + limits.readyMs
    for (;;) {
      const outcome = await once(site, request, body, source)
      const isLater = !outcome.ok && outcome.error.code === 'not_ready' && isKeyed(request) && site.hasLeft?.() !== true
      if (!isLater || !isPatient() || performance.now() > until) return outcome
      await pass(READY_PAUSE_MS)
    }
  }

  return {
    submit,
    async resubmit(site, request, source) {
      if (!takeToken(site)) return err({ code: 'overloaded' })
      return submit(site, request, NO_BODY_BYTES, source)
    },
    get waiting() {
      return turns.total
    },
  }
}

/** A request as the members order it. `salt`: `SALT_BYTES` of chance; `now`: ms since the epoch. */
export function requestOf(
  site: HostedSite,
  { method, target, headers }: OrderedRequest,
  body: Uint8Array,
  { salt, now }: { readonly salt: Uint8Array; readonly now: number },
): Request {
  return {
    job: site.job,
    method,
    target,
    headers,
    body_hash: hash('sha256', body, 'buffer') as Uint8Array as Digest,
    body_bytes: body.length,
    salt,
    // R9: near the time of the block, which waits at the head's where the clocks of the group were ahead.
    time: Math.max(now, site.head()?.time ?? 0),
  }
}
