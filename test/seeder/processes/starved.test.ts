// G11: a machine that has too little of something else: no descriptors, a disk that takes its time, no processor for a while.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { published, votersAt, withFaults } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, writeLine } from '#test/support/lines.ts'
import { until } from '#test/support/until.ts'

/** What a shell gives a seeder that is to run out of descriptors soon; it needs about 60 itself. */
const DESCRIPTORS = 96
const SOCKETS = 200
const AGAIN_MS = 100
const LINES_MAX = 60
const SLOW_MS = 1_500
const STOPPED_MS = 8_000

/** Connects again and again; `turnedAway` counts connections that did not last. */
function exhaust(port: number): Disposable & { turnedAway(): number } {
  const sockets = new Set<Socket>()
  let away = 0
  let over = false
  const open = (): void => {
    if (over) return
    const socket = connect({ port, host: '127.0.0.1' })
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      away++
      sockets.delete(socket)
      setTimeout(open, AGAIN_MS).unref()
    })
  }
  for (let count = 0; count < SOCKETS; count++) open()
  return {
    turnedAway: () => away,
    [Symbol.dispose]() {
      over = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

test('G11 a member without a descriptor left goes on voting over the links it has, loses nothing, and serves again when there are some', async () => {
  await using seeders = await published({
    wraps: { s1: (words) => ['/bin/sh', '-c', `ulimit -n ${DESCRIPTORS}; exec "$@"`, 'sh', ...words] },
  })
  const [victim, other] = seeders.all
  assert.ok(victim && other)
  await writeLine(seeders, 'before', 0)
  const lines: string[] = []
  {
    using crowd = exhaust(Number(new URL(victim.ready.http).port))
    await until('visitors are turned away', () => crowd.turnedAway() > 0)
    let votes = 0
    while (votes < 3) {
      assert.ok(lines.length < LINES_MAX, 'it votes')
      const line = `line ${lines.length}`
      await writeLine(seeders, line, 1)
      lines.push(line)
      if ((await votersAt(seeders, other)).includes(victim.label)) votes++
    }
  }
  await until('it serves again', () => agrees(victim))
  await writeLine(seeders, 'after', 0)
  assert.deepEqual(await levelLines(seeders), ['before', ...lines, 'after'])
  await noEvidence(seeders)
})

test('G11 a disk that takes its time at every sync holds nobody else up and loses nothing', async () => {
  await using seeders = await published()
  const [victim] = seeders.all
  assert.ok(victim)
  withFaults(victim, { disk: 'slow', slowMs: SLOW_MS })
  const lines = Array.from({ length: 10 }, (_, index) => `slow ${index}`)
  for (const line of lines) await writeLine(seeders, line, 1)
  withFaults(victim, {})
  assert.deepEqual(await levelLines(seeders), lines)
  await until('it agrees', () => agrees(victim))
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
  await until('it agrees', () => agrees(victim))
  assert.deepEqual(await levelLines(seeders), ['before', ...lines])
  await noEvidence(seeders)
})
