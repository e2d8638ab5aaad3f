import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog, fileSink } from '#seeder/config/log.ts'

test('a line says time, level, event and facts, bytes in hexadecimal, and nothing below its level', () => {
  const lines: string[] = []
  const log = createLog({ level: 'info', form: 'json', sink: (line) => lines.push(line), now: () => 0 })
  log.debug('not said')
  log.info('said', { hash: Uint8Array.of(1, 255), count: 2 })
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [{ time: '1970-01-01T00:00:00.000Z', level: 'info', event: 'said', hash: '01ff', count: 2 }],
  )
})

test('a sink that fails does not fail the one who speaks', () => {
  const log = createLog({
    level: 'info',
    form: 'text',
    sink: () => {
      throw new Error('disk full')
    },
  })
  log.info('still here')
})

test('a log file is rotated at its bound and never holds more than twice that', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'))
  try {
    const path = join(folder, 'log')
    const sink = fileSink(path, 1_000)
    for (let line = 0; line < 100; line++) sink(`line ${line} ${'x'.repeat(80)}`)
    assert.ok(statSync(path).size <= 1_000 && statSync(`${path}.1`).size <= 1_000)
    assert.match(readFileSync(path, 'utf8'), /line 99 /)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
