// Requests' bodies, whole and bounded: each in length and in time, all together in memory.
//
// Invariant: what is held of bodies is never more than `bytesMax` and one part. Where they do not fit, the one that has been coming for longest
// is given up: who sends a body in one go is hardly ever that one, however many others trickle.

import type { GatewayError } from '#gateway/http/errors.ts'
import { BODIES_BYTES_MAX, BODY_MS_MAX } from '#gateway/settings.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export type Bodies = {
  /** A longer one, and one that is too slow, is left unread; so is one for which `take` finds no room. */
  read(request: Request, maxBytes: number, take?: (bytes: number) => boolean): Promise<Result<Uint8Array, GatewayError>>
  /** Bytes of those that are not whole yet. */
  readonly held: number
}

type Coming = { bytes: number; readonly giveUp: () => void }

export function createBodies(limits = { bytesMax: BODIES_BYTES_MAX, msMax: BODY_MS_MAX }): Bodies {
  /** In the order in which they began. */
  const all = new Set<Coming>()
  let held = 0

  function leave(coming: Coming): void {
    if (!all.delete(coming)) return
    held -= coming.bytes
  }

  function take(coming: Coming, bytes: number): void {
    if (!all.has(coming)) return
    coming.bytes += bytes
    held += bytes
    for (const longest of all) {
      if (held <= limits.bytesMax) return
      leave(longest)
      longest.giveUp()
    }
  }

  async function read(
    request: Request,
    maxBytes: number,
    fits: (bytes: number) => boolean = () => true,
  ): Promise<Result<Uint8Array, GatewayError>> {
    const tooLarge: GatewayError = { code: 'body_too_large', maxBytes }
    if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return err(tooLarge)
    if (request.body === null) return ok(new Uint8Array(0))
    const parts: Uint8Array[] = []
    const slow = Promise.withResolvers<'slow'>()
    const giveUp = (): void => slow.resolve('slow')
    const coming: Coming = { bytes: 0, giveUp }
    const timer = setTimeout(giveUp, limits.msMax)
    all.add(coming)
    const reader = request.body.getReader()
    try {
      for (;;) {
        const part = await Promise.race([reader.read(), slow.promise])
        // Nothing more of it is awaited: it may never come.
        const unread = (error: GatewayError): Result<Uint8Array, GatewayError> => {
          reader.cancel().catch(() => {})
          return err(error)
        }
        if (part === 'slow') return unread({ code: 'body_too_slow', maxMs: limits.msMax })
        if (part.done) return ok(bytesConcat(...parts))
        take(coming, part.value.length)
        if (coming.bytes > maxBytes) return unread(tooLarge)
        if (!fits(part.value.length)) return unread({ code: 'overloaded' })
        parts.push(part.value)
      }
    } finally {
      clearTimeout(timer)
      leave(coming)
    }
  }

  return {
    read,
    get held() {
      return held
    },
  }
}
