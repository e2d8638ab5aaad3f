// D1 as the store takes it.

import type { SqlPort } from '#gateway/store/sql.ts'

export function d1Sql(database: D1Database): SqlPort {
  return async (statements) => {
    const [first, ...more] = statements.map(({ sql, params }) => database.prepare(sql).bind(...params))
    if (first === undefined) return []
    if (more.length === 0) return [await first.raw<unknown[]>()]
    const results = await database.batch<Record<string, unknown>>([first, ...more])
    return results.map(({ results: rows }) => rows.map((row) => Object.values(row)))
  }
}
