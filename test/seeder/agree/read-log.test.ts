// Visitors cannot fill a site's log by reading.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { READ_LINES_BURST, READ_LINES_PER_MINUTE, ReadLog } from '#seeder/agree/read-log.ts'
import type { LogLine } from '#seeder/execute/port.ts'

const line = (text: string): LogLine => ({ level: 'info', text, time: 5 })

function logged(): { readonly texts: string[]; readonly log: ReadLog } {
  const texts: string[] = []
  return { texts, log: new ReadLog((lines) => texts.push(...lines.map(({ text }) => text))) }
}

test('what a read said is kept, in its order', () => {
  const { texts, log } = logged()
  log.add([line('a'), line('b')], 1_000)
  log.add([], 1_000)
  log.add([line('c')], 1_001)
  assert.deepEqual(texts, ['a', 'b', 'c'])
})

test('after a burst so many lines a minute are kept, and the rest is counted', () => {
  const { texts, log } = logged()
  log.add(
    Array.from({ length: READ_LINES_BURST + 10 }, () => line('flood')),
    0,
  )
  assert.equal(texts.length, READ_LINES_BURST)
  log.add([line('lost')], 1)
  assert.equal(texts.length, READ_LINES_BURST)
  log.add([line('later')], 1 + Math.ceil(60_000 / READ_LINES_PER_MINUTE))
  assert.deepEqual(texts.slice(READ_LINES_BURST), ['11 lines of reads were left out before this one', 'later'])
})

test('a clock that goes back gives no lines and takes none', () => {
  const { texts, log } = logged()
  log.add(
    Array.from({ length: READ_LINES_BURST }, () => line('x')),
    100_000,
  )
  log.add([line('y')], 0)
  assert.equal(texts.length, READ_LINES_BURST)
})
