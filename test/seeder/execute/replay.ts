// Replays one log of requests and prints what must be equal everywhere: state roots, fuel, hashes of answers, the image.
//
//   node test/seeder/execute/replay.ts [--before N]
//
// `--before N`: N other requests run first in the same instance. One line of JSON a block; compare the output of two runs.

import { hash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { isMainThread, Worker } from 'node:worker_threads'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { Step } from '#seeder/execute/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import {
  type Blocks,
  type Bundle,
  blockJob,
  hashOf,
  keep,
  publish,
  readJob,
  request,
  requestStep,
  sourceOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'

const SCRIPT = `
const routes = {
  async '/note'(request, env) {
    await env.DB.prepare('INSERT INTO note(text, at, dice) VALUES(?, ?, ?)').bind(await request.text(), new Date().toString(), Math.random()).run()
    await env.KV.put('last', String(Date.now()), { expirationTtl: 600 })
    await env.FILES.put('notes/' + crypto.randomUUID(), new Uint8Array(20000).map((_, i) => i * 7))
    return new Response(null, { status: 303, headers: { location: '/' } })
  },
  async '/'(request, env) {
    const rows = await env.DB.prepare("SELECT *, datetime(?1, 'unixepoch', 'localtime') AS shown, random() % 7 AS r, hex(randomblob(4)) AS b FROM note ORDER BY text COLLATE NOCASE").bind(86400).all()
    return Response.json({ rows: rows.results, last: await env.KV.get('last'), files: (await env.FILES.list()).objects.map((o) => o.key) })
  },
  async '/numbers'() {
    const out = []
    for (const f of ['sin', 'cos', 'tan', 'exp', 'log', 'atan', 'cbrt', 'sinh', 'expm1', 'log1p']) for (const x of [0.1, 1, 3.7, 1e5, -2.5]) out.push(Math[f](x))
    const view = new DataView(new ArrayBuffer(16))
    for (const nan of [0 / 0, -(0 / 0), Math.sqrt(-1), Infinity - Infinity, NaN]) { view.setFloat64(0, nan); out.push(view.getBigUint64(0).toString(16)); view.setFloat32(8, nan); out.push(view.getUint32(8)) }
    out.push(0.1 + 0.2, (1e21).toString(), (123.456).toFixed(10), 5e-324, 2 ** 0.5, 7 ** 77n.toString().length)
    return Response.json(out)
  },
  async '/words'(request) {
    const words = ['Zebra', 'äpfel', 'Öl', 'zoo', 'été', 'İstanbul', 'ß', '日本', '😀']
    return Response.json([words.sort(), words.map((w) => w.normalize('NFD').length), words.map((w) => w.toLocaleUpperCase()), words.toString().localeCompare('z'), new Date(1e12).toLocaleString(), (12345.678).toLocaleString(), typeof Intl, new Date(2021, 6, 4, 3).toString(), new Date('2021-07-04T03:00').getTime(), new Date(1e12).getTimezoneOffset()])
  },
  async '/sums'() {
    const map = new Map(), text = 'the quick brown fox jumps over the lazy dog '.repeat(20)
    for (const word of text.match(/\\w+/g)) map.set(word, (map.get(word) ?? 0) + 1)
    const sorted = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009).sort((a, b) => a - b)
    let weak = 0
    for (let i = 0; i < 1000; i++) { const o = { i }; new WeakRef(o); weak += o.i }
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
    return Response.json([[...map], sorted[77], weak, (3n ** 500n).toString(36), [...digest]])
  },
  async '/fuel'() { for (;;); },
  async '/memory'() { const a = []; for (;;) a.push(new Uint8Array(1e6)) },
  async '/depth'() { const f = () => [1].map(f); f() },
  async '/error'() { null.x },
}
export default {
  fetch: (request, env) => (routes[new URL(request.url).pathname] ?? (() => new Response('none', { status: 404 })))(request, env),
  async scheduled(event, env) { await env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind('cron ' + event.scheduledTime).run() },
}`

const BUNDLE: Bundle = {
  script: SCRIPT,
  manifest: {
    databases: [{ binding: 'DB', migrations: ['0001_note.sql'] }],
    kv: ['KV'],
    files: ['FILES'],
    crons: ['* * * * *'],
  },
  migrations: {
    'DB/0001_note.sql':
      'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT, at TEXT, dice REAL); CREATE INDEX by_text ON note(text);',
  },
}

const PATHS = ['/numbers', '/words', '/sums', '/', '/fuel', '/memory', '/depth', '/error', '/nowhere']
const ROUNDS = 4

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
const shown = (bytes: Uint8Array): string => hash('sha256', bytes).slice(0, 16)

let engine: Engine
let sqlite: SqliteBox

function disturb(count: number): void {
  const blocks: Blocks = new Map()
  const script =
    'let n = 0; export default { fetch: () => new Response(String(n++) + Math.random() + [].concat(...Array(99))) }'
  const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  const { result } = executor.executeBlock(blockJob(EMPTY_DIRECTORY, 1, [updateStep(1, publish(blocks, { script }))]))
  keep(blocks, result.blocks)
  for (let index = 0; index < count; index++)
    executor.executeRead(readJob(result.stateRoot, request('GET', `/${index}`)))
}

function replay(): void {
  const blocks: Blocks = new Map()
  const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  let root: Cid = EMPTY_DIRECTORY
  let height = 0
  const limits = {
    requestFuelMax: 100_000_000,
    blockFuelMax: 2 ** 53,
    idempotencyMs: 600_000,
    responseBytesMax: 8 * 2 ** 20,
  }
  const run = (...steps: Step[]): void => {
    const job = blockJob(root, ++height, steps, { time: 1_700_000_000_000 + height * 40_000, limits })
    const { result } = executor.executeBlock(job)
    keep(blocks, result.blocks)
    root = result.stateRoot
    const outcomes = result.outcomes.map(({ response, fuel, failure }) => [
      ...[response.status, fuel, failure ?? null, shown(response.body), JSON.stringify(response.headers)],
    ])
    say({ height, root: textFromCid(root), outcomes, logs: shown(Buffer.from(JSON.stringify(result.logs))) })
  }
  run(updateStep(1, publish(blocks, BUNDLE)))
  for (let round = 0; round < ROUNDS; round++) {
    const key = { key: hashOf(`key ${round % 2}`), bodyHash: hashOf('same') }
    run(requestStep(request('POST', '/note', `note ${round}`)), requestStep(request('POST', '/note', 'again'), key))
    run(...PATHS.map((path) => requestStep(request('POST', path))))
    for (const path of PATHS) {
      const read = executor.executeRead(readJob(root, request('GET', path), { limits }))
      say({ path, fuel: read.fuel, asked: read.asked, wrote: read.wrote, body: shown(read.response.body) })
    }
  }
}

function main(): void {
  const { values } = parseArgs({ options: { before: { type: 'string', default: '0' } } })
  engine = new Engine()
  sqlite = new SqliteBox()
  disturb(Number(values.before))
  say({ engine: hexFromBytes(engine.digest) })
  replay()
}

if (isMainThread) {
  // The native stack that the pool gives its threads.
  new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), resourceLimits: { stackSizeMb: 64 } })
} else main()
