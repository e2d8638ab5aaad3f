// A file that is written whole is the old one or the new one, also when the disk has room for a part of it only: the system takes that part and
// says nothing. A limit of the size of files stands for the disk; it is met in the same way.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const directory = mkdtempSync(join(tmpdir(), 'place-'))
after(() => rmSync(directory, { recursive: true }))

/** In units of 512 bytes. */
const FILE_BLOCKS = 64
const TEXT_BYTES = 100_000

/** Runs a module's code where files may have 32 KiB; returns what it said. */
function within(code: string): string {
  const words = [
    '-c',
    `ulimit -S -f ${FILE_BLOCKS}; exec "$@"`,
    'sh',
    process.execPath,
    '--input-type=module',
    '-e',
    code,
  ]
  const { stdout, stderr } = spawnSync('/bin/sh', words, { cwd: ROOT, encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout.trim()
}

const said = (work: string): string => `try { console.log(${work}) } catch (error) { console.log(error.code) }`

test('a file for which the disk has room in part stays as it was, and whoever writes it is told', () => {
  const path = join(directory, 'whole')
  writeFileSync(path, 'old')
  const write = (bytes: number): string =>
    within(`import { writeWhole } from '#seeder/config/place.ts'
      ${said(`writeWhole(${JSON.stringify(path)}, 'x'.repeat(${bytes})) ?? 'written'`)}`)
  assert.equal(write(TEXT_BYTES), 'EFBIG')
  assert.equal(readFileSync(path, 'utf8'), 'old')
  assert.equal(write(1_000), 'written')
  assert.equal(readFileSync(path, 'utf8'), 'x'.repeat(1_000))
})

test('a disk that takes a part of a probe does not work again', () => {
  const probe = `import { diskRefusal } from '#seeder/store/probe.ts'
    console.log(diskRefusal(${JSON.stringify(directory)}) ?? 'usable')`
  assert.match(within(probe), /EFBIG/)
})
