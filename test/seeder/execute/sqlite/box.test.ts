import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HostStop } from '#seeder/execute/host/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { SqliteError } from '#seeder/execute/sqlite/codes.ts'
import type { SqlValue } from '#seeder/execute/sqlite/statement.ts'
import type { StateFile, StateTree } from '#seeder/execute/state/port.ts'
import { BLOCK_TIME, emptyTree, purseOf, testBox } from '#test/support/guest-host.ts'

const SLOT = 1

type Options = {
  readonly fuel?: number
  readonly seed?: number
  readonly time?: number
  readonly writes?: (slot: number) => void
}

/** Begins a request whose slot 1 is `db/DB.sqlite` of the tree; tells what it costs. */
function begin(box: SqliteBox, tree: StateTree, options: Options = {}): { used(): number } {
  const purse = purseOf(options.fuel ?? 1e10)
  const open = (create: boolean): StateFile | undefined => tree.open('db/DB.sqlite', { create })
  box.begin({
    time: () => options.time ?? BLOCK_TIME,
    random: (bytes) => new Uint8Array(bytes).fill(options.seed ?? 7),
    fuel: purse,
    file: () => open(false),
    create: () => open(true) as StateFile,
    writes: options.writes ?? (() => {}),
  })
  return purse
}

function run(tree: StateTree, sql: string, params: readonly SqlValue[] = [], options: Options = {}): unknown[][] {
  begin(testBox(), tree, options)
  return JSON.parse(testBox().query(SLOT, { sql, params }).rows)
}

function refusal(tree: StateTree, sql: string, params: readonly SqlValue[] = []): SqliteError {
  try {
    run(tree, sql, params)
  } catch (error) {
    if (error instanceof SqliteError) return error
    throw error
  }
  throw new Error(`${sql} was not refused`)
}

function tableTree(): StateTree {
  const tree = emptyTree()
  run(tree, 'CREATE TABLE t(id INTEGER PRIMARY KEY, a, UNIQUE(a))')
  return tree
}

test('a value of any type comes back as it went in', () => {
  const tree = emptyTree()
  const value = fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
    fc.uint8Array(),
  )
  const property = fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
    const [row] = run(tree, `SELECT ${values.map(() => '?').join(', ')}`, values)
    assert.deepEqual(
      row,
      values.map((each) => (each instanceof Uint8Array ? [...each] : each)),
    )
  })
  fc.assert(property, { numRuns: 60 })
})

test('whole numbers are stored as integers, others as reals', () => {
  assert.deepEqual(run(emptyTree(), 'SELECT typeof(?), typeof(?), typeof(?), typeof(?)', [1, 1.5, -0, 2 ** 60]), [
    ['integer', 'real', 'real', 'real'],
  ])
  assert.deepEqual(run(emptyTree(), 'SELECT 9e999, -9e999'), [[Infinity, -Infinity]])
})

test('rows stay in the tree from one request to the next, and another tree has none of them', () => {
  const tree = tableTree()
  run(tree, 'INSERT INTO t(a) VALUES(?)', ['x'])
  assert.deepEqual(run(tree, 'SELECT * FROM t'), [[1, 'x']])
  assert.equal(refusal(emptyTree(), 'SELECT * FROM t').message, 'no such table: t')
})

test('the file is the same, byte for byte, whatever ran on the box before', () => {
  const bytes = (): Uint8Array | undefined => {
    const tree = tableTree()
    for (let index = 0; index < 50; index++) run(tree, 'INSERT INTO t(a) VALUES(random() || ?)', [index])
    return tree.read('db/DB.sqlite')
  }
  const first = bytes()
  run(tableTree(), 'INSERT INTO t(a) VALUES(zeroblob(100000))')
  assert.deepEqual(bytes(), first)
})

test('fuel is a function of the request and the file: not of the box, nor of what it did before', () => {
  const tree = tableTree()
  const statement = {
    sql: 'WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c LIMIT 500) SELECT sum(x) FROM c',
    params: [],
  }
  const cost = (box: SqliteBox): number => {
    const purse = begin(box, tree)
    box.query(SLOT, statement)
    return purse.used()
  }
  const first = cost(testBox())
  run(tree, 'INSERT INTO t(a) VALUES(randomblob(50000))')
  run(tree, 'DELETE FROM t')
  begin(testBox(), tree, { fuel: 1_000_000 })
  assert.throws(() =>
    testBox().query(SLOT, {
      sql: 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x) FROM c',
      params: [],
    }),
  )
  const again = cost(testBox())
  assert.equal(cost(testBox()), again)
  assert.equal(cost(new SqliteBox()), again)
  assert.ok(Math.abs(first - again) < first / 2)
})

test('time and chance are the request’s, and asking for them is noted', () => {
  const tree = emptyTree()
  assert.deepEqual(run(tree, "SELECT datetime('now'), strftime('%f', 'now'), datetime('now', 'localtime')"), [
    ['2026-01-02 03:04:05', '05.000', '2026-01-02 03:04:05'],
  ])
  assert.deepEqual(testBox().asked, { time: true, chance: false })
  const roll = (seed: number): unknown => run(tree, 'SELECT random(), hex(randomblob(8))', [], { seed })
  assert.deepEqual(roll(1), roll(1))
  assert.notDeepEqual(roll(1), roll(2))
  assert.deepEqual(testBox().asked, { time: false, chance: true })
  run(tree, 'SELECT 1')
  assert.deepEqual(testBox().asked, { time: false, chance: false })
})

const REFUSED = [
  "ATTACH 'x' AS y",
  "ATTACH ':memory:' AS y",
  'DETACH main',
  'VACUUM',
  "VACUUM INTO 'x'",
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT a',
  'PRAGMA journal_mode = OFF',
  'PRAGMA journal_mode',
  'PRAGMA writable_schema = ON',
  'PRAGMA page_size = 512',
  'PRAGMA cache_size = 1',
  'PRAGMA temp_store_directory',
  'PRAGMA schema_version = 9',
  "PRAGMA encoding = 'UTF-16'",
  'PRAGMA locking_mode = EXCLUSIVE',
  'PRAGMA mmap_size = 1',
  'PRAGMA hard_heap_limit = 1',
  'PRAGMA trusted_schema = ON',
  'PRAGMA auto_vacuum = FULL',
  "SELECT load_extension('x')",
  'SELECT sqlite_compileoption_get(1)',
  'SELECT * FROM sqlite_dbpage',
  'SELECT * FROM dbstat',
  'SELECT * FROM sqlite_stmt',
  "SELECT * FROM bytecode('SELECT 1')",
  'SELECT * FROM pragma_compile_options',
  'CREATE VIRTUAL TABLE v USING dbstat',
  "INSERT INTO sqlite_schema VALUES('table', 'x', 'x', 2, 'x')",
  'UPDATE sqlite_master SET sql = NULL',
]

test('SQL that reaches for the machine, the file’s form or transactions is refused', () => {
  const tree = tableTree()
  const before = tree.read('db/DB.sqlite')
  for (const sql of REFUSED) assert.ok(refusal(tree, sql), sql)
  assert.deepEqual(tree.read('db/DB.sqlite'), before)
})

test('describing pragmas, full-text search and R-trees are allowed', () => {
  const tree = tableTree()
  assert.deepEqual(run(tree, 'PRAGMA table_info(t)').length, 2)
  assert.deepEqual(run(tree, "SELECT name FROM pragma_table_info('t')"), [['id'], ['a']])
  run(tree, 'PRAGMA user_version = 3')
  assert.deepEqual(run(tree, 'PRAGMA user_version'), [[3]])
  run(tree, 'CREATE VIRTUAL TABLE f USING fts5(body, tokenize = "porter")')
  run(tree, 'INSERT INTO f(body) VALUES(?), (?)', ['running water', 'still stone'])
  assert.deepEqual(run(tree, "SELECT body FROM f WHERE f MATCH 'run'"), [['running water']])
  assert.deepEqual(run(tree, "SELECT highlight(f, 0, '[', ']') FROM f('stone')"), [['still [stone]']])
  run(tree, 'CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)')
  run(tree, 'INSERT INTO r VALUES(1, 0, 5)')
  run(tree, 'ALTER TABLE t RENAME COLUMN a TO b')
  run(tree, "INSERT INTO f(f) VALUES('optimize')")
  assert.deepEqual(run(tree, 'PRAGMA integrity_check'), [['ok']])
})

test('a failed statement leaves the rows before it and none of its own', () => {
  const tree = tableTree()
  run(tree, "INSERT INTO t(a) VALUES('x')")
  const error = refusal(tree, "INSERT INTO t(a) VALUES('y'), ('x')")
  assert.deepEqual([error.code, error.message], ['SQLITE_CONSTRAINT', 'UNIQUE constraint failed: t.a'])
  assert.deepEqual(run(tree, 'SELECT a FROM t'), [['x']])
})

test('a batch is all or nothing', () => {
  const tree = tableTree()
  const insert = (value: SqlValue) => ({ sql: 'INSERT INTO t(a) VALUES(?)', params: [value] })
  begin(testBox(), tree)
  const answers = testBox().batch(SLOT, [insert('a'), insert('b'), { sql: 'SELECT count(*) FROM t', params: [] }])
  assert.deepEqual([answers.length, answers[0]?.changes, answers[2]?.rows], [3, 1, '[[2]]'])
  assert.throws(() => testBox().batch(SLOT, [insert('c'), insert('a')]), SqliteError)
  assert.deepEqual(JSON.parse(testBox().query(SLOT, { sql: 'SELECT count(*) FROM t', params: [] }).rows), [[2]])
  assert.throws(() => testBox().batch(SLOT, [insert('d'), { sql: 'COMMIT', params: [] }, insert('a')]), SqliteError)
  assert.deepEqual(run(tree, 'SELECT a FROM t ORDER BY a'), [['a'], ['b']])
})

test('foreign keys are enforced', () => {
  const tree = emptyTree()
  begin(testBox(), tree)
  testBox().exec(SLOT, 'CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id));')
  assert.equal(refusal(tree, 'INSERT INTO c VALUES(1)').message, 'FOREIGN KEY constraint failed')
})

test('exec runs a script with comments; one prepared statement takes one statement only', () => {
  const tree = emptyTree()
  begin(testBox(), tree)
  assert.equal(
    testBox().exec(
      SLOT,
      "-- first\nCREATE TABLE a(x);\n/* then */ INSERT INTO a VALUES(';');;\n--> statement-breakpoint\n",
    ),
    2,
  )
  assert.match(refusal(tree, 'SELECT 1; SELECT 2').message, /only one statement/)
  assert.match(refusal(tree, ' -- nothing').message, /No SQL/)
  assert.deepEqual(run(tree, 'SELECT 1; -- fine'), [[1]])
  assert.match(refusal(tree, 'SELECT 1\0 garbage').message, /U\+0000/)
  assert.throws(() => testBox().exec(SLOT, 'SELECT 1;\0'), { message: 'SQL may not hold U+0000' })
  assert.deepEqual(run(tree, 'SELECT ?', ['a\0b']), [['a\0b']])
  assert.match(refusal(tree, 'SELECT ?', []).message, /Wrong number of parameter/)
})

test('a schema that changes within a request is seen by statements prepared before', () => {
  const tree = tableTree()
  begin(testBox(), tree)
  const all = (): unknown => testBox().query(SLOT, { sql: 'SELECT * FROM t', params: [] }).columns
  assert.deepEqual(all(), ['id', 'a'])
  testBox().query(SLOT, { sql: "INSERT INTO t(a) VALUES('x')", params: [] })
  testBox().query(SLOT, { sql: 'ALTER TABLE t ADD COLUMN more', params: [] })
  assert.deepEqual(all(), ['id', 'a', 'more'])
})

test('endless, deep and greedy statements end the request alone, within its fuel', () => {
  const tree = tableTree()
  const ends: readonly (readonly [sql: string, code: string])[] = [
    ['WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c', 'fuel'],
    ["SELECT 'x' LIKE replace(hex(zeroblob(4000)), '00', '%a') || 'b'", ''],
    ["SELECT length(replace(hex(zeroblob(1000)), '0', hex(zeroblob(500000))))", 'SQLITE_TOOBIG'],
    ['SELECT zeroblob(3000000)', 'SQLITE_TOOBIG'],
    [`SELECT ${'('.repeat(5000)}1${')'.repeat(5000)}`, 'SQLITE_ERROR'],
    [`SELECT ${Array(1000).fill('1').join('+')}`, 'SQLITE_ERROR'],
    [`SELECT 1 ${'UNION ALL SELECT 1 '.repeat(200)}`, 'SQLITE_ERROR'],
  ]
  for (const [sql, code] of ends) {
    begin(testBox(), tree, { fuel: 20_000_000 })
    let ended = ''
    try {
      testBox().query(SLOT, { sql, params: [] })
    } catch (error) {
      assert.ok(error instanceof HostStop || error instanceof SqliteError, sql)
      ended = error.code
    }
    assert.equal(ended, code, sql.slice(0, 80))
    assert.deepEqual(run(tree, 'SELECT 1'), [[1]])
  }
})

test('a result that does not fit the memory fails with SQLITE_NOMEM and the box goes on', () => {
  const sql =
    'WITH RECURSIVE c(x, y) AS (SELECT 1, zeroblob(1) UNION SELECT x + 1, zeroblob(1000000) FROM c) SELECT count(*) FROM c'
  begin(testBox(), emptyTree(), { fuel: 1e13 })
  assert.throws(() => testBox().query(SLOT, { sql, params: [] }), { code: 'SQLITE_NOMEM' })
  assert.deepEqual(run(emptyTree(), 'SELECT 1'), [[1]])
})

test('the caller hears of a write before it happens, and can stop it', () => {
  const tree = tableTree()
  const writes = (): void => {
    throw new HostStop('wrote')
  }
  const before = tree.read('db/DB.sqlite')
  for (const sql of ["INSERT INTO t(a) VALUES('x')", 'CREATE TABLE z(x)', 'DROP TABLE t', 'PRAGMA user_version = 1']) {
    assert.throws(() => run(tree, sql, [], { writes }), { code: 'wrote' }, sql)
  }
  assert.deepEqual(run(tree, 'SELECT count(*) FROM t', [], { writes }), [[0]])
  assert.deepEqual(tree.read('db/DB.sqlite'), before)
})
