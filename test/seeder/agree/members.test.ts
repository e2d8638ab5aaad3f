import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { testMembers } from '#test/support/members.ts'
import { until } from '#test/support/until.ts'

const NAMES = ['a', 'b', 'c', 'd']

test('four members agree on a write, and each has it', async () => {
  await using group = testMembers()
  await Promise.all(NAMES.map((name) => group.start(name)))
  const outcome = await group.get('b').write('hello')
  assert.ok('cert' in outcome, JSON.stringify(outcome))
  assert.equal(Buffer.from(outcome.response.body).toString(), 'line 1')
  await until('the line on every member', () =>
    NAMES.every((name) => group.get(name).ledger() === 'POST /lines hello\n'),
  )
  const roots = new Set(NAMES.map((name) => hexFromBytes(group.get(name).site.status().stateRoot)))
  assert.equal(roots.size, 1)
})
