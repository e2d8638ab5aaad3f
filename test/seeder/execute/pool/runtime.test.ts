// The pool with its real threads on a real store.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { type Cid, cidKey, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { createRuntime } from '#seeder/execute/pool/runtime.ts'
import type { BlockResult, Step } from '#seeder/execute/port.ts'
import type { Store } from '#seeder/store/port.ts'
import { openStore } from '#seeder/store/store.ts'
import {
  type Blocks,
  blockJob,
  JOB,
  publish,
  readJob,
  request,
  requestStep,
  textOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'
import { until } from '#test/support/until.ts'

const SCRIPT = `
  let seen = 0
  export default {
    async fetch(request, env) {
      const { pathname } = new URL(request.url)
      if (pathname === '/loop') for (;;);
      seen++
      return new Response(request.method + ' ' + pathname + ' ' + seen)
    },
  }
`

describe('the pool', () => {
  let directory: string
  let store: Store
  let root: Cid = EMPTY_DIRECTORY
  let height = 0

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'interpeer-runtime-'))
    store = openStore(join(directory, 'store'))
  })
  after(() => {
    store.close()
    rmSync(directory, { recursive: true })
  })

  const runtimeOf = (more: object = {}) =>
    createRuntime({ store: store.path, cacheDirectory: join(directory, 'cache'), workers: 1, ...more })

  async function execute(runtime: ReturnType<typeof runtimeOf>, ...steps: Step[]): Promise<BlockResult> {
    const result = await runtime.executeBlock(blockJob(root, ++height, steps))
    store.blocks.addTree(JOB, `test/${height}`, result.stateRoot, result.blocks)
    root = result.stateRoot
    return result
  }

  test('a block that is damaged on disk breaks the job that reads it, and is named', async () => {
    const made: Blocks = new Map()
    const codeRoot = publish(made, { script: `// damaged\n${SCRIPT}` })
    store.blocks.addTree(JOB, 'damaged', codeRoot, made.values())
    const script = [...made.values()].find(({ bytes }) => Buffer.from(bytes).toString().startsWith('// damaged'))
    assert.ok(script)
    const disk = new DatabaseSync(store.path)
    disk
      .prepare('UPDATE bodies SET bytes = zeroblob(length(bytes)) WHERE id = (SELECT id FROM blocks WHERE cid = ?)')
      .run(script.cid)
    disk.close()
    const damaged: Cid[] = []
    await using runtime = runtimeOf({ onDamaged: (cid: Cid) => damaged.push(cid) })
    await assert.rejects(runtime.executeBlock(blockJob(EMPTY_DIRECTORY, 1, [updateStep(1, codeRoot)])))
    assert.deepEqual(damaged.map(cidKey), [cidKey(script.cid)])
    store.blocks.releaseRoot(JOB, 'damaged')
  })

  test('publishes, writes and reads through a worker thread', async () => {
    await using runtime = runtimeOf()
    const made: Blocks = new Map()
    const codeRoot = publish(made, { script: SCRIPT })
    store.blocks.addTree(JOB, 'code', codeRoot, made.values())
    const updated = await execute(runtime, updateStep(1, codeRoot))
    assert.equal(updated.outcomes[0]?.response.status, 200)
    const written = await execute(runtime, requestStep(request('POST', '/a', 'x')))
    assert.equal(textOf(written.outcomes[0]?.response ?? { body: new Uint8Array() }), 'POST /a 1')
    const read = await runtime.executeRead(readJob(root, request('GET', '/b')))
    assert.equal(textOf(read.response), 'GET /b 1')
  })

  test('an empty block of a site without crons needs no thread', async () => {
    await using runtime = runtimeOf({ workerIdleMs: 1 })
    assert.equal(runtime.liveWorkers, 0)
    const first = await execute(runtime)
    assert.deepEqual(first.outcomes, [])
    await until('the idle thread ended', () => runtime.liveWorkers === 0)
    const again = await execute(runtime)
    assert.deepEqual(again.stateRoot, first.stateRoot)
    assert.equal(runtime.liveWorkers, 0)
  })

  test('a read over the time limit ends with its thread, and the next one gets a fresh thread', async () => {
    await using runtime = runtimeOf({ readWallMs: 1500 })
    const limits = { requestFuelMax: 2 ** 52, blockFuelMax: 2 ** 53, idempotencyMs: 1, responseBytesMax: 1000 }
    const stopped = runtime.executeRead(readJob(root, request('GET', '/loop'), { limits }))
    const next = runtime.executeRead(readJob(root, request('GET', '/c')))
    assert.equal((await stopped).failure, 'time')
    assert.equal(textOf((await next).response), 'GET /c 1')
  })

  test('more reads than the queue holds are refused, a block is not', async () => {
    await using runtime = runtimeOf({ readsWaitingMax: 2 })
    const reads = Array.from({ length: 4 }, () => runtime.executeRead(readJob(root, request('GET', '/d'))))
    const block = runtime.executeBlock(blockJob(root, height + 1, [requestStep(request('POST', '/e'))]))
    const settled = await Promise.allSettled(reads)
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    )
    assert.equal((await block).outcomes[0]?.response.status, 200)
  })

  test('a missing block rejects the job and leaves the thread usable', async () => {
    await using runtime = runtimeOf()
    const missing = Uint8Array.from(root)
    missing.fill(7, 10)
    await assert.rejects(runtime.executeRead(readJob(missing as Cid, request('GET', '/'))), { name: 'RuntimeBroken' })
    const read = await runtime.executeRead(readJob(root, request('GET', '/f')))
    assert.equal(textOf(read.response), 'GET /f 1')
  })
})
