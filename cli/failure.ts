// How a command fails: what was wrong, what to do about it, and the exit code that scripts read.

/** 1 failed, 2 wrong usage, 3 the network could not be reached, 130 interrupted. */
export const EXIT = { ok: 0, failed: 1, usage: 2, network: 3, interrupted: 130 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends a command with a message for people (`what`, then `remedy`) and a `code` for scripts. */
export class Failure extends Error {
  readonly exit: ExitCode
  readonly code: string
  readonly remedy: string | undefined
  constructor(exit: ExitCode, code: string, what: string, remedy?: string) {
    super(what)
    this.name = 'Failure'
    this.exit = exit
    this.code = code
    this.remedy = remedy
  }
}

export function usageFailure(what: string, remedy?: string): Failure {
  return new Failure(EXIT.usage, 'usage', what, remedy)
}

export function networkFailure(what: string, remedy?: string): Failure {
  return new Failure(EXIT.network, 'unreachable', what, remedy)
}

export function failed(code: string, what: string, remedy?: string): Failure {
  return new Failure(EXIT.failed, code, what, remedy)
}
