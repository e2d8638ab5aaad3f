import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '#protocol/codec/digest.ts'
import { cidKey, textFromCid } from '#protocol/content/cid.ts'
import { walk } from '#protocol/content/walk.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { openReader } from '#seeder/store/reader.ts'
import { EVIDENCE_PER_KIND_MAX, LOG_LINES_PER_JOB_MAX } from '#seeder/store/records.ts'
import { SCHEMA_VERSION } from '#seeder/store/schema.ts'
import { openStore, PRUNED_PER_CALL_MAX } from '#seeder/store/store.ts'
import { teachSums } from '#seeder/store/sums.ts'
import {
  bytesOf,
  heightOf,
  isWhole,
  JOB,
  OTHER_JOB,
  siteOn,
  temporaryDirectory,
  treeOf,
  wrongCounts,
} from '#test/seeder/store/fixture.ts'

const CHUNK = 16_384

test('a committed height is there after closing and opening: certificate, requests, votes and the whole tree', () => {
  using directory = temporaryDirectory()
  const votes = bytesOf(99, 1)
  {
    using store = openStore(directory.path)
    const site = siteOn(store)
    site.tree.write('db/main.sqlite', bytesOf(70 * CHUNK, 1))
    site.commit(1, { votes })
    site.tree.open('db/main.sqlite')?.write(5, bytesOf(10, 2))
    site.commit(2, { releaseStates: [1] })
  }
  using store = openStore(directory.path)
  const head = store.certified.head(JOB)
  assert.ok(head !== undefined)
  assert.deepEqual(head, heightOf(2, head.stateRoot))
  assert.ok(isWhole(store, head.stateRoot))
  assert.deepEqual(store.votes.load(JOB), { ok: true, value: votes })
  assert.equal(store.certified.at(JOB, 1)?.height, 1)
  assert.deepEqual(Array.from(store.blocks.roots(JOB).keys()), ['state/2'])
  const first = store.certified.at(JOB, 1)
  assert.ok(first !== undefined && store.blocks.get(first.stateRoot) === undefined)
  assert.deepEqual(store.verify({ head: () => true, votes: () => true }), [])
})

test('a height that does not follow the head, or whose tree lacks a block, changes nothing', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ a: bytesOf(CHUNK * 3, 1), b: bytesOf(10, 2) })
  assert.throws(() => store.commitHeight({ job: JOB, ...heightOf(1, root), blocks: blocks.slice(1) }))
  assert.equal(store.stats().blocks, 0)
  store.commitHeight({ job: JOB, ...heightOf(1, root), blocks })
  assert.throws(() => store.commitHeight({ job: JOB, ...heightOf(3, root), blocks: [] }))
  assert.equal(store.certified.head(JOB)?.height, 1)
  store.commitHeight({ job: JOB, ...heightOf(9, root), blocks: [], snapshot: true })
  assert.equal(store.certified.head(JOB)?.height, 9)
})

test('what one transaction wrote is gone when it throws, and what an inner one wrote when only that one throws', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ a: bytesOf(10, 1) })
  assert.throws(() =>
    store.transact(() => {
      store.settings.set('k', Uint8Array.of(1))
      store.blocks.addTree(JOB, 'code', root, blocks)
      throw new Error('no')
    }),
  )
  assert.equal(store.settings.get('k'), undefined)
  assert.equal(store.blocks.has(root), false)
  store.transact(() => {
    store.settings.set('k', Uint8Array.of(2))
    assert.throws(() => store.commitHeight({ job: JOB, ...heightOf(1, root), blocks: [] }))
  })
  assert.deepEqual(store.settings.get('k'), Uint8Array.of(2))
  assert.equal(store.stats().missing, 0)
  assert.equal(store.certified.head(JOB), undefined)
})

test('a tree arrives from its root down: only what is wanted is taken, and a new start goes on where it stopped', () => {
  using directory = temporaryDirectory()
  const { root, blocks } = treeOf({ 'a/b': bytesOf(CHUNK * 100, 1), c: bytesOf(10, 2) })
  const byCid = new Map(blocks.map((block) => [cidKey(block.cid), block]))
  const stranger = treeOf({ x: bytesOf(20, 3) })
  let arrived = 0
  for (let round = 0; arrived < blocks.length; round++) {
    assert.ok(round < 50)
    using store = openStore(directory.path)
    store.blocks.addRoot(JOB, 'sync', root)
    const walk = store.blocks.missing(root)
    for (let batch = 0; batch < 2; batch++) {
      const wanted = walk.next(10).flatMap((cid) => byCid.get(cidKey(cid)) ?? [])
      const put = store.blocks.put(wanted)
      assert.ok(put.ok)
      arrived += put.value
    }
    const [first] = stranger.blocks
    assert.ok(first !== undefined)
    assert.deepEqual(store.blocks.put([first]), { ok: false, error: { code: 'block_unwanted', cid: first.cid } })
    const [next] = store.blocks.missing(root).next(1)
    if (next !== undefined) {
      const lie = { cid: next, bytes: bytesOf(9, 9) }
      assert.deepEqual(store.blocks.put([lie]), { ok: false, error: { code: 'block_invalid', cid: next } })
    }
  }
  using store = openStore(directory.path)
  assert.deepEqual(store.blocks.missing(root).next(1), [])
  assert.equal(store.stats().missing, 0)
  assert.ok(isWhole(store, root))
})

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('write' as const), at: fc.nat(130 * CHUNK), fill: fc.nat(9) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), keep: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('upload' as const), fill: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), fill: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('prune' as const), below: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('collect' as const), limit: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'remove' as const }) },
)

test('whatever is committed, released, pruned and collected: counts stay true, kept trees whole, and nothing else remains', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
      using directory = temporaryDirectory()
      {
        using store = openStore(directory.path)
        let site = siteOn(store)
        for (const each of actions) {
          const head = store.certified.head(JOB)?.height ?? 0
          if (each.kind === 'write') {
            site.tree.open('db/x', { create: true })?.write(each.at, new Uint8Array(CHUNK).fill(each.fill))
          } else if (each.kind === 'commit') {
            const kept = Array.from(store.blocks.roots(JOB).keys()).filter((label) => label.startsWith('state/'))
            const heights = kept.map((label) => Number(label.slice(6))).filter((height) => height <= head - each.keep)
            site.commit(head + 1, { releaseStates: heights })
          } else if (each.kind === 'upload') {
            const { root, blocks } = treeOf({
              'up/a': new Uint8Array(CHUNK * 3).fill(each.fill),
              b: bytesOf(9, each.fill),
            })
            store.blocks.addTree(JOB, `upload/${each.fill}`, root, blocks)
          } else if (each.kind === 'release') store.blocks.releaseRoot(JOB, `upload/${each.fill}`)
          else if (each.kind === 'prune') store.certified.prune(JOB, each.below)
          else if (each.kind === 'collect') store.blocks.collect(each.limit)
          else {
            store.removeJob(JOB)
            site = siteOn(store)
          }
          for (const root of store.blocks.roots(JOB).values()) assert.ok(isWhole(store, root))
        }
        while (store.blocks.collect(100) > 0);
        const reached = new Set<string>()
        for (const root of store.blocks.roots(JOB).values()) {
          for (const step of walk(store.blocks.get, root)) if (step.ok) reached.add(textFromCid(step.value))
        }
        const { blocks, orphans, missing } = store.stats()
        assert.deepEqual({ blocks, orphans, missing }, { blocks: reached.size, orphans: 0, missing: 0 })
      }
      assert.equal(wrongCounts(directory.path), 0)
    }),
    { numRuns: 40 },
  )
})

test('more blocks than one transaction frees wait as orphans and go by collect', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ big: bytesOf(1_500 * CHUNK, 1) })
  store.blocks.addTree(JOB, 'upload', root, blocks)
  store.blocks.releaseRoot(JOB, 'upload')
  assert.ok(store.stats().orphans > 0)
  let rounds = 0
  while (store.blocks.collect(300) > 0) rounds++
  assert.ok(rounds >= 2)
  const { blocks: left, blockBytes, orphans } = store.stats()
  assert.deepEqual({ left, blockBytes, orphans }, { left: 0, blockBytes: 0, orphans: 0 })
})

test('orphans go with the commits that follow, without anybody asking', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ big: bytesOf(900 * CHUNK, 1) })
  store.blocks.addTree(JOB, 'upload', root, blocks)
  store.blocks.releaseRoot(JOB, 'upload')
  const orphans = () => store.stats().orphans
  for (let turn = 0; orphans() > 0; turn++) {
    assert.ok(turn < 100)
    store.settings.set('turn', Uint8Array.of(turn))
  }
  assert.equal(store.stats().blocks, 0)
})

test('a byte that rots on disk is noticed at the first read, by the store and by a reader, and the block is missing then', () => {
  using directory = temporaryDirectory()
  const { root, blocks } = treeOf({ a: bytesOf(3 * CHUNK, 1) })
  const victim = blocks.find(({ bytes }) => bytes.length === CHUNK)
  assert.ok(victim !== undefined)
  {
    using store = openStore(directory.path)
    store.blocks.addTree(JOB, 'code', root, blocks)
  }
  const database = new DatabaseSync(join(directory.path, 'store.sqlite'))
  const rotten = victim.bytes.slice()
  rotten[77] = (rotten[77] ?? 0) ^ 1
  database
    .prepare('UPDATE bodies SET bytes = ? WHERE id = (SELECT id FROM blocks WHERE cid = ?)')
    .run(rotten, victim.cid)
  database.close()
  using store = openStore(directory.path)
  const damaged: string[] = []
  using reader = openReader(store.path, (cid) => damaged.push(textFromCid(cid)))
  assert.equal(reader.get(victim.cid), undefined)
  assert.deepEqual(damaged, [textFromCid(victim.cid)])
  assert.equal(store.blocks.get(victim.cid), undefined)
  assert.deepEqual(store.blocks.missing(root).next(5), [victim.cid])
  assert.deepEqual(store.blocks.put([victim]), { ok: true, value: 1 })
  assert.deepEqual(reader.get(victim.cid), victim.bytes)
})

test('a lost node does not leak its children for ever: the next start counts anew', () => {
  using directory = temporaryDirectory()
  const { root, blocks } = treeOf({ a: bytesOf(3 * CHUNK, 1) })
  {
    using store = openStore(directory.path)
    store.blocks.addTree(JOB, 'code', root, blocks)
    store.blocks.forget(root)
    assert.deepEqual(store.blocks.missing(root).next(9), [root])
    store.blocks.releaseRoot(JOB, 'code')
  }
  using store = openStore(directory.path)
  while (store.blocks.collect(100) > 0);
  assert.equal(store.stats().blocks, 0)
})

test('a node that rots on disk and is let go, or is lost and fetched again after a count, leaves true counts', () => {
  using directory = temporaryDirectory()
  const one = treeOf({ a: bytesOf(3 * CHUNK, 1) })
  const two = treeOf({ b: bytesOf(4 * CHUNK, 2) })
  {
    using store = openStore(directory.path)
    store.blocks.addTree(JOB, 'one', one.root, one.blocks)
    store.blocks.addTree(JOB, 'two', two.root, two.blocks)
    store.blocks.forget(two.root)
  }
  const database = new DatabaseSync(join(directory.path, 'store.sqlite'))
  database
    .prepare('UPDATE bodies SET bytes = ? WHERE id = (SELECT id FROM blocks WHERE cid = ?)')
    .run(bytesOf(70, 3), one.root)
  database.close()
  {
    using store = openStore(directory.path)
    store.blocks.releaseRoot(JOB, 'one')
  }
  {
    using store = openStore(directory.path)
    while (store.blocks.collect(100) > 0);
    const walk = store.blocks.missing(two.root)
    for (let batch = walk.next(9); batch.length > 0; batch = walk.next(9)) {
      const wanted = two.blocks.filter(({ cid }) => batch.some((each) => textFromCid(each) === textFromCid(cid)))
      assert.ok(store.blocks.put(wanted).ok)
    }
    assert.ok(isWhole(store, two.root))
    assert.equal(store.stats().blocks, two.blocks.length)
  }
  assert.equal(wrongCounts(directory.path), 0)
})

test('a snapshot of a reader keeps a tree that the writer lets go meanwhile', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ a: bytesOf(CHUNK * 2, 1) })
  store.blocks.addTree(JOB, 'code', root, blocks)
  using reader = openReader(store.path)
  reader.snapshot(() => {
    assert.ok(reader.get(root) !== undefined)
    store.blocks.releaseRoot(JOB, 'code')
    assert.equal(store.blocks.get(root), undefined)
    for (const { cid, bytes } of blocks) assert.deepEqual(reader.get(cid), bytes)
  })
  assert.equal(reader.get(root), undefined)
})

test('ranges of heights are contiguous and bounded, and pruning keeps the head', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ a: bytesOf(5, 1) })
  for (let height = 1; height <= 10; height++) store.commitHeight({ job: JOB, ...heightOf(height, root), blocks })
  const heights = (from: number, count: number, bytes: number) =>
    store.certified.range(JOB, from, count, bytes).map(({ height }) => height)
  assert.deepEqual(heights(3, 4, 1e6), [3, 4, 5, 6])
  assert.deepEqual(heights(9, 100, 1e6), [9, 10])
  assert.deepEqual(heights(3, 4, 1_700), [3, 4])
  assert.deepEqual(heights(3, 4, 1), [3])
  assert.deepEqual(heights(11, 4, 1e6), [])
  assert.equal(store.certified.prune(JOB, 8), 7)
  assert.deepEqual(heights(7, 4, 1e6), [])
  assert.equal(store.certified.first(JOB), 8)
  // A state that is still lent or offered stays with its certificate.
  assert.equal(store.certified.prune(JOB, 10, [8]), 1)
  assert.deepEqual([...store.blocks.roots(JOB).keys()], ['state/8', 'state/10'])
  assert.equal(store.certified.at(JOB, 8)?.height, 8)
  assert.equal(store.certified.prune(JOB, 99), 1)
  for (let height = 11; height <= 200; height++) store.commitHeight({ job: JOB, ...heightOf(height, root), blocks: [] })
  assert.equal(store.certified.prune(JOB, 150), PRUNED_PER_CALL_MAX)
  while (store.certified.prune(JOB, 150) > 0);
  assert.equal(store.certified.first(JOB), 150)
  assert.equal(store.certified.head(JOB)?.height, 200)
  assert.ok(isWhole(store, root))
  assert.equal(store.certified.head(OTHER_JOB), undefined)
})

test('evidence is kept once, settings by key', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const row = {
    hash: sha256(bytesOf(3, 3)),
    kind: 'equivocation',
    accused: bytesOf(32, 4),
    height: 7,
    record: bytesOf(50, 5),
  }
  assert.equal(store.evidence.add(JOB, row), true)
  assert.equal(store.evidence.add(JOB, row), false)
  assert.equal(store.evidence.add(OTHER_JOB, row), true)
  assert.deepEqual(store.evidence.list(JOB), [row])
  store.settings.set('network', Uint8Array.of(1, 2))
  assert.deepEqual(store.settings.get('network'), Uint8Array.of(1, 2))
  assert.equal(store.settings.remove('network'), true)
  assert.equal(store.settings.get('network'), undefined)
})

test('a member that lies without end leaves room for the proofs against others, and for other proofs against itself', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const add = (seed: number, accused = 4, kind = 'wrong_receipt') => {
    const row = {
      hash: sha256(bytesOf(3, seed)),
      kind,
      accused: bytesOf(32, accused),
      height: 7,
      record: bytesOf(9, 5),
    }
    return store.evidence.add(JOB, row)
  }
  for (let seed = 0; seed < EVIDENCE_PER_KIND_MAX; seed++) assert.equal(add(seed), true)
  assert.equal(add(1_000), false)
  assert.equal(add(1_001, 4, 'double_vote1'), true)
  assert.equal(add(1_002, 5), true)
})

test('a site log keeps its last lines, in order, and is read on from a line', () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const line = (text: string) => ({ time: 1, level: 'info' as const, text })
  store.logs.append(
    JOB,
    Array.from({ length: LOG_LINES_PER_JOB_MAX }, (_, index) => line(`${index}`)),
  )
  store.logs.append(OTHER_JOB, [line('other')])
  store.logs.append(JOB, [line('a'), line('b')])
  const last = store.logs.read(JOB, 3)
  assert.deepEqual(
    last.map(({ text }) => text),
    [`${LOG_LINES_PER_JOB_MAX - 1}`, 'a', 'b'],
  )
  assert.deepEqual(
    store.logs.read(JOB, 9, last[1]?.number).map(({ text }) => text),
    ['b'],
  )
  assert.equal(store.logs.read(JOB, 1e9).length, LOG_LINES_PER_JOB_MAX)
})

test('one directory, one store: a second opening is refused and names the process; closing frees it', () => {
  using directory = temporaryDirectory()
  const first = openStore(directory.path)
  assert.throws(
    () => openStore(directory.path),
    (error) => error instanceof StoreError && error.reason.code === 'store_locked' && error.reason.pid === process.pid,
  )
  first.close()
  openStore(directory.path).close()
})

test('a store of a newer version and a database of another program are refused and left as they are', () => {
  using directory = temporaryDirectory()
  openStore(directory.path).close()
  const path = join(directory.path, 'store.sqlite')
  const raise = new DatabaseSync(path)
  teachSums(raise)
  const value = Buffer.from(String(SCHEMA_VERSION + 1))
  raise
    .prepare("UPDATE settings SET value = ?, sum = row_sum('store/version', ?) WHERE key = 'store/version'")
    .run(value, value)
  raise.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  raise.close()
  assert.throws(
    () => openStore(directory.path),
    (error) =>
      error instanceof StoreError && error.reason.code === 'store_newer' && error.reason.found === SCHEMA_VERSION + 1,
  )
  const check = new DatabaseSync(path)
  assert.equal(check.prepare('PRAGMA user_version').get()?.user_version, SCHEMA_VERSION + 1)
  check.close()
  using elsewhere = temporaryDirectory()
  const foreign = new DatabaseSync(join(elsewhere.path, 'store.sqlite'))
  foreign.exec('PRAGMA application_id = 5; CREATE TABLE notes (text TEXT)')
  foreign.close()
  assert.throws(
    () => openStore(elsewhere.path),
    (error) => error instanceof StoreError && error.reason.code === 'store_unreadable',
  )
})

test('a start names what is broken: a head that does not verify, votes that rotted, a state root that is gone', () => {
  using directory = temporaryDirectory()
  {
    using store = openStore(directory.path)
    const { root, blocks } = treeOf({ a: bytesOf(5, 1) })
    store.commitHeight({ job: JOB, ...heightOf(1, root), blocks, votes: bytesOf(40, 1) })
    store.blocks.forget(root)
  }
  const database = new DatabaseSync(join(directory.path, 'store.sqlite'))
  database.prepare('UPDATE votes SET record = ?').run(bytesOf(40, 2))
  database.close()
  using store = openStore(directory.path)
  const parts = store.verify({ head: () => false, votes: () => true }).map(({ part }) => part)
  assert.deepEqual(parts, ['head', 'state', 'votes'])
})
