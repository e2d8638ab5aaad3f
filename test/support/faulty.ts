// Machines of real seeders that fail on demand, and who votes all the same: what tests of faults share.

import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { certFromBytes } from '#seeder/agree/record.ts'
import { published as publishedPlainly, SITE } from './lines.ts'
import type { SeederProcess, Seeders, SeedersOptions } from './seeders.ts'

/** What the machine of a seeder does wrong from now on (seeder/config/faults.ts); `{}`: nothing. */
export function withFaults(seeder: Pick<SeederProcess, 'faults'>, faults: object): void {
  writeFileSync(`${seeder.faults}.new`, JSON.stringify(faults))
  renameSync(`${seeder.faults}.new`, seeder.faults)
}

/** Four members whose machines can be made to fail, and the site at all of them. */
export function published(options: SeedersOptions = {}): Promise<Seeders> {
  return publishedPlainly({ faults: true, ...options })
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
