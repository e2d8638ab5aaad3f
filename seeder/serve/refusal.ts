// How the edge says no. The status names who is to blame: 4xx the visitor, 502 what a site's script answered, 503 our own limit or
// the group's state (with Retry-After), 504 the group's silence, and 500 always means our bug. One switch, this one.

import type { ServerResponse } from 'node:http'
import { OWN_SMALL_STYLE } from '#page/own-style.ts'
import { unreachable } from '#protocol/codec/result.ts'

export type RefusalCode =
  | 'bad_request'
  | 'host_missing'
  | 'host_repeated'
  | 'target_form'
  | 'body_on_read'
  | 'nonce_form'
  | 'height_form'
  | 'socket_key'
  | 'foreign_origin'
  | 'unknown_site'
  | 'not_found'
  | 'height_gone'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'precondition_failed'
  | 'body_too_large'
  | 'target_too_long'
  | 'range_not_satisfiable'
  | 'expectation_failed'
  | 'socket_version'
  | 'headers_too_large'
  | 'internal'
  | 'method_not_implemented'
  | 'precondition_not_implemented'
  | 'coding_not_implemented'
  | 'script_answer'
  | 'overloaded'
  | 'runtime_unavailable'
  | 'queue_full'
  | 'disputed'
  | 'not_ready'
  | 'degraded'
  | 'stopping'
  | 'timed_out'

export type Refusal = {
  readonly code: RefusalCode
  readonly retryAfterSeconds?: number
  readonly headers?: readonly (readonly [string, string])[]
}

export function statusOf(code: RefusalCode): number {
  switch (code) {
    case 'bad_request':
    case 'host_missing':
    case 'host_repeated':
    case 'target_form':
    case 'body_on_read':
    case 'nonce_form':
    case 'height_form':
    case 'socket_key':
      return 400
    case 'foreign_origin':
      return 403
    case 'unknown_site':
    case 'not_found':
      return 404
    case 'method_not_allowed':
      return 405
    case 'request_timeout':
      return 408
    case 'height_gone':
      return 410
    case 'precondition_failed':
      return 412
    case 'body_too_large':
      return 413
    case 'target_too_long':
      return 414
    case 'range_not_satisfiable':
      return 416
    case 'expectation_failed':
      return 417
    case 'socket_version':
      return 426
    case 'headers_too_large':
      return 431
    case 'internal':
      return 500
    case 'method_not_implemented':
    case 'precondition_not_implemented':
    case 'coding_not_implemented':
      return 501
    case 'script_answer':
      return 502
    case 'overloaded':
    case 'runtime_unavailable':
    case 'queue_full':
    case 'disputed':
    case 'not_ready':
    case 'degraded':
    case 'stopping':
      return 503
    case 'timed_out':
      return 504
    default:
      return unreachable(code)
  }
}

const MESSAGES: Readonly<Record<RefusalCode, string>> = {
  bad_request: 'This is not a valid HTTP request.',
  host_missing: 'The request names no host.',
  host_repeated: 'The request names its host more than once.',
  target_form: 'The request target is not a path of this site.',
  body_on_read: 'A request that only reads cannot have a body.',
  nonce_form: 'Interpeer-Nonce is the base64 of 16 bytes.',
  height_form: 'Interpeer-Height is a whole number.',
  socket_key: 'Sec-WebSocket-Key is the base64 of 16 bytes.',
  foreign_origin: 'A page of another origin opens no WebSocket here.',
  unknown_site: 'This seeder does not host such a site.',
  not_found: 'There is nothing here.',
  height_gone: 'The state of that height is no longer kept.',
  method_not_allowed: 'This address can only be read.',
  request_timeout: 'The request did not arrive in time.',
  precondition_failed: 'The condition of the request does not hold.',
  body_too_large: 'The request body is too large.',
  target_too_long: 'The address is too long.',
  range_not_satisfiable: 'The range lies outside of what is there.',
  expectation_failed: 'This expectation cannot be met.',
  socket_version: 'WebSockets of version 13 are spoken here.',
  headers_too_large: 'The request headers are too large.',
  internal: 'Something broke on this seeder. It has been logged.',
  method_not_implemented: 'This method is not supported.',
  precondition_not_implemented: 'A write with a precondition cannot be ordered; nothing was written.',
  coding_not_implemented: 'This transfer coding is not supported.',
  script_answer: "The site's script gave an answer that HTTP cannot carry.",
  overloaded: 'This seeder is busy. Please try again.',
  runtime_unavailable: 'The script could not be run now. Please try again.',
  queue_full: 'Too many changes are waiting. Please try again.',
  disputed: 'The members of this site disagree about a result; nothing can be changed until that is settled.',
  not_ready: 'This seeder is still catching up with the site. Please try again.',
  degraded: 'This seeder cannot store or run the site now.',
  stopping: 'This seeder is stopping. Please try again.',
  timed_out: 'The group did not agree in time. It may still do so: look before you try again.',
}

export function messageOf(code: RefusalCode): string {
  return MESSAGES[code]
}

const RETRY_AFTER_SECONDS = 1

/** `{code, message}` for machines, a small page for whoever asks for HTML. */
export function refusalBody(refusal: Refusal, accept: string | undefined): { type: string; text: string } {
  const status = statusOf(refusal.code)
  const message = messageOf(refusal.code)
  if (accept?.includes('text/html') !== true)
    return { type: 'application/json', text: `${JSON.stringify({ code: refusal.code, message })}\n` }
  const title = titleOf(status)
  return {
    type: 'text/html; charset=utf-8',
    text: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<style>${OWN_SMALL_STYLE}</style></head>
<body><main><p class="status">${status}</p><h1>${title}</h1><p class="lead">${message}</p><p>${adviceOf(refusal.code, status)}</p><p><small>${refusal.code}</small></p></main></body></html>
`,
  }
}

function titleOf(status: number): string {
  if (status === 404) return 'Not found'
  if (status === 410) return 'Gone'
  if (status === 500) return 'Our fault'
  if (status === 502) return 'No answer that can be shown'
  return status > 500 ? 'Not just now' : 'Not accepted'
}

/** What the visitor can do about it. */
function adviceOf(code: RefusalCode, status: number): string {
  if (code === 'unknown_site') return 'The site may live at other machines by now: follow the link to it again.'
  if (code === 'timed_out') return 'Load the page anew, and see whether what you sent is there.'
  if (status === 404 || status === 410) return 'Look whether the address is spelt right.'
  if (status === 503) return 'Wait a moment, then load the page again.'
  if (status === 500 || status === 502) return 'Nothing that you did is wrong. Try again, or come back later.'
  return 'Go back, and try it otherwise.'
}

/** Answers with a refusal; `close` when the rest of the request is not going to be read. */
export function refuse(
  response: ServerResponse,
  refusal: Refusal,
  options: { readonly accept?: string | undefined; readonly head?: boolean; readonly close?: boolean } = {},
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const status = statusOf(refusal.code)
  const { type, text } = refusalBody(refusal, options.accept)
  const fields = ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(text)), 'Cache-Control', 'no-store']
  if (status === 503 || status === 504)
    fields.push('Retry-After', String(refusal.retryAfterSeconds ?? RETRY_AFTER_SECONDS))
  for (const [name, value] of refusal.headers ?? []) fields.push(name, value)
  if (options.close === true) fields.push('Connection', 'close')
  response.writeHead(status, fields)
  response.end(options.head === true ? undefined : text)
}
