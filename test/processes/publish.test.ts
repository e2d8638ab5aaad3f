// What an uploader does with a site, by the command alone: publish, update with migrations, roll back, export, import, end.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { exchange, follow, type HttpAnswer } from '#cli/network/http.ts'
import { ROOT, startUp, type Up } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

let up: Up
let site: string
before(async () => {
  up = await startUp(['--empty', '--seeders', '4'])
  site = join(up.folder, 'notes')
  writeSite('first')
})
after(() => up?.[Symbol.asyncDispose]())

/** A site that answers `<edition>: <rows>` and adds a row on POST. */
function writeSite(edition: string, extra: Readonly<Record<string, string>> = {}): void {
  const files: Record<string, string> = {
    'interpeer.jsonc':
      '{ "name": "notes", "main": "src/notes.ts", "d1_databases": [{ "binding": "DB", "migrations_dir": "migrations" }] }',
    'migrations/0001_notes.sql': 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);',
    'src/notes.ts': `export default {
  async fetch(request: Request, env: any): Promise<Response> {
    if (request.method === 'POST') await env.DB.prepare('INSERT INTO notes (text) VALUES (?)').bind(await request.text()).run()
    const { results } = await env.DB.prepare('SELECT * FROM notes ORDER BY id').all()
    return Response.json({ edition: '${edition}', notes: results })
  },
}`,
    ...extra,
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(site, path, '..'), { recursive: true })
    writeFileSync(join(site, path), text)
  }
}

type Shown = { readonly edition: string; readonly notes: readonly Record<string, unknown>[] }

async function shown(name = 'notes'): Promise<Shown> {
  const answer = await follow(`${up.ready.gateway}/${name}/`)
  assert.equal(answer.status, 200, answer.body.toString())
  return JSON.parse(answer.body.toString()) as Shown
}

/** What every member shows, once the last write is certified at each: a member that is a moment behind shows the state before. */
async function shows(name: string, expected: Shown): Promise<void> {
  let last: Shown | undefined
  const same = async (): Promise<boolean> => {
    for (let member = 0; member < 4; member++) {
      last = await shown(name)
      if (!isDeepStrictEqual(last, expected)) return false
    }
    return true
  }
  await until('the expected page', same).catch(() => assert.deepEqual(last, expected))
}

/** As a browser does it: 307 keeps method and body. */
async function write(text: string, name = 'notes'): Promise<HttpAnswer> {
  const body = Buffer.from(text)
  const first = await exchange(`${up.ready.gateway}/${name}/`, { method: 'POST', body })
  assert.equal(first.status, 307)
  return exchange(String(first.headers.location), { method: 'POST', body })
}

test('F6 publish makes a site and says its link, which ends in a slash; a new key is said once', async () => {
  const { code, lines, stderr } = await up.run('publish', site, '--json')
  assert.equal(code, 0, JSON.stringify(lines))
  assert.equal(stderr, '')
  const [key, published, ...more] = lines
  assert.deepEqual(more, [])
  assert.equal(key?.event, 'key')
  assert.ok(existsSync(String(key?.file)))
  assert.equal(published?.event, 'published')
  assert.equal(published?.url, `${up.ready.gateway}/notes/`)
  assert.equal(published?.height, 1)
  assert.equal((published as { members: string[] }).members.length, 4)
  await shows('notes', { edition: 'first', notes: [] })
  assert.equal((await write('one')).status, 200)
  await shows('notes', { edition: 'first', notes: [{ id: 1, text: 'one' }] })
})

test('F6 publishing again is an update: new code, new migrations, the same data', async () => {
  writeSite('second', {
    'migrations/0002_stars.sql': 'ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 5;',
  })
  const { code, lines } = await up.run('publish', site, '--json')
  assert.equal(code, 0, JSON.stringify(lines))
  assert.equal(lines.length, 1, 'the key is not said again')
  assert.match(String(lines[0]?.answer), /DB\/0002_stars\.sql/)
  await shows('notes', { edition: 'second', notes: [{ id: 1, text: 'one', stars: 5 }] })
})

test('F6 a migration that fails leaves the code and the data that were live', async () => {
  writeSite('third', {
    'migrations/0003_wrong.sql': "INSERT INTO notes (text) VALUES ('half');\nDROP TABLE no_such_table;",
  })
  const { code, lines } = await up.run('publish', site, '--json')
  assert.equal(code, 1)
  assert.equal(lines[0]?.code, 'migration_failed')
  assert.match(String(lines[0]?.message), /migration DB\/0003_wrong\.sql failed: no such table: no_such_table/)
  await shows('notes', { edition: 'second', notes: [{ id: 1, text: 'one', stars: 5 }] })
  rmSync(join(site, 'migrations', '0003_wrong.sql'))
})

test('F6 what does not bundle is told with file and line, and nothing is published', async () => {
  const good = readFileSync(join(site, 'src', 'notes.ts'), 'utf8')
  writeFileSync(join(site, 'src', 'notes.ts'), `${good}\nconst = 5\n`)
  const { code, stderr } = await up.run('publish', site)
  assert.equal(code, 1)
  assert.match(stderr, /notes\.ts:8:\d+: /)
  writeFileSync(join(site, 'src', 'notes.ts'), good)
  assert.equal((await shown()).edition, 'second')
})

test('F6 --rollback makes the code live that was live before; data stays', async () => {
  const { code, lines } = await up.run('publish', site, '--rollback', '--json')
  assert.equal(code, 0, JSON.stringify(lines))
  await shows('notes', { edition: 'first', notes: [{ id: 1, text: 'one', stars: 5 }] })
})

test('F6 a name that another key has is refused, and so is ending its site', async () => {
  const key = join(up.folder, 'other.pem')
  const taken = await up.run('publish', site, '--key', key, '--json')
  assert.equal(taken.code, 1)
  assert.equal(taken.lines.at(-1)?.code, 'name_taken')
  const ended = await up.run('unpublish', 'notes', '--yes', '--key', key, '--json')
  assert.equal(ended.code, 1)
  assert.equal(ended.lines.at(-1)?.code, 'not_the_uploader')
})

test("a site's state, with the sessions in it, is given to its uploader alone", async () => {
  const foreign = await up.run(
    'export',
    'notes',
    '--to',
    join(up.folder, 'foreign.car'),
    '--key',
    join(up.folder, 'other.pem'),
    '--json',
  )
  assert.equal(foreign.code, 1)
  assert.equal(foreign.lines.at(-1)?.code, 'not_the_uploader')
  const job = up.ready.sites.find(({ name }) => name === 'notes')?.job ?? (await jobOf('notes'))
  const [seeder] = up.ready.seeders
  const answer = await exchange(`${seeder?.http}/.well-known/interpeer/export/${job}`)
  assert.equal(answer.status, 403)
  assert.equal((JSON.parse(answer.body.toString()) as { code: string }).code, 'export_unsigned')
})

async function jobOf(name: string): Promise<string> {
  const { lines } = await up.run('status', name, '--json')
  const [job] = (lines[0]?.jobs ?? []) as { job: string }[]
  assert.ok(job !== undefined, `${name} is a job`)
  return job.job
}

test('F6 an exported site imported anew begins with the same data, and goes its own way', async () => {
  const file = join(up.folder, 'notes.car')
  const exported = await up.run('export', 'notes', '--to', file, '--json')
  assert.equal(exported.code, 0, JSON.stringify(exported.lines))
  const over = await up.run('import', file, '--name', 'notes', '--json')
  assert.equal(over.code, 1)
  assert.equal(over.lines.at(-1)?.code, 'site_exists', 'what a living site holds is not put back by an import')
  const imported = await up.run('import', file, '--name', 'copy', '--json')
  assert.equal(imported.code, 0, JSON.stringify(imported.lines))
  const rows = [{ id: 1, text: 'one', stars: 5 }]
  await shows('copy', { edition: 'first', notes: rows })
  assert.equal((await write('two', 'copy')).status, 200)
  await shows('copy', { edition: 'first', notes: [...rows, { id: 2, text: 'two', stars: 5 }] })
  await shows('notes', { edition: 'first', notes: rows })
  const damaged = readFileSync(file)
  damaged[damaged.length - 10] = (damaged.at(-10) ?? 0) ^ 1
  writeFileSync(file, damaged)
  assert.equal((await up.run('import', file, '--name', 'other')).code, 1)
})

test('F6 a site that an earlier version exported begins anew with its code, rows, values and files, and goes on', async () => {
  const kept = join(ROOT, 'test', 'vectors', 'site-1.car')
  const imported = await up.run('import', kept, '--name', 'older', '--json')
  assert.equal(imported.code, 0, JSON.stringify(imported.lines))
  const page = async () => JSON.parse((await follow(`${up.ready.gateway}/older/`)).body.toString()) as object
  const notes = ['one', 'two', 'three'].map((text, index) => ({ id: index + 1, text }))
  assert.deepEqual(await page(), { last: 'three', notes })
  assert.equal((await follow(`${up.ready.gateway}/older/asset.txt`)).body.toString(), 'an asset\n')
  assert.equal((await write('four', 'older')).status, 200)
  const more = { last: 'four', notes: [...notes, { id: 4, text: 'four' }] }
  await until('the write at each member', async () => isDeepStrictEqual(await page(), more))
})

test('F6 every template of init runs as it is', async () => {
  for (const template of ['hello', 'hono', 'files']) {
    const folder = join(up.folder, `t-${template}`)
    assert.equal((await up.run('init', folder, '--template', template)).code, 0)
    // What `npm install` would bring.
    if (existsSync(join(folder, 'package.json'))) symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const { code, lines } = await up.run('publish', folder, '--json')
    assert.equal(code, 0, JSON.stringify(lines))
    const page = await follow(`${up.ready.gateway}/t-${template}/`)
    assert.equal(page.status, 200)
    assert.match(page.body.toString(), new RegExp(`<h1>t-${template}</h1>`))
    const missing = await follow(`${up.ready.gateway}/t-${template}/no-such-page`)
    if (template !== 'hello') assert.equal(missing.status, 404)
  }
})

test('F6 unpublish asks for --yes, ends the site at the gateway, and frees its name', async () => {
  const unsure = await up.run('unpublish', 'notes', '--json')
  assert.equal(unsure.code, 1)
  assert.equal(unsure.lines[0]?.code, 'not_confirmed')
  const { code, lines } = await up.run('unpublish', 'notes', '--yes', '--json')
  assert.equal(code, 0, JSON.stringify(lines))
  const { lines: status } = await up.run('status', '--json')
  const { jobs } = status[0] as { jobs: { name: string }[] }
  assert.ok(!jobs.some((job) => job.name === 'notes'))
  assert.equal((await exchange(`${up.ready.gateway}/notes/`)).status, 410)
  const again = await up.run('publish', site, '--json')
  assert.equal(again.code, 0, JSON.stringify(again.lines))
  await shows('notes', { edition: 'third', notes: [] })
})
