// Blocks and reads on state trees, with the real engine, SQLite and guest library.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { BlockJob, BlockResult, Outcome, ReadResult, Step } from '#seeder/execute/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import {
  type Blocks,
  type Bundle,
  blockJob,
  bundled,
  hashOf,
  keep,
  LIMITS,
  publish,
  readJob,
  request,
  requestStep,
  sourceOf,
  TIME,
  textOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'

const engine = new Engine()
const sqlite = new SqliteBox()

/** One site's chain of blocks, executed one after the other. */
class Chain {
  readonly blocks: Blocks = new Map()
  readonly executor = new Executor(engine, sqlite, openStateTree, sourceOf(this.blocks))
  root: Cid = EMPTY_DIRECTORY
  height = 0

  run(...steps: Step[]): BlockResult {
    return this.runAt({}, ...steps)
  }

  runAt(more: Partial<BlockJob>, ...steps: Step[]): BlockResult {
    const { result } = this.executor.executeBlock(blockJob(this.root, ++this.height, steps, more))
    keep(this.blocks, result.blocks)
    this.root = result.stateRoot
    return result
  }

  publish(bundle: Bundle, sequence = this.height + 1): Outcome {
    return only(this.run(updateStep(sequence, publish(this.blocks, bundle))).outcomes)
  }

  write(target: string, body = ''): Outcome {
    return only(this.run(requestStep(request('POST', target, body))).outcomes)
  }

  read(target: string, method = 'GET'): ReadResult {
    return this.executor.executeRead(readJob(this.root, request(method, target)))
  }

  get rootText(): string {
    return textFromCid(this.root)
  }
}

function only<T>(items: readonly T[]): T {
  const [item] = items
  assert(item !== undefined && items.length === 1)
  return item
}

const GUESTBOOK = await bundled(`
  import { Hono } from 'hono'
  const app = new Hono()
  const add = (c, text) => c.env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind(text).run()
  app.get('/', async (c) => c.json((await c.env.DB.prepare('SELECT text FROM note ORDER BY id').all()).results.map((r) => r.text)))
  app.post('/note', async (c) => { await add(c, await c.req.text()); return c.redirect('/', 303) })
  app.post('/endless', async (c) => { await add(c, 'half'); for (;;); })
  app.post('/broken', async (c) => { await add(c, 'half'); throw new TypeError('no such thing') })
  app.post('/key', async (c) => { await add(c, 'keyed'); return c.text('done ' + Math.random()) })
  app.get('/time', (c) => c.text(String(Date.now())))
  app.get('/epoch', (c) => c.text(new Date(0).toISOString() + new Date(2020, 5, 1).getTimezoneOffset()))
  app.get('/sql-time', async (c) => c.json(await c.env.DB.prepare("SELECT datetime('now') AS now").first()))
  app.get('/chance', (c) => c.text(Math.random() + crypto.randomUUID()))
  app.get('/write', async (c) => { await add(c, 'by a read'); return c.text('written') })
  app.onError((error) => { throw error })
  export default {
    fetch: app.fetch,
    async scheduled(event, env, context) {
      context.waitUntil(env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind(event.cron + ' ' + event.scheduledTime).run())
    },
  }
`)
const BUNDLE: Bundle = {
  ...GUESTBOOK,
  manifest: { databases: [{ binding: 'DB', migrations: ['0001_note.sql'] }] },
  migrations: { 'DB/0001_note.sql': 'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)' },
}

function published(bundle: Bundle = BUNDLE): Chain {
  const chain = new Chain()
  assert.equal(chain.publish(bundle).response.status, 200)
  return chain
}

test('F48 a site that asked for a strict content policy has it on every answer, beside what its script says', () => {
  const strict = published({ ...BUNDLE, manifest: { ...BUNDLE.manifest, csp: 'strict' } })
  for (const { headers } of [strict.read('/time').response, strict.write('/note', 'x').response]) {
    const policies = headers.filter(([name]) => name === 'content-security-policy')
    assert.equal(policies.length, 1)
    assert.match(policies[0]?.[1] ?? '', /^default-src 'self'; /)
  }
  assert.ok(
    !published()
      .read('/time')
      .response.headers.some(([name]) => name === 'content-security-policy'),
  )
})

describe('requests', () => {
  test('what one request wrote is there for the next', () => {
    const chain = published()
    assert.equal(chain.write('/note', 'hello').response.status, 303)
    chain.write('/note', 'world')
    assert.equal(textOf(chain.read('/').response), '["hello","world"]')
  })

  test('requests of one block run in their order', () => {
    const chain = published()
    const notes = ['a', 'b', 'c'].map((text) => requestStep(request('POST', '/note', text)))
    assert.equal(chain.run(...notes).outcomes.length, 3)
    assert.equal(textOf(chain.read('/').response), '["a","b","c"]')
  })

  for (const [target, failure, status] of [
    ['/endless', 'fuel', 503],
    ['/broken', 'exception', 502],
  ] as const) {
    test(`a request that ends with "${failure}" leaves no trace in the state`, () => {
      const [chain, other] = [published(), published()]
      const { response, fuel, ...outcome } = chain.write(target)
      other.run()
      assert.deepEqual(outcome, { failure })
      assert.equal(response.status, status)
      assert(!textOf(response).includes('no such thing'))
      assert(failure !== 'fuel' || fuel === LIMITS.requestFuelMax)
      assert.equal(chain.rootText, other.rootText)
      chain.write('/note', 'after')
      other.write('/note', 'after')
      assert.equal(chain.rootText, other.rootText)
    })
  }

  test('an error is in the log with the author’s own file and line', () => {
    const chain = published()
    const { logs } = chain.run(requestStep(request('POST', '/broken')))
    assert.match(only(logs).text, /TypeError: no such thing\n\s+at .*src\/index\.ts:8:\d+/)
  })

  test('a site without script has no pages', () => {
    const chain = published({})
    assert.equal(chain.read('/').failure, 'no_script')
    assert.equal(chain.read('/').response.status, 404)
  })

  test('before its first update a site has no pages either', () => {
    assert.equal(new Chain().read('/').response.status, 404)
  })
})

describe('reads', () => {
  test('note what they asked for: the present, chance, or neither', () => {
    const chain = published()
    const asked = (target: string) => chain.read(target).asked
    assert.deepEqual(asked('/'), { time: false, chance: false })
    assert.deepEqual(asked('/epoch'), { time: false, chance: false })
    assert.deepEqual(asked('/time'), { time: true, chance: false })
    assert.deepEqual(asked('/sql-time'), { time: true, chance: false })
    assert.deepEqual(asked('/chance'), { time: false, chance: true })
  })

  test('see the block’s time and UTC', () => {
    const chain = published()
    assert.equal(textOf(chain.read('/time').response), String(TIME))
    assert.equal(textOf(chain.read('/epoch').response), '1970-01-01T00:00:00.000Z0')
  })

  test('have the chance of their nonce', () => {
    const chain = published()
    const roll = (nonce: string) =>
      textOf(
        chain.executor.executeRead(readJob(chain.root, request('GET', '/chance'), { nonce: hashOf(nonce) })).response,
      )
    assert.equal(roll('one'), roll('one'))
    assert.notEqual(roll('one'), roll('two'))
  })

  test('that write are stopped, say so, and change nothing', () => {
    const chain = published()
    const read = chain.read('/write')
    assert.equal(read.wrote, true)
    assert.equal(textOf(chain.read('/').response), '[]')
    assert.equal(only(chain.run(requestStep(request('GET', '/write'))).outcomes).response.status, 200)
    assert.equal(textOf(chain.read('/').response), '["by a read"]')
  })

  test('that write only to a volatile place are answered, and change nothing', () => {
    const chain = published({ ...BUNDLE, manifest: { ...BUNDLE.manifest, volatile: ['db/DB'] } })
    const before = chain.rootText
    const read = chain.read('/write')
    assert.deepEqual([read.wrote, textOf(read.response)], [false, 'written'])
    assert.equal(textOf(chain.read('/').response), '[]')
    chain.run()
    assert.equal(chain.rootText, before)
  })

  test('of an older state see that state', () => {
    const chain = published()
    chain.write('/note', 'first')
    const { root } = chain
    chain.write('/note', 'second')
    assert.equal(textOf(chain.executor.executeRead(readJob(root, request('GET', '/'))).response), '["first"]')
    assert.equal(textOf(chain.read('/').response), '["first","second"]')
  })
})

describe('R9 idempotency', () => {
  const keyed = (body: string) =>
    requestStep(request('POST', '/key', body), { key: hashOf('key'), bodyHash: hashOf(body) })

  test('the same key with the same body runs once and answers the same', () => {
    const chain = published()
    const first = only(chain.run(keyed('x')).outcomes)
    const again = only(chain.run(keyed('x')).outcomes)
    assert.deepEqual(again, { response: { ...first.response }, fuel: 0, repeated: true })
    assert.equal(textOf(chain.read('/').response), '["keyed"]')
  })

  test('twice in one block counts as well', () => {
    const chain = published()
    const [first, second] = chain.run(keyed('x'), keyed('x')).outcomes
    assert.deepEqual(second?.response.body, first?.response.body)
    assert.equal(second?.repeated, true)
  })

  test('the same key with another body is refused', () => {
    const chain = published()
    chain.run(keyed('x'))
    assert.equal(only(chain.run(keyed('y')).outcomes).response.status, 422)
    assert.equal(textOf(chain.read('/').response), '["keyed"]')
  })

  test('a key is free again after its interval', () => {
    const chain = published()
    chain.run(keyed('x'))
    const later = chain.runAt({ time: TIME + 2000 + LIMITS.idempotencyMs }, keyed('x'))
    assert.equal(only(later.outcomes).repeated, undefined)
  })

  test('a failed request may be tried again under its key', () => {
    const chain = published()
    const step = () => requestStep(request('POST', '/broken'), { key: hashOf('k'), bodyHash: hashOf('') })
    assert.equal(only(chain.run(step()).outcomes).failure, 'exception')
    assert.equal(only(chain.run(step()).outcomes).failure, 'exception')
  })
})

describe('updates', () => {
  test('a bundle is read through once, however often its update is begun anew', () => {
    const blocks: Blocks = new Map()
    const source = sourceOf(blocks)
    const text = 'x'.repeat(4_000)
    let reads = 0
    const counting = (cid: Cid): Uint8Array | undefined => {
      const bytes = source(cid)
      if (bytes?.length === text.length) reads++
      return bytes
    }
    const executor = new Executor(engine, sqlite, openStateTree, counting)
    const codeRoot = publish(blocks, { script: 'export default {}', assets: { '/a.txt': text } })
    const begin = (turn: number): void => {
      const job = blockJob(EMPTY_DIRECTORY, 1, [updateStep(1, codeRoot)], { time: TIME + turn })
      assert.equal(only(executor.executeBlock(job).result.outcomes).response.status, 200)
    }
    begin(1)
    const first = reads
    assert.ok(first > 0)
    for (const turn of [2, 3]) begin(turn)
    assert.equal(reads, first)
  })

  test('migrations run once, in the order of their names', () => {
    const chain = published()
    chain.write('/note', 'kept')
    const second = {
      ...BUNDLE,
      manifest: { databases: [{ binding: 'DB', migrations: ['0001_note.sql', '0002_author.sql'] }] },
      migrations: { ...BUNDLE.migrations, 'DB/0002_author.sql': 'ALTER TABLE note ADD COLUMN author TEXT' },
    }
    const answer = JSON.parse(textOf(chain.publish(second).response))
    assert.deepEqual(answer.migrations, ['DB/0002_author.sql'])
    assert.equal(textOf(chain.read('/').response), '["kept"]')
  })

  test('a failing migration undoes the whole update and says why', () => {
    const chain = published()
    chain.write('/note', 'kept')
    const before = chain.rootText
    const outcome = chain.publish({
      ...BUNDLE,
      script: 'export default { fetch: () => new Response("new") }',
      manifest: { databases: [{ binding: 'DB', migrations: ['0001_note.sql', '0002_bad.sql'] }] },
      migrations: {
        ...BUNDLE.migrations,
        'DB/0002_bad.sql': 'CREATE TABLE fine(x); ALTER TABLE absent ADD COLUMN x',
      },
    })
    assert.equal(outcome.response.status, 409)
    assert.match(textOf(outcome.response), /no such table: absent/)
    assert.equal(chain.rootText, before)
    assert.equal(textOf(chain.read('/').response), '["kept"]')
  })

  test('a script that does not start is refused, the old one goes on', () => {
    const chain = published()
    const outcome = chain.publish({ ...BUNDLE, script: 'throw new Error("at the top")' })
    assert.equal(outcome.response.status, 409)
    assert.match(textOf(outcome.response), /at the top/)
    assert.equal(chain.read('/').response.status, 200)
  })

  test('an older or repeated sequence is refused', () => {
    const chain = published()
    assert.equal(chain.publish(BUNDLE, 7).response.status, 200)
    for (const sequence of [7, 3]) assert.equal(chain.publish(BUNDLE, sequence).failure, 'update_sequence')
  })

  test('a bundle without a valid manifest is refused', () => {
    const chain = published()
    const name = 'Not A Name'
    assert.equal(chain.publish({ ...BUNDLE, manifest: { ...BUNDLE.manifest, name } }).failure, 'manifest_field')
  })
})

describe('crons', () => {
  const bundle = { ...BUNDLE, manifest: { ...BUNDLE.manifest, crons: ['*/5 * * * *'] } }
  const minute = 60_000

  test('run before the block’s requests, once when due, with the tick’s time', () => {
    const chain = published(bundle)
    const start = Math.ceil(TIME / (5 * minute)) * 5 * minute
    chain.runAt({ time: start - 1000 })
    chain.runAt({ time: start + 400 }, requestStep(request('POST', '/note', 'request')))
    chain.runAt({ time: start + 900 })
    assert.equal(textOf(chain.read('/').response), `["*/5 * * * * ${start}","request"]`)
  })

  test('several missed ticks run once, for the newest', () => {
    const chain = published(bundle)
    const start = Math.ceil(TIME / (5 * minute)) * 5 * minute
    chain.runAt({ time: start - 1000 })
    chain.runAt({ time: start + 21 * minute })
    assert.equal(textOf(chain.read('/').response), `["*/5 * * * * ${start + 20 * minute}"]`)
  })
})

test('crons that use up their fuel take turns, and leave the block’s requests theirs', async () => {
  const limits = { ...LIMITS, requestFuelMax: 50_000_000 }
  const crons = ['* * * * *', '*/1 * * * *']
  const chain = published({
    ...BUNDLE,
    script:
      'export default { fetch: () => new Response("fine"), scheduled(event) { console.log(event.cron); for (;;); } }',
    manifest: { ...BUNDLE.manifest, crons },
  })
  chain.run()
  const ran = [1, 2, 3, 4].map((minute) => {
    const step = requestStep(request('POST', '/'))
    const { outcomes, logs } = chain.runAt({ time: TIME + 100_000 * minute, limits }, step)
    assert.equal(textOf(only(outcomes).response), 'fine')
    return logs.filter(({ level }) => level !== 'error').map(({ text }) => text)
  })
  assert.deepEqual(new Set(ran.flat()), new Set(crons))
  assert(ran.every((texts) => texts.length === 1))
})

test('a member that opens the state from its blocks alone gets the same results', () => {
  const chain = published()
  chain.write('/note', 'before')
  const joined = new Chain()
  keep(joined.blocks, chain.blocks.values())
  joined.root = chain.root
  joined.height = chain.height
  const step = requestStep(request('POST', '/key', 'x'))
  const [ours, theirs] = [chain.run(step), joined.run(step)]
  assert.deepEqual(ours.outcomes, theirs.outcomes)
  assert.equal(chain.rootText, joined.rootText)
})

test('R8 a block ends before the request that its fuel might not reach, and is the block of those that ran', () => {
  const script = 'export default { fetch: () => { let n = 0; while (n < 2e5) n++; return new Response("ran") } }'
  const chain = published({ ...BUNDLE, script })
  const root = chain.root
  const steps = ['/1', '/2', '/3', '/4'].map((target) => requestStep(request('POST', target)))
  const one = only(chain.run(...steps.slice(0, 1)).outcomes).fuel
  const run = (blockFuelMax: number, given = steps) => {
    const job = blockJob(root, 9, given, { limits: { ...LIMITS, requestFuelMax: 2 * one, blockFuelMax } })
    return chain.executor.executeBlock(job).result
  }
  assert.equal(run(2 * one).outcomes.length, 1, 'the first always runs')
  assert.equal(run(3 * one - 1).outcomes.length, 1)
  assert.equal(run(4 * one).outcomes.length, 3)
  assert.equal(run(8 * one).outcomes.length, 4)
  const cut = run(4 * one)
  assert.deepEqual(cut.outcomes, run(4 * one, steps.slice(0, 3)).outcomes)
  assert.equal(textFromCid(cut.stateRoot), textFromCid(run(4 * one, steps.slice(0, 3)).stateRoot))
})
