// A group's members change: who goes and who comes, by the command that an operator of the network gives, or by the statement that it posts.

import assert from 'node:assert/strict'
import { exchange } from '#cli/network/http.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { peerName, publicKeyFromName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { loadSigner } from '#seeder/identity/keys.ts'
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

/** The same without a process that has to start first, and of several at once: for tests of many hand-overs. */
export async function nameMembers(
  { admission, networkKey }: Seeders,
  site: string,
  out: readonly SeederProcess[],
  next: readonly SeederProcess[],
): Promise<void> {
  const file = admission.file()
  const job = file.jobs.find(({ name }) => name === site)
  assert.ok(job)
  const { job: id, epoch, members } = groupOf(job)
  const after = members.map((key) => {
    const at = out.findIndex(({ ready }) => ready.peer === peerName(key))
    if (at < 0) return key
    const comes = publicKeyFromName(next[at]?.ready.peer ?? '')
    assert.ok(comes.ok)
    return comes.value
  })
  const body = { job: id, epoch: epoch + 1, members: after, time: Date.now() }
  const statement = signStatement(domainOf(file), 'members', loadSigner(networkKey), body)
  const answer = await exchange(`${file.admission}/jobs/members`, { method: 'POST', body: cborFromValue(statement) })
  assert.equal(answer.status, 200, answer.body.toString())
}
