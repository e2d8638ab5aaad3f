// The guest's answer, taken apart: from here on it is a `ScriptResponse` that HTTP can carry, or a failure.

import type { FailureCode } from '#seeder/execute/engine/failure.ts'
import { failureOfError, type ScriptError } from '#seeder/execute/engine/failure-of-error.ts'
import { jsonFromGuest } from '#seeder/execute/host/script-error.ts'
import type { ScriptResponse } from '#seeder/execute/port.ts'

/** Headers of one answer, and the characters of all their names and values. */
const HEADERS_MAX = 128
const HEADER_CHARS_MAX = 32_768

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export type Ending =
  | { readonly ok: true; readonly response: ScriptResponse }
  | { readonly ok: false; readonly failure: FailureCode | 'wrote'; readonly error?: ScriptError }

/**
 * `taken` is the JSON of the guest library: `{status, headers, error?}`. `bodyOf` gives the body's bytes unless they are
 * more than allowed.
 */
export function responseFrom(
  taken: string,
  bodyOf: (bytesMax: number) => Uint8Array | undefined,
  bytesMax: number,
): Ending {
  const answer = jsonFromGuest(taken)?.value
  if (typeof answer !== 'object' || answer === null) return { ok: false, failure: 'response_form' }
  const { status, headers, error } = answer as { status?: unknown; headers?: unknown; error?: unknown }
  if (error !== undefined) return errorEnding(error)
  if (!isStatus(status) || !areHeaders(headers)) return { ok: false, failure: 'response_form' }
  const body = bodyOf(bytesMax)
  if (body === undefined) return { ok: false, failure: 'response_size' }
  return { ok: true, response: { status, headers, body } }
}

function errorEnding(error: unknown): Ending {
  if (typeof error !== 'object' || error === null) return { ok: false, failure: 'response_form' }
  const { message, stack = '' } = error as { message?: unknown; stack?: unknown }
  if (typeof message !== 'string' || typeof stack !== 'string') return { ok: false, failure: 'response_form' }
  return { ok: false, ...failureOfError(message, stack) }
}

export function isStatus(status: unknown): status is number {
  return typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599
}

/** Pairs of names and values that HTTP can carry, within the bounds. */
export function areHeaders(headers: unknown): headers is [string, string][] {
  if (!Array.isArray(headers) || headers.length > HEADERS_MAX) return false
  let chars = 0
  for (const header of headers) {
    if (!Array.isArray(header) || header.length !== 2) return false
    const [name, value] = header
    if (typeof name !== 'string' || typeof value !== 'string' || !NAME.test(name) || !VALUE.test(value)) return false
    chars += name.length + value.length
  }
  return chars <= HEADER_CHARS_MAX
}
