// db.query, db.batch and db.exec: the D1 API's questions as SQL on the box, its answers as one JSON text.

import type { SiteManifest } from '#protocol/site/manifest.ts'
import { type Argument, ScriptError, textField, told } from '#seeder/execute/host/script-error.ts'
import type { SqlAnswer, SqliteBox, SqlStatement } from '#seeder/execute/sqlite/box.ts'
import { SqliteError } from '#seeder/execute/sqlite/codes.ts'
import type { SqlValue } from '#seeder/execute/sqlite/statement.ts'

const D1 = 'D1_ERROR'
const D1_EXEC = 'D1_EXEC_ERROR'

export function slotOf(manifest: Pick<SiteManifest, 'databases'>, binding: string): number {
  const index = manifest.databases.findIndex((database) => database.binding === binding)
  if (index < 0) throw new ScriptError('binding', `${D1}: the site has no database ${told(binding)}`)
  return index + 1
}

function parameterOf(value: unknown): SqlValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) return value
  throw new ScriptError('argument', `D1_TYPE_ERROR: Type '${typeof value}' not supported`)
}

function statementOf(argument: Argument): SqlStatement {
  const params = argument.params
  if (!Array.isArray(params)) throw new ScriptError('argument', 'params must be an array.')
  return { sql: textField(argument, 'sql'), params: params.map(parameterOf) }
}

/** `{columns, rows, meta}`; durations are 0, since nobody has a clock that all members share. */
function answerText({ columns, rows, rowCount, changes, written, lastRowId }: SqlAnswer): string {
  const meta = `{"duration":0,"changes":${changes},"last_row_id":${lastRowId},"changed_db":${written > 0},"rows_read":${rowCount},"rows_written":${written},"size_after":0}`
  return `{"columns":${JSON.stringify(columns)},"rows":${rows},"meta":${meta}}`
}

function asScriptError<T>(prefix: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    throw new ScriptError(error.code, `${prefix}: ${error.message}: ${error.code}`)
  }
}

export function databaseOperation(
  sqlite: SqliteBox,
  manifest: Pick<SiteManifest, 'databases'>,
  op: 'db.query' | 'db.batch' | 'db.exec',
  argument: Argument,
): string {
  const slot = slotOf(manifest, textField(argument, 'binding'))
  switch (op) {
    case 'db.query':
      return asScriptError(D1, () => answerText(sqlite.query(slot, statementOf(argument))))
    case 'db.batch': {
      const statements = argument.statements
      if (!Array.isArray(statements)) throw new ScriptError('argument', 'statements must be an array.')
      const list = statements.map((statement) => statementOf(argumentObject(statement)))
      return asScriptError(D1, () => `[${sqlite.batch(slot, list).map(answerText).join(',')}]`)
    }
    case 'db.exec':
      return asScriptError(D1_EXEC, () => `{"count":${sqlite.exec(slot, textField(argument, 'sql'))},"duration":0}`)
  }
}

function argumentObject(value: unknown): Argument {
  if (typeof value !== 'object' || value === null) throw new ScriptError('argument', 'A statement is an object.')
  return value as Argument
}
