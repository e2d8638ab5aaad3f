// What a seeder may take of its machine, and how it leaves: real processes with small quotas, and one that is told to stop under load.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { signStatement } from '#protocol/message/domain.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { interpeer } from '#test/support/command.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const LINES = join(import.meta.dirname, 'lines')

async function factsOf(seeder: SeederProcess): Promise<SeederFacts> {
  return JSON.parse((await exchange(`${seeder.ready.control}/status`)).body.toString()) as SeederFacts
}

async function metric(seeder: SeederProcess, series: string): Promise<number> {
  const text = (await exchange(`${seeder.ready.control}/metrics`)).body.toString()
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  )
}

function member(seeders: Seeders, label: string): SeederProcess {
  const found = seeders.all.find((seeder) => seeder.label === label)
  assert.ok(found)
  return found
}

const agreeing = (seeders: Seeders, site: string, labels: readonly string[]) =>
  until(`${site} at ${labels.join(', ')}`, async () => {
    const sites = await Promise.all(labels.map((label) => member(seeders, label).site(site)))
    return sites.every((each) => each?.state === 'agreeing' && each.height > 0)
  })

test('F15 over a quota no new site is taken, what is held goes on, and a raised quota takes what was refused', async () => {
  await using seeders = await startSeeders({
    arguments: {
      s2: ['--slots', '1', '--disk', 'none'],
      s3: ['--memory', '64M'],
      s4: ['--bandwidth', '64K'],
    },
  })
  const [s1, s2, s3] = ['s1', 's2', 's3'].map((label) => member(seeders, label)) as [
    SeederProcess,
    SeederProcess,
    SeederProcess,
  ]
  await seeders.publish(LINES, 'first')
  await agreeing(seeders, 'first', ['s1', 's2', 's4'])

  // Memory: a process is larger than 64M, so it takes nothing and says so.
  const memory = (await factsOf(s3)).quotas
  assert.deepEqual(memory?.exceeded, ['memory'])
  assert.deepEqual(memory?.refused, [{ site: 'first', reason: 'memory' }])
  assert.equal(await metric(s3, 'interpeer_quota_exceeded{resource="memory"}'), 1)
  assert.equal(await s3.site('first'), undefined)
  const { lines } = await interpeer(['status', 'first', '--network', seeders.networkPath, '--json'])
  const [shown] = (lines[0]?.jobs ?? []) as { members: { peer: string; state: string; refused?: string }[] }[]
  const refused = shown?.members.find(({ peer }) => peer === s3.ready.peer)
  assert.deepEqual([refused?.state, refused?.refused], ['not_hosting', 'memory'])

  // Slots: the second site finds none.
  const second = seeders.publish(LINES, 'second')
  const slots = await until('a refused site', async () => {
    const { quotas } = await factsOf(s2)
    return quotas?.refused.length === 1 && quotas
  })
  assert.deepEqual(slots.refused, [{ site: 'second', reason: 'slots' }])
  assert.deepEqual(slots.slots, { used: 1, max: 1 })
  assert.equal(await metric(s2, 'interpeer_jobs_refused'), 1)
  assert.equal(await metric(s2, 'interpeer_slots{kind="used"}'), 1)
  assert.equal((await s2.ask('first', '/', { method: 'POST', body: Buffer.from('held') })).status, 201)
  assert.equal(await metric(s1, 'interpeer_jobs_refused'), 0)

  // Raised again by the directory's own file: both sites are there.
  writeFileSync(join(s3.ready.dir, 'config.json'), '{"memory":"none","slots":8,"logLevel":"debug"}')
  for (const seeder of [s2, s3]) {
    seeder.kill('SIGTERM')
    assert.equal(await seeder.exited, 0)
  }
  const again = await seeders.restart(s2, '--slots', '2')
  const other = await seeders.restart(s3)
  assert.equal((await factsOf(other)).quotas?.slots.max, 8)
  assert.equal((await factsOf(again)).quotas?.slots.max, 2)
  await agreeing(seeders, 'first', ['s1', 's2', 's3', 's4'])
  await second

  // Held sites outlive a smaller quota; scripts are not run for visitors while memory is over it, agreement goes on.
  writeFileSync(join(other.ready.dir, 'config.json'), '{"memory":"64M"}')
  other.kill('SIGTERM')
  await other.exited
  const small = await seeders.restart(other)
  await agreeing(seeders, 'first', ['s3'])
  const before = (await small.site('first'))?.height ?? 0
  const shed = await small.ask('first', '/', { method: 'POST', body: Buffer.from('not now') })
  assert.equal(shed.status, 503)
  assert.ok(Number(shed.headers['retry-after']) >= 1)
  assert.equal((await s1.ask('first', '/', { method: 'POST', body: Buffer.from('agreed') })).status, 201)
  await until('the height', async () => ((await small.site('first'))?.height ?? 0) > before)

  // Bandwidth: visitors wait, nobody is refused, and the group's own talk is none of theirs.
  const s4 = member(seeders, 's4')
  const line = 'x'.repeat(12_000)
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      s4.ask('first', '/', { method: 'POST', body: Buffer.from(`${line}${index}`) }),
    ),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
  // 192 000 bytes came, 64 KiB a second may, and one second's worth at once.
  assert.ok((await metric(s4, 'interpeer_bandwidth_waited_seconds_total')) > 0)
  assert.equal((await s4.site('first'))?.state, 'agreeing')
})

test('F25 over the disk quota garbage goes first, then no new site is taken', async () => {
  await using seeders = await startSeeders({ arguments: { s1: ['--disk', '16M'] } })
  const s1 = member(seeders, 's1')
  await seeders.publish(LINES, 'first')
  await agreeing(seeders, 'first', ['s1'])
  // Sites of plain files, one above the quota.
  const folder = join(seeders.directory, 'heavy')
  mkdirSync(join(folder, 'public'), { recursive: true })
  writeFileSync(join(folder, 'interpeer.jsonc'), '{"name":"heavy","assets":{"directory":"public"}}')
  for (let index = 0; index < 18; index++)
    writeFileSync(join(folder, 'public', `${index}.bin`), randomBytes(1024 * 1024))
  await seeders.publish(folder, 'heavy')
  await agreeing(seeders, 'heavy', ['s1'])
  await until('the disk quota exceeded', async () => (await factsOf(s1)).quotas?.exceeded.includes('disk'))
  assert.equal(await metric(s1, 'interpeer_quota_exceeded{resource="disk"}'), 1)
  await seeders.publish(LINES, 'third')
  await until('the third site refused', async () =>
    (await factsOf(s1)).quotas?.refused.some(({ site }) => site === 'third'),
  )
  assert.equal((await s1.ask('first', '/', { method: 'POST', body: Buffer.from('held') })).status, 201)
  assert.match(readFileSync(join(s1.ready.dir, 'stderr.log'), 'utf8'), /"event":"quota_exceeded","quota":"disk"/)

  // The heavy site ends: what it left is garbage, garbage goes, and the refused site is taken without anybody's doing.
  const file = seeders.admission.file()
  const job = file.jobs.find(({ name }) => name === 'heavy')
  assert.ok(job)
  const end = signStatement(domainOf(file), 'job_end', seeders.uploader, { job: groupOf(job).job, time: Date.now() })
  const ended = await exchange(`${file.admission}/jobs/end`, { method: 'POST', body: cborFromValue(end) })
  assert.equal(ended.status, 200)
  await until('room', async () => (await factsOf(s1)).quotas?.exceeded.length === 0)
  await agreeing(seeders, 'third', ['s1'])
})
