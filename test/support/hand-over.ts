// A group's members change: who goes and who comes, by the command that an operator of the network gives.

import assert from 'node:assert/strict'
import { interpeer } from './command.ts'
import type { SeederProcess, Seeders } from './seeders.ts'
import { until } from './until.ts'

/** The admission has heard of who comes. */
export async function isKnown({ admission }: Seeders, seeder: SeederProcess): Promise<void> {
  await until(`${seeder.label} in the network file`, () =>
    admission.file().peers.some(({ peer }) => peer === seeder.ready.peer),
  )
}

export async function replaceMember(
  seeders: Seeders,
  site: string,
  out: SeederProcess,
  next: SeederProcess,
): Promise<void> {
  const peers = ['--replace', out.ready.peer, '--with', next.ready.peer]
  const place = ['--key', seeders.networkKey, '--network', seeders.networkPath, '--json']
  const end = await interpeer(['members', site, ...peers, ...place])
  assert.equal(end.code, 0, JSON.stringify(end))
}
