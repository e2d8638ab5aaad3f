import assert from 'node:assert/strict'
import { test } from 'node:test'
import { terminalText } from '#cli/terminal/output.ts'
import { createLog } from '#seeder/config/log.ts'

const ESCAPE = '\u001b'

test('what a stranger wrote moves no cursor, sets no title and hides nothing', () => {
  for (const [text, shown] of [
    [`${ESCAPE}]0;title\u0007`, '\\u001b]0;title\\u0007'],
    [`a${ESCAPE}[2K${ESCAPE}[1Ab`, 'a\\u001b[2K\\u001b[1Ab'],
    ['over\rwritten\b', 'over\\u000dwritten\\u0008'],
    ['\u009b31mred', '\\u009b31mred'],
    ['abc\u202etxt.exe', 'abc\\u202etxt.exe'],
    [`${ESCAPE}[8mhidden`, '\\u001b[8mhidden'],
    ['grüße\n\ttab 日本 😀', 'grüße\n\ttab 日本 😀'],
  ] as const)
    assert.equal(terminalText(text), shown)
})

test('our own colours reach the terminal', () => {
  const coloured = `${ESCAPE}[1mbold${ESCAPE}[22m ${ESCAPE}[31mbad${ESCAPE}[39m`
  assert.equal(terminalText(coloured), coloured)
})

test('a seeder that logs as text shows control characters by their number', () => {
  const lines: string[] = []
  createLog({ level: 'info', form: 'text', sink: (line) => lines.push(line) }).info('said', { what: `${ESCAPE}[2J` })
  assert.match(lines[0] ?? '', /what=\\u001b\[2J$/)
})
