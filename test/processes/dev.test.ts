// `interpeer dev` on a real folder: live on save, the old code after a mistake, a liar caught, and an end.

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { interpeer, type Running, startCommand } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

const SAVED_MS = 20_000

type Ready = {
  readonly url: string
  readonly network: string
  readonly replicas: readonly { readonly url: string; readonly peer: string }[]
}

let folder: string
let script: string
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dev-'))
  script = join(folder, 'site', 'src', 'site.ts')
  assert.equal((await interpeer(['init', join(folder, 'site')])).code, 0)
})
after(() => rmSync(folder, { recursive: true, force: true }))

async function text(url: string): Promise<string> {
  const answer = await exchange(url)
  assert.equal(answer.status, 200, `${answer.body}${errorsLogged()}`)
  return answer.body.toString()
}

/** What the replicas said was wrong. */
function errorsLogged(): string {
  const log = readFileSync(join(folder, 'site', '.interpeer', 'dev', 'log'), 'utf8')
  return log
    .split('\n')
    .filter((line) => line.includes('"level":"error"'))
    .join('\n')
}

function change(from: string, to: string): void {
  const before = readFileSync(script, 'utf8')
  assert.ok(before.includes(from))
  writeFileSync(script, before.replace(from, to))
}

async function interrupted(running: Running): Promise<void> {
  running.kill('SIGINT')
  assert.equal(await running.exited, 130)
}

test('F31 dev: four replicas serve the folder, a save goes live on all of them, a mistake leaves what was live', async () => {
  await using dev = startCommand(['dev', 'site', '--port', '0'], { cwd: folder })
  const ready = await dev.event<Ready>('ready')
  assert.equal(ready.replicas.length, 4)
  assert.equal(ready.url, ready.replicas[0]?.url)
  assert.match(ready.url, /^http:\/\/site\.s1\.localhost:\d+\/$/)
  for (const { url } of ready.replicas) assert.match(await text(url), /Pressed 0 times/)
  assert.equal((await exchange(ready.url, { method: 'POST' })).status, 303)

  change('<h1>site</h1>', '<h1>changed</h1>')
  change("if (request.method === 'POST') {", "if (request.method === 'POST') {\n      console.log('pressed')")
  for (const { url } of ready.replicas)
    await until('the change', async () => /<h1>changed<\/h1>\s+<p>Pressed 1 times/.test(await text(url)), SAVED_MS)

  assert.equal((await exchange(ready.url, { method: 'POST' })).status, 303)
  await dev.event<{ text: string }>('log', (line) => line.text === 'pressed')

  change('async fetch(', 'async fetch((')
  const refused = await dev.event<{ issues: { file: string; line: number }[] }>('refused', undefined, SAVED_MS)
  assert.equal(refused.issues[0]?.file, join('site', 'src', 'site.ts'))
  assert.equal(refused.issues[0]?.line, 18)
  assert.match(await text(ready.url), /<h1>changed<\/h1>/)
  change('async fetch((', 'async fetch(')

  writeFileSync(join(folder, 'site', 'migrations', '0002_wrong.sql'), 'CREATE TABLE counter (a);')
  const failed = await dev.event<{ code: string; message: string }>(
    'refused',
    ({ code }) => code === 'migration_failed',
    SAVED_MS,
  )
  assert.match(failed.message, /migration DB\/0002_wrong\.sql failed: table counter already exists/)
  writeFileSync(join(folder, 'site', 'migrations', '0002_wrong.sql'), 'CREATE TABLE more (a);')
  await dev.event<{ migrations: string[] }>('published', ({ migrations }) => migrations[0] === 'DB/0002_wrong.sql')
  await interrupted(dev)
  assert.equal(dev.events.filter(({ event, text }) => event === 'log' && text === 'pressed').length, 1, 'said once')
})

test('F31 dev again: the same address and the data of before', async () => {
  await using dev = startCommand(['dev', 'site'], { cwd: folder })
  const ready = await dev.event<Ready>('ready')
  assert.match(await text(ready.url), /Pressed 2 times/)
  const second = await interpeer(['dev', 'site', '--json'], { cwd: folder })
  assert.equal(second.code, 1)
  assert.equal(second.lines[0]?.code, 'in_use')
  await interrupted(dev)
})

test('F31 dev --byzantine wrong-result: the liar is caught, the site goes on, and its own answers are refused', async () => {
  await using dev = startCommand(['dev', 'site', '--byzantine', 'wrong-result'], { cwd: folder })
  const ready = await dev.event<Ready>('ready')
  assert.equal((await exchange(ready.url, { method: 'POST' })).status, 303)
  const evidence = await dev.event<{ kind: string; replica: number; accused: string; file: string }>('evidence')
  assert.equal(evidence.kind, 'wrong_result')
  assert.equal(evidence.replica, 4)
  assert.equal(evidence.accused, ready.replicas[3]?.peer)
  assert.ok(readFileSync(evidence.file).length > 100)
  const verdict = await dev.event<{ replica: number; valid: boolean }>('verdict', ({ valid }) => !valid)
  assert.equal(verdict.replica, 4)
  assert.match(await text(ready.replicas[1]?.url ?? ''), /Pressed 3 times/)
  assert.ok(dev.events.every(({ event, replica }) => event !== 'evidence' || replica === 4))
  const status = await interpeer(['status', '--network', ready.network, '--json'])
  const { jobs } = status.lines[0] as { jobs: { evidence: { kind: string; accused: string; hash: string }[] }[] }
  const accused = new Set(jobs[0]?.evidence.map((each) => each.accused))
  assert.deepEqual([...accused], [evidence.accused], 'what the liar says of the honest is not believed')
  await interrupted(dev)
})

test('F31 dev waits for a folder that does not bundle yet', async () => {
  appendFileSync(script, '\nexport const = 1\n')
  await using dev = startCommand(['dev', 'site', '--fresh'], { cwd: folder })
  await dev.event('refused')
  change('\nexport const = 1\n', '')
  const ready = await dev.event<Ready>('ready')
  assert.match(await text(ready.url), /Pressed 0 times/)
  await interrupted(dev)
})
