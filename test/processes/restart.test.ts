// A seeder that ends with 75 asks to be started again (its disk failed): whoever runs it does so, be it `interpeer seed`, `interpeer up`
// or the unit for systemd.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { EXIT } from '#cli/failure.ts'
import { exchange } from '#cli/network/http.ts'
import type { SeederReport } from '#cli/network/peers.ts'
import { publishSite } from '#cli/publish/publish.ts'
import { startLocalNetwork } from '#cli/up/local-network.ts'
import { EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE } from '#seeder/config/exit-code.ts'
import { ROOT, startCommand, type UpSeeder } from '#test/support/command.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const AGAIN_MS = 60_000
const LINES = join(ROOT, 'test', 'seeder', 'processes', 'lines')

test('`seed` starts a seeder again and again while its disk takes nothing, and it runs once there is room', async () => {
  await using network = await startSeeders({ count: 0 })
  const limited = ['/bin/sh', '-c', 'ulimit -S -f 1; exec "$@"', 'sh']
  const through = [...limited, process.execPath, join(ROOT, 'cli', 'interpeer.js')]
  const directory = join(network.directory, 'own')
  await using seed = startCommand(['seed', '--dir', directory, '--network', network.networkPath, '--accept'], {
    through,
  })
  await until('started again twice', () => seed.events.length >= 3, AGAIN_MS)
  for (const { event, code } of seed.events) assert.deepEqual([event, code], ['error', 'store_unwritable'])
  // The limit of the command is what its next child begins with.
  execFileSync('prlimit', ['--pid', String(seed.pid), '--fsize=unlimited'])
  const ready = await seed.event<UpSeeder>('ready', () => true, AGAIN_MS)
  const status = await exchange(`${ready.http}/.well-known/interpeer/status`)
  assert.equal((JSON.parse(status.body.toString()) as SeederReport).peer, ready.peer)
  // As a service manager ends it.
  seed.kill('SIGTERM')
  assert.equal(await seed.exited, 130)
})

test('`up` starts a seeder again whose sync failed: another process with the same key and ports, which agrees', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'again-'))
  const faults = join(directory, 'faults.json')
  const ended: [string, number][] = []
  try {
    await using network = await startLocalNetwork({
      directory: join(directory, 'net'),
      seeders: 4,
      port: 0,
      target: 'hosts',
      signal: new AbortController().signal,
      seederArguments: (index) => (index === 0 ? ['--faults', faults] : []),
      onStep: () => {},
      onSeederExit: (peer, code) => ended.push([peer, code]),
    })
    await publishSite({
      folder: LINES,
      network: async () => network.admission.file(),
      signer: network.uploader,
      signal: AbortSignal.timeout(AGAIN_MS),
      progress: () => {},
    })
    const [victim] = network.seeders
    assert.ok(victim)
    const state = async (): Promise<string | undefined> => {
      const answer = await exchange(`${victim.http}/.well-known/interpeer/status`).catch(() => undefined)
      return answer && (JSON.parse(answer.body.toString()) as SeederReport).sites[0]?.state
    }
    await until('it agrees', async () => (await state()) === 'agreeing', AGAIN_MS)
    const atGateway = async (): Promise<string | undefined> => {
      const answer = await exchange(`${network.gateway}/lookup/name/lines`)
      const { members } = JSON.parse(answer.body.toString()) as { members: { peer: string; state: string }[] }
      return members.find(({ peer }) => peer === victim.peer)?.state
    }
    await until('the gateway sends visitors to it', async () => (await atGateway()) === 'living', AGAIN_MS)
    writeFileSync(faults, JSON.stringify({ disk: 'fsync' }))
    await until('it is degraded', async () => (await state()) === 'degraded', AGAIN_MS)
    await until('the gateway sends nobody to it', async () => (await atGateway()) !== 'living', AGAIN_MS)
    assert.deepEqual(ended, [], 'it answers as long as the disk fails')
    writeFileSync(faults, '{}')
    await until('it ended', () => ended.length > 0, AGAIN_MS)
    assert.deepEqual(ended, [[victim.peer, EXIT_AGAIN]])
    await until('it agrees again', async () => (await state()) === 'agreeing', AGAIN_MS)
    assert.throws(() => process.kill(victim.pid, 0), { code: 'ESRCH' }, 'another process')
    assert.equal(ended.length, 1)
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
})

test('the unit for systemd starts it again whatever it ended with but for wrong usage, however often, and takes a stop for no failure', () => {
  const unit = readFileSync(join(ROOT, 'docs', 'operate', 'interpeer-seeder.service'), 'utf8')
  const settings = new Map(
    unit
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => line.split(/=(.*)/s, 2) as [string, string]),
  )
  assert.equal(settings.get('Restart'), 'on-failure')
  assert.equal(settings.get('RestartPreventExitStatus'), String(EXIT_USAGE))
  // What `interpeer seed` ends with at SIGTERM, as above; and nothing that is a failure.
  const fine = (settings.get('SuccessExitStatus') ?? '').split(' ')
  assert.ok(fine.includes(String(EXIT.interrupted)))
  for (const code of [EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE]) assert.ok(!fine.includes(String(code)))
  assert.equal(settings.get('StartLimitIntervalSec'), '0')
  assert.match(settings.get('ExecStart') ?? '', /^\/usr\/local\/bin\/interpeer seed /)
})
