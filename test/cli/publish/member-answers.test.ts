// What members say that they have of a bundle, read by who publishes it: whatever they say, it is no failure of the command.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agreedFrom, fetchedAtFrom, fetchedFrom } from '#cli/publish/member-answers.ts'

test('what was agreed has a height and an answer', () => {
  assert.deepEqual(agreedFrom('{"height":3,"answer":"{}","more":1}'), { height: 3, answer: '{}' })
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"height":3}',
    '{"height":1.5,"answer":""}',
    '{"height":"3","answer":""}',
  ])
    assert.equal(agreedFrom(text), undefined, text)
})

test('a member says how much it has, and who asked others says it of each', () => {
  assert.deepEqual(fetchedFrom('{"whole":false,"bytes":7}'), { whole: false, bytes: 7 })
  const ana = { peer: 'ana', whole: true, bytes: 9 }
  const ben = { peer: 'ben', whole: false, bytes: 0 }
  assert.deepEqual(fetchedAtFrom(JSON.stringify({ members: [ana, ben] })), [ana, ben])
})

test('what has not the form says nothing, and hides nothing beside it', () => {
  for (const text of [
    '',
    '{',
    'null',
    '7',
    '[]',
    '{"whole":1,"bytes":7}',
    '{"whole":false}',
    '{"whole":false,"bytes":-1}',
  ])
    assert.equal(fetchedFrom(text), undefined, text)
  for (const text of ['', 'null', '[]', '{}', '{"members":7}', '{"members":[null,7,{"peer":"ana"}]}'])
    assert.deepEqual(fetchedAtFrom(text), [], text)
  const ana = { peer: 'ana', whole: true, bytes: 9 }
  assert.deepEqual(fetchedAtFrom(JSON.stringify({ members: [null, { peer: 7, whole: true, bytes: 9 }, ana] })), [ana])
})
