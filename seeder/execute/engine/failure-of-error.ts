// What an exception of the script means: QuickJS reports its own limits as exceptions of fixed texts.

import type { FailureCode } from '#seeder/execute/engine/failure.ts'

/** Text of the script's own error, for the log alone. */
export type ScriptError = { readonly message: string; readonly stack: string }

export function failureOfError(message: string, stack: string): { failure: FailureCode; error: ScriptError } {
  const error = { message, stack }
  if (message.endsWith(': out of memory')) return { failure: 'memory', error }
  if (message.endsWith(': Maximum call stack size exceeded')) return { failure: 'depth', error }
  return { failure: 'exception', error }
}
