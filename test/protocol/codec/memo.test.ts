import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemo } from '#protocol/codec/memo.ts'

test('what is kept in an object is found there, and in no copy of it', () => {
  const memo = createMemo<object, number>()
  const plain = { a: 1 }
  const bytes = new Uint8Array(3)
  assert.equal(memo.get(plain), undefined)
  memo.set(plain, 1)
  memo.set(bytes, 2)
  memo.set(plain, 3)
  assert.equal(memo.get(plain), 3)
  assert.equal(memo.get(bytes), 2)
  assert.equal(memo.get({ ...plain }), undefined)
  assert.equal(memo.get(bytes.slice()), undefined)
  assert.equal(memo.get(structuredClone(plain)), undefined)
})

test('nobody else sees it', () => {
  const memo = createMemo<object, number>()
  const plain = { a: 1 }
  memo.set(plain, 1)
  assert.deepEqual(Reflect.ownKeys(plain), ['a'])
  assert.deepEqual(plain, { a: 1 })
  assert.equal(JSON.stringify(plain), '{"a":1}')
})

test('two memos of one object are two, and what is frozen keeps nothing', () => {
  const one = createMemo<object, number>()
  const other = createMemo<object, number>()
  const plain = {}
  one.set(plain, 1)
  assert.equal(other.get(plain), undefined)
  const frozen = Object.freeze({})
  one.set(frozen, 1)
  assert.equal(one.get(frozen), undefined)
})
