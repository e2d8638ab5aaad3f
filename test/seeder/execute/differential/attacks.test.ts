// What hostile scripts end with is the same on Node 24 and 26, root, fuel and answer of each: they end where V8's own bounds (native stack,
// memory) are nearest, and no member may meet one of these before the meter's. The attacks are those of `hostile/`; each is a block of its own there.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { newerNode, olderNode } from '#test/seeder/execute/older-node.ts'

const FILES = ['attack', 'escape', 'greed', 'sql'].map((name) =>
  join(import.meta.dirname, '..', 'hostile', `${name}.test.ts`),
)
const RUN_MS = 600_000
const ATTACKS_MIN = 220

/** A line an attack, in the order of the files. */
async function notesOf(node: string, directory: string, name: string): Promise<readonly string[]> {
  const notes = join(directory, name)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  await promisify(execFile)(node, ['--test', '--test-concurrency=1', ...FILES], {
    env: { ...env, INTERPEER_ATTACK_NOTES: notes },
    timeout: RUN_MS,
    maxBuffer: 2 ** 24,
  })
  return readFileSync(notes, 'utf8').trimEnd().split('\n')
}

test('every attack ends with the same root, fuel and answer on Node 24 and 26', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'attacks-'))
  try {
    const newer = await notesOf(newerNode(), directory, 'newer')
    const older = await notesOf(await olderNode(), directory, 'older')
    assert.ok(newer.length > ATTACKS_MIN, `${newer.length} attacks`)
    for (const [index, line] of newer.entries()) assert.equal(older[index], line)
    assert.equal(older.length, newer.length)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
