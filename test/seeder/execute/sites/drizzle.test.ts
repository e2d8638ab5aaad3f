// F3: drizzle's D1 driver and drizzle-kit's migrations, unchanged from npm, on env.DB.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openSite, siteProject } from '#test/support/site-project.ts'

const CONFIG = `{
  // a comment, and a trailing comma
  "name": "notes",
  "main": "app.ts",
  "d1_databases": [{ "binding": "DB", "migrations_dir": "migrations" }],
}`

const SCHEMA = `
import { sql } from 'drizzle-orm'
import { blob, index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
export const authors = sqliteTable('authors', { id: integer().primaryKey({ autoIncrement: true }), name: text().notNull().unique() })
export const notes = sqliteTable('notes', {
  id: integer().primaryKey(),
  author: integer().notNull().references(() => authors.id, { onDelete: 'cascade' }),
  title: text().notNull(),
  score: real(),
  done: integer({ mode: 'boolean' }).notNull().default(false),
  at: integer({ mode: 'timestamp_ms' }).notNull().default(sql\`(unixepoch('subsec') * 1000)\`),
  tags: text({ mode: 'json' }),
}, (table) => [index('notes_title').on(table.title)])
`

const APP = `
import { Hono } from 'hono'
import { count, desc, eq, like, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { authors, notes } from './schema'
const schema = { authors, notes, notesRelations: relations(notes, ({ one }) => ({ author: one(authors, { fields: [notes.author], references: [authors.id] }) })), authorsRelations: relations(authors, ({ many }) => ({ notes: many(notes) })) }
const app = new Hono()
const db = (c) => drizzle(c.env.DB, { schema })
app.post('/authors/:name', async (c) => c.json(await db(c).insert(authors).values({ name: c.req.param('name') }).returning()))
app.post('/notes', async (c) => c.json(await db(c).insert(notes).values(await c.req.json()).returning()))
app.get('/notes', async (c) => c.json(await db(c).select({ title: notes.title, by: authors.name }).from(notes).innerJoin(authors, eq(notes.author, authors.id)).where(like(notes.title, '%' + (c.req.query('q') ?? '') + '%')).orderBy(desc(notes.id))))
app.get('/count', async (c) => c.json(await db(c).select({ n: count() }).from(notes).get()))
app.get('/relational', async (c) => c.json(await db(c).query.authors.findMany({ with: { notes: { columns: { title: true, tags: true, done: true } } } })))
app.post('/upsert', async (c) => c.json(await db(c).insert(authors).values({ name: 'ann' }).onConflictDoUpdate({ target: authors.name, set: { name: 'Ann' } }).returning()))
app.post('/batch', async (c) => { const d = db(c); const [, updated, rest] = await d.batch([d.insert(authors).values({ name: 'bob' }), d.update(notes).set({ done: true }).where(eq(notes.id, 1)).returning({ id: notes.id }), d.select().from(authors)]); return c.json([updated, rest.length]) })
app.post('/transaction', async (c) => { try { await db(c).transaction(async () => {}) ; return c.text('ran') } catch (error) { return c.text(String(error.cause ?? error)) } })
app.delete('/authors/:id', async (c) => { const r = await db(c).delete(authors).where(eq(authors.id, Number(c.req.param('id')))); return c.json(r.meta.changes) })
app.post('/wrong', async (c) => { try { await db(c).insert(notes).values({ author: 99, title: 'x' }) } catch (error) { return c.text(String(error.cause?.message ?? error.message)) } })
app.get('/raw', async (c) => c.json(await db(c).all(sql\`select \${1} + 1 as two, typeof(\${'a'}) as t\`)))
export default { fetch: app.fetch }
`

const DRIZZLE_KIT = fileURLToPath(new URL('../../../../node_modules/drizzle-kit/bin.cjs', import.meta.url))

const project = await siteProject({ 'interpeer.jsonc': CONFIG, 'schema.ts': SCHEMA, 'app.ts': APP })
after(() => project[Symbol.asyncDispose]())
const kit = [DRIZZLE_KIT, 'generate', '--dialect', 'sqlite', '--schema', './schema.ts', '--out', './migrations']
await promisify(execFile)(process.execPath, kit, { cwd: project.directory })
const site = await openSite(project.directory)

function post(target: string, body?: unknown, method = 'POST'): unknown {
  const headers = { 'content-type': 'application/json' }
  const answer = site.visit(target, body === undefined ? { method } : { method, headers, body: JSON.stringify(body) })
  assert.equal(answer.status, 200, JSON.stringify(answer.result))
  return answer.text.startsWith('[') || answer.text.startsWith('{') || /^\d/.test(answer.text)
    ? JSON.parse(answer.text)
    : answer.text
}

test('F3 drizzle-kit’s migration is in the bundle and was applied', () => {
  const [database] = site.bundle.manifest.databases
  assert.equal(database?.migrations.length, 1)
  assert.match(database?.migrations[0] ?? '', /^0000_\w+\.sql$/)
})

test('F3 drizzle: inserts with defaults, modes and returning', () => {
  assert.deepEqual(post('/authors/ann'), [{ id: 1, name: 'ann' }])
  const note = { author: 1, title: 'First', score: 1.5, tags: ['a', { b: 1 }] }
  assert.deepEqual(post('/notes', note), [{ id: 1, ...note, done: false, at: '2026-01-02T03:04:05.000Z' }])
  post('/notes', { author: 1, title: 'Second' })
})

test('F3 drizzle: joins, aggregates, relational queries and raw SQL', () => {
  assert.deepEqual(post('/notes?q=irs', undefined, 'GET'), [{ title: 'First', by: 'ann' }])
  assert.deepEqual(post('/count', undefined, 'GET'), { n: 2 })
  const notes = [
    { title: 'First', tags: ['a', { b: 1 }], done: false },
    { title: 'Second', tags: null, done: false },
  ]
  assert.deepEqual(post('/relational', undefined, 'GET'), [{ id: 1, name: 'ann', notes }])
  assert.deepEqual(post('/raw', undefined, 'GET'), [{ two: 2, t: 'text' }])
})

test('F3 drizzle: upsert, batch, errors of constraints and cascades', () => {
  assert.deepEqual(post('/upsert'), [{ id: 1, name: 'Ann' }])
  assert.deepEqual(post('/batch'), [[{ id: 1 }], 2])
  assert.equal(post('/wrong'), 'D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT')
  assert.equal(post('/authors/1', undefined, 'DELETE'), 1)
  assert.deepEqual(post('/count', undefined, 'GET'), { n: 0 })
})

test('F3 drizzle: an interactive transaction is refused as D1 refuses it', () => {
  assert.match(String(post('/transaction')), /BEGIN, COMMIT, ROLLBACK and SAVEPOINT/)
})
