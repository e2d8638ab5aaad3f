// The checker itself: histories that are known to be linearizable, and ones that are known not to be.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type CounterInput,
  counter,
  linearize,
  type Operation,
  type RegisterInput,
  register,
} from './linearizability.ts'

type Line = readonly [client: number, from: number, to: number | null, what: string, key?: string]

/** `w a`: writes a; `r a`: reads a. */
function registerHistory(lines: readonly Line[]): Operation<RegisterInput, string>[] {
  return lines.map(([client, calledAt, returnedAt, what, key = 'x']) => {
    const [verb, value = ''] = what.split(' ')
    const input: RegisterInput = verb === 'w' ? { type: 'write', value } : { type: 'read' }
    return { key, client, calledAt, returnedAt, input, output: value }
  })
}

const accepted: readonly (readonly [string, readonly Line[]])[] = [
  ['nothing happened', []],
  [
    'one after the other',
    [
      [0, 0, 1, 'w a'],
      [0, 2, 3, 'r a'],
      [0, 4, 5, 'w b'],
      [0, 6, 7, 'r b'],
    ],
  ],
  [
    'a read beside a write sees the old value',
    [
      [0, 0, 1, 'w a'],
      [0, 2, 6, 'w b'],
      [1, 3, 4, 'r a'],
      [1, 7, 8, 'r b'],
    ],
  ],
  [
    'a read beside a write sees the new value',
    [
      [0, 0, 1, 'w a'],
      [0, 2, 6, 'w b'],
      [1, 3, 4, 'r b'],
    ],
  ],
  [
    'two writes at once, in either order',
    [
      [0, 0, 5, 'w a'],
      [1, 0, 5, 'w b'],
      [2, 6, 7, 'r a'],
      [2, 8, 9, 'r a'],
    ],
  ],
  [
    'a write that was never answered happened',
    [
      [0, 0, 1, 'w a'],
      [1, 2, null, 'w b'],
      [0, 8, 9, 'r b'],
    ],
  ],
  [
    'a write that was never answered did not happen',
    [
      [0, 0, 1, 'w a'],
      [1, 2, null, 'w b'],
      [0, 8, 9, 'r a'],
    ],
  ],
  [
    'a write that was never answered happens late',
    [
      [1, 0, null, 'w b'],
      [0, 1, 2, 'r '],
      [0, 8, 9, 'r b'],
    ],
  ],
  [
    'what touches at one instant may come in either order',
    [
      [0, 0, 2, 'w a'],
      [1, 2, 4, 'r '],
    ],
  ],
  [
    'keys are apart',
    [
      [0, 0, 1, 'w a', 'x'],
      [0, 2, 3, 'w b', 'y'],
      [1, 4, 5, 'r a', 'x'],
      [1, 6, 7, 'r b', 'y'],
    ],
  ],
]

const refused: readonly (readonly [string, readonly Line[], string])[] = [
  [
    'a stale read',
    [
      [0, 0, 1, 'w a'],
      [0, 2, 3, 'w b'],
      [1, 4, 5, 'r a'],
    ],
    'x',
  ],
  [
    'an acknowledged write is lost',
    [
      [0, 0, 1, 'w a'],
      [1, 2, 3, 'r '],
    ],
    'x',
  ],
  [
    'a value out of nothing',
    [
      [0, 0, 1, 'w a'],
      [1, 2, 3, 'r c'],
    ],
    'x',
  ],
  [
    'two readers see two writes in different orders',
    [
      [0, 0, 9, 'w a'],
      [1, 0, 9, 'w b'],
      [2, 1, 2, 'r a'],
      [2, 3, 4, 'r b'],
      [3, 5, 6, 'r a'],
    ],
    'x',
  ],
  [
    'the new value, and then the old one',
    [
      [0, 0, 1, 'w a'],
      [0, 2, 9, 'w b'],
      [1, 3, 4, 'r b'],
      [2, 5, 6, 'r a'],
    ],
    'x',
  ],
  [
    'a write that was never answered, undone',
    [
      [0, 0, 1, 'w a'],
      [1, 2, null, 'w b'],
      [0, 3, 4, 'r b'],
      [0, 5, 6, 'r a'],
    ],
    'x',
  ],
  [
    'a read from the time before the call',
    [
      [1, 0, 1, 'r b'],
      [0, 2, 3, 'w b'],
    ],
    'x',
  ],
  [
    'one of two keys',
    [
      [0, 0, 1, 'w a', 'x'],
      [1, 2, 3, 'r a', 'x'],
      [0, 4, 5, 'w b', 'y'],
      [1, 6, 7, 'r ', 'y'],
    ],
    'y',
  ],
]

for (const [name, lines] of accepted)
  test(`a register takes: ${name}`, () => {
    assert.equal(linearize(registerHistory(lines), register).linearizable, true)
  })

for (const [name, lines, key] of refused)
  test(`a register refuses: ${name}`, () => {
    const result = linearize(registerHistory(lines), register)
    assert.equal(result.linearizable, false)
    assert.equal(result.linearizable === false && result.key, key)
  })

function counterHistory(lines: readonly (readonly [number, number | null, 'add' | 'read', number])[]) {
  return lines.map(([calledAt, returnedAt, type, output], client): Operation<CounterInput, number> => {
    return { key: 'n', client, calledAt, returnedAt, input: { type }, output }
  })
}

test('a counter refuses a write that was done twice, and one that was done never', () => {
  const once = counterHistory([
    [0, 1, 'add', 1],
    [2, 3, 'read', 1],
  ])
  const twice = counterHistory([
    [0, 1, 'add', 1],
    [2, 3, 'read', 2],
  ])
  const never = counterHistory([
    [0, 1, 'add', 1],
    [2, 3, 'read', 0],
  ])
  assert.deepEqual(
    [once, twice, never].map((each) => linearize(each, counter).linearizable),
    [true, false, false],
  )
})

test('a counter refuses two adds that got the same answer', () => {
  assert.equal(
    linearize(
      counterHistory([
        [0, 5, 'add', 1],
        [0, 5, 'add', 1],
      ]),
      counter,
    ).linearizable,
    false,
  )
})

test('every history of a real register is taken, and with one answer changed to what was never written refused', () => {
  const operation = fc.record({
    start: fc.nat(60),
    before: fc.nat(6),
    after: fc.nat(6),
    value: fc.option(fc.constantFrom('a', 'b', 'c')),
  })
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 40 }), fc.nat(), (plan, victim) => {
      // Each happens at `start`, is called before and returns after it.
      let value = ''
      const history = plan
        .map((each, client) => ({ ...each, client }))
        .sort((a, b) => a.start - b.start || a.client - b.client)
        .map(({ start, before, after, value: written, client }, order): Operation<RegisterInput, string> => {
          const instant = start + order / 1000
          if (written !== null) value = written
          const input: RegisterInput = written === null ? { type: 'read' } : { type: 'write', value: written }
          return { key: 'x', client, calledAt: instant - before, returnedAt: instant + after, input, output: value }
        })
      assert.equal(linearize(history, register).linearizable, true)
      const reads = history.filter(({ input }) => input.type === 'read')
      const wrong = reads[victim % Math.max(1, reads.length)]
      if (wrong === undefined) return
      const changed = history.map((each) => (each === wrong ? { ...each, output: 'never' } : each))
      assert.equal(linearize(changed, register).linearizable, false)
    }),
  )
})

test('six clients with two hundred operations each are decided at once', () => {
  const history: Operation<CounterInput, number>[] = []
  let count = 0
  for (let round = 0; round < 200; round++)
    for (let client = 0; client < 6; client++)
      history.push({
        key: 'n',
        client,
        calledAt: round * 10 - 8 + client,
        returnedAt: round * 10 + client + 12,
        input: { type: 'add' },
        output: ++count,
      })
  const result = linearize(history, counter)
  assert.equal(result.linearizable, true)
  assert.ok(result.tried < 20_000, `${result.tried} tries`)
})
