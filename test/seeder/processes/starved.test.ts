// G11: a machine that has too little of something else: no descriptors, a disk that takes its time, no processor for a while.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import {
  agrees,
  levelLines,
  noEvidence,
  published,
  SITE,
  votersAt,
  withFaults,
  writeLine,
} from '#test/support/faulty.ts'
import { until } from '#test/support/until.ts'

/** What a shell gives a seeder that is to run out of descriptors soon; it needs about 60 itself. */
const DESCRIPTORS = 96
const SOCKETS = 200
const SLOW_MS = 1_500
const STOPPED_MS = 8_000

function exhaust(port: number): Socket[] {
  return Array.from({ length: SOCKETS }, () => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    return socket
  })
}

test('G11 a member without a descriptor left goes on voting over the links it has, loses nothing, and serves again when there are some', async () => {
  await using seeders = await published({
    wraps: { s1: (words) => ['/bin/sh', '-c', `ulimit -n ${DESCRIPTORS}; exec "$@"`, 'sh', ...words] },
  })
  const [victim, other] = seeders.all
  assert.ok(victim && other)
  await writeLine(seeders, 'before', 0)
  const origin = (await victim.site(SITE))?.origin ?? ''
  const sockets = exhaust(Number(new URL(origin).port))
  try {
    await until('it has none left', async () => (await victim.site(SITE)) === undefined, 20_000)
    for (const line of ['one', 'two', 'three']) await writeLine(seeders, line, 1)
    assert.ok((await votersAt(seeders, other)).length >= 3)
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  await until('it serves again', () => agrees(victim), 30_000)
  await writeLine(seeders, 'after', 0)
  assert.deepEqual(await levelLines(seeders), ['before', 'one', 'two', 'three', 'after'])
  await noEvidence(seeders)
})

test('G11 a disk that takes its time at every sync holds nobody else up and loses nothing', async () => {
  await using seeders = await published()
  const [victim] = seeders.all
  assert.ok(victim)
  withFaults(victim, { disk: 'slow', slowMs: SLOW_MS })
  const lines = Array.from({ length: 10 }, (_, index) => `slow ${index}`)
  const began = performance.now()
  for (const line of lines) await writeLine(seeders, line, 1)
  assert.ok(performance.now() - began < 40_000, 'the group goes on')
  withFaults(victim, {})
  assert.deepEqual(await levelLines(seeders), lines)
  await until('it agrees', () => agrees(victim), 30_000)
  await noEvidence(seeders)
})

test('G11 a member that is stopped for a while and goes on where it stood catches up, and nobody is framed', async () => {
  await using seeders = await published()
  const [victim] = seeders.all
  assert.ok(victim)
  await writeLine(seeders, 'before', 0)
  victim.kill('SIGSTOP')
  const stopped = performance.now()
  const lines: string[] = []
  while (performance.now() - stopped < STOPPED_MS) {
    const line = `stopped ${lines.length}`
    await writeLine(seeders, line, 1)
    lines.push(line)
  }
  victim.kill('SIGCONT')
  await until('it agrees', () => agrees(victim), 30_000)
  assert.deepEqual(await levelLines(seeders), ['before', ...lines])
  await noEvidence(seeders)
})
