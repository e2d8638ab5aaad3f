// The network file: signed, versioned, one form; and how it grows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import {
  applyJobEnd,
  applyJobNew,
  applyMembers,
  applyPeerRecord,
  GONE_KEPT_MS,
  GONE_MAX,
  membersByHash,
  STATEMENT_SKEW_MS,
} from '#protocol/directory/admission.ts'
import { directoryOf } from '#protocol/directory/directory.ts'
import {
  anchorOf,
  groupsOf,
  HANDOVER_GRACE_MS,
  handingOver,
  JOBS_MAX,
  type NetworkFile,
  type NetworkJob,
  PAST_EPOCHS_MAX,
  signNetworkFile,
  type UnsignedNetworkFile,
  verifyNetworkFile,
} from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { type JobNew, jobId } from '#protocol/message/statement.ts'
import { verify } from '#seeder/identity/keys.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'

const NOW = 1_800_000_000_000
const network = testNetwork({ sites: [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }], peers: ['e'], time: NOW })
const signedBy = (file: NetworkFile, name = 'network') => {
  const { signature: _, ...unsigned } = file
  return JSON.stringify(signNetworkFile(unsigned, signerNamed(name)))
}

test('a file that its network key signed is read, whatever its spacing', () => {
  assert.deepEqual(verifyNetworkFile(network.text, verify), { ok: true, value: network.file })
  assert.deepEqual(verifyNetworkFile(JSON.stringify(network.file, null, 4), verify), { ok: true, value: network.file })
})

test('any changed value is refused', () => {
  const bent: Partial<NetworkFile>[] = [
    { version: network.file.version + 1 },
    { time: NOW + 1 },
    { gateways: ['http://elsewhere.example'] },
    { jobs: network.file.jobs.map((job) => ({ ...job, members: job.members.toReversed() })) },
    { settings: { ...network.file.settings, delta_ms: 1 } },
    { peers: [] },
  ]
  for (const change of bent) {
    const verdict = verifyNetworkFile(JSON.stringify({ ...network.file, ...change }), verify)
    assert(!verdict.ok)
    assert.equal(verdict.error.code, 'bad_signature', JSON.stringify(change).slice(0, 60))
  }
})

test('a file of another key or chain is refused by whoever pinned one', () => {
  const anchor = anchorOf(network.file)
  const other = testNetwork({ sites: [], networkName: 'other' })
  const codes = [
    verifyNetworkFile(other.text, verify, anchor),
    verifyNetworkFile(signedBy({ ...network.file, generation: 1 }), verify, anchor),
    verifyNetworkFile(signedBy(network.file, 'other'), verify, anchor),
  ].map((verdict) => (verdict.ok ? 'ok' : verdict.error.code))
  assert.deepEqual(codes, ['wrong_network_key', 'wrong_chain', 'bad_signature'])
})

test('what is no network file is refused with its reason', () => {
  const reason = (text: string) => {
    const verdict = verifyNetworkFile(text, verify)
    return verdict.ok ? 'ok' : verdict.error.code
  }
  assert.equal(reason('{'), 'not_json')
  assert.equal(reason('null'), 'shape')
  assert.equal(reason(JSON.stringify({ ...network.file, more: 1 })), 'shape')
  assert.equal(reason(' '.repeat(5 * 1024 * 1024)), 'too_large')
  const [job] = network.file.jobs
  assert(job !== undefined)
  assert.equal(reason(signedBy({ ...network.file, jobs: [job, job] })), 'duplicate')
  assert.equal(
    reason(signedBy({ ...network.file, jobs: [{ ...job, members: [job.members[0] ?? '', ...job.members] }] })),
    'duplicate',
  )
})

test('the directory answers by name, by id and by peer', () => {
  const directory = directoryOf(network.file)
  const job = directory.jobByName('wiki')
  assert(job !== undefined)
  assert.equal(directory.jobById(network.job('wiki')), job)
  assert.deepEqual(directory.group(network.job('wiki'))?.members.map(peerName), job.members)
  assert.deepEqual(directory.jobsOf(network.peer('a')), [job])
  assert.deepEqual(directory.jobsOf(network.peer('e')), [])
  assert.equal(directory.jobByName('nothing'), undefined)
})

const uploader = signerNamed('uploader')
const order = (change: Partial<JobNew> = {}): JobNew => ({
  name: 'blog',
  account: 'ipn1-account',
  quorum: 'bft',
  size: 4,
  nonce: new Uint8Array(16),
  time: NOW,
  ...change,
})
const newJob = (change: Partial<JobNew> = {}) => signStatement(network.domain, 'job_new', uploader, order(change))

test('a published job gets the members whose hash is lowest, and the version rises by one', () => {
  const statement = newJob()
  const applied = applyJobNew(network.file, statement, NOW)
  assert(applied.ok)
  const id = jobId(uploader.publicKey, statement.body)
  const job = applied.value.jobs.find((known) => known.name === 'blog')
  assert.equal(applied.value.version, network.file.version + 1)
  assert.equal(job?.job, hexFromBytes(id))
  assert.equal(job?.uploader, peerName(uploader.publicKey))
  const ranked = network.file.peers.map(({ peer }) => ({
    peer,
    rank: hexFromBytes(taggedHash('member', id, Buffer.from(peer, 'hex'))),
  }))
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1))
  assert.deepEqual(
    job?.members,
    ranked.slice(0, 4).map(({ peer }) => peer),
  )
  assert.deepEqual(membersByHash(id, network.file.peers.toReversed(), 4), job?.members)
})

test('the same order again changes nothing; another one under the name is refused', () => {
  const first = applyJobNew(network.file, newJob(), NOW)
  assert(first.ok)
  const file = signNetworkFile(first.value, network.networkSigner)
  const again = applyJobNew(file, newJob(), NOW)
  assert(again.ok)
  assert.equal(again.value.version, file.version)
  const taken = applyJobNew(file, newJob({ nonce: new Uint8Array(16).fill(1) }), NOW)
  assert.deepEqual(taken, { ok: false, error: { code: 'name_taken', name: 'blog' } })
})

test('an order that cannot be met is refused with the number that shows why', () => {
  const code = (change: Partial<JobNew>, now = NOW) => {
    const applied = applyJobNew(network.file, newJob(change), now)
    return applied.ok ? 'ok' : applied.error.code
  }
  assert.equal(code({ size: 3 }), 'ok')
  assert.equal(code({ size: 2 }), 'group_too_small')
  assert.equal(code({ size: 5 }), 'ok')
  assert.equal(code({ size: 6 }), 'too_few_peers')
  assert.equal(code({ name: 'lookup' }), 'name_reserved')
  assert.equal(code({ name: 'wiki' }), 'name_taken')
  assert.equal(code({}, NOW + STATEMENT_SKEW_MS), 'ok')
  assert.equal(code({}, NOW + STATEMENT_SKEW_MS + 1), 'clock_skew')
})

test('only its uploader ends a job', () => {
  const admitted = applyJobNew(network.file, newJob(), NOW)
  assert(admitted.ok)
  const file = signNetworkFile(admitted.value, network.networkSigner)
  const job = jobId(uploader.publicKey, order())
  const end = (name: string) =>
    applyJobEnd(file, signStatement(network.domain, 'job_end', signerNamed(name), { job, time: NOW }), NOW)
  const foreign = end('somebody')
  assert.equal(foreign.ok ? 'ok' : foreign.error.code, 'not_the_uploader')
  const own = end('uploader')
  assert(own.ok)
  assert.deepEqual(own.value.jobs, network.file.jobs)
})

test('G3 a job that ended is not admitted again by the same order', () => {
  const admitted = applyJobNew(network.file, newJob(), NOW)
  assert(admitted.ok)
  const job = jobId(uploader.publicKey, order())
  const sign = (file: UnsignedNetworkFile) => signNetworkFile(file, network.networkSigner)
  const end = (at: number) => signStatement(network.domain, 'job_end', uploader, { job, time: at })
  const ended = applyJobEnd(sign(admitted.value), end(NOW), NOW)
  assert(ended.ok)
  const again = applyJobNew(sign(ended.value), newJob(), NOW + STATEMENT_SKEW_MS)
  assert.equal(again.ok ? 'ok' : again.error.code, 'job_ended')
  const other = applyJobNew(sign(ended.value), newJob({ nonce: new Uint8Array(16).fill(1) }), NOW)
  assert.equal(other.ok, true)
})

test('F29 what ended is told by its name for 90 days, the last of it at most, and never keeps a new order out', () => {
  const ended = (count: number, time: number) =>
    Array.from({ length: count }, (_, index) => ({
      job: (time * 10_000 + index).toString(16).padStart(64, '0'),
      name: `old-${index}`,
      time,
    }))
  const endedBy = (former: NonNullable<NetworkFile['ended']>) => {
    const admitted = applyJobNew({ ...network.file, ended: former } as NetworkFile, newJob(), NOW)
    assert(admitted.ok)
    const file = signNetworkFile(admitted.value, network.networkSigner)
    const body = { job: jobId(uploader.publicKey, order()), time: NOW }
    const done = applyJobEnd(file, signStatement(network.domain, 'job_end', uploader, body), NOW)
    return done.ok ? (done.value.ended ?? []) : done.error.code
  }
  const long = NOW - GONE_KEPT_MS
  assert.deepEqual(names(endedBy(ended(2, long - 1))), [order().name])
  assert.deepEqual(names(endedBy(ended(2, long))), ['old-0', 'old-1', order().name])
  const many = names(endedBy(ended(GONE_MAX + 1, long)))
  assert.deepEqual([many.length, many[0]], [GONE_MAX + 1, 'old-1'])
  assert.deepEqual(names(endedBy([...ended(3, long), ...ended(JOBS_MAX - 3, NOW)])).length, JOBS_MAX - 3 + 2 + 1)
  assert.equal(endedBy(ended(JOBS_MAX, NOW)), 'full')
})

const names = (ended: NonNullable<NetworkFile['ended']> | string): readonly string[] =>
  typeof ended === 'string' ? [ended] : ended.map(({ name }) => name ?? '')

test('a peer moves by a newer record of its own', () => {
  const peer = signerNamed('a')
  const known = network.file.peers.find((entry) => entry.peer === network.peer('a'))
  assert(known !== undefined)
  const record = (sequence: number, by = peer) =>
    signStatement(network.domain, 'peer_record', by, {
      peer: peer.publicKey,
      addresses: ['/ip4/127.0.0.1/tcp/9'],
      http: 'http://s9.localhost:9',
      sequence,
      time: NOW,
    })
  const code = (sequence: number, by = peer) => {
    const applied = applyPeerRecord(network.file, record(sequence, by), NOW)
    return applied.ok ? 'ok' : applied.error.code
  }
  assert.equal(code(known.sequence + 1), 'ok')
  assert.equal(code(known.sequence), 'not_newer')
  assert.equal(code(known.sequence + 1, signerNamed('b')), 'not_the_peer')
})

const jobOf = (file: { readonly jobs: readonly NetworkJob[] }): NetworkJob => {
  const [job] = file.jobs
  assert(job !== undefined)
  return job
}
const membersOrder = (
  file: NetworkFile,
  names: readonly string[],
  options: { epoch?: number; by?: string; time?: number } = {},
) => {
  const [group] = groupsOf(jobOf(file)).slice(-1)
  assert(group !== undefined)
  const { epoch = group.epoch + 1, by = 'network', time = NOW } = options
  const members = names.map((name) => signerNamed(name).publicKey)
  return signStatement(network.domain, 'members', signerNamed(by), { job: group.job, epoch, members, time })
}

test('§6 the network key names another group: its epoch rises by one, and the former one stays named', () => {
  const applied = applyMembers(network.file, membersOrder(network.file, ['a', 'b', 'c', 'e']), NOW)
  assert(applied.ok)
  const before = jobOf(network.file)
  const after = jobOf(applied.value)
  assert.equal(applied.value.version, network.file.version + 1)
  assert.deepEqual(after.past, [{ epoch: before.epoch, members: before.members }])
  assert.deepEqual(
    groupsOf(after).map(({ epoch }) => epoch),
    [before.epoch, before.epoch + 1],
  )
  const file = signNetworkFile(applied.value, network.networkSigner)
  assert(verifyNetworkFile(JSON.stringify(file), verify).ok)
  assert.equal(handingOver(after, NOW + HANDOVER_GRACE_MS)?.epoch, before.epoch)
  assert.equal(handingOver(after, NOW + HANDOVER_GRACE_MS + 1), undefined)
  assert.equal(handingOver(before, NOW), undefined)
})

test('§6 a group that cannot be is refused with its reason', () => {
  const code = (names: readonly string[], options: Parameters<typeof membersOrder>[2] = {}) => {
    const applied = applyMembers(network.file, membersOrder(network.file, names, options), NOW)
    return applied.ok ? 'ok' : applied.error.code
  }
  const names = ['a', 'b', 'c', 'e']
  assert.equal(code(names), 'ok')
  assert.equal(code(names, { by: 'a' }), 'not_the_network_key')
  assert.equal(code(names, { epoch: jobOf(network.file).epoch + 2 }), 'other_epoch')
  assert.equal(code(names, { epoch: jobOf(network.file).epoch }), 'other_epoch')
  assert.equal(code(names, { time: NOW - STATEMENT_SKEW_MS - 1 }), 'clock_skew')
  assert.equal(code(['a', 'b', 'c']), 'group_too_small')
  assert.equal(code(['a', 'b', 'c', 'c']), 'unknown_peer')
  assert.equal(code(['a', 'b', 'c', 'nobody']), 'unknown_peer')
})

test('§6 so many former groups are kept, without a gap', () => {
  let file = network.file
  for (let turn = 0; turn < PAST_EPOCHS_MAX + 2; turn++) {
    const names = turn % 2 === 0 ? ['a', 'b', 'c', 'e'] : ['a', 'b', 'c', 'd']
    const applied = applyMembers(file, membersOrder(file, names), NOW)
    assert(applied.ok)
    file = signNetworkFile(applied.value, network.networkSigner)
  }
  const job = jobOf(file)
  assert.equal(job.past?.length, PAST_EPOCHS_MAX)
  assert(verifyNetworkFile(JSON.stringify(file), verify).ok)
  const { signature: _, ...unsigned } = file
  const gap = { ...job, past: job.past?.slice(1) ?? [] }
  const broken = verifyNetworkFile(
    JSON.stringify(signNetworkFile({ ...unsigned, jobs: [gap] }, network.networkSigner)),
    verify,
  )
  assert.equal(broken.ok ? 'ok' : broken.error.code, 'past_epochs')
})
