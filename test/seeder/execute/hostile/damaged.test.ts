// Databases with flipped bytes, brought as a first state: SQLite may refuse them, crons and agreed answers may be impossible, but
// every block has a result, equal on a member that knows nothing yet.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { BlockJob, Step } from '#seeder/execute/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import { shownResult } from '#test/seeder/execute/hostile/hosted.ts'
import {
  type Blocks,
  type Bundle,
  blockJob,
  hashOf,
  keep,
  LIMITS,
  publish,
  request,
  requestStep,
  sourceOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'

const engine = new Engine()
const sqlite = new SqliteBox()
const RUNS = 60
const limits = { ...LIMITS, requestFuelMax: 300_000_000 }

const BUNDLE: Bundle = {
  script: `export default {
    async fetch(request, env) {
      const said = []
      for (const work of [
        () => env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind('x'.repeat(300)).run(),
        () => env.DB.prepare('SELECT * FROM note ORDER BY text').all(),
        () => env.KV.put('k', 'v', { metadata: { a: 1 } }),
        () => env.KV.list(),
        () => env.KV.get('k'),
        () => env.FILES.put('f', 'content'),
        () => env.FILES.list(),
        () => env.FILES.delete('f'),
      ]) {
        try { said.push(JSON.stringify(await work())) } catch (error) { said.push(String(error)) }
      }
      return new Response(said.join())
    },
    async scheduled(event, env) { await env.KV.put('cron', 'x') },
  }`,
  manifest: {
    databases: [{ binding: 'DB', migrations: ['0001.sql'] }],
    kv: ['KV'],
    files: ['FILES'],
    crons: ['* * * * *'],
  },
  migrations: { 'DB/0001.sql': 'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX t ON note(text);' },
}

const key = { key: hashOf('key'), bodyHash: hashOf('body') }
const steps = (): Step[] => [
  requestStep(request('POST', '/', 'a'), key),
  requestStep(request('POST', '/', 'b')),
  requestStep(request('POST', '/', 'c'), { key: hashOf('another'), bodyHash: hashOf('body') }),
]

/** Two databases that have seen everything. */
function healthy(): Readonly<Record<'app/data/db/DB.sqlite' | 'app/data/system.sqlite', Uint8Array>> {
  const blocks: Blocks = new Map()
  const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  let root = EMPTY_DIRECTORY
  for (const [height, all] of [[updateStep(1, publish(blocks, BUNDLE))], steps(), steps(), []].entries()) {
    const { result } = executor.executeBlock(blockJob(root, height + 1, all, { limits, time: at(height + 1) }))
    keep(blocks, result.blocks)
    root = result.stateRoot
  }
  const tree = openStateTree(root, sourceOf(blocks))
  const [db, system] = [tree.read('db/DB.sqlite'), tree.read('system.sqlite')]
  assert(db !== undefined && system !== undefined)
  return { 'app/data/db/DB.sqlite': db, 'app/data/system.sqlite': system }
}

function at(height: number): number {
  return 1_700_000_000_000 + height * 70_000
}

const sound = healthy()

/** Where bytes matter: headers of the file and of its pages, else anywhere. */
const flip = fc.record({
  file: fc.constantFrom('app/data/db/DB.sqlite' as const, 'app/data/system.sqlite' as const),
  page: fc.nat(11),
  offset: fc.oneof(fc.nat(120), fc.nat(4_095), fc.nat(4_095)),
  value: fc.nat(255),
})

test('whatever bytes are wrong, blocks have results', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 12 }), fc.nat(3), (flips, cut) => {
      const files = { ...sound }
      for (const { file, page, offset, value } of flips) {
        files[file] = files[file].slice()
        const position = (page * 4_096 + offset) % files[file].length
        files[file][position] = value
      }
      if (cut === 3) files['app/data/system.sqlite'] = files['app/data/system.sqlite'].slice(0, 9_000)
      const blocks: Blocks = new Map()
      const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
      let root = EMPTY_DIRECTORY
      for (const [height, all] of [[updateStep(1, publish(blocks, { ...BUNDLE, files }))], steps(), []].entries()) {
        const job: BlockJob = blockJob(root, height + 1, all, { limits, time: at(height + 5) })
        const { result } = executor.executeBlock(job)
        const again = new Executor(engine, sqlite, openStateTree, sourceOf(blocks)).executeBlock(job)
        assert.deepEqual(shownResult(again.result), shownResult(result))
        keep(blocks, result.blocks)
        root = result.stateRoot
      }
    }),
    { numRuns: RUNS },
  )
})
