// What fails as a function of the state, which every member meets alike, told from what is this machine's trouble.

import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { ScriptError as ScriptFault } from '#seeder/execute/engine/failure-of-error.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { HostStop } from '#seeder/execute/host/port.ts'
import { SqliteError } from '#seeder/execute/sqlite/codes.ts'
import { StateError } from '#seeder/execute/state/blocks.ts'

/** What was asked before a fault is not known: the answer is not kept. */
const EVERYTHING_ASKED = { time: true, chance: true } as const

/**
 * Separates by type what every member meets alike (the content of the state is not what the work needs, SQLite refuses its file)
 * from what is this machine's trouble, which goes on being thrown.
 */
export function guarded<T>(work: () => T): Result<T, ScriptFault> {
  try {
    return ok(work())
  } catch (error) {
    if (error instanceof StateError && error.fault === 'content') return err(error.told)
    if (error instanceof SqliteError) return err({ message: `${error.code}: ${error.message}`, stack: '' })
    if (error instanceof HostStop) return err({ message: error.message, stack: '' })
    throw error
  }
}

export function stateFailure(error: ScriptFault, fuel: number): RunResult {
  return { ok: false, failure: 'state', error, fuel, asked: EVERYTHING_ASKED, wrote: false, logs: [] }
}
