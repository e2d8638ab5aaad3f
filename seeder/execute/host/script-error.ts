// A mistake of the script: it becomes `{"error":{"code","message"}}`, which the guest library throws where the call was made.
// Texts are fixed or SQLite's own, never a host exception's: those would differ between machines.

export class ScriptError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ScriptError'
    this.code = code
  }
}

export function errorText(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } })
}

/** The argument of an operation: an object, as the guest library writes it. Scripts reach `__host` too, so nothing is believed. */
export function argumentOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ScriptError('argument', 'The argument is not JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ScriptError('argument', 'The argument is not an object.')
  }
  return value as Record<string, unknown>
}

export function textField(argument: Readonly<Record<string, unknown>>, name: string): string {
  const value = argument[name]
  if (typeof value !== 'string') throw new ScriptError('argument', `${name} must be a string.`)
  return value
}

export function countField(
  argument: Readonly<Record<string, unknown>>,
  name: string,
  most: number,
  otherwise?: number,
): number {
  const value = argument[name] ?? otherwise
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) {
    throw new ScriptError('argument', `${name} must be a whole number from 0 to ${most}.`)
  }
  return value
}
