// One log of requests gives the same roots, fuel and answers in every process: another Node, another time zone and language,
// after a thousand other requests (runtime.md, "What must hold").

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newerNode, olderNode, versionOf } from '#test/seeder/execute/older-node.ts'

const run = promisify(execFile)
const REPLAY = fileURLToPath(new URL('./replay.ts', import.meta.url))
const RUN_MS = 120_000

async function replay(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const [node = '', ...flags] = command
  const { stdout } = await run(node, flags.includes(REPLAY) ? flags : [...flags, REPLAY], {
    env: { ...process.env, ...env },
    timeout: RUN_MS,
    maxBuffer: 2 ** 24,
  })
  return stdout
}

/** The first line that differs is shown; the first of all names the engine, so that a rebuilt guest library is not mistaken. */
function assertSame(log: string, expected: string, what: string): void {
  const lines = log.split('\n')
  for (const [index, line] of expected.split('\n').entries())
    assert.equal(lines[index], line, `${what}, line ${index + 1}`)
  assert.equal(lines.length, expected.split('\n').length)
}

const plain = replay([newerNode()], { TZ: 'UTC', LANG: 'C' })

test('the log is not trivial: blocks, failures and reads of all kinds', async () => {
  const log = await plain
  for (const word of ['"fuel"', '"memory"', '"depth"', '"exception"', '"chance":true', '"time":true']) {
    assert(log.includes(word), `no ${word} in the log`)
  }
  assert(log.split('\n').length > 40)
})

test('in another process, time zone and language, after a thousand other requests', async () => {
  const env = { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }
  assertSame(await replay([newerNode(), REPLAY, '--before', '1000'], env), await plain, 'after 1000')
})

test('on Node 24', async () => {
  const node = await olderNode()
  const version = await versionOf(node)
  assert.match(version, /^v24\./)
  assert.match(await versionOf(newerNode()), /^v26\./)
  assertSame(await replay([node], { TZ: 'America/New_York' }), await plain, version)
})

test('compiled by the baseline compiler alone, and by the optimising one alone', async () => {
  for (const option of ['--liftoff-only', '--no-liftoff']) {
    assertSame(await replay([newerNode(), option]), await plain, option)
  }
})
