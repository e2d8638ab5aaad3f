// A request's body, whole and bounded: a longer one is left unread.

import type { GatewayError } from '#gateway/http/errors.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export async function readBody(request: Request, maxBytes: number): Promise<Result<Uint8Array, GatewayError>> {
  const tooLarge: GatewayError = { code: 'body_too_large', maxBytes }
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return err(tooLarge)
  if (request.body === null) return ok(new Uint8Array(0))
  const parts: Uint8Array[] = []
  let length = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      return err(tooLarge)
    }
    parts.push(value)
  }
  return ok(bytesConcat(...parts))
}
