// One byte of a store on disk changes, any byte: the header, pages and indexes, rows, bodies, the write-ahead log. Whatever it was, what
// comes out is what went in or is not there; what holds votes back is never silently forgotten; and blocks that others have heal it.

import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { type Cid, cidKey, textFromCid } from '#protocol/content/cid.ts'
import { walk } from '#protocol/content/walk.ts'
import { isMalformed } from '#seeder/store/database.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { HOLDER_FILE } from '#seeder/store/lock.ts'
import type { CertifiedHeight, EvidenceRow, Store } from '#seeder/store/port.ts'
import { openStore, STORE_FILE } from '#seeder/store/store.ts'
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

const CASES = Number(process.env.CORRUPTION_CASES ?? 200)
const SEED = Number(process.env.CORRUPTION_SEED ?? Date.now() % 1_000_000)
const HEIGHTS = 24
const LOG = 'logged'

/** What a store held after a commit; the last is what it holds. */
type Truth = {
  readonly head: CertifiedHeight
  readonly votes: Uint8Array
  readonly roots: ReadonlyMap<string, Cid>
}

type Written = {
  readonly truths: readonly Truth[]
  readonly heights: ReadonlyMap<number, CertifiedHeight>
  readonly blocks: ReadonlyMap<string, { readonly cid: Cid; readonly bytes: Uint8Array }>
  readonly otherRoots: ReadonlyMap<string, Cid>
  readonly otherVotes: Uint8Array
  readonly evidence: EvidenceRow
}

/** The index of the log of what was copied to that directory. */
const indexBeside = (copied: string): string => `${copied}.shm`

/** Writes a store in `directory` and copies its files, log and all, to `copied`, as a crash would leave them. */
function write(directory: string, copied: string): Written {
  const store = openStore(directory)
  const blocks = new Map<string, { cid: Cid; bytes: Uint8Array }>()
  const heights = new Map<number, CertifiedHeight>()
  const truths: Truth[] = []
  const other = treeOf({ 'a/site.json': bytesOf(300, 1), 'a/big': bytesOf(60_000, 2), b: bytesOf(9, 3) })
  for (const block of other.blocks) blocks.set(cidKey(block.cid), block)
  store.blocks.addTree(OTHER_JOB, 'code/1', other.root, other.blocks)
  const otherVotes = bytesOf(77, 9)
  store.votes.save(OTHER_JOB, otherVotes)
  const evidence: EvidenceRow = {
    hash: sha256(bytesOf(3, 3)),
    kind: 'equivocation',
    accused: bytesOf(32, 4),
    height: 7,
    record: bytesOf(500, 5),
  }
  store.evidence.add(JOB, evidence)
  store.logs.append(
    JOB,
    Array.from({ length: 60 }, (_, index) => ({ time: index, level: 'info' as const, text: `${LOG} ${index}` })),
  )
  store.settings.set('kept', bytesOf(40, 6))
  const site = siteOn(store)
  for (let height = 1; height <= HEIGHTS; height++) {
    for (let file = 0; file < 6; file++)
      site.tree.write(`files/${height % 5}/${file}`, bytesOf(90 + file, height * file))
    site.tree.open('db/x', { create: true })?.write(((height * 7) % 20) * 16_384, bytesOf(3_000, height))
    const votes = bytesOf(120, height)
    const commit = site.commit(height, { votes, releaseStates: height > 3 ? [height - 3] : [] })
    heights.set(height, heightOf(height, commit.stateRoot))
    for (const step of walk(store.blocks.get, commit.stateRoot)) {
      assert.ok(step.ok)
      const bytes = store.blocks.get(step.value)
      assert.ok(bytes !== undefined)
      blocks.set(cidKey(step.value), { cid: step.value, bytes })
    }
    truths.push({ head: heightOf(height, commit.stateRoot), votes, roots: store.blocks.roots(JOB) })
    // Half of it lies in the file, half in the log.
    if (height === HEIGHTS / 2) {
      store.close()
      return {
        ...goOn(directory, copied, { blocks, heights, truths }),
        otherRoots: new Map([['code/1', other.root]]),
        otherVotes,
        evidence,
      }
    }
  }
  throw new Error('unreachable')
}

function goOn(
  directory: string,
  copied: string,
  {
    blocks,
    heights,
    truths,
  }: { blocks: Map<string, { cid: Cid; bytes: Uint8Array }>; heights: Map<number, CertifiedHeight>; truths: Truth[] },
) {
  using store = openStore(directory)
  const site = siteOn(store)
  for (let height = HEIGHTS / 2 + 1; height <= HEIGHTS; height++) {
    site.tree.write(`files/${height % 5}/1`, bytesOf(99, height))
    const votes = bytesOf(120, height)
    const commit = site.commit(height, { votes, releaseStates: [height - 3] })
    heights.set(height, heightOf(height, commit.stateRoot))
    for (const step of walk(store.blocks.get, commit.stateRoot)) {
      assert.ok(step.ok)
      const bytes = store.blocks.get(step.value)
      assert.ok(bytes !== undefined)
      blocks.set(cidKey(step.value), { cid: step.value, bytes })
    }
    truths.push({ head: heightOf(height, commit.stateRoot), votes, roots: store.blocks.roots(JOB) })
  }
  mkdirSync(copied)
  for (const part of [STORE_FILE, `${STORE_FILE}-wal`, HOLDER_FILE])
    copyFileSync(join(directory, part), join(copied, part))
  copyFileSync(join(directory, `${STORE_FILE}-shm`), indexBeside(copied))
  return { blocks, heights, truths }
}

/** Bytes that a hash would say at once, in a fixed order. */
function dice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Outcome = 'set aside' | 'set aside in use' | 'healed' | 'named' | 'a commit less' | 'no matter'

/** Opens a damaged copy and holds it to what was written; what became of it. `inLog`: the last commits may be gone, as after a power failure. */
function examine(directory: string, written: Written, inLog: boolean): Outcome {
  let isTold = false
  let store: Store
  try {
    store = openStore(directory, {
      onDamaged: () => {
        isTold = true
      },
    })
  } catch (error) {
    assert.ok(error instanceof StoreError && error.reason.code === 'store_damaged', String(error))
    return 'set aside'
  }
  try {
    return compare(store, written, inLog)
  } catch (error) {
    if (!isMalformed(error) && !(error instanceof StoreError && error.reason.code === 'store_damaged')) throw error
    assert.ok(isTold, 'what SQLite finds malformed is told')
    return 'set aside in use'
  } finally {
    store.close()
    if (!isTold) assert.equal(wrongCounts(directory), 0)
  }
}

function compare(store: Store, written: Written, inLog: boolean): Outcome {
  let outcome: Outcome = 'no matter'
  const isHead = (job: Digest, head: CertifiedHeight): boolean =>
    Buffer.compare(job, JOB) === 0 && isDeepStrictEqual(written.heights.get(head.height), head)
  const damage = store.verify({ head: isHead, votes: () => true })
  if (damage.length > 0) outcome = 'named'
  const parts = new Set(damage.filter(({ job }) => Buffer.compare(job, JOB) === 0).map(({ part }) => part))
  assert.deepEqual(store.jobs().map(String).sort(), [JOB, OTHER_JOB].map(String).sort(), 'no job is forgotten')
  const last = written.truths.at(-1)
  const head = store.certified.head(JOB)
  const truth = inLog ? (written.truths.find((each) => each.head.height === head?.height) ?? last) : last
  assert.ok(truth !== undefined)
  if (truth !== last) outcome = 'a commit less'
  if (!parts.has('head')) assert.deepEqual(head, truth.head)
  const votes = store.votes.load(JOB)
  assert.ok(!votes.ok || isDeepStrictEqual(votes.value, truth.votes), 'votes are as they were, or known to be lost')
  const otherVotes = store.votes.load(OTHER_JOB)
  assert.ok(!otherVotes.ok || isDeepStrictEqual(otherVotes.value, written.otherVotes))
  assert.deepEqual(store.blocks.roots(JOB), truth.roots)
  assert.deepEqual(store.blocks.roots(OTHER_JOB), written.otherRoots)
  for (const [height, row] of written.heights) {
    const found = store.certified.at(JOB, height)
    if (height > truth.head.height) assert.equal(found, undefined)
    else if (found === undefined) outcome = 'named'
    else assert.deepEqual(found, row)
  }
  for (const each of store.evidence.list(JOB)) assert.deepEqual(each, written.evidence)
  for (const { text, time } of store.logs.read(JOB, 1_000)) assert.equal(text, `${LOG} ${time}`)
  const setting = store.settings.get('kept')
  if (setting !== undefined) assert.deepEqual(setting, bytesOf(40, 6))
  for (const { cid, bytes } of written.blocks.values()) {
    const found = store.blocks.get(cid)
    if (found !== undefined) assert.ok(Buffer.from(found).equals(bytes), `${textFromCid(cid)} is what it was`)
  }
  for (const root of [...truth.roots.values(), ...written.otherRoots.values()]) {
    if (heal(store, root, written)) outcome = 'healed'
    assert.ok(isWhole(store, root))
  }
  while (store.blocks.collect(100) > 0);
  for (const root of [...truth.roots.values(), ...written.otherRoots.values()]) assert.ok(isWhole(store, root))
  return outcome
}

/** As from another member. True when there was anything to fetch. */
function heal(store: Store, root: Cid, written: Written): boolean {
  const missing = store.blocks.missing(root)
  let any = false
  for (let turn = 0; ; turn++) {
    const wanted = missing.next(50)
    if (wanted.length === 0) return any
    assert.ok(turn < 100, 'what was fetched is kept')
    any = true
    const put = store.blocks.put(wanted.flatMap((cid) => written.blocks.get(cidKey(cid)) ?? []))
    assert.ok(put.ok, JSON.stringify(put))
  }
}

test(`any byte of a store that changes on disk is noticed, harmless or healed (${CASES} bytes, seed ${SEED})`, () => {
  using scratch = temporaryDirectory()
  const sound = join(scratch.path, 'sound')
  const written = write(join(scratch.path, 'written'), sound)
  const counts = new Map<string, number>()
  const chance = dice(SEED)
  const files = [STORE_FILE, `${STORE_FILE}-wal`].map((name) => ({ name, bytes: readFileSync(join(sound, name)) }))
  for (let round = 0; round < CASES; round++) {
    const directory = join(scratch.path, `case${round % 2}`)
    mkdirSync(directory, { recursive: true })
    const inLog = chance() < 0.4
    const victim = files[inLog ? 1 : 0]
    assert.ok(victim !== undefined)
    const offset = chance() < 0.05 ? Math.floor(chance() * 100) : Math.floor(chance() * victim.bytes.length)
    const change = 1 + Math.floor(chance() * 255)
    for (const { name, bytes } of files) {
      const copy = Buffer.from(bytes)
      if (name === victim.name) copy[offset] = (copy[offset] ?? 0) ^ change
      writeFileSync(join(directory, name), copy)
    }
    copyFileSync(join(sound, HOLDER_FILE), join(directory, HOLDER_FILE))
    try {
      const outcome = examine(directory, written, inLog)
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    } catch (error) {
      throw new Error(`byte ${offset} of ${victim.name} changed by ${change}`, { cause: error })
    }
  }
  console.log(JSON.stringify(Object.fromEntries(counts)))
  assert.ok((counts.get('set aside') ?? 0) > 0 && (counts.get('healed') ?? 0) > 0)
})

test('the index of the log is made anew at a start, whatever the disk has there', () => {
  using scratch = temporaryDirectory()
  const sound = join(scratch.path, 'sound')
  const written = write(join(scratch.path, 'written'), sound)
  const chance = dice(SEED)
  for (const share of [0.001, 0.1, 1]) {
    const directory = join(scratch.path, `index ${share}`)
    cpSync(sound, directory, { recursive: true })
    // As a crash leaves it, then changed: its beginning is what SQLite looks at first.
    const index = readFileSync(indexBeside(sound))
    for (let at = 0; at < index.length; at++) if (chance() < share) index[at] = Math.floor(chance() * 256)
    writeFileSync(join(directory, `${STORE_FILE}-shm`), index)
    assert.equal(examine(directory, written, false), 'no matter')
  }
})
