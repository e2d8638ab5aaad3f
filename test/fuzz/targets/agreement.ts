// What members say to each other and sign, and what of it their stores keep.

import assert from 'node:assert/strict'
import { createDoor, wireChecks } from '#protocol/agreement/door.ts'
import { evidenceFromBytes, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { evidenceChecks } from '#protocol/agreement/evidence-verdict.ts'
import { recordFromBytes, recordToBytes } from '#protocol/agreement/record.ts'
import { certificateFromBytes } from '#protocol/answer/evidence.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue, valueFromCbor } from '#protocol/codec/cbor.ts'
import { sha256, taggedHash } from '#protocol/codec/digest.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { membersHash, reconfigOf, reconfigRequest, startShape } from '#protocol/message/epoch.ts'
import { STATEMENTS, type StatementBody, type StatementType, signedShape } from '#protocol/message/statement.ts'
import { type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { certFromBytes, heightFromBytes, heightToBytes, voteFromBytes, voteToBytes } from '#seeder/agree/record.ts'
import { updateFromBytes, updateToBytes } from '#seeder/agree/update.ts'
import { DOMAIN, JOB, requestAt, signerOf } from '#test/protocol/agreement/cluster.ts'
import { Lone, START } from '#test/protocol/agreement/lone.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'
import { codec, type Target } from '../target.ts'
import type { Answers } from './answers.ts'

export function agreementTargets({ read }: Answers): readonly Target[] {
  assert.ok(read.evidence.kind === 'read')
  const lone = new Lone()
  const requests = [requestAt(START)]
  const block = lone.block(requests)
  const [a = 0, b = 1] = lone.others()
  const door = createDoor(DOMAIN, lone.group)
  const next = { ...lone.group, epoch: 1 }
  door.groups.set(1, next)
  const cert = lone.cert(block)
  const close = {
    job: JOB,
    epoch: 0,
    high_cert: null,
    high_qc1: null,
    last_vote1: { height: 1, view: 0 },
    last_vote2: null,
    members_hash: membersHash(next),
  }
  const closed = { from: signerOf(a).publicKey, body: close, signature: signerOf(a).sign(taggedHash('close')) }
  const ready = { job: JOB, epoch: 1, height: 0, state_root: block.state_root }
  const readied = { from: signerOf(a).publicKey, body: ready, signature: signerOf(a).sign(taggedHash('ready')) }
  const reconfig = reconfigRequest(JOB, START, {
    epoch: 1,
    membersHash: membersHash(next),
    ready: [{ index: 0, height: 0, state_root: block.state_root, signature: readied.signature }],
  })
  const start = { job: JOB, epoch: 1, cert: null, reconfig: null, closes: [closed, closed, closed], qc1s: [] }
  const nay = {
    ...lone.place(1, 0),
    block_hash: cert.qc1.block_hash,
    receipts_root: block.receipts_root,
    state_root: block.state_root,
  }
  const messages: readonly WireMessage[] = [
    { type: 'request', request: requests[0] ?? requestAt(START), body: bytesFromText('body') },
    lone.propose(block, requests, { view: 1, tc: lone.tc(0), qc1s: [lone.qc1(block)] }),
    { ...lone.propose(lone.block([reconfig], { kind: 'reconfig' }), [reconfig]), start },
    lone.vote1(a, block, 1, 0, [lone.qc1(block)]),
    lone.vote2(a, block),
    { type: 'nay', nay: { from: signerOf(a).publicKey, body: nay, signature: closed.signature } },
    { type: 'qc1', qc1s: [lone.qc1(block)], content: { block, requests } },
    { type: 'cert', cert },
    { type: 'timeout', timeout: lone.timeout(a, 3), qc1s: [] },
    { type: 'tc', timeouts: lone.tc(3), qc1s: [lone.qc1(block)] },
    { type: 'ready', ready: readied },
    { type: 'close', close: closed, cert: null, qc1s: [] },
    { type: 'start', start },
    { type: 'status', job: JOB, epoch: 0, height: 3, view: 2, first: 1, snapshot: null, disputed: false, ask: true },
  ]
  const persisted = new Lone()
  const [persist] = persisted.execute(persisted.hear(persisted.propose(persisted.block([]), [])))
  assert.ok(persist?.type === 'persist')
  const { vote: vote2 } = lone.vote2(a, block)
  const { vote: vote1 } = lone.vote1(a, block, 1, 0)
  const evidences = [
    evidenceToBytes({ kind: 'double_vote2', first: vote2, second: lone.vote2(a, block, 1).vote }),
    evidenceToBytes({ kind: 'double_vote1', first: vote1, second: lone.vote1(b, block).vote }),
    evidenceToBytes({ kind: 'amnesia', vote2, vote1 }),
    evidenceToBytes({ kind: 'hidden_lock', vote2, timeout: lone.timeout(a, 3) }),
  ]
  const network = testNetwork({ sites: [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }] })
  const networkText = JSON.stringify(network.file)
  const root = cidFromDigest(CODEC_DAG_PB, sha256(new Uint8Array(0)))
  const bodies: { readonly [T in StatementType]: StatementBody<T> } = {
    propose: { ...lone.place(1, 0), block_hash: cert.qc1.block_hash },
    vote1: vote1.body,
    vote2: vote2.body,
    nay,
    timeout: lone.timeout(a, 3).body,
    close,
    ready,
    receipt: read.evidence.receipt.body,
    job_new: { name: 'wiki', account: 'local:a', quorum: 'bft', size: 4, nonce: new Uint8Array(16), time: 1 },
    job_end: { job: JOB, time: 1 },
    members: { job: JOB, epoch: 1, members: next.members, time: 1 },
    export: { job: JOB, time: 1 },
    update: { job: JOB, sequence: 1, code_root: root, account: 'local:a', time: 1 },
    tunnel: { gateway: 'http://gateway.example', challenge: new Uint8Array(32) },
    reach: { gateway: 'http://gateway.example', origin: 'https://a.example', challenge: new Uint8Array(32) },
    register: {
      gateway: 'http://gateway.example',
      time: 1,
      expires: 2,
      sites: [{ job: JOB, origin: 'http://a.example:1', stable: false }],
      tunnel: true,
      load: 1,
      place: { latitude: 1425, longitude: 1934 },
      sees: next.members,
      accuses: [{ peer: signerOf(a).publicKey, evidence: JOB }],
    },
    peer_record: {
      peer: signerOf(a).publicKey,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      http: 'http://a',
      sequence: 1,
      time: 1,
    },
  }
  const statement = (type: StatementType): Uint8Array =>
    cborFromValue({ from: signerOf(a).publicKey, body: bodies[type], signature: closed.signature })
  const anyStatement = statement('vote1')
  const uploader = signerNamed('uploader')
  const signedUpdate = signStatement(DOMAIN, 'update', uploader, bodies.update)
  return [
    codec('wire', messages.map(wireToBytes), wireFromBytes, wireToBytes, (message) => {
      const checks = wireChecks(door, message)
      if (message.type === 'propose') for (const request of message.requests) reconfigOf(request)
      return `${message.type} ${checks.ok ? checks.value.length : checks.error.code}`
    }),
    codec(
      'content',
      [
        contentToBytes({ type: 'blocks', job: JOB, blocks: [{ cert, requests, bodies: [bytesFromText('b')] }] }),
        contentToBytes({ type: 'want_bodies', job: JOB, hashes: [JOB] }),
        contentToBytes({ type: 'want_blocks', job: JOB, from: 1, count: 2 }),
        contentToBytes({ type: 'want_content', job: JOB, cids: [root] }),
        contentToBytes({ type: 'content', blocks: [null, bytesFromText('x')] }),
        contentToBytes({ type: 'state', cert }),
        contentToBytes({ type: 'network', file: networkText }),
        contentToBytes({ type: 'have_network', version: 2 }),
        contentToBytes({ type: 'want_bundle', job: JOB, update: updateToBytes(signedUpdate) }),
        contentToBytes({ type: 'bundle', whole: false, bytes: 65_536 }),
      ],
      contentFromBytes,
      contentToBytes,
      ({ type }) => type,
    ),
    codec('record', [persist.record], recordFromBytes, recordToBytes),
    codec('stored votes', [voteToBytes(persist.record, [JOB])], voteFromBytes, undefined),
    codec('stored height', [heightToBytes(requests, [bytesFromText('b')])], heightFromBytes, undefined),
    codec('stored certificate', [cborFromValue(cert)], certFromBytes, cborFromValue),
    codec('evidence', evidences, evidenceFromBytes, evidenceToBytes, (evidence) => {
      const judged = evidenceChecks(DOMAIN, [lone.group, next], evidence)
      return `${evidence.kind} ${judged.ok ? 'judged' : judged.error.code}`
    }),
    codec('certificate', [cborFromValue(cert), cborFromValue(read.evidence.cert)], certificateFromBytes, cborFromValue),
    codec(
      'start',
      [cborFromValue(start)],
      (bytes) => readCbor(startShape, bytes, 1 << 16),
      cborFromValue,
      (value) => {
        const checks = wireChecks(door, { type: 'start', start: value })
        return checks.ok ? 'good' : checks.error.code
      },
    ),
    codec(
      'update',
      [updateToBytes(signedUpdate)],
      (bytes) => updateFromBytes({ domain: DOMAIN, job: JOB, uploader: uploader.publicKey }, bytes),
      updateToBytes,
    ),
    codec(
      'cbor',
      [anyStatement, cborFromValue({ a: [1, 'b', { c: null }] })],
      (bytes) => valueFromCbor(bytes, 1 << 16),
      cborFromValue,
    ),
    ...(Object.keys(STATEMENTS) as StatementType[]).map((type) => {
      const shape = signedShape(type)
      return codec(
        `statement ${type}`,
        [statement(type)],
        (bytes) => readCbor(shape, bytes, 1 << 16),
        cborFromValue as (value: unknown) => Uint8Array,
      )
    }),
  ]
}
