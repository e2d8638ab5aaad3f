// References and collection under pressure: whatever is uploaded, imported in part, leased, committed, released and collected, in any
// order and cut off anywhere, a block that a root reaches never goes, one that none reaches does, and counts made anew agree.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { carBlock, carHeader } from '#protocol/content/car.ts'
import { type Cid, cidKey } from '#protocol/content/cid.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { createLog } from '#seeder/config/log.ts'
import { startCollector } from '#seeder/store/collector.ts'
import type { Block, Store } from '#seeder/store/port.ts'
import { openStore, STORE_FILE } from '#seeder/store/store.ts'
import {
  bytesOf,
  isWhole,
  JOB,
  OTHER_JOB,
  siteOn,
  temporaryDirectory,
  treeOf,
  wrongCounts,
} from '#test/seeder/store/fixture.ts'
import { until } from '#test/support/until.ts'

const CHUNK = 16_384
const RUNS = Number(process.env.COLLECTION_RUNS ?? 40)
const CUTS = Number(process.env.COLLECTION_CUTS ?? 150)
const LABELS = 4

/** Trees that share some of their files with each other. */
function forest(fill: number): { root: Cid; blocks: Block[] } {
  return treeOf({
    'shared/a': bytesOf(CHUNK * 3, fill % 3),
    'shared/b': bytesOf(40, fill % 2),
    [`own/${fill % 4}`]: bytesOf(CHUNK + fill, fill),
    'deep/er/still': bytesOf(CHUNK * (1 + (fill % 3)), fill + 50),
  })
}

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('upload' as const), label: fc.nat(LABELS - 1), fill: fc.nat(7) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('part' as const),
      label: fc.nat(LABELS - 1),
      fill: fc.nat(7),
      count: fc.nat(9),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      fill: fc.nat(7),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('lease' as const), label: fc.nat(LABELS - 1), lease: fc.nat(2) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), fill: fc.nat(40), keep: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('collect' as const), limit: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), which: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
)
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never

/** A store, and what it owes: blocks that were given under each label and that no one said are lost. */
class Scene {
  readonly #directory: string
  #store: Store
  #site: ReturnType<typeof siteOn>
  readonly #given = new Map<string, Map<string, Cid>>()
  /** A node was lost: what it referred to counts until the next start, which cannot read it. */
  #lost = false

  constructor(directory: string) {
    this.#directory = directory
    this.#store = openStore(directory)
    this.#site = siteOn(this.#store)
  }

  async apply(each: Action): Promise<void> {
    const store = this.#store
    switch (each.kind) {
      case 'upload': {
        const { root, blocks } = forest(each.fill)
        store.blocks.addTree(OTHER_JOB, `tree/${each.label}`, root, blocks)
        this.#given.set(`tree/${each.label}`, new Map(blocks.map(({ cid }) => [cidKey(cid), cid])))
        return
      }
      case 'part': {
        // Of a tree that another member gives: so many blocks, then the link breaks.
        const { root, blocks } = forest(each.fill)
        const label = `tree/${each.label}`
        if (!same(store.blocks.roots(OTHER_JOB).get(label), root)) this.#given.set(label, new Map())
        store.blocks.addRoot(OTHER_JOB, label, root)
        const wanted = store.blocks.missing(root).next(each.count)
        const sent = wanted.flatMap((cid) => blocks.filter((block) => same(block.cid, cid)))
        const put = store.blocks.put(sent)
        assert.ok(put.ok)
        for (const { cid } of sent) this.#given.get(label)?.set(cidKey(cid), cid)
        return
      }
      case 'cut': {
        const { root, blocks } = forest(each.fill)
        const car = Buffer.concat([
          carHeader(root),
          ...blocks.toReversed().map(({ cid, bytes }) => carBlock(cid, bytes)),
        ])
        const cut = async function* () {
          for (let at = 0; at < car.length * each.share; at += 5_000)
            yield car.subarray(at, Math.min(at + 5_000, car.length * each.share))
        }
        if (each.share === 1) return
        const taken = await store.importCar(OTHER_JOB, 'import', root, cut(), 1e9)
        if (taken.ok) store.blocks.releaseRoot(OTHER_JOB, 'import')
        assert.equal(store.blocks.roots(OTHER_JOB).has('import'), false, 'an import that was cut leaves no root')
        return
      }
      case 'lease': {
        const root = store.blocks.roots(OTHER_JOB).get(`tree/${each.label}`)
        const given = this.#given.get(`tree/${each.label}`)
        if (root === undefined || given === undefined) return
        store.blocks.addRoot(OTHER_JOB, `lease/${each.lease}`, root)
        this.#given.set(`lease/${each.lease}`, new Map(given))
        return
      }
      case 'release': {
        const labels = [...store.blocks.roots(OTHER_JOB).keys()]
        const label = labels[each.which % Math.max(1, labels.length)]
        if (label === undefined) return
        store.blocks.releaseRoot(OTHER_JOB, label)
        this.#given.delete(label)
        return
      }
      case 'commit': {
        const head = store.certified.head(JOB)?.height ?? 0
        this.#site.tree.open('db/x', { create: true })?.write((each.fill % 20) * CHUNK, bytesOf(CHUNK, each.fill))
        this.#site.tree.write('shared/a', bytesOf(CHUNK * 3, each.fill % 3))
        const kept = [...store.blocks.roots(JOB).keys()].flatMap((label) =>
          label.startsWith('state/') ? [Number(label.slice(6))] : [],
        )
        this.#site.commit(head + 1, { releaseStates: kept.filter((height) => height <= head - each.keep) })
        return
      }
      case 'collect':
        store.blocks.collect(each.limit)
        return
      case 'lose': {
        // Its bytes are found damaged.
        const all = [...this.#given.values()].flatMap((given) => [...given.values()])
        const cid = all[each.which % Math.max(1, all.length)]
        if (cid === undefined || this.#reachedByState(cid)) return
        store.blocks.forget(cid)
        this.#lost = true
        for (const given of this.#given.values()) given.delete(cidKey(cid))
        return
      }
      case 'reopen':
        this.#close()
        this.#store = openStore(this.#directory)
        this.#site = siteOn(this.#store)
    }
  }

  /** Counts that a transaction left are true; after a loss, those that the next start made. */
  #close(): void {
    this.#store.close()
    if (this.#lost) openStore(this.#directory).close()
    this.#lost = false
    assert.equal(wrongCounts(this.#directory), 0)
  }

  #reachedByState(cid: Cid): boolean {
    return [...this.#store.blocks.roots(JOB).values()].some((root) => held(this.#store, root).has(cidKey(cid)))
  }

  /** What a root reaches and was given is here; states of heights are whole. */
  check(): void {
    for (const root of this.#store.blocks.roots(JOB).values()) assert.ok(isWhole(this.#store, root))
    for (const [label, given] of this.#given) {
      const root = this.#store.blocks.roots(OTHER_JOB).get(label)
      assert.ok(root !== undefined, `${label} is still a root`)
      const reached = held(this.#store, root)
      // What hangs under a node that was lost is kept too: it is referred to as soon as the node is back.
      for (const cid of given.values())
        assert.ok(this.#store.blocks.has(cid) || !reached.has(cidKey(cid)), `${label} keeps what it was given`)
    }
  }

  /** Under pressure: all that nothing reaches goes. */
  end(): void {
    while (this.#store.blocks.collect(40) > 0);
    this.check()
    this.#close()
    {
      using store = openStore(this.#directory)
      while (store.blocks.collect(40) > 0);
      const reached = new Set<string>()
      for (const job of [JOB, OTHER_JOB])
        for (const root of store.blocks.roots(job).values())
          for (const key of held(store, root).keys()) reached.add(key)
      const { blocks, orphans } = store.stats()
      assert.deepEqual({ blocks, orphans }, { blocks: reached.size, orphans: 0 })
    }
    assert.equal(wrongCounts(this.#directory), 0)
  }
}

function same(a: Cid | undefined, b: Cid): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0
}

/** Blocks that are here and that a root reaches over blocks that are here. */
function held(store: Store, root: Cid): Map<string, Cid> {
  const found = new Map<string, Cid>()
  const stack = [root]
  for (let cid = stack.pop(); cid !== undefined; cid = stack.pop()) {
    const bytes = found.has(cidKey(cid)) ? undefined : store.blocks.get(cid)
    if (bytes === undefined || !store.blocks.has(cid)) continue
    found.set(cidKey(cid), cid)
    stack.push(...linksOfBlock(cid, bytes))
  }
  return found
}

test('uploads, broken imports, leases, commits, losses and collection in any order: what a root reaches stays, the rest goes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      using directory = temporaryDirectory()
      const scene = new Scene(directory.path)
      for (const each of actions) {
        await scene.apply(each)
        scene.check()
      }
      scene.end()
    }),
    { numRuns: RUNS },
  )
})

/** Everything that writes, once through, in less than a log holds before it is moved into the file. */
function write(store: Store): void {
  const site = siteOn(store)
  for (let turn = 0; turn < 10; turn++) {
    const { root, blocks } = forest(turn)
    if (turn % 3 === 0) store.blocks.addTree(OTHER_JOB, `whole/${turn % 2}`, root, blocks)
    else {
      store.blocks.addRoot(OTHER_JOB, `part/${turn % 2}`, root)
      const missing = store.blocks.missing(root)
      for (let step = 0; step <= turn % 3; step++) {
        const wanted = missing.next(2)
        store.blocks.put(wanted.flatMap((cid) => blocks.filter((block) => same(block.cid, cid))))
      }
    }
    site.tree.open('db/x', { create: true })?.write(turn * CHUNK, bytesOf(2_000, turn))
    site.commit(turn + 1, { votes: bytesOf(50, turn), releaseStates: turn > 1 ? [turn - 1] : [] })
    if (turn === 5) store.blocks.releaseRoot(OTHER_JOB, 'part/1')
    store.blocks.collect(3)
    if (turn % 4 === 0) store.certified.prune(JOB, turn - 2)
  }
}

test(`killed at any write (${CUTS} places in the log, each page of it among them): counts are true and what a root reaches is there`, () => {
  using scratch = temporaryDirectory()
  const path = join(scratch.path, 'written')
  let log: Buffer
  let file: Buffer
  {
    openStore(path).close()
    file = readFileSync(join(path, STORE_FILE))
    using store = openStore(path)
    write(store)
    assert.deepEqual(readFileSync(join(path, STORE_FILE)), file, 'all of it is in the log')
    const copy = join(scratch.path, 'log')
    copyFileSync(`${store.path}-wal`, copy)
    log = readFileSync(copy)
  }
  const frame = 24 + 8_192
  const frames = Math.floor((log.length - 32) / frame)
  const heights = new Set<number>()
  for (let cut = 0; cut < CUTS; cut++) {
    // A frame's end, or somewhere within the one after it.
    const whole = Math.round((frames * cut) / (CUTS - 1))
    const end = Math.min(log.length, 32 + whole * frame + (cut % 3 === 0 ? 0 : (cut * 2_641) % frame))
    const directory = join(scratch.path, 'case')
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
    writeFileSync(join(directory, STORE_FILE), file)
    writeFileSync(join(directory, `${STORE_FILE}-wal`), log.subarray(0, end))
    {
      using store = openStore(directory)
      const head = store.certified.head(JOB)
      heights.add(head?.height ?? 0)
      if (head !== undefined) assert.ok(isWhole(store, head.stateRoot))
      for (const root of store.blocks.roots(JOB).values()) assert.ok(isWhole(store, root))
      for (const [label, root] of store.blocks.roots(OTHER_JOB))
        if (label.startsWith('whole/')) assert.ok(isWhole(store, root))
      assert.deepEqual(store.verify({ head: () => true, votes: () => true }), [])
    }
    writeFileSync(join(directory, STORE_FILE), file)
    writeFileSync(join(directory, `${STORE_FILE}-wal`), log.subarray(0, end))
    assert.equal(wrongCounts(directory), 0, `cut at ${end} of ${log.length}`)
  }
  assert.ok(heights.size === 11, 'every height was the last one once')
})

test('what a large tree leaves behind goes in the background, without a commit', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ big: bytesOf(1_200 * CHUNK, 1) })
  store.blocks.addTree(OTHER_JOB, 'tree', root, blocks)
  store.blocks.releaseRoot(OTHER_JOB, 'tree')
  assert.ok(store.stats().orphans > 0)
  using _ = startCollector(store, createLog({ level: 'error', form: 'json', sink: () => {} }))
  await until('no orphans', () => store.stats().orphans === 0)
  assert.equal(store.stats().blocks, 0)
})
