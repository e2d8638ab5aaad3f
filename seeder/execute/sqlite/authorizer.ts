// What a script's SQL may do: its own tables and nothing of the machine, as D1 has it. SQLite asks for every step of a statement
// while it is prepared (sqlite3_set_authorizer); internal statements (transactions, the system database) are not asked about.

export const ALLOW = 0
export const DENY = 1

const ACTION = {
  createVtable: 29,
  dropVtable: 30,
  pragma: 19,
  read: 20,
  transaction: 22,
  attach: 24,
  detach: 25,
  function: 31,
  savepoint: 32,
  insert: 18,
  update: 23,
  delete: 9,
} as const

/** Pragmas that only describe, and the few switches that end with the request. */
const PRAGMAS = new Set([
  'case_sensitive_like',
  'collation_list',
  'data_version',
  'defer_foreign_keys',
  'encoding',
  'foreign_key_check',
  'foreign_key_list',
  'foreign_keys',
  'function_list',
  'ignore_check_constraints',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'legacy_alter_table',
  'optimize',
  'page_count',
  'page_size',
  'quick_check',
  'recursive_triggers',
  'reverse_unordered_selects',
  'schema_version',
  'table_info',
  'table_list',
  'table_xinfo',
  'user_version',
])

/** Of these only the value may be asked for, not set: they would change the file's form or the engine's own bookkeeping. */
const READ_ONLY_PRAGMAS = new Set(['data_version', 'encoding', 'page_size', 'schema_version'])

const MODULES = new Set(['fts5', 'fts5vocab', 'rtree', 'rtree_i32'])
const FUNCTIONS_DENIED = new Set([
  'load_extension',
  'fts3_tokenizer',
  'sqlite_compileoption_get',
  'sqlite_compileoption_used',
])
/** Tables that show the machine or the file's raw pages. */
const TABLES_DENIED = new Set([
  'sqlite_dbpage',
  'sqlite_dbdata',
  'sqlite_dbptr',
  'dbstat',
  'sqlite_stmt',
  'bytecode',
  'tables_used',
])

export type Refusal = { readonly what: string }

/** Undefined: allowed. The texts are SQLite's arguments three and four of the authorizer callback. */
export function refusalOf(action: number, first: string | undefined, second: string | undefined): Refusal | undefined {
  switch (action) {
    case ACTION.attach:
      return { what: 'ATTACH (and VACUUM, which attaches a file)' }
    case ACTION.detach:
      return { what: 'DETACH' }
    case ACTION.transaction:
    case ACTION.savepoint:
      return { what: 'BEGIN, COMMIT, ROLLBACK and SAVEPOINT: use batch() for several statements in one transaction' }
    case ACTION.pragma: {
      const pragma = first?.toLowerCase() ?? ''
      const allowed = PRAGMAS.has(pragma) && !(READ_ONLY_PRAGMAS.has(pragma) && second !== undefined)
      return allowed ? undefined : { what: `PRAGMA ${pragma}` }
    }
    case ACTION.function: {
      const name = second?.toLowerCase() ?? ''
      return FUNCTIONS_DENIED.has(name) ? { what: `${name}()` } : undefined
    }
    case ACTION.createVtable: {
      const module = second?.toLowerCase() ?? ''
      return MODULES.has(module) ? undefined : { what: `the virtual table module ${module}` }
    }
    case ACTION.read:
    case ACTION.insert:
    case ACTION.update:
    case ACTION.delete: {
      const table = first?.toLowerCase() ?? ''
      const denied = TABLES_DENIED.has(table) || (table.startsWith('pragma_') && !PRAGMAS.has(table.slice(7)))
      return denied ? { what: `the table ${table}` } : undefined
    }
    default:
      return undefined
  }
}
