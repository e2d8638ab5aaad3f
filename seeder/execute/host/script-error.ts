// The border to the guest: every text that it gives is read here, bounded and by type, and nowhere else.
// A mistake of the script: it becomes `{"error":{"code","message"}}`, which the guest library throws where the call was made.
// Texts are fixed or SQLite's own, never a host exception's: those would differ between machines.

/** Without a stack: a script can cause these by the hundred thousand, and a stack takes longer than the fuel that pays for one. */
export class ScriptError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.name = 'ScriptError'
    this.code = code
  }
}

/** Characters of a name that a message repeats. */
const TOLD_CHARS_MAX = 256

/** A name that the script gave, in a message. */
export function told(name: string): string {
  return name.slice(0, TOLD_CHARS_MAX)
}

export function errorText(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } })
}

/** What a JSON text of the guest may hold, so that reading it, and writing parts of it again, is bounded on every machine. */
export const JSON_CHARS_MAX = 16 * 2 ** 20
export const JSON_DEPTH_MAX = 64
/** Objects, arrays and fields of objects, together. */
export const JSON_PARTS_MAX = 100_000

/** A JSON text of the guest, or of rows that an uploader brought, as a value; undefined: it is none, or beyond the bounds. */
export function jsonFromGuest(text: string): { readonly value: unknown } | undefined {
  if (text.length > JSON_CHARS_MAX || !isShallow(text)) return undefined
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  } finally {
    Error.stackTraceLimit = limit
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** `[` and `{`, `]` and `}`: they differ in this bit alone. */
const CURLY = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Counts before anything is built: up to a text's first mistake this sees the same strings as the parser. */
function isShallow(text: string): boolean {
  let depth = 0
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      at = endOfString(text, at)
      continue
    }
    if ((char | CURLY) === OPENING) {
      depth++
      parts++
    } else if ((char | CURLY) === CLOSING) depth--
    else if (char === COLON) parts++
    if (depth > JSON_DEPTH_MAX || parts > JSON_PARTS_MAX) return false
  }
  return true
}

/** Where the string that begins at `start` has its closing quote; the text's length when it has none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end
    while (text.charCodeAt(before - 1) === BACKSLASH) before--
    if ((end - before) % 2 === 0) return end
  }
  return text.length
}

/** The argument of an operation after `argumentOf`: its fields are of any type still. */
export type Argument = Readonly<Record<string, unknown>>

/** The argument of an operation: an object, as the guest library writes it. Scripts reach `__host` too, so nothing is believed. */
export function argumentOf(text: string): Argument {
  const parsed = jsonFromGuest(text)
  if (parsed === undefined) throw new ScriptError('argument', 'The argument is not JSON, or too large.')
  const { value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ScriptError('argument', 'The argument is not an object.')
  }
  return value as Argument
}

/** Bytes in base64url without padding; one text for the same bytes (RFC 4648 §3.5). */
export function bytesField(argument: Argument, name: string): Uint8Array {
  const text = textField(argument, name)
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) throw new ScriptError('argument', `${name} must be base64url.`)
  return new Uint8Array(bytes)
}

export function textField(argument: Argument, name: string): string {
  const value = argument[name]
  if (typeof value !== 'string') throw new ScriptError('argument', `${name} must be a string.`)
  return value
}

export function countField(argument: Argument, name: string, most: number, otherwise?: number): number {
  const value = argument[name] ?? otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) {
    throw new ScriptError('argument', `${name} must be a whole number from 0 to ${most}.`)
  }
  return value
}
