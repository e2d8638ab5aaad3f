// Statements that mean harm end alone: within the request's fuel and the box's memory, refused where they reach for the machine, and
// without a trace in the database (F25; §7 of docs/EXECUTION.md).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import { LIMITS, textOf } from '#test/seeder/execute/pool/site.ts'

const FUEL = 500_000_000
const site = Site.published(undefined, { ...LIMITS, requestFuelMax: FUEL })

function attacks(list: readonly (readonly [name: string, sql: string | readonly string[], expected: RegExp])[]): void {
  for (const [name, sql, expected] of list) {
    test(name, () => {
      const statements = typeof sql === 'string' ? [sql] : sql
      const code = `const told = []
        for (const sql of ${JSON.stringify(statements)}) try {
          const { results } = await env.DB.prepare(sql).all()
          told.push(JSON.stringify(results).slice(0, 200))
        } catch (e) { told.push(e.message) }
        return told.at(-1)`
      const { failure, response, fuel } = site.attack(code)
      assert.match(failure ?? textOf(response), expected)
      assert(fuel <= FUEL, `${fuel} fuel`)
    })
  }
}

const COUNT = (rows: number) => `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT ${rows})`

describe('computation', () => {
  attacks([
    [
      'a recursion without end',
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT max(x) FROM c',
      /^fuel$/,
    ],
    [
      'a recursion that grows',
      "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT max(length(x)) FROM c",
      /fuel|TOOBIG|NOMEM|too big/,
    ],
    [
      'a recursion that keeps all rows',
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c) SELECT count(*) FROM c',
      /fuel|NOMEM/,
    ],
    ['a product of tables', `${COUNT(3000)} SELECT count(*) FROM c a, c b, c d, c e`, /^fuel$/],
    ['a product that is sorted', `${COUNT(3000)} SELECT a.x FROM c a, c b ORDER BY a.x * b.x % 7919`, /fuel|NOMEM/],
    [
      'windows over windows',
      `${COUNT(50000)} SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 9999 PRECEDING AND 9999 FOLLOWING) FROM c`,
      /fuel|NOMEM/,
    ],
    [
      'LIKE that tracks back',
      `SELECT hex(zeroblob(500)) || hex(zeroblob(500)) LIKE '${'%0'.repeat(24)}%1'`,
      /fuel|0|too complex|TOOBIG|pattern/,
    ],
    ['GLOB that tracks back', `SELECT hex(zeroblob(2000)) GLOB '${'*0'.repeat(24)}*1'`, /fuel|0|too complex/],
    ['LIKE with a long pattern', `SELECT 'x' LIKE hex(zeroblob(100000))`, /too complex/],
    ['a regular expression, which there is none of', "SELECT 'a' REGEXP 'a'", /no such function/],
    [
      'replace that multiplies',
      `SELECT length(replace(hex(zeroblob(100000)), '0', hex(zeroblob(1000))))`,
      /TOOBIG|too big|fuel/,
    ],
    ['JSON that nests', `SELECT json(replace(hex(zeroblob(2000)), '0', '['))`, /malformed|fuel|too big/],
    [
      'JSON that is walked',
      `${COUNT(300)} SELECT count(*) FROM c, json_tree((SELECT json_group_array(json_array(x, x, x)) FROM c))`,
      /fuel|\d+/,
    ],
    [
      'JSON that grows',
      `WITH RECURSIVE c(x, n) AS (SELECT '[1]', 0 UNION ALL SELECT json_array(json(x), json(x)), n + 1 FROM c WHERE n < 40) SELECT max(length(x)) FROM c`,
      /fuel|TOOBIG|too big|NOMEM|malformed/,
    ],
    [
      'dates by the million',
      `${COUNT(10000000)} SELECT max(strftime('%Y-%j %f', x, 'unixepoch', 'start of month', 'weekday 3', '+1 month')) FROM c`,
      /^fuel$/,
    ],
    [
      'sums of everything',
      `${COUNT(10000000)} SELECT sum(x * 1.5), group_concat(x) FROM c`,
      /fuel|TOOBIG|too big|NOMEM/,
    ],
    [
      'a view of views',
      [
        'CREATE VIEW v0 AS SELECT 1 AS x',
        ...Array.from({ length: 20 }, (_, n) => `CREATE VIEW v${n + 1} AS SELECT a.x FROM v${n} a, v${n} b`),
        'SELECT count(*) FROM v20',
      ],
      /fuel|too many|at most|NOMEM|\d+/,
    ],
    ['a long list of conditions', `SELECT 1 WHERE ${'1 AND '.repeat(5000)}1`, /depth|too large|fuel|TOOBIG/],
    ['an expression that nests', `SELECT ${'('.repeat(900)}1${')'.repeat(900)}`, /\[\{/],
    [
      'selects that nest',
      `SELECT * FROM ${'(SELECT * FROM '.repeat(300)}(SELECT 1)${')'.repeat(300)}`,
      /\[\{|too|overflow/,
    ],
    ['a compound of thousands', `SELECT 1${' UNION ALL SELECT 1'.repeat(3000)}`, /too many terms/],
    ['a thousand columns', `SELECT ${'1,'.repeat(3000)}1`, /too many columns/],
    [
      'joins of a hundred tables',
      `SELECT count(*) FROM ${Array.from({ length: 70 }, (_, n) => `note n${n}`).join(', ')}`,
      /at most|fuel|\d/,
    ],
  ])
})

describe('memory', () => {
  attacks([
    ['random bytes of any size', 'SELECT length(randomblob(1000000000))', /TOOBIG|too big/],
    ['zeros of any size', 'SELECT length(zeroblob(1000000000))', /TOOBIG|too big/],
    [
      'zeros of a negative size',
      'SELECT length(zeroblob(-9223372036854775808)), length(randomblob(-1))',
      /\[\{.*0.*\}\]/,
    ],
    ['printf with a width', "SELECT length(printf('%2000000000d', 1))", /TOOBIG|too big|fuel|NOMEM|null/],
    ['printf with a precision', "SELECT length(printf('%.2000000000f', 1e300))", /TOOBIG|too big|fuel|NOMEM|null|\d/],
    [
      'printf with a width from an argument',
      "SELECT length(printf('%*d%*d%*d', 1999999, 1, 1999999, 1, 1999999, 1))",
      /TOOBIG|too big|null/,
    ],
    ['hex of all that fits', 'SELECT hex(zeroblob(2000000))', /TOOBIG|too big/],
    ['a row of all that fits', `SELECT ${'hex(zeroblob(900000)),'.repeat(90)}1`, /TOOBIG|NOMEM|more than|memory|fuel/],
    ['rows of all that fits', `${COUNT(1000)} SELECT hex(zeroblob(900000)) FROM c`, /TOOBIG|more than|fuel/],
    [
      'a group of all rows',
      `${COUNT(100000)} SELECT group_concat(hex(zeroblob(1000))) FROM c`,
      /TOOBIG|too big|NOMEM|fuel/,
    ],
    [
      'an index of all rows',
      [
        'CREATE TABLE big(a)',
        `INSERT INTO big ${COUNT(100000)} SELECT hex(zeroblob(100)) FROM c`,
        'CREATE INDEX big_a ON big(a)',
      ],
      /fuel|NOMEM|full/,
    ],
    [
      'a table without end',
      [
        'CREATE TABLE big(a)',
        'INSERT INTO big WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT randomblob(3000) FROM c',
      ],
      /fuel|NOMEM|full/,
    ],
    ['a distinct list of all rows', `${COUNT(3000000)} SELECT count(DISTINCT x) FROM c`, /fuel|NOMEM/],
    ['a mark far out', 'SELECT ?1000', /too many|variable number|Wrong number/],
  ])
})

describe('the machine and the file', () => {
  attacks([
    ['another file', "ATTACH '/etc/passwd' AS x", /not authorized/],
    ['another file by an expression', "ATTACH (SELECT 'slot0') AS x", /not authorized/],
    ['the seeder’s own database', "ATTACH 'slot0' AS x", /not authorized/],
    ['the seeder’s own database by a URI', "ATTACH 'file:slot0?vfs=x' AS x", /not authorized/],
    ['a copy of the file', "VACUUM INTO '/tmp/x'", /not authorized/],
    ['a vacuum', 'VACUUM', /not authorized/],
    ['an extension', "SELECT load_extension('/tmp/x.so')", /not authorized|no such function/],
    [
      'files by functions',
      "SELECT readfile('/etc/passwd'), writefile('/tmp/x', 'y'), edit('x')",
      /no such function|not authorized/,
    ],
    [
      'a tokenizer by its address',
      "SELECT fts3_tokenizer('simple', x'4141414141414141')",
      /not authorized|no such function/,
    ],
    [
      'a writable schema',
      ['PRAGMA writable_schema = ON', "UPDATE sqlite_master SET sql = 'x'"],
      /not authorized|may not be modified/,
    ],
    ['the schema by a virtual table', 'SELECT * FROM sqlite_dbpage', /not authorized|no such table/],
    ['the pages of the file', 'INSERT INTO sqlite_dbpage VALUES(1, zeroblob(4096))', /not authorized|no such table/],
    ['a journal of another kind', 'PRAGMA journal_mode = WAL', /not authorized/],
    ['pages of another size', 'PRAGMA page_size = 512', /not authorized/],
    ['memory by a pragma', 'PRAGMA cache_size = -1000000', /not authorized/],
    ['memory mapped', 'PRAGMA mmap_size = 1000000000', /not authorized/],
    ['a temporary place', "PRAGMA temp_store_directory = '/tmp'", /not authorized/],
    ['a pragma by a table', 'SELECT * FROM pragma_database_list', /not authorized|no such table/],
    ['what it was compiled with', 'SELECT * FROM pragma_compile_options', /not authorized|no such table/],
    ['a transaction left open', 'BEGIN', /not authorized/],
    ['a save point', 'SAVEPOINT x', /not authorized/],
    [
      'a virtual table of another module',
      "CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd')",
      /not authorized|no such module/,
    ],
    ['a statement inside of a statement', 'SELECT 1; DROP TABLE note', /only one statement/],
    ['a text that ends early', 'SELECT 1 \u0000 DROP TABLE note', /U\+0000/],
  ])
})

describe('triggers and full-text search', () => {
  attacks([
    [
      'a trigger that fires itself',
      [
        'CREATE TABLE t(a)',
        'PRAGMA recursive_triggers = ON',
        'CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO t VALUES(new.a + 1); END',
        'INSERT INTO t VALUES(1)',
      ],
      /nested too deep|fuel/,
    ],
    [
      'triggers that fire each other',
      [
        'CREATE TABLE t(a)',
        'CREATE TABLE u(a)',
        'CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES(1); INSERT INTO u VALUES(1); END',
        'CREATE TRIGGER s AFTER INSERT ON u BEGIN INSERT INTO t VALUES(1); INSERT INTO t VALUES(1); END',
        'PRAGMA recursive_triggers = ON',
        'INSERT INTO t VALUES(1)',
      ],
      /nested too deep|fuel/,
    ],
    [
      'foreign keys that cascade',
      [
        'CREATE TABLE t(id INTEGER PRIMARY KEY, up INTEGER REFERENCES t ON DELETE CASCADE)',
        `INSERT INTO t ${COUNT(5000)} SELECT x, CASE x WHEN 1 THEN NULL ELSE x - 1 END FROM c`,
        'DELETE FROM t WHERE id = 1',
        'SELECT count(*) FROM t',
      ],
      /too many levels|fuel|NOMEM|\d+/,
    ],
    [
      'a search of many words',
      [
        'CREATE VIRTUAL TABLE f USING fts5(a)',
        `INSERT INTO f SELECT group_concat(x) FROM (${COUNT(20000)} SELECT 'w' || x AS x FROM c)`,
        `SELECT count(*) FROM f WHERE f MATCH '${Array.from({ length: 200 }, (_, n) => `w${n}*`).join(' OR ')}'`,
      ],
      /fuel|\d+|NOMEM/,
    ],
    [
      'a search of near words',
      [
        'CREATE VIRTUAL TABLE f USING fts5(a)',
        `INSERT INTO f SELECT replace(hex(zeroblob(20000)), '0', 'a ')`,
        `SELECT count(*) FROM f WHERE f MATCH 'NEAR(a a a a a a, 100000)'`,
      ],
      /fuel|\d+|NOMEM/,
    ],
    [
      'a search that nests',
      [
        'CREATE VIRTUAL TABLE f USING fts5(a)',
        `SELECT * FROM f WHERE f MATCH '${'('.repeat(2000)}a${')'.repeat(2000)}'`,
      ],
      /fts5|syntax|stack|fuel|\[\]/,
    ],
    [
      'an index that is broken by hand',
      [
        'CREATE VIRTUAL TABLE f USING fts5(a)',
        "INSERT INTO f VALUES('a b c')",
        'UPDATE f_data SET block = randomblob(100)',
        "SELECT * FROM f WHERE f MATCH 'a'",
      ],
      /malformed|may not be modified|not authorized|CORRUPT|fts5|\[/,
    ],
    [
      'a box that is broken by hand',
      [
        'CREATE VIRTUAL TABLE r USING rtree(id, a, b)',
        'INSERT INTO r VALUES(1, 2, 3)',
        'UPDATE r_node SET data = randomblob(50)',
        'SELECT * FROM r WHERE a > 1',
      ],
      /malformed|may not be modified|not authorized|CORRUPT|\[/,
    ],
    ['a generated column of itself', 'CREATE TABLE g(a AS (b), b AS (a))', /loop|must have/],
    [
      'a check that never ends',
      [
        'CREATE TABLE k(a CHECK ((WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT 1 FROM c)))',
        'INSERT INTO k VALUES(1)',
      ],
      /subqueries prohibited|no such/,
    ],
    [
      'a default of chance',
      [
        'CREATE TABLE d(a DEFAULT (hex(randomblob(8))), b DEFAULT CURRENT_TIMESTAMP)',
        'INSERT INTO d DEFAULT VALUES RETURNING a, b',
      ],
      /\[\{/,
    ],
  ])
})
