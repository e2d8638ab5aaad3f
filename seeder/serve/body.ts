// A request body, read whole within its bound and within what all bodies together may take.

import type { IncomingMessage } from 'node:http'
import type { Share } from '#protocol/bounds/share.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import type { RefusalCode } from '#seeder/serve/refusal.ts'

/** What is held; give it back when the body is done with. */
export type HeldBody = { readonly bytes: Buffer; release(): void }

/** Whether the declared length can be taken at all; asked before `100 Continue`. */
export function bodyRefusal(contentLength: number | undefined, budget: Share, source: string): RefusalCode | undefined {
  if (contentLength !== undefined && contentLength > BODY_BYTES_MAX) return 'body_too_large'
  return budget.fits(source, contentLength ?? 0) ? undefined : 'overloaded'
}

/** Undefined when the visitor went away. `budget`: bytes of bodies that are in memory now. */
export function readBody(
  request: IncomingMessage,
  budget: Share,
  source: string,
  timeoutMs: number,
): Promise<Result<HeldBody, RefusalCode> | undefined> {
  const { promise, resolve } = Promise.withResolvers<Result<HeldBody, RefusalCode> | undefined>()
  const chunks: Buffer[] = []
  let held = 0
  const release = (): void => {
    if (held > 0) budget.give(source, held)
    held = 0
  }
  const fail = (code: RefusalCode): void => {
    request.off('data', take)
    clearTimeout(timer)
    chunks.length = 0
    release()
    resolve(err(code))
  }
  const take = (chunk: Buffer): void => {
    if (held + chunk.length > BODY_BYTES_MAX) return fail('body_too_large')
    if (!budget.take(source, chunk.length)) return fail('overloaded')
    held += chunk.length
    chunks.push(chunk)
  }
  const timer = setTimeout(() => fail('request_timeout'), timeoutMs)
  timer.unref()
  request.on('data', take)
  request.on('end', () => {
    clearTimeout(timer)
    resolve(ok({ bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks), release }))
  })
  request.on('close', () => {
    clearTimeout(timer)
    if (request.complete) return
    release()
    resolve(undefined)
  })
  request.on('error', () => {})
  return promise
}
