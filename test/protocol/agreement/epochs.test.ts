// §6: how an epoch ends and the next one begins, rule by rule, at one member. The groups are {0,1,2,3}, then {0,1,2,4}, then {0,1,5,4}.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admitGroup, createDoor, verifyCert, verifyWire } from '#protocol/agreement/door.ts'
import { verifyEvidence } from '#protocol/agreement/evidence-verdict.ts'
import { CLOSE_DELTAS, HANDOVER_RESEND_DELTAS } from '#protocol/agreement/limits.ts'
import { createMember } from '#protocol/agreement/member.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import type { Effect, Input, Restored } from '#protocol/agreement/port.ts'
import { recordFromBytes } from '#protocol/agreement/record.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { step } from '#protocol/agreement/step.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import type { Cert, Group, Qc1 } from '#protocol/message/certificate.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { membersHash, type ReadySet, reconfigOf, reconfigRequest, type Start } from '#protocol/message/epoch.ts'
import {
  orderedRequestHash,
  REQUEST_BYTES_MAX,
  type Request,
  requestsRoot,
  requestToBytes,
} from '#protocol/message/request.ts'
import type { Close } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'
import { DOMAIN, execute, IMAGE, JOB, requestAt, SETTINGS, signerOf, verify } from './cluster.ts'
import { START, sent } from './lone.ts'

const SEATS = [
  [0, 1, 2, 3],
  [0, 1, 2, 4],
  [0, 1, 5, 4],
] as const
const GROUPS = SEATS.map(
  (seats, epoch): Group => ({
    job: JOB,
    epoch,
    members: seats.map((seat) => signerOf(seat).publicKey),
    quorum: 'bft',
  }),
)
const [FIRST, SECOND, THIRD] = GROUPS as [Group, Group, Group]
const seatsOf = (epoch: number): readonly number[] => SEATS[epoch] ?? []
const leaderSeat = (epoch: number, view = 0): number => seatsOf(epoch)[leaderOf(GROUPS[epoch] ?? FIRST, view)] ?? -1

function blockOn(
  parent: { readonly hash: Digest; readonly height: number; readonly root: Block['state_root'] },
  time: number,
  requests: readonly Request[] = [],
): Block {
  const height = parent.height + 1
  const kind = requests.length === 0 ? 'heartbeat' : requests[0]?.method === 'RECONFIG' ? 'reconfig' : 'normal'
  const requestHashes = requests.map(orderedRequestHash)
  const context = {
    height,
    parent: parent.hash,
    stateRoot: parent.root,
    codeRoot: EMPTY_DIRECTORY,
    time,
    kind,
    requests,
    requestHashes,
  } as const
  const result = execute(context)
  return {
    job: JOB,
    height,
    parent: parent.hash,
    time,
    kind,
    image: IMAGE,
    code_root: result.codeRoot,
    requests_root: requestsRoot(requests),
    receipts_root: receiptsRoot(result.leaves),
    state_root: result.stateRoot,
  }
}
const GENESIS = { hash: genesisHash(DOMAIN, JOB), height: 0, root: EMPTY_DIRECTORY }
const X = blockOn(GENESIS, START - 60_000)
const Y = blockOn(GENESIS, START)

const place = (epoch: number, block: Block, view: number) => ({
  job: JOB,
  epoch,
  height: block.height,
  view,
  block_hash: blockHash(DOMAIN, block),
})
function qc1(epoch: number, block: Block, view = 0): Qc1 {
  const votes = seatsOf(epoch)
    .slice(0, 3)
    .map((seat, index) => {
      const { signature } = signStatement(DOMAIN, 'vote1', signerOf(seat), {
        ...place(epoch, block, view),
        jview: null,
      })
      return [index, null, signature] as const
    })
  return { ...place(epoch, block, view), votes }
}
function cert(epoch: number, block: Block, view = 0): Cert {
  const votes = seatsOf(epoch)
    .slice(0, 3)
    .map((seat, index) => {
      const { signature } = signStatement(DOMAIN, 'vote2', signerOf(seat), place(epoch, block, view))
      return [index, signature] as const
    })
  return { block, qc1: qc1(epoch, block, view), qc2: { ...place(epoch, block, view), votes } }
}

const named = ({ epoch, height, view, block_hash }: Qc1) => ({ epoch, height, view, block_hash })
function close(
  seat: number,
  epoch: number,
  shown: { cert?: Cert; qc1?: Qc1 } = {},
  changes: Partial<Close> = {},
): WireOf<'close'> {
  const body: Close = {
    job: JOB,
    epoch,
    high_cert: shown.cert === undefined ? null : named(shown.cert.qc1),
    high_qc1: shown.qc1 === undefined ? null : named(shown.qc1),
    last_vote1: null,
    last_vote2: null,
    members_hash: membersHash(GROUPS[epoch + 1] ?? FIRST),
    ...changes,
  }
  const signed = signStatement(DOMAIN, 'close', signerOf(seat), body)
  return { type: 'close', close: signed, cert: shown.cert ?? null, qc1s: shown.qc1 === undefined ? [] : [shown.qc1] }
}
function start(epoch: number, shown: { cert?: Cert; qc1?: Qc1 } = {}, count = 3): Start {
  const closes = seatsOf(epoch - 1)
    .slice(0, count)
    .map((seat, index) => close(seat, epoch - 1, index === 0 ? shown : {}).close)
  return {
    job: JOB,
    epoch,
    cert: shown.cert ?? null,
    reconfig: null,
    closes,
    qc1s: shown.qc1 === undefined ? [] : [shown.qc1],
  }
}

function door(epochs = 3) {
  const made = createDoor(DOMAIN, FIRST)
  for (const group of GROUPS.slice(1, epochs)) admitGroup(made, group)
  return made
}
const verdictOf = (message: WireMessage, epochs = 3): string => {
  const verdict = verifyWire(door(epochs), message, verify)
  return verdict.ok ? 'ok' : verdict.error.code
}

class One {
  readonly seat: number
  readonly member
  now = START
  constructor(seat: number, options: { epochs?: number; restored?: Restored } = {}) {
    this.seat = seat
    this.member = createMember({
      domain: DOMAIN,
      group: FIRST,
      later: GROUPS.slice(1, options.epochs ?? 3),
      signer: signerOf(seat),
      settings: SETTINGS,
      ...(options.restored === undefined ? {} : { restored: options.restored }),
    })
    this.give({ type: 'tick', now: this.now })
  }
  give(input: Input): Effect[] {
    return step(this.member, input)
  }
  hear(message: WireMessage, from = this.seat === 0 ? 1 : 0): Effect[] {
    const verified = verifyWire(door(), message, verify)
    assert.ok(verified.ok, JSON.stringify(verified))
    return this.give({ type: 'message', from, message: verified.value, now: this.now })
  }
  /** Everything that follows when executions end at once. */
  all(effects: readonly Effect[]): Effect[] {
    const asked = effects.find((effect) => effect.type === 'execute')
    if (asked?.type !== 'execute') return [...effects]
    const result = execute(asked.context)
    return [...effects, ...this.all(this.give({ type: 'executed', ticket: asked.ticket, result, now: this.now }))]
  }
}
const propose = (epoch: number, block: Block, shown: Start | null, requests: readonly Request[] = []): WireMessage => ({
  type: 'propose',
  propose: signStatement(DOMAIN, 'propose', signerOf(leaderSeat(epoch)), place(epoch, block, 0)),
  block,
  requests,
  tc: null,
  qc1s: [],
  start: shown,
})
/** A member of the second group that does not lead its first view. */
const follower = [0, 1, 2].find((seat) => seat !== leaderSeat(1)) ?? 0

test('§6 a start needs CLOSEs of a quorum of distinct members', () => {
  assert.equal(verdictOf({ type: 'start', start: start(1) }), 'ok')
  assert.equal(verdictOf({ type: 'start', start: start(1, {}, 2) }), 'too_few_votes')
  const [one, two] = start(1).closes
  assert.ok(one && two)
  assert.equal(verdictOf({ type: 'start', start: { ...start(1), closes: [one, two, two] } }), 'voter_order')
  const stranger = close(9, 0).close
  assert.equal(verdictOf({ type: 'start', start: { ...start(1), closes: [one, two, stranger] } }), 'unknown_signer')
})

test('§6 a start shows the highest certificate and QC1 that its CLOSEs name, no less and no more', () => {
  const shown = { qc1: qc1(0, X) }
  assert.equal(verdictOf({ type: 'start', start: start(1, shown) }), 'ok')
  assert.equal(verdictOf({ type: 'start', start: { ...start(1, shown), qc1s: [] } }), 'wrong_close')
  assert.equal(verdictOf({ type: 'start', start: { ...start(1), qc1s: [qc1(0, X)] } }), 'wrong_close')
  const above = { cert: cert(0, X) }
  assert.equal(verdictOf({ type: 'start', start: start(1, above) }), 'ok')
  assert.equal(verdictOf({ type: 'start', start: { ...start(1, above), cert: null } }), 'wrong_close')
})

test('§6 a CLOSE comes with what it names, of the group that is to come', () => {
  assert.equal(verdictOf(close(1, 0, { cert: cert(0, X) })), 'ok')
  assert.equal(verdictOf({ ...close(1, 0, { cert: cert(0, X) }), cert: null }), 'wrong_close')
  assert.equal(verdictOf(close(1, 0, {}, { members_hash: membersHash(THIRD) })), 'wrong_close')
  assert.equal(verdictOf(close(1, 0, {}, { high_qc1: named(qc1(0, X)) })), 'wrong_close')
  assert.equal(verdictOf(close(1, 0), 1), 'wrong_epoch')
})

test('§6 what a start enters is durable before anything is said of it', () => {
  const one = new One(follower)
  const effects = one.hear({ type: 'start', start: start(1) })
  const [first] = effects
  assert.ok(first?.type === 'persist')
  const record = recordFromBytes(first.record)
  assert.ok(record.ok)
  assert.equal(record.value.epoch, 1)
  assert.deepEqual(record.value.start, start(1))
  assert.equal(sent(effects, 'start').length, 1)
  assert.equal(memberStatus(one.member).epoch, 1)
})

test('§6 in a new epoch nobody votes without the start of it', () => {
  const one = new One(follower)
  one.hear({ type: 'start', start: start(1) })
  assert.equal(sent(one.all(one.hear(propose(1, Y, null))), 'vote1').length, 0)
  assert.equal(sent(one.all(one.hear(propose(1, Y, start(1)))), 'vote1').length, 1)
})

test('§6 R2 the carried start is what a voter checks, not the one it entered by', () => {
  const inherits = start(1, { qc1: qc1(0, X) })
  const entered = new One(follower)
  entered.hear({ type: 'start', start: inherits })
  assert.equal(sent(entered.all(entered.hear(propose(1, Y, inherits))), 'vote1').length, 0)
  const other = new One(follower)
  other.hear({ type: 'start', start: inherits })
  assert.equal(sent(other.all(other.hear(propose(1, Y, start(1)))), 'vote1').length, 1)
  // A minute old, and taken all the same: a QC1 stands behind it.
  const plain = new One(follower)
  plain.hear({ type: 'start', start: start(1) })
  assert.equal(sent(plain.all(plain.hear(propose(1, X, inherits))), 'vote1').length, 1)
})

test('§6 whoever leads proposes the inherited block again, byte for byte, once it has it', () => {
  const seat = leaderSeat(1)
  const leader = new One(seat)
  const effects = leader.hear({ type: 'start', start: start(1, { qc1: qc1(0, X) }) })
  assert.equal(sent(leader.all(effects), 'propose').length, 0)
  const got = leader.all(leader.hear({ type: 'qc1', qc1s: [], content: { block: X, requests: [] } }))
  assert.deepEqual(
    sent(got, 'propose').map(({ block }) => block),
    [X],
  )
  assert.ok(sent(got, 'propose')[0]?.start)
})

test('§6 R1 what a member voted for or was locked on stays with it over the start of an epoch, restarts included', () => {
  const seat = [0, 1, 2].find((each) => each !== leaderSeat(0) && each !== leaderSeat(1)) ?? 0
  const fresh = blockOn(GENESIS, START)
  for (const locked of [false, true]) {
    for (const shown of [{}, { qc1: qc1(0, fresh) }]) {
      const one = new One(seat)
      assert.equal(sent(one.all(one.hear(propose(0, fresh, null))), 'vote1').length, 1)
      if (locked) one.hear({ type: 'qc1', qc1s: [qc1(0, fresh)], content: null })
      const entering = one.hear({ type: 'start', start: start(1, shown) })
      const saved = entering.findLast((effect) => effect.type === 'persist')
      assert.ok(saved?.type === 'persist')
      const record = recordFromBytes(saved.record)
      assert.ok(record.ok && record.value.epoch === 1)
      assert.deepEqual(
        record.value.voted?.map(({ content }) => content),
        [{ block: fresh, requests: [] }],
      )
      const { bodies } = saved
      const restored = { record: saved.record, abstain: false, recent: [], states: [{ height: 0, time: 0 }], bodies }
      const again = new One(seat, { restored: { ...restored, firstBlock: 1 } })
      const effects = again.hear({ type: 'qc1', qc1s: [qc1(1, fresh)], content: null })
      assert.ok(effects.some(({ type }) => type === 'execute'))
    }
  }
})

test('§6 R1 a QC1 of the new epoch lets go what was carried over from the old one', () => {
  const seat = [0, 1, 2].find((each) => each !== leaderSeat(0)) ?? 0
  const one = new One(seat)
  one.all(one.hear(propose(0, Y, null)))
  one.hear({ type: 'start', start: start(1) })
  one.hear({ type: 'qc1', qc1s: [qc1(1, X)], content: null })
  one.now += 60_000
  const saved = one.give({ type: 'tick', now: one.now }).find((effect) => effect.type === 'persist')
  assert.ok(saved?.type === 'persist')
  const record = recordFromBytes(saved.record)
  assert.ok(record.ok)
  assert.equal(record.value.voted, undefined)
})

test('§5 §6 past what an epoch started from, a certificate of the old epoch does not count', () => {
  for (const hasStarted of [false, true]) {
    const one = new One(follower)
    one.all(one.hear(propose(0, Y, null)))
    if (hasStarted) one.hear({ type: 'start', start: start(1) })
    const heard = one.all(one.hear({ type: 'cert', cert: cert(0, Y) }))
    assert.equal(
      heard.some(({ type }) => type === 'commit'),
      !hasStarted,
    )
  }
  const heir = new One(follower)
  heir.hear({ type: 'start', start: start(1, { qc1: qc1(0, X) }) })
  heir.hear({ type: 'qc1', qc1s: [], content: { block: X, requests: [] } })
  const taken = heir.all(heir.hear({ type: 'cert', cert: cert(0, X, 1) }))
  assert.ok(taken.some(({ type }) => type === 'commit'))
})

test('§6 no RECONFIG within the hand-over time: CLOSE, durable first, and no vote in the epoch after it', () => {
  const seat = [0, 1, 2].find((each) => each !== leaderSeat(0)) ?? 0
  const one = new One(seat)
  const over = SETTINGS.handoverMs + CLOSE_DELTAS * SETTINGS.deltaMs
  one.now += over - 1
  assert.equal(sent(one.give({ type: 'tick', now: one.now }), 'close').length, 0)
  one.now += 1
  const effects = one.give({ type: 'tick', now: one.now })
  assert.equal(effects[0]?.type, 'persist')
  assert.equal(sent(effects, 'close').length, 1)
  const late = blockOn(GENESIS, one.now)
  assert.equal(sent(one.all(one.hear(propose(0, late, null))), 'vote1').length, 0)
})

test('§6 a member makes a start of CLOSEs of a quorum, its own among them, with the highest QC1 that they name', () => {
  const [one, two] = [0, 1, 2, 3].filter((seat) => seat !== follower)
  assert.ok(one !== undefined && two !== undefined)
  const maker = new One(follower)
  maker.now += SETTINGS.handoverMs + CLOSE_DELTAS * SETTINGS.deltaMs
  assert.equal(sent(maker.give({ type: 'tick', now: maker.now }), 'close').length, 1)
  assert.equal(sent(maker.hear(close(one, 0, { qc1: qc1(0, X) })), 'start').length, 0)
  const [made] = sent(maker.hear(close(two, 0)), 'start')
  assert.equal(made?.start.closes.length, 3)
  assert.deepEqual(made.start.qc1s, [qc1(0, X)])
  assert.equal(verdictOf(made), 'ok')
})

test('§6 a CLOSE while catching up shows what the epoch started from', () => {
  const one = new One(follower)
  one.hear({ type: 'start', start: start(1, { cert: cert(0, X) }) })
  one.now += SETTINGS.handoverMs + CLOSE_DELTAS * SETTINGS.deltaMs
  const [said] = sent(one.give({ type: 'tick', now: one.now }), 'close')
  assert.equal(said?.close.body.epoch, 1)
  assert.deepEqual(said?.close.body.high_cert, named(cert(0, X).qc1))
})

test('§6 READYs of a quorum make RECONFIG the next block, and its certificate the start', () => {
  const seat = leaderSeat(0)
  const one = new One(seat)
  let effects: Effect[] = []
  for (const other of [1, 2, 4, 0]) {
    const ready = signStatement(DOMAIN, 'ready', signerOf(other), {
      job: JOB,
      epoch: 1,
      height: 0,
      state_root: EMPTY_DIRECTORY,
    })
    if (other !== seat) effects = [...effects, ...one.all(one.hear({ type: 'ready', ready }, other === 4 ? 4 : other))]
  }
  const [made] = sent(effects, 'propose')
  assert.equal(made?.block.kind, 'reconfig')
  const [request] = made.requests
  assert.ok(request)
  assert.equal(reconfigOf(request)?.epoch, 1)
  assert.equal(verdictOf(made), 'ok')
  const committing = one.all(one.hear({ type: 'cert', cert: cert(0, made.block) }))
  assert.ok(committing.some(({ type }) => type === 'commit'))
  const entered = one.give({ type: 'committed', height: 1, now: one.now })
  assert.equal(sent(entered, 'start').length, 1)
  assert.ok(sent(entered, 'start')[0]?.start.reconfig)
  assert.equal(memberStatus(one.member).epoch, 1)
})

test('§6 R9 who does not know all that ran within the window says no READY', () => {
  const before = new One(follower)
  before.all(before.hear(propose(0, Y, null)))
  const commit = before.all(before.hear({ type: 'cert', cert: cert(0, Y) })).find(({ type }) => type === 'commit')
  assert.ok(commit?.type === 'commit')
  const verified = verifyCert(door(), commit.cert, verify)
  assert.ok(verified.ok)
  const states = [{ height: 1, time: Y.time }]
  const found = { cert: verified.value, record: commit.record, abstain: false, states, bodies: [] }
  const here = { epoch: 0, height: 1, view: 0, first: 1, snapshot: null, disputed: false } as const
  const said = (restored: Restored): number => {
    const one = new One(follower, { restored })
    for (const seat of [0, 1, 2, 3].filter((each) => each !== follower))
      one.hear({ type: 'status', job: JOB, ...here, ask: false }, seat)
    one.now += HANDOVER_RESEND_DELTAS * SETTINGS.deltaMs
    return sent(one.give({ type: 'tick', now: one.now }), 'ready').length
  }
  assert.equal(said({ ...found, recent: [{ height: 1, time: Y.time, requestHashes: [] }], firstBlock: 1 }), 1)
  assert.equal(said({ ...found, recent: [], firstBlock: 2 }), 0)
})

test('§6 a RECONFIG with fewer READYs than a quorum, or of another group, passes no door', () => {
  const ready: ReadySet = [1, 2].map((index) => {
    const body = { job: JOB, epoch: 1, height: 0, state_root: EMPTY_DIRECTORY }
    const { signature } = signStatement(DOMAIN, 'ready', signerOf(seatsOf(1)[index] ?? 0), body)
    return { index, height: 0, state_root: EMPTY_DIRECTORY, signature }
  })
  const few = reconfigRequest(JOB, START, { epoch: 1, membersHash: membersHash(SECOND), ready })
  assert.equal(verdictOf(propose(0, blockOn(GENESIS, START, [few]), null, [few])), 'too_few_votes')
  const other = reconfigRequest(JOB, START, { epoch: 1, membersHash: membersHash(THIRD), ready })
  assert.equal(verdictOf(propose(0, blockOn(GENESIS, START, [other]), null, [other])), 'wrong_reconfig')
})

test('§6 READYs of the largest group fit into a request', () => {
  const ready: ReadySet = Array.from({ length: 64 }, (_, index) => ({
    index,
    height: Number.MAX_SAFE_INTEGER,
    state_root: EMPTY_DIRECTORY,
    signature: signStatement(DOMAIN, 'ready', signerOf(0), { index }).signature,
  }))
  const reconfig = { epoch: 0xffff_ffff, membersHash: taggedHash('members'), ready }
  const request = reconfigRequest(JOB, START, reconfig)
  assert.ok(requestToBytes(request).length <= REQUEST_BYTES_MAX)
  assert.deepEqual(reconfigOf(request), reconfig)
  assert.equal(reconfigOf({ ...request, target: `${request.target}0` }), undefined)
  assert.equal(reconfigOf({ ...request, salt: new Uint8Array(16).fill(1) }), undefined)
})

test('R1 a member that lost its votes follows along and votes from the next epoch', () => {
  const restored: Restored = { abstain: true, recent: [], states: [{ height: 0, time: 0 }], firstBlock: 1, bodies: [] }
  const one = new One(follower, { epochs: 1, restored })
  assert.equal(memberStatus(one.member).state, 'abstaining')
  one.give({ type: 'plan', group: SECOND, now: one.now })
  one.hear({ type: 'start', start: start(1) })
  assert.equal(memberStatus(one.member).state, 'agreeing')
  assert.equal(sent(one.all(one.hear(propose(1, Y, start(1)))), 'vote1').length, 1)
  // Who knew of the next group when it lost them may have voted there.
  const careful = new One(follower, { epochs: 2, restored })
  careful.hear({ type: 'start', start: start(1) })
  assert.equal(memberStatus(careful.member).state, 'abstaining')
  assert.equal(sent(careful.all(careful.hear(propose(1, Y, start(1)))), 'vote1').length, 0)
})

test('§6 who is in no later group has left, refuses its visitors and shows the start to whoever is behind', () => {
  const one = new One(3, { epochs: 2 })
  one.hear({ type: 'start', start: start(1) })
  assert.equal(memberStatus(one.member).state, 'left')
  const refused = one.give({ type: 'submit', request: requestAt(one.now), now: one.now })
  assert.ok(refused.some((effect) => effect.type === 'refuse' && effect.code === 'not_a_member'))
  const status = {
    type: 'status',
    job: JOB,
    epoch: 0,
    height: 0,
    view: 0,
    first: 1,
    snapshot: null,
    disputed: false,
    ask: true,
  } as const
  assert.equal(sent(one.hear(status, 1), 'start').length, 1)
})

test('§6 evidence: a vote after the own CLOSE, and a CLOSE that hides a lock', () => {
  const vote2 = signStatement(DOMAIN, 'vote2', signerOf(1), place(0, X, 2))
  const known = close(1, 0, { qc1: qc1(0, X, 2) }, { last_vote2: { height: 1, view: 2 } }).close
  const silent = close(1, 0).close
  const verdict = (evidence: Parameters<typeof verifyEvidence>[2]): string => {
    const judged = verifyEvidence(DOMAIN, GROUPS, evidence, verify)
    return judged.ok ? judged.value.proof : judged.error.code
  }
  const vote = { type: 'vote2', signed: vote2 } as const
  assert.equal(verdict({ kind: 'vote_after_close', close: silent, vote }), 'self-contained')
  assert.equal(verdict({ kind: 'vote_after_close', close: known, vote }), 'no_contradiction')
  assert.equal(verdict({ kind: 'close_hides_lock', close: silent, vote2 }), 'self-contained')
  assert.equal(verdict({ kind: 'close_hides_lock', close: known, vote2 }), 'no_contradiction')
  const later = close(1, 1).close
  assert.equal(verdict({ kind: 'vote_after_close', close: later, vote }), 'no_contradiction')
  assert.equal(verdict({ kind: 'close_hides_lock', close: later, vote2 }), 'no_contradiction')
})
