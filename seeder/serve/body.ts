// A request body, read whole within its bound and within what all bodies together may take.

import type { IncomingMessage } from 'node:http'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import type { RefusalCode } from '#seeder/serve/refusal.ts'

/** Bytes of bodies that are in memory now. */
export type BodyBudget = { used: number; readonly max: number }

/** What is held; give it back when the body is done with. */
export type HeldBody = { readonly bytes: Buffer; release(): void }

/** Whether the declared length can be taken at all; asked before `100 Continue`. */
export function bodyRefusal(contentLength: number | undefined, budget: BodyBudget): RefusalCode | undefined {
  if (contentLength !== undefined && contentLength > BODY_BYTES_MAX) return 'body_too_large'
  return budget.used + (contentLength ?? 0) > budget.max ? 'overloaded' : undefined
}

/** Undefined when the visitor went away. */
export function readBody(
  request: IncomingMessage,
  budget: BodyBudget,
  timeoutMs: number,
): Promise<Result<HeldBody, RefusalCode> | undefined> {
  const { promise, resolve } = Promise.withResolvers<Result<HeldBody, RefusalCode> | undefined>()
  const chunks: Buffer[] = []
  let held = 0
  const release = (): void => {
    budget.used -= held
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
    held += chunk.length
    budget.used += chunk.length
    if (held > BODY_BYTES_MAX) fail('body_too_large')
    else if (budget.used > budget.max) fail('overloaded')
    else chunks.push(chunk)
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
