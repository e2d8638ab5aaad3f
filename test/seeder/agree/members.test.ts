import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import type { Runtime } from '#seeder/execute/port.ts'
import type { Store } from '#seeder/store/port.ts'
import { bound, type TestMember, type TestMembers, testMembers } from '#test/support/members.ts'
import { until } from '#test/support/until.ts'

const NAMES = ['a', 'b', 'c', 'd']

async function startAll(group: TestMembers, names: readonly string[] = NAMES): Promise<readonly TestMember[]> {
  const members = await Promise.all(names.map((name) => group.start(name)))
  await until('links', () => members.every((member) => member.network.connected().length >= names.length - 1))
  return members
}

const heightOf = (member: TestMember): number => member.site.status().height
const rootOf = (member: TestMember): string => hexFromBytes(member.site.status().stateRoot)
const linesOf = (member: TestMember): string[] =>
  member
    .ledger()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[2] ?? '')

/** Writes one after the other through one member until told to stop, again whenever it is refused; what was acknowledged. */
async function writeLines(member: () => TestMember, lines: readonly string[]): Promise<string[]> {
  const acknowledged: string[] = []
  for (const line of lines) {
    const outcome = await member().write(line)
    if ('cert' in outcome) acknowledged.push(line)
  }
  return acknowledged
}

test('§2 four members agree on a write, and each has it', async () => {
  await using group = testMembers()
  const members = await startAll(group)
  const outcome = await group.get('b').write('hello')
  assert.ok('cert' in outcome, JSON.stringify(outcome))
  assert.equal(Buffer.from(outcome.response.body).toString(), 'line 1')
  await until('the line on every member', () => members.every((member) => member.ledger() === 'POST /lines hello\n'))
  assert.equal(new Set(members.map(rootOf)).size, 1)
})

test('G8 writes at once through all members are each there once, in one order', async () => {
  await using group = testMembers()
  const members = await startAll(group)
  const lines = Array.from({ length: 120 }, (_, index) => `w${index}`)
  const outcomes = await Promise.all(lines.map((line, index) => members[index % 4]?.write(line)))
  for (const outcome of outcomes) assert.ok(outcome !== undefined && 'cert' in outcome, JSON.stringify(outcome))
  await until('level heads', () => new Set(members.map(heightOf)).size === 1 && new Set(members.map(rootOf)).size === 1)
  for (const member of members) assert.deepEqual(linesOf(member).sort(), [...lines].sort())
})

test('G11 a member that was away catches up by executing again what it missed', async () => {
  await using group = testMembers()
  await startAll(group)
  await writeLines(() => group.get('a'), ['one', 'two'])
  await group.get('d').stop()
  const acknowledged = await writeLines(() => group.get('b'), ['three', 'four', 'five'])
  assert.equal(acknowledged.length, 3)
  const back = await group.start('d')
  await until('the same state', () => rootOf(back) === rootOf(group.get('a')))
  assert.deepEqual(linesOf(back), ['one', 'two', 'three', 'four', 'five'])
  assert.ok('cert' in (await back.write('six')))
})

test('G11 all four stopped and started again have lost nothing and go on', async () => {
  await using group = testMembers()
  await startAll(group)
  await writeLines(() => group.get('c'), ['one', 'two', 'three'])
  await Promise.all([...group.running.values()].map((member) => member.stop()))
  const members = await startAll(group)
  for (const member of members) await until('its state', () => linesOf(member).length === 3)
  assert.ok('cert' in (await group.get('a').write('four')))
})

test('a member far behind a pruned log takes a state, and then follows', async () => {
  await using group = testMembers({ settings: { snapshot_heights: 4 } })
  await startAll(group)
  await writeLines(() => group.get('a'), ['one'])
  await group.get('d').stop()
  const lines = Array.from({ length: 30 }, (_, index) => `x${index}`)
  await writeLines(() => group.get('a'), lines)
  const first = group.get('a').store.certified.first(group.get('a').site.job)
  const back = await group.start('d')
  await until('the same state', () => rootOf(back) === rootOf(group.get('a')))
  assert.deepEqual(linesOf(back), ['one', ...lines])
  const outcome = await back.write('after')
  assert.ok('cert' in outcome, `pruned from ${first}: ${JSON.stringify(outcome)}`)
})

test('R1 nothing that a member votes leaves before it is durable', async () => {
  await using group = testMembers()
  let saved = 0
  let sentBefore = 0
  const watched = (honest: Store): Store =>
    new Proxy(honest, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property)
        if (property !== 'transact' || typeof value !== 'function') {
          return typeof value === 'function' ? value.bind(target) : value
        }
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args)
          saved++
          return result
        }
      },
    })
  await group.start('a', {
    store: watched,
    network: (honest) => ({
      ...bound(honest),
      send(peer, bytes) {
        const text = Buffer.from(bytes).toString('latin1')
        if (/etypeevote1/.test(text) && saved === 0) sentBefore++
        return honest.send(peer, bytes)
      },
    }),
  })
  await Promise.all(['b', 'c', 'd'].map((name) => group.start(name)))
  await until('links', () => group.get('a').network.connected().length === 3)
  assert.ok('cert' in (await group.get('b').write('hello')))
  await until('a vote of its own', () => saved > 0)
  assert.equal(sentBefore, 0)
})

test('§5 a read that waits for its turn keeps the state that it was asked of, however many heights pass, and lets it go after', async () => {
  await using group = testMembers()
  const gate = Promise.withResolvers<void>()
  const slow = (honest: Runtime): Runtime => ({
    ...honest,
    async executeRead(job) {
      await gate.promise
      return honest.executeRead(job)
    },
  })
  const first = await group.start('a', { runtime: slow })
  await Promise.all(['b', 'c', 'd'].map((name) => group.start(name)))
  await until('links', () => first.network.connected().length === 3)
  await writeLines(() => first, ['one'])
  const head = first.site.head()
  assert.ok(head !== undefined)
  const requestHash = sha256(bytesFromText('a read'))
  const asked = { method: 'GET', target: '/', headers: [], body: new Uint8Array(0) }
  const read = first.site.read(head, { request: asked, requestHash, nonce: new Uint8Array(16) })
  await writeLines(() => first, ['two', 'three', 'four'])
  while (first.store.blocks.collect(1_000) > 0);
  gate.resolve()
  assert.equal(Buffer.from((await read).response.body).toString(), 'POST /lines one\n')
  await writeLines(() => first, ['five'])
  assert.equal(first.site.hasState(head.height), false)
})

test('§4 a member whose state is damaged, while the group went on, takes the state of now', async () => {
  await using group = testMembers()
  const members = await startAll(group)
  const away = group.get('d')
  await writeLines(() => group.get('a'), ['one'])
  await until('level heads', () => new Set(members.map(rootOf)).size === 1)
  const { stateRoot } = away.site.status()
  away.store.blocks.forget(stateRoot)
  await away.stop()
  await writeLines(() => group.get('a'), ['two', 'three'])
  const others = ['a', 'b', 'c'].map((name) => group.get(name))
  await until('nobody has the old state', () =>
    others.every(({ store }) => store.blocks.collect(1_000) === 0 && !store.blocks.has(stateRoot)),
  )
  const back = await group.start('d')
  await until('the same lines', () => back.ledger() === group.get('a').ledger())
  assert.deepEqual(linesOf(back), ['one', 'two', 'three'])
})

test('§4 a block that was found damaged comes from another member', async () => {
  await using group = testMembers()
  const [first] = await startAll(group)
  assert.ok(first)
  await writeLines(() => first, ['one', 'two'])
  const head = first.site.head()
  const file = head === undefined ? undefined : first.site.file(head.stateRoot, 'ledger')
  assert.ok(file)
  first.host.blockIsDamaged(file.cid)
  assert.equal(first.store.blocks.has(file.cid), false)
  await until('the block', () => first.store.blocks.has(file.cid))
  assert.equal(first.ledger(), 'POST /lines one\nPOST /lines two\n')
})

test('a member whose disk fails says so, refuses writes, holds up nobody and recovers by itself', async () => {
  await using group = testMembers()
  let broken = false
  const failing = (honest: Store): Store =>
    new Proxy(honest, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property)
        if (typeof value !== 'function') return value
        if (property !== 'transact' && property !== 'commitHeight') return value.bind(target)
        return (...args: unknown[]) => {
          if (broken) throw new Error('disk I/O error')
          return value.apply(target, args)
        }
      },
    })
  await group.start('a', { store: failing })
  await Promise.all(['b', 'c', 'd'].map((name) => group.start(name)))
  await until('links', () => group.get('a').network.connected().length === 3)
  assert.ok('cert' in (await group.get('a').write('one')))
  broken = true
  assert.ok('cert' in (await group.get('b').write('two')))
  await until('the member says so', () => group.get('a').site.status().state === 'degraded')
  assert.match(group.get('a').site.status().degraded ?? '', /disk I\/O error/)
  assert.deepEqual(await group.get('a').write('refused'), { code: 'degraded', retryAfterSeconds: 5 })
  assert.ok('cert' in (await group.get('c').write('three')))
  broken = false
  await until('the same state', () => rootOf(group.get('a')) === rootOf(group.get('b')))
  assert.equal(group.get('a').site.status().degraded, undefined)
  assert.ok('cert' in (await group.get('a').write('four')))
})

test('a stopped member refuses what waits instead of leaving it hanging', async () => {
  await using group = testMembers()
  const alone = await group.start('a')
  const waiting = alone.write('nobody else is here')
  await until('it waits', () => alone.site.status().queued > 0 || alone.site.status().height === 0)
  await alone.stop()
  assert.deepEqual(await waiting, { code: 'stopping', retryAfterSeconds: 2 })
})
