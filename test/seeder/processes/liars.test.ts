// One member of four lies, on real processes: visitors still get the honest answer, the lie is proven and names the liar, and
// what is no lie (silence, staleness) is counted and costs nothing else.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import type { SiteReport } from '#cli/network/peers.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const COMMAND = join(import.meta.dirname, '..', '..', '..', 'cli', 'interpeer.js')
const LINES = join(import.meta.dirname, 'lines')
const SITE = 'lines'

type Group = { readonly seeders: Seeders; readonly liar: SeederProcess; readonly honest: readonly SeederProcess[] }

async function withLiar(kind: string): Promise<Group & AsyncDisposable> {
  const seeders = await startSeeders({ arguments: { s1: ['--byzantine', kind] } })
  try {
    await seeders.publish(LINES)
    const [liar, ...honest] = seeders.all
    assert.ok(liar)
    for (const seeder of honest) {
      await until(`${SITE} at ${seeder.label}`, async () => ((await seeder.site(SITE))?.height ?? 0) > 0)
    }
    return { seeders, liar, honest, [Symbol.asyncDispose]: () => seeders[Symbol.asyncDispose]() }
  } catch (cause) {
    await seeders[Symbol.asyncDispose]()
    throw cause
  }
}

/** How long a proof may take on a busy machine; most come with the first writes. */
const PROOF_MS = 90_000

async function write(seeder: SeederProcess, line: string): Promise<void> {
  await until(`${line} is acknowledged`, async () => {
    const answer = await seeder.ask(SITE, '/', { method: 'POST', body: Buffer.from(line) })
    return answer.status === 201
  })
}

async function evidenceAt(seeder: SeederProcess): Promise<SiteReport['evidence']> {
  return (await seeder.site(SITE))?.evidence ?? []
}

/** Writes go on through the honest ones until one of them has proof of one of these kinds. */
async function provenBy(group: Group, kinds: readonly string[]): Promise<void> {
  let line = 0
  await until(
    `proof of ${kinds.join(' or ')}`,
    async () => {
      const seeder = group.honest[line % group.honest.length]
      assert.ok(seeder)
      await write(seeder, `l${line++}`)
      const all = (await Promise.all(group.honest.map(evidenceAt))).flat()
      return all.some((evidence) => kinds.includes(evidence.kind))
    },
    PROOF_MS,
  )
  for (const seeder of group.honest) {
    for (const evidence of await evidenceAt(seeder))
      assert.equal(evidence.accused, group.liar.ready.peer, evidence.kind)
  }
}

/** `interpeer verify` of the site's first page at one member: its exit code, and the check that failed. */
async function verdict(group: Group, seeder: SeederProcess): Promise<string> {
  const origin = (await seeder.site(SITE))?.origin
  assert.ok(origin)
  const words = ['verify', `${origin}/`, '--network', group.seeders.networkPath, '--json']
  const child = spawn(process.execPath, [COMMAND, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const last = JSON.parse(said.trim().split('\n').at(-1) ?? '{}') as { code?: string }
  return code === 0 ? 'valid' : `${code} ${last.code}`
}

test('F8 a member whose results are wrong is proven a liar, and the others give the honest answer', async () => {
  await using group = await withLiar('wrong-result')
  await provenBy(group, ['wrong_result'])
  const read = await group.honest[0]?.ask(SITE, '/')
  assert.ok(read)
  assert.doesNotMatch(read.body.toString(), /altered/)
})

test('F31 a member that proposes and votes twice is proven a liar', async () => {
  await using group = await withLiar('equivocate')
  await provenBy(group, ['double_proposal', 'double_vote1'])
})

test('F31 a member that forges receipts is proven a liar by the audits of the others', async () => {
  await using group = await withLiar('forge')
  await provenBy(group, ['wrong_receipt'])
})

test('`verify` refuses what a forger answers, and takes what the others answer', async () => {
  await using group = await withLiar('forge')
  const [first] = group.honest
  assert.ok(first)
  await write(first, 'a line')
  assert.equal(await verdict(group, first), 'valid')
  assert.match(await verdict(group, group.liar), /^1 /)
})

test('§2 silence is counted and is no lie', async () => {
  await using group = await withLiar('silent')
  const [first] = group.honest
  assert.ok(first)
  let line = 0
  await until(
    'its silence is counted and seen',
    async () => {
      await write(first, `l${line++}`)
      const site = await first.site(SITE)
      const missed = site?.counts[`missed ${group.liar.ready.peer}`] ?? 0
      return missed >= 3 && site?.members.find(({ peer }) => peer === group.liar.ready.peer)?.state === 'silent'
    },
    90_000,
  )
  for (const seeder of group.honest) assert.deepEqual(await evidenceAt(seeder), [])
})

test('§2 a member that serves an old head costs the others nothing and is no liar', async () => {
  await using group = await withLiar('stale')
  const [first] = group.honest
  assert.ok(first)
  for (let line = 0; line < 5; line++) await write(first, `l${line}`)
  const behind = await group.liar.site(SITE)
  const ahead = await first.site(SITE)
  assert.ok(behind && ahead && behind.height < ahead.height)
  for (const seeder of group.honest) assert.deepEqual(await evidenceAt(seeder), [])
})

test('a liar is refused outside the local profile', async () => {
  await using seeders = await startSeeders({ count: 0 })
  const { file } = seeders.admission
  seeders.admission.change({ profile: 'main' })
  assert.equal(file().profile, 'main')
  await assert.rejects(seeders.start('s9', '--byzantine', 'silent'), /local profile/)
})
