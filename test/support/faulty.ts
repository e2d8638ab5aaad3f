// A group of real seeders whose machines fail on demand, with the site that keeps lines in order: what tests of faults share.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { certFromBytes } from '#seeder/agree/record.ts'
import { type SeederProcess, type Seeders, type SeedersOptions, startSeeders } from './seeders.ts'
import { until } from './until.ts'

export const SITE = 'lines'
const LINES = join(import.meta.dirname, '..', 'seeder', 'processes', SITE)
const LEVEL_MS = 60_000
const WRITE_MS = 60_000

/** What the machine of a seeder does wrong from now on (seeder/config/faults.ts); `{}`: nothing. */
export function withFaults(seeder: Pick<SeederProcess, 'faults'>, faults: object): void {
  writeFileSync(`${seeder.faults}.new`, JSON.stringify(faults))
  renameSync(`${seeder.faults}.new`, seeder.faults)
}

/** Four members whose machines can be made to fail, and the site at all of them. */
export async function published(options: SeedersOptions = {}): Promise<Seeders> {
  const seeders = await startSeeders({ faults: true, ...options })
  try {
    await seeders.publish(LINES)
    for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => agrees(seeder), LEVEL_MS)
  } catch (cause) {
    await seeders[Symbol.asyncDispose]()
    throw cause
  }
  return seeders
}

export async function agrees(seeder: SeederProcess): Promise<boolean> {
  const site = await seeder.site(SITE)
  return site?.origin !== undefined && site.height > 0 && site.state === 'agreeing'
}

export async function linesAt(seeder: SeederProcess): Promise<readonly string[] | undefined> {
  try {
    const answer = await seeder.ask(SITE, '/', { timeoutMs: 5_000 })
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as string[]) : undefined
  } catch {
    return undefined
  }
}

/** One line, through the members in turn from `first` on until one acknowledges it, under one key: it runs once (R9). */
export async function writeLine(seeders: Pick<Seeders, 'all'>, line: string, first: number): Promise<void> {
  const key = randomBytes(16).toString('base64url')
  const end = performance.now() + WRITE_MS
  for (let turn = first; ; turn++) {
    const seeder = seeders.all[turn % seeders.all.length]
    assert.ok(seeder)
    try {
      const headers = { 'idempotency-key': key }
      const answer = await seeder.ask(SITE, '/', { method: 'POST', body: Buffer.from(line), headers })
      if (answer.status === 201) return
      // 504: whether it was agreed on is not known; under the same key it is not done twice.
      // 307: that one has left the group.
      assert.ok([307, 503, 504].includes(answer.status), `${answer.status} ${answer.body}`)
    } catch (cause) {
      if (cause instanceof assert.AssertionError) throw cause
    }
    assert.ok(performance.now() < end, `nobody took ${line}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What all members show, once they show the same. */
export function levelLines(seeders: Pick<Seeders, 'all'>): Promise<readonly string[]> {
  return until(
    'the same lines at every member',
    async () => {
      const all = await Promise.all(seeders.all.map(linesAt))
      const [one] = all
      return one !== undefined && all.every((lines) => JSON.stringify(lines) === JSON.stringify(one)) ? one : undefined
    },
    LEVEL_MS,
  )
}

/** The labels of the members whose votes are in the certificate of the newest height that `at` holds. */
export async function votersAt(seeders: Seeders, at: SeederProcess): Promise<readonly string[]> {
  const answer = await at.ask(SITE, '/.well-known/interpeer/certificate/latest')
  assert.equal(answer.status, 200)
  const cert = certFromBytes(answer.body)
  assert.ok(cert.ok)
  const [job] = seeders.admission.file().jobs
  assert.ok(job)
  const { members } = groupOf(job)
  const voted = new Set([...cert.value.qc1.votes, ...cert.value.qc2.votes].map(([index]) => index))
  return [...voted].map((index) => {
    const key = members[index]
    assert.ok(key)
    return seeders.all.find((seeder) => seeder.ready.peer === peerName(key))?.label ?? 'unknown'
  })
}

export async function noEvidence(seeders: Pick<Seeders, 'all'>): Promise<void> {
  for (const seeder of seeders.all) {
    const site = await until(`the word of ${seeder.label}`, () => seeder.site(SITE))
    assert.deepEqual(site.evidence, [], `${seeder.label}: a broken machine is no liar`)
  }
}
