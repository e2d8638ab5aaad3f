// Members that break the rules of the wire: they cost themselves.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { signStatement } from '#protocol/message/domain.ts'
import { wireToBytes } from '#protocol/message/wire.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import type { Member } from '#seeder/agree/driver.ts'
import { FRAMES_HIGH, FRAMES_MAX, Inbox } from '#seeder/agree/inbox.ts'
import { type TestMember, type TestMembers, testMembers } from '#test/support/members.ts'
import { until } from '#test/support/until.ts'

const NAMES = ['a', 'b', 'c', 'd']

async function startAll(group: TestMembers): Promise<readonly TestMember[]> {
  const members = await Promise.all(NAMES.map((name) => group.start(name)))
  await until('links', () => members.every((member) => member.network.connected().length === 3))
  return members
}

test('a member that sends garbage loses its link for a while, and the others go on', async () => {
  await using group = testMembers()
  await startAll(group)
  const [a, b] = [group.get('a'), group.get('b')]
  a.network.send(b.peer, Buffer.concat([a.site.job, randomBytes(200)]))
  await until('the offence', () => b.network.link(a.peer).offences.garbage === 1)
  await until('the link is gone', () => !b.network.link(a.peer).connected)
  assert.ok('cert' in (await b.write('without a')))
})

test('statements with signatures that do not verify are refused and counted, and many of them cost the link', async () => {
  await using group = testMembers()
  await startAll(group)
  const [a, b] = [group.get('a'), group.get('b')]
  const { job, epoch } = { job: a.site.job, epoch: a.site.group.epoch }
  const victim = group.network.signer('c').publicKey
  for (let view = 0; view < 40; view++) {
    const body = { job, epoch, height: 1, view, block_hash: job }
    const vote = { ...signStatement(group.network.domain, 'vote2', group.network.signer('a'), body), from: victim }
    a.network.send(b.peer, Buffer.concat([job, wireToBytes({ type: 'vote2', vote })]))
  }
  await until('the offence', () => b.network.link(a.peer).offences.garbage === 1)
  assert.ok((b.site.status().counts.refused_frames ?? 0) >= 32)
  assert.deepEqual(b.site.evidence(), [], 'nobody is accused of what it did not sign')
})

test('content of a job is for its members only', async () => {
  await using group = testMembers()
  await startAll(group)
  const [a, b] = [group.get('a'), group.get('b')]
  await a.write('a secret')
  const other = contentToBytes({ type: 'want_blocks', job: randomBytes(32) as never, from: 1, count: 1 })
  assert.deepEqual(await a.network.request(b.peer, other, 5_000), {
    ok: false,
    error: { code: 'refused', reason: 'not_a_member' },
  })
  assert.deepEqual(await a.network.request(b.peer, randomBytes(64), 5_000), {
    ok: false,
    error: { code: 'refused', reason: 'malformed' },
  })
  const own = contentToBytes({ type: 'want_blocks', job: a.site.job, from: 1, count: 8 })
  const answer = await a.network.request(b.peer, own, 5_000)
  const message = answer.ok ? contentFromBytes(answer.value) : undefined
  assert.ok(message?.ok && message.value.type === 'blocks' && message.value.blocks.length >= 1)
})

test('a flood of one member is taken in turn with the frames of the others', () => {
  const inbox = new Inbox(3)
  let held = 0
  for (let count = 0; count < FRAMES_MAX + 10; count++) if (inbox.add(1, Uint8Array.of(1)) !== undefined) held++
  assert.equal(inbox.lost, 10)
  assert.equal(held, FRAMES_MAX - FRAMES_HIGH + 1)
  assert.equal(inbox.add(2, Uint8Array.of(2)), undefined)
  const turns = [inbox.take()?.from, inbox.take()?.from, inbox.take()?.from]
  assert.deepEqual(turns, [1, 2, 1])
})

test('a member held back is let go when its queue is short again, or when nothing is taken any more', async () => {
  const inbox = new Inbox(2)
  let hold: Promise<void> | undefined
  while (hold === undefined) hold = inbox.add(1, Uint8Array.of(1))
  for (let count = 0; count < FRAMES_HIGH / 2; count++) inbox.take()
  await hold
  let again: Promise<void> | undefined
  while (again === undefined) again = inbox.add(1, Uint8Array.of(1))
  inbox.hold(false)
  await again
})

test('a site whose loop breaks by a fault of our own is put up again from its disk', async () => {
  await using group = testMembers()
  let faults = 1
  const faulty = (honest: Member): Member => ({
    status: () => honest.status(),
    step(input) {
      if (input.type === 'submit' && faults-- > 0) throw new Error('broken invariant: made up')
      return honest.step(input)
    },
  })
  await group.start('a', { member: faulty })
  await Promise.all(['b', 'c', 'd'].map((name) => group.start(name)))
  await until('links', () => group.get('a').network.connected().length === 3)
  const refused = await group.get('a').write('breaks it')
  assert.equal('code' in refused && refused.code, 'degraded')
  assert.ok('cert' in (await group.get('b').write('goes on')))
  const again = await until('a new site', () => {
    const site = group.get('a').host.all()[0]
    return site !== group.get('a').site && (site?.status().height ?? 0) >= 1 && site
  })
  assert.equal(again.status().degraded, undefined)
})
