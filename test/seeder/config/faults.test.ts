import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rehearsedFaults } from '#seeder/config/faults.ts'

const NOW = 1_700_000_000_000
const directory = mkdtempSync(join(tmpdir(), 'faults-'))
after(() => rmSync(directory, { recursive: true }))
let count = 0

function place(): string {
  return join(directory, `faults-${count++}.json`)
}

/** A file that is there at once, whole, and is another one than before. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

test('the disk fails and the clock is wrong as long as the file says so', () => {
  const path = place()
  const { points, wall } = rehearsedFaults(path, () => NOW)
  points.before(true)
  assert.equal(wall(), NOW)
  write(path, '{"disk":"full","aheadMs":5000}')
  assert.throws(() => points.before(false), { errcode: 13 })
  assert.equal(wall(), NOW + 5_000)
  write(path, '{"disk":"fsync","behindMs":7}')
  points.before(false)
  assert.throws(() => points.before(true), { errcode: 1034 })
  assert.equal(wall(), NOW - 7)
  write(path, '{}')
  points.before(true)
  assert.equal(wall(), NOW)
})

test('what is no such file makes nothing fail', () => {
  for (const text of [
    '',
    'no JSON',
    'null',
    '[]',
    '"full"',
    '{"disk":"melted"}',
    '{"disk":"full","more":1}',
    '{"aheadMs":-1}',
    '{"aheadMs":1e99}',
    '{"slowMs":999999999}',
    '{"kill":{}}',
    '{"kill":{"point":1,"of":"ever","when":"before"}}',
    '{"kill":{"point":1,"of":"now","when":"before","by":7}}',
    `{"disk":"full"}${' '.repeat(5_000)}`,
    '\ud800',
  ]) {
    const path = place()
    write(path, text)
    const { points, wall } = rehearsedFaults(path, () => NOW)
    points.before(true)
    points.after()
    assert.equal(wall(), NOW, text.slice(0, 40))
  }
})

test('a directory or a pipe in its place holds nobody up', () => {
  const folder = place()
  mkdirSync(folder)
  const pipe = place()
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0)
  for (const path of [folder, pipe]) {
    const { points, wall } = rehearsedFaults(path, () => NOW)
    points.before(true)
    assert.equal(wall(), NOW)
  }
})
