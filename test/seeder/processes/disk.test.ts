// G11: a disk that fails, on real processes: the member says that it is degraded, votes no more, the group goes on without it, nothing
// that was acknowledged is lost, and it is back by itself when the disk is. The disk fails where the seeder meets it (`--faults`); what
// the kernel does is in test/faults.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { published, votersAt, withFaults } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const BACK_MS = 60_000
const CLI = join(import.meta.dirname, '..', '..', '..', 'cli', 'interpeer.js')
const run = promisify(execFile)

for (const disk of ['full', 'read_only', 'fsync'] as const) {
  test(`G11 a disk that is ${disk}: degraded, the group goes on, nothing is lost, and it comes back by itself`, async () => {
    await using seeders = await published()
    const [victim, other] = seeders.all
    assert.ok(victim && other)
    await writeLine(seeders, 'before', 0)
    withFaults(victim, { disk })
    for (const line of ['one', 'two', 'three']) await writeLine(seeders, line, 1)
    const site = await until('it says so', async () => {
      const said = await victim.site(SITE)
      return said?.state === 'degraded' ? said : undefined
    })
    assert.match(site.degraded ?? '', /persist|commit/)
    const status = await run(process.execPath, [CLI, 'status', SITE, '--network', seeders.networkPath])
    assert.match(status.stdout, /degraded \((persist|commit): /)
    assert.match(await victim.metrics(), /interpeer_site_state\{site="lines",state="degraded"\} 1/)
    const refused = await victim.ask(SITE, '/', { method: 'POST', body: Buffer.from('no') })
    assert.equal(refused.status, 503)
    await writeLine(seeders, 'four', 1)
    const voters = await votersAt(seeders, other)
    assert.ok(!voters.includes(victim.label), voters.join())
    withFaults(victim, {})
    await until('it agrees again', () => agrees(victim), BACK_MS)
    // What a failed sync left in the kernel's memory is not gone on with: a new process reads what is on disk.
    assert.equal(victim.starts(), disk === 'fsync' ? 2 : 1)
    await writeLine(seeders, 'five', 0)
    assert.deepEqual(await levelLines(seeders), ['before', 'one', 'two', 'three', 'four', 'five'])
    await noEvidence(seeders)
  })
}

test('a disk that takes nothing at the start: it ends with the word for it, and starts when there is room', async () => {
  await using seeders = await startSeeders({
    count: 1,
    faults: true,
    wraps: {
      s1: (words, start) => (start === 0 ? ['/bin/sh', '-c', 'ulimit -S -f 1; exec "$@"', 'sh', ...words] : words),
    },
  })
  assert.equal(seeders.all[0]?.starts(), 2)
})
