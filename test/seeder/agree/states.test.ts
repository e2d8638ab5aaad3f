// §6, R9: a state that a member took from another one, in a real store: it is handed on with its certificate, and the blocks after it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { assert as assertFact } from '#protocol/codec/result.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { answerContent } from '#seeder/agree/content-server.ts'
import { type TestMember, testMembers } from '#test/support/members.ts'
import { until } from '#test/support/until.ts'

const SNAPSHOT_HEIGHTS = 4

/** What `member` answers to another one that asks for blocks, and for a state. */
async function asked(member: TestMember, by: TestMember, height: number) {
  const server = member.host.contentServer({
    networkText: () => undefined,
    onNetworkVersion: () => {},
    fetchBundle: async () => undefined,
  })
  const { job } = member.site
  const ask = async (question: Parameters<typeof contentToBytes>[0]) => {
    const answer = await answerContent(server, by.peer, contentToBytes(question))
    assertFact(answer.ok, 'a member is answered')
    const message = contentFromBytes(answer.value)
    assertFact(message.ok, 'the answer decodes')
    return message.value
  }
  const state = await ask({ type: 'want_state', job, height })
  const blocks = await ask({ type: 'want_blocks', job, from: height, count: 1 })
  const after = await ask({ type: 'want_blocks', job, from: height + 1, count: 1 })
  return {
    state: state.type === 'state' ? state.cert?.block.height : undefined,
    block: blocks.type === 'blocks' ? blocks.blocks.length : undefined,
    after: after.type === 'blocks' ? after.blocks[0]?.cert.block.height : undefined,
  }
}

test('§6 R9 a state that was taken is handed on whole, after more heights and after a restart; its block is with those who ran it', async () => {
  let aheadMs = 0
  await using group = testMembers({
    settings: { snapshot_heights: SNAPSHOT_HEIGHTS, heartbeat_ms: 60_000 },
    wall: () => Date.now() + aheadMs,
  })
  const members = await Promise.all(['a', 'b', 'c', 'd'].map((name) => group.start(name)))
  await until('links', () => members.every((member) => member.network.connected().length === 3))
  const [a] = members
  assert.ok(a)
  const write = async (line: string): Promise<void> => assert.ok('cert' in (await a.write(line)), line)
  await write('first')
  await group.get('d').stop()
  for (let line = 0; line < 3 * SNAPSHOT_HEIGHTS; line++) await write(`old ${line}`)
  // The clocks of all: what was is older than the window now.
  aheadMs = WINDOW_MS + 10_000
  for (let line = 0; line < 2; line++) await write(`new ${line}`)
  const { job } = a.site
  const first = a.store.certified.first(job) ?? 0
  assert.ok(first > SNAPSHOT_HEIGHTS, `pruned from ${first}`)

  const level = (member: TestMember) =>
    until('its lines', () => member.site.status().height > 0 && member.ledger() === a.ledger())
  const back = await group.start('d')
  await level(back)
  const taken = back.store.certified.first(job) ?? 0
  assert.ok(taken >= first && taken % SNAPSHOT_HEIGHTS === 0, `it began with the state of ${taken}`)
  const whole = { state: taken, block: 0, after: taken + 1 }
  assert.deepEqual(await asked(back, a, taken), whole)
  await write('later')
  await level(back)
  assert.deepEqual(await asked(back, a, taken), whole)

  await back.stop()
  const again = await group.start('d')
  await write('last')
  await level(again)
  assert.deepEqual(await asked(again, a, taken), whole)
  assert.deepEqual(await asked(a, again, taken), { ...whole, block: 1 })
  // One that went meanwhile: who takes the one that is offered now can vote at once, who takes the head's only when the window is over.
  assert.equal((await asked(a, again, taken - SNAPSHOT_HEIGHTS)).state, taken)
})
