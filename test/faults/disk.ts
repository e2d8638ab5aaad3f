// G11 with the kernel's own faults: each makes a member say that it is degraded and vote no more; the group goes on, nothing that was
// acknowledged is lost, and the member is back by itself.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { breakDisk, type DiskFault, limitFiles, smallDisk, straced } from '#test/faults/support/tools.ts'
import { published, votersAt } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import { type SeederProcess, type Seeders, startSeeders, type Wrap } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const LINES_MAX = 400
const BACK_MS = 60_000
const FILE_BYTES = 4_096

/** Writes until the first member says that it is degraded, and some more; then `heal`s it. */
async function suffers(seeders: Seeders, says: RegExp, heal: () => unknown, starts: number): Promise<void> {
  const [victim, other] = seeders.all
  assert.ok(victim && other)
  const lines: string[] = []
  const write = async (): Promise<void> => {
    const line = `line ${lines.length}`
    await writeLine(seeders, line, 1)
    lines.push(line)
  }
  let said: string | undefined
  while (said === undefined) {
    assert.ok(lines.length < LINES_MAX, 'it says that it is degraded')
    await write()
    const site = await victim.site(SITE)
    if (site?.state === 'degraded') said = site.degraded
  }
  assert.match(said, says)
  assert.match(await victim.metrics(), /interpeer_site_state\{site="lines",state="degraded"\} 1/)
  for (let more = 0; more < 3; more++) await write()
  const voters = await votersAt(seeders, other)
  assert.ok(!voters.includes(victim.label), `of ${voters.join()} it votes`)
  await heal()
  await until('it agrees again', () => agrees(victim), BACK_MS)
  assert.equal(victim.starts(), starts)
  await write()
  assert.deepEqual(await levelLines(seeders), lines)
  await noEvidence(seeders)
}

const first = (seeders: Seeders): SeederProcess => {
  const [victim] = seeders.all
  assert.ok(victim)
  return victim
}

test('a disk that is full (ENOSPC): it is degraded until there is room, in the same process', async () => {
  using stack = new DisposableStack()
  await using seeders = await published({
    wraps: {
      s1: (words, start) => {
        if (start === 0) stack.use(smallDisk(words[words.indexOf('--dir') + 1] ?? '', 32))
        return words
      },
    },
  })
  const filler = join(first(seeders).ready.dir, 'filler')
  assert.throws(() => writeFileSync(filler, Buffer.alloc(64 * 1024 * 1024)), { code: 'ENOSPC' })
  await suffers(seeders, /full/, () => rmSync(filler), 1)
  // Before the directory goes.
  for (const seeder of seeders.all) seeder.kill('SIGKILL')
  await Promise.all(seeders.all.map((seeder) => seeder.exited))
  stack.dispose()
})

for (const fault of ['full', 'read-only'] as const) {
  test(`a disk that is ${fault} at the start, of a new seeder and of one with a store: it ends with 75, and starts when the disk is well`, async () => {
    using stack = new DisposableStack()
    const folder = (words: readonly string[]): string => words[words.indexOf('--dir') + 1] ?? ''
    const heal: { now?: () => void } = {}
    const suffer = (directory: string, what: DiskFault): void => {
      heal.now = breakDisk(directory, what)
    }
    let isNew = true
    const wraps: Record<string, Wrap> = {
      s1: (words, start) => {
        if (start === 0) {
          stack.use(smallDisk(folder(words), 4))
          suffer(folder(words), fault)
        } else heal.now?.()
        return words
      },
      s2: (words, start) => {
        const store = join(folder(words), 'store')
        if (start === 0 && isNew) {
          mkdirSync(store)
          stack.use(smallDisk(store, 4))
        } else if (start === 0) suffer(store, fault)
        else heal.now?.()
        return words
      },
    }
    await using seeders = await startSeeders({ count: 2, faults: true, wraps })
    const [fresh, second] = seeders.all
    assert.ok(fresh && second)
    assert.deepEqual([fresh.starts(), second.starts()], [2, 1])
    isNew = false
    second.kill('SIGTERM')
    const again = await seeders.restart(second)
    assert.deepEqual([again.starts(), again.ready.peer], [2, second.ready.peer])
    for (const seeder of seeders.all) seeder.kill('SIGKILL')
    await Promise.all(seeders.all.map((seeder) => seeder.exited))
    stack.dispose()
  })
}

test('files that cannot grow (EFBIG by RLIMIT_FSIZE): it is degraded until they can, in the same process', async () => {
  await using seeders = await published()
  limitFiles(first(seeders), FILE_BYTES)
  await suffers(seeders, /I\/O error/, () => limitFiles(first(seeders), 'unlimited'), 1)
})

for (const [what, inject, starts] of [
  ['a disk that turned read-only', 'pwrite64,ftruncate:error=EROFS', 1],
  ['writes that fail', 'pwrite64:error=EIO', 1],
  ['syncs that fail', 'fdatasync,fsync:error=EIO', 2],
] as const) {
  test(`${what} (${inject}): it is degraded until that ends, ${starts === 1 ? 'in the same process' : 'and starts anew from what is on disk'}`, async () => {
    await using seeders = await published()
    const tracer = await straced(first(seeders), inject)
    await suffers(seeders, /I\/O error|readonly|sync/, () => tracer[Symbol.asyncDispose](), starts)
  })
}

test('one single sync that fails: what was built on it is not gone on with', async () => {
  await using seeders = await published()
  const victim = first(seeders)
  {
    await using _tracer = await straced(victim, 'fdatasync,fsync:error=EIO:when=1')
    await writeLine(seeders, 'one', 1)
    await until('it starts anew', () => victim.starts() === 2, BACK_MS)
  }
  await until('it agrees again', () => agrees(victim), BACK_MS)
  await writeLine(seeders, 'two', 0)
  assert.deepEqual(await levelLines(seeders), ['one', 'two'])
  await noEvidence(seeders)
})

test('every sync takes a second and a half: nobody else waits for it, and it keeps up or catches up', async () => {
  await using seeders = await published()
  const victim = first(seeders)
  const lines = Array.from({ length: 12 }, (_, index) => `slow ${index}`)
  {
    await using _tracer = await straced(victim, 'fdatasync,fsync:delay_enter=1500000')
    const began = performance.now()
    for (const line of lines) await writeLine(seeders, line, 1)
    assert.ok(performance.now() - began < 60_000)
  }
  assert.deepEqual(await levelLines(seeders), lines)
  await until('it agrees', () => agrees(victim), BACK_MS)
  await noEvidence(seeders)
})
