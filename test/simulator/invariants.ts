// The judge of a run: told of everything that rule-abiding members say, commit and answer, it asserts agreement §9 at once.
//
//   R1   what an honest member signs is durable before it is sent, a VOTE1 with the block that it is for
//   G1   no two certificates that exist or could be assembled differ at one height
//   G2   over the bound they may: then at least one culprit is named by what was signed
//   G3   nobody honest is provably guilty
//   G4   views and locks never regress, crashes included
//   G5   the roots of every block that gets a certificate are those of a re-execution
//   G6   heights are contiguous, each block names its parent
//   G8   each request runs once, near its time
//   G9   what an honest member answers from is what re-execution gives
//   G11  what was acknowledged is durable at the member that said so
// Beside them, by their rules' names: R2 (block time rises), R3 (a VOTE1 counts with the QC1 of its jview) and R8 (a block's fuel). G10 and the end of G11 are the world's.

import { accusationOf, type Evidence } from '#protocol/agreement/evidence-shape.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { recordFromBytes, type VoteRecord } from '#protocol/agreement/record.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import type { Group, Qc1, Qc2 } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { Start } from '#protocol/message/epoch.ts'
import { orderedRequestHash, type Request, requestsRoot } from '#protocol/message/request.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { type Air, type Poll, placeName } from './air.ts'
import { brief, type Chronicle, short } from './chronicle.ts'
import { type Lie, type Record as MemberRecord, recordOfMember, type Statement } from './culprits.ts'
import { GENESIS_STATE, type Ledger, type LedgerState, ledgerSteps } from './ledger.ts'
import type { Scenario } from './scenario.ts'
import type { Seat } from './seat.ts'
import type { Keyring } from './signatures.ts'

export type Rule =
  | 'G1'
  | 'G2'
  | 'G3'
  | 'G4'
  | 'G5'
  | 'G6'
  | 'G8'
  | 'G9'
  | 'G10'
  | 'G11'
  | 'R1'
  | 'R2'
  | 'R3'
  | 'R8'
  | 'driver'
export type Violation = { readonly rule: Rule; readonly text: string }

/** R9 as the judge holds it. */
const REQUEST_NEAR_MS = 60_000
/** So many of the blocks that a member voted for at a height have to be durable. */
const VOTED_MAX = 8
/** One run tells at most so many violations. */
const VIOLATIONS_MAX = 16

export type Committed = {
  readonly block: Block
  readonly hash: Digest
  readonly view: number
  readonly state: LedgerState
  readonly requestHashes: readonly Digest[]
}

export type Judge = {
  readonly violations: readonly Violation[]
  /** The first commit of each height by a rule-abiding member. */
  readonly chain: ReadonlyMap<number, Committed>
  /** Pairs of conflicting certificates that could be assembled. */
  readonly forks: number
  violate(rule: Rule, text: string, now: number): void
  said(seat: Seat, message: WireMessage, now: number): void
  committed(seat: Seat, effect: Extract<Effect, { type: 'commit' }>, now: number): void
  replied(seat: Seat, effect: Extract<Effect, { type: 'reply' }>, now: number): void
  accused(seat: Seat, evidence: Evidence, now: number): void
}

export type JudgeOptions = {
  readonly scenario: Scenario
  readonly domain: Domain
  /** Of all epochs. */
  readonly groups: readonly Group[]
  readonly seatOf: (key: PublicKey) => number
  readonly air: Air
  readonly ledger: Ledger
  readonly keys: Keyring
  readonly chronicle: Chronicle
}

type Signing = {
  readonly order: number
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly what: Statement['type']
  /** View of the lock that the statement shows or implies at its height; -1: none. */
  readonly lock: number
}

/** VOTE2 says that its own QC1 is the lock, VOTE1 names it as jview, TIMEOUT as high; a proposal says nothing of it. */
function lockShown(statement: Exclude<Statement, { type: 'close' }>): number {
  if (statement.type === 'vote2') return statement.body.view
  if (statement.type === 'vote1') return statement.body.jview ?? -1
  return statement.type === 'timeout' ? (statement.body.high?.view ?? -1) : -1
}
type Said = {
  readonly signings: Signing[]
  readonly names: Set<string>
  readonly record: MemberRecord
  /** VOTE1s as they left. */
  readonly votes: { readonly epoch: number; readonly height: number; readonly view: number; readonly hash: Digest }[]
}

export function createJudge(options: JudgeOptions): Judge {
  const { scenario, domain, groups, seatOf, air, ledger, keys, chronicle } = options
  // Counted here anew: a judge that asked the product for its quorum would believe any.
  const q = scenario.quorum === 'all' ? scenario.members : Math.floor((2 * scenario.members) / 3) + 1
  const liars = scenario.epochs.map(({ members }) =>
    members.filter((member) => scenario.faults.get(member) === 'byzantine'),
  )
  const byzantineOf = (epoch: number): readonly number[] => liars[epoch] ?? []
  const seatAt = (epoch: number, index: number): number => scenario.epochs[epoch]?.members[index] ?? -1
  const isMalicious = (member: number) => scenario.faults.get(member) === 'byzantine'
  const isFaulty = (member: number) => scenario.faults.has(member)
  const violations: Violation[] = []
  const chain = new Map<number, Committed>()
  const said = new Map<number, Said>()
  const certifiable = new Map<number, Poll[]>()
  const truths = new Map<number, LedgerState | undefined>()
  const ranByKey = new Map<number, number>()
  const judgedForks = new Set<string>()
  let forks = 0

  const violate = (rule: Rule, text: string, now: number) => {
    chronicle.note(now, () => `!! ${rule}: ${text}`)
    if (violations.length < VIOLATIONS_MAX && !violations.some((known) => known.rule === rule && known.text === text)) {
      violations.push({ rule, text })
    }
  }

  const first = groups[0]
  assert(first !== undefined, 'there is a first group')
  const { job } = first
  const genesis = genesisHash(domain, job)
  truths.set(brief(genesis), GENESIS_STATE)

  const reexecute = (parent: LedgerState, block: Block, requests: readonly Request[]): LedgerState =>
    ledger.run(
      parent,
      { parent: block.parent, time: block.time, steps: ledgerSteps(requests, []), update: block.kind === 'update' },
      false,
    )
  /** The state after a block by re-execution from the genesis, as far as its history was ever said aloud. */
  const truthOf = (hash: Digest | Uint8Array, depth = 0): LedgerState | undefined => {
    const name = brief(hash)
    if (truths.has(name)) return truths.get(name)
    const known = air.blocks.get(name)
    if (known === undefined || depth > 4000) return undefined
    const parent = truthOf(known.block.parent, depth + 1)
    const truth = parent === undefined ? undefined : reexecute(parent, known.block, known.requests)
    if (truth !== undefined) truths.set(name, truth)
    return truth
  }
  const honestRoots = (block: Block, truth: LedgerState) =>
    bytesEqual(block.state_root, truth.root) &&
    bytesEqual(block.code_root, truth.code) &&
    bytesEqual(block.receipts_root, receiptsRoot(truth.applied.map((applied) => applied.leaf)))

  const obtainable = (poll: Poll) =>
    poll.vote1.size + byzantineOf(poll.epoch).length >= q &&
    poll.vote2.size + byzantineOf(poll.epoch).length >= q &&
    poll.vote2.size > 0

  /** The best QC1 of the same block below `view` that exists: what a liar would name as its jview. */
  const bestJview = (poll: Poll): number | null => {
    let best: number | null = null
    for (const other of air.pollsByHeight.get(poll.height) ?? []) {
      const same = other.epoch === poll.epoch && other.view < poll.view && bytesEqual(other.hash, poll.hash)
      if (
        same &&
        other.vote1.size + byzantineOf(poll.epoch).length >= q &&
        other.vote1.size > 0 &&
        other.view > (best ?? -1)
      ) {
        best = other.view
      }
    }
    return best
  }

  /** Who is guilty by two certificates and the QC1s that their votes name, each made with as few liars as possible. */
  const culpritsOf = (x: Poll, y: Poll): ReadonlyMap<number, Lie> => {
    const guilty = new Map<number, Lie>()
    const records = new Map<number, MemberRecord>()
    const shown = new Set<Poll>()
    const show = (member: number, statement: Statement) => {
      let record = records.get(member)
      if (record === undefined) {
        record = recordOfMember()
        records.set(member, record)
      }
      const lie = record.add(statement)
      if (lie !== undefined) guilty.set(member, lie)
    }
    const common = (poll: Poll) => ({
      job,
      epoch: poll.epoch,
      height: poll.height,
      view: poll.view,
      block_hash: poll.hash,
    })
    const showQc1 = (poll: Poll | undefined) => {
      if (poll === undefined || shown.has(poll)) return
      shown.add(poll)
      let votes = 0
      for (const [member, vote] of poll.vote1) {
        if (votes++ >= q) break
        show(member, { type: 'vote1', body: vote.body })
        if (vote.body.jview !== null)
          showQc1(air.polls.get(placeName(poll.epoch, poll.height, vote.body.jview, poll.hash)))
      }
      const jview = bestJview(poll)
      for (const member of byzantineOf(poll.epoch)) {
        if (votes++ >= q) break
        show(member, { type: 'vote1', body: { ...common(poll), jview } })
        if (jview !== null) showQc1(air.polls.get(placeName(poll.epoch, poll.height, jview, poll.hash)))
      }
    }
    for (const poll of [x, y]) {
      showQc1(poll)
      let votes = 0
      for (const [member, vote] of poll.vote2) if (votes++ < q) show(member, { type: 'vote2', body: vote.body })
      for (const member of byzantineOf(poll.epoch)) if (votes++ < q) show(member, { type: 'vote2', body: common(poll) })
    }
    return guilty
  }

  /** G6: an epoch's head extends every certificate of the ones before. */
  const starts = new Map<string, Start>()
  const checkStart = (start: Start, poll: Poll, now: number) => {
    const height = start.cert?.block.height ?? 0
    if (scenario.overBound || poll.epoch >= start.epoch || poll.height <= height) return
    const inherited = start.qc1s.at(-1)
    if (inherited !== undefined && poll.height === height + 1 && bytesEqual(inherited.block_hash, poll.hash)) return
    const what = `height ${poll.height} can be certified in epoch ${poll.epoch} (${short(poll.hash)})`
    violate('G6', `epoch ${start.epoch} starts at height ${height}, but ${what}`, now)
  }
  const hearStart = (start: Start | null, now: number) => {
    if (start === null) return
    const name = `${start.epoch}/${start.cert?.block.height ?? 0}/${short(start.qc1s.at(-1)?.block_hash)}/${start.closes.length}`
    if (starts.has(name)) return
    starts.set(name, start)
    for (const polls of certifiable.values()) for (const poll of polls) checkStart(start, poll, now)
  }

  const checkCertifiable = (poll: Poll, now: number) => {
    if (!obtainable(poll)) return
    let there = certifiable.get(poll.height)
    if (there === undefined) {
      there = []
      certifiable.set(poll.height, there)
    }
    if (!there.includes(poll)) {
      there.push(poll)
      for (const start of starts.values()) checkStart(start, poll, now)
      if (!scenario.overBound) {
        const known = air.blocks.get(brief(poll.hash))
        const truth = truthOf(poll.hash)
        if (known !== undefined && truth !== undefined && !honestRoots(known.block, truth)) {
          violate(
            'G5',
            `block ${short(poll.hash)} at height ${poll.height} can be certified with roots that nobody gets`,
            now,
          )
        }
      }
    }
    for (const other of there) {
      if (bytesEqual(other.hash, poll.hash)) continue
      const pair = `${poll.height}/${[placeName(poll.epoch, poll.height, poll.view, poll.hash), placeName(other.epoch, other.height, other.view, other.hash)].sort().join()}`
      if (judgedForks.has(pair)) continue
      judgedForks.add(pair)
      forks++
      const where = `height ${poll.height}: ${short(other.hash)} (epoch ${other.epoch}, view ${other.view}) and ${short(poll.hash)} (epoch ${poll.epoch}, view ${poll.view})`
      if (!scenario.overBound) violate('G1', `two certificates can be assembled at ${where}`, now)
      const [x, y] = other.view <= poll.view ? [other, poll] : [poll, other]
      const guilty = culpritsOf(x, y)
      if (guilty.size === 0) violate('G2', `no culprit for ${where}`, now)
      for (const [member, lie] of guilty) {
        if (!isMalicious(member)) violate('G3', `${lie} by honest member ${member} in the fork at ${where}`, now)
      }
    }
  }

  const saidBy = (member: number): Said => {
    let record = said.get(member)
    if (record === undefined) {
      record = { signings: [], names: new Set(), record: recordOfMember(), votes: [] }
      said.set(member, record)
    }
    return record
  }

  /** G4: by the order in which they were signed, views only rise, and nothing is said in a view at a height after its TIMEOUT of both. */
  const checkOrder = (member: number, of: Said, signing: Signing, now: number) => {
    for (const other of of.signings) {
      const [first, second] = other.order < signing.order ? [other, signing] : [signing, other]
      if (second.epoch < first.epoch) {
        violate('G4', `member ${member} signs ${second.what} of epoch ${second.epoch} after one of ${first.epoch}`, now)
        continue
      }
      if (second.epoch > first.epoch) continue
      if (first.what === 'close') {
        violate('G4', `member ${member} signs ${second.what} of epoch ${second.epoch} after its CLOSE`, now)
      }
      if (first.what === 'close' || second.what === 'close') continue
      if (second.view < first.view) {
        violate(
          'G4',
          `member ${member} signs ${second.what} of view ${second.view} after ${first.what} of view ${first.view}`,
          now,
        )
      } else if (
        first.what === 'timeout' &&
        second.what !== 'timeout' &&
        second.view === first.view &&
        second.height <= first.height
      ) {
        violate(
          'G4',
          `member ${member} signs ${second.what} of view ${second.view}, height ${second.height} after its TIMEOUT of that view`,
          now,
        )
      } else if (first.height === second.height && second.what !== 'propose' && second.lock < first.lock) {
        const after = `after ${first.what} with lock ${first.lock}`
        violate('G4', `member ${member} signs ${second.what} with lock ${second.lock} ${after}`, now)
      }
    }
    of.signings.push(signing)
  }

  /** `seat`: it is sent now by its signer; absent: it comes to light in what somebody made of votes. */
  const state = (member: number, statement: Statement, signature: Signature, now: number, seat?: Seat) => {
    const of = saidBy(member)
    if (statement.type === 'close') return stateClose(member, statement, signature, now, seat)
    const { body } = statement
    const tail = statement.type === 'timeout' ? (statement.body.high?.view ?? -1) : brief(statement.body.block_hash)
    const name = `${statement.type}/${body.epoch}/${body.height}/${body.view}/${tail}`
    const again = of.names.has(name)
    if (again && statement.type !== 'vote1') return
    of.names.add(name)
    if (!again) {
      const order = keys.madeAt(signature)
      const { epoch, height, view } = body
      const signing = { epoch, height, view, what: statement.type, lock: lockShown(statement) }
      if (order !== undefined) checkOrder(member, of, { order, ...signing }, now)
    }
    if (seat !== undefined && !again) checkDurable(seat, statement, signature, now)
    const lie = of.record.add(statement)
    if (lie !== undefined) {
      violate('G3', `${lie} by honest member ${member} at height ${body.height}, view ${body.view}`, now)
    }
  }

  const stateClose = (
    member: number,
    statement: Extract<Statement, { type: 'close' }>,
    signature: Signature,
    now: number,
    seat?: Seat,
  ) => {
    const of = saidBy(member)
    const { epoch } = statement.body
    const name = `close/${epoch}/${signature.join()}`
    if (of.names.has(name)) return
    of.names.add(name)
    const order = keys.madeAt(signature)
    if (order !== undefined) checkOrder(member, of, { order, epoch, height: 0, view: 0, what: 'close', lock: -1 }, now)
    const bytes = seat?.disk.synced().record
    const record = bytes === undefined ? undefined : recordFromBytes(bytes)
    if (seat !== undefined) {
      const kept = record?.ok === true ? record.value : undefined
      const known =
        kept !== undefined &&
        kept.epoch === epoch &&
        bytesEqual(kept.close?.close.signature ?? signature.slice(1), signature)
      if (kept === undefined || (kept.epoch <= epoch && !known))
        violate('R1', `member ${member} sends CLOSE of epoch ${epoch}, which its record does not know`, now)
    }
    const lie = of.record.add(statement)
    if (lie !== undefined) violate('G3', `${lie} by honest member ${member} with its CLOSE of epoch ${epoch}`, now)
  }

  const recordsRead = new Map<Uint8Array, ReturnType<typeof recordFromBytes>>()
  /** Each record is read once, for all that leaves behind it. */
  const recordOfBytes = (bytes: Uint8Array) => {
    const read = recordsRead.get(bytes) ?? recordFromBytes(bytes)
    recordsRead.set(bytes, read)
    return read
  }

  /** R1: the durable record knows of what leaves now, or of something later. */
  const checkDurable = (
    seat: Seat,
    statement: Exclude<Statement, { type: 'close' }>,
    signature: Signature,
    now: number,
  ) => {
    const bytes = seat.disk.synced().record
    const record = bytes === undefined ? undefined : recordOfBytes(bytes)
    const { type, body } = statement
    const what = `member ${seat.index} sends ${type} of height ${body.height}, view ${body.view}`
    if (record === undefined || !record.ok) return violate('R1', `${what} without a record`, now)
    if (record.value.epoch !== body.epoch) {
      if (record.value.epoch < body.epoch) violate('R1', `${what} with a record of epoch ${record.value.epoch}`, now)
      return
    }
    if (record.value.height !== body.height) {
      if (record.value.height < body.height)
        violate('R1', `${what} with a record of height ${record.value.height}`, now)
      return
    }
    const kept = type === 'propose' ? record.value.proposal?.signed : record.value[type]
    const later = kept !== undefined && kept !== null && kept.body.view > body.view
    if (!later && (kept === undefined || kept === null || !bytesEqual(kept.signature, signature))) {
      violate('R1', `${what}, which its record does not know`, now)
    }
    if (type === 'vote1') checkVoted(seat, record.value, statement, now)
  }

  /** R1: a QC1 may come of any VOTE1 above the lock: the newest ones' blocks are durable, with the bodies that it takes to execute them. */
  const checkVoted = (
    seat: Seat,
    record: VoteRecord,
    { body: { epoch, height, view, block_hash } }: Extract<Statement, { type: 'vote1' }>,
    now: number,
  ) => {
    const { votes } = saidBy(seat.index)
    votes.push({ epoch, height, view, hash: block_hash })
    const lock = record.qc1s.at(-1)?.view ?? -1
    const above = votes.filter((vote) => vote.epoch === epoch && vote.height === height && vote.view > lock)
    const newest = new Map(above.sort((a, b) => b.view - a.view).map((vote) => [brief(vote.hash), vote]))
    const contents = [record.locked, record.proposal?.content, ...(record.voted ?? []).map(({ content }) => content)]
    const blocks = new Map(
      contents.flatMap((each) => (each == null ? [] : [[brief(blockHash(domain, each.block)), each]])),
    )
    const bodies = new Set(seat.disk.synced().bodies.map(brief))
    for (const [name, vote] of [...newest].slice(0, VOTED_MAX)) {
      const kept = blocks.get(name)
      const whole = kept?.requests.every((request) => request.body_bytes === 0 || bodies.has(brief(request.body_hash)))
      if (whole === true) continue
      const what = `${kept === undefined ? 'block' : 'bodies'} ${short(vote.hash)} of its VOTE1 of view ${vote.view}`
      violate('R1', `member ${seat.index} does not hold the ${what} at height ${height}`, now)
    }
  }

  /** R3: whoever hands on a QC1 has, or could have, the QC1s that its votes rely on. (A certificate need not show them.) */
  const checkReliance = ({ epoch, height, view, block_hash, votes }: Qc1, now: number) => {
    for (const [member, jview] of votes) {
      if (jview === null) continue
      const named = air.polls.get(placeName(epoch, height, jview, block_hash))
      if (named === undefined || named.vote1.size + byzantineOf(epoch).length < q) {
        violate(
          'R3',
          `a QC1 of height ${height}, view ${view} counts a vote of ${member} whose jview ${jview} has none`,
          now,
        )
      }
    }
  }

  /** A member of a star never sends its vote to itself: it comes to light in what it makes of the votes. */
  const absorbQc1 = (qc1: Qc1, now: number) => {
    const poll = air.poll(qc1.epoch, qc1.height, qc1.view, qc1.block_hash)
    const { epoch, height, view, block_hash } = qc1
    let grew = false
    for (const [index, jview, signature] of qc1.votes) {
      const member = seatAt(epoch, index)
      const from = groups[epoch]?.members[index]
      if (isMalicious(member) || poll.vote1.has(member) || from === undefined) continue
      const body = { job, epoch, height, view, block_hash, jview }
      state(member, { type: 'vote1', body }, signature, now)
      poll.vote1.set(member, { from, body, signature })
      grew = true
    }
    if (grew) checkCertifiable(poll, now)
  }
  const absorbQc2 = (qc2: Qc2, now: number) => {
    const poll = air.poll(qc2.epoch, qc2.height, qc2.view, qc2.block_hash)
    const { epoch, height, view, block_hash } = qc2
    let grew = false
    for (const [index, signature] of qc2.votes) {
      const member = seatAt(epoch, index)
      const from = groups[epoch]?.members[index]
      if (isMalicious(member) || poll.vote2.has(member) || from === undefined) continue
      const body = { job, epoch, height, view, block_hash }
      state(member, { type: 'vote2', body }, signature, now)
      poll.vote2.set(member, { from, body, signature })
      grew = true
    }
    if (grew) checkCertifiable(poll, now)
  }

  return {
    violations,
    chain,
    get forks() {
      return forks
    },
    violate,
    said(seat, message, now) {
      air.hear(message)
      if ('qc1s' in message) {
        for (const qc1 of message.qc1s) {
          absorbQc1(qc1, now)
          checkReliance(qc1, now)
        }
      }
      if (message.type === 'cert') {
        absorbQc1(message.cert.qc1, now)
        absorbQc2(message.cert.qc2, now)
      }
      if (message.type === 'start' || message.type === 'propose') hearStart(message.start, now)
      const mine = (signed: { from: PublicKey }) => bytesEqual(signed.from, seat.signer.publicKey)
      switch (message.type) {
        case 'propose':
          if (mine(message.propose))
            state(seat.index, { type: 'propose', body: message.propose.body }, message.propose.signature, now, seat)
          break
        case 'vote1':
          if (mine(message.vote)) {
            const { body } = message.vote
            state(seat.index, { type: 'vote1', body }, message.vote.signature, now, seat)
            const poll = air.poll(body.epoch, body.height, body.view, body.block_hash)
            if (!poll.vote1.has(seat.index)) {
              poll.vote1.set(seat.index, message.vote)
              checkCertifiable(poll, now)
            }
          }
          break
        case 'vote2':
          if (mine(message.vote)) {
            const { body } = message.vote
            state(seat.index, { type: 'vote2', body }, message.vote.signature, now, seat)
            const poll = air.poll(body.epoch, body.height, body.view, body.block_hash)
            if (!poll.vote2.has(seat.index)) {
              poll.vote2.set(seat.index, message.vote)
              checkCertifiable(poll, now)
            }
          }
          break
        case 'timeout':
          if (mine(message.timeout)) {
            const { body } = message.timeout
            state(seat.index, { type: 'timeout', body }, message.timeout.signature, now, seat)
            let byMember = air.timeouts.get(`${body.epoch}/${body.view}`)
            if (byMember === undefined) {
              byMember = new Map()
              air.timeouts.set(`${body.epoch}/${body.view}`, byMember)
            }
            const list = byMember.get(seat.index)
            if (list === undefined) byMember.set(seat.index, [message.timeout])
            else if (!list.some(({ signature }) => bytesEqual(signature, message.timeout.signature)))
              list.push(message.timeout)
          }
          break
        case 'close':
          if (mine(message.close))
            state(seat.index, { type: 'close', body: message.close.body }, message.close.signature, now, seat)
          break
        case 'nay':
          if (mine(message.nay) && !isFaulty(seat.index)) {
            const { body } = message.nay
            const truth = truthOf(body.block_hash)
            if (truth !== undefined && !bytesEqual(body.state_root, truth.root)) {
              violate('G3', `wrong result: NAY of honest member ${seat.index} at height ${body.height}`, now)
            }
          }
          break
        default:
      }
    },

    committed(seat, effect, now) {
      const { cert, requests, requestHashes, snapshot } = effect
      const { block } = cert
      const hash = blockHash(domain, block)
      const name = `member ${seat.index}, height ${block.height}`
      if (!bytesEqual(requestsRoot(requests), block.requests_root)) {
        // A snapshot has no requests with it.
        if (!snapshot || requests.length > 0) violate('driver', `${name}: requests that are not the block's`, now)
      }
      air.certs.set(block.height, cert)
      if (!snapshot) air.addBlock(block, requests)
      if (cert.qc1.votes.length < q || cert.qc2.votes.length < q) {
        violate('G2', `${name}: a certificate that does not show both quorums would name no culprit`, now)
      }
      absorbQc1(cert.qc1, now)
      absorbQc2(cert.qc2, now)
      if (!obtainable(air.poll(cert.qc1.epoch, block.height, cert.qc1.view, hash))) {
        violate('G1', `${name}: commits a certificate for which too few ever voted`, now)
      }
      const before = chain.get(block.height - 1)
      const first = chain.get(block.height)
      if (first !== undefined) {
        if (!bytesEqual(first.hash, hash) && !scenario.overBound) {
          violate('G1', `${name}: commits ${short(hash)} where another committed ${short(first.hash)}`, now)
        }
        return
      }
      const parent = block.height === 1 ? genesis : before?.hash
      if (parent !== undefined && !bytesEqual(parent, block.parent) && !scenario.overBound) {
        violate('G6', `${name}: its parent is not the block of the height below`, now)
      }
      // Over the bound another fork's block may be the one that is known of the height below.
      if (before !== undefined && bytesEqual(before.hash, block.parent) && block.time <= before.block.time)
        violate('R2', `${name}: block time does not rise`, now)
      const truth = truthOf(hash)
      if (truth === undefined) return
      if (!snapshot && truth.applied.length !== requests.length) {
        violate('R8', `${name}: ${requests.length} requests, fuel for ${truth.applied.length}`, now)
      }
      if (!scenario.overBound && !honestRoots(block, truth)) {
        violate('G5', `${name}: certified roots are not those of a re-execution`, now)
      }
      chain.set(block.height, { block, hash, view: cert.qc1.view, state: truth, requestHashes })
      chronicle.mix(0xc0, block.height, brief(hash))
      if (scenario.overBound) return
      for (const [index, request] of requests.entries()) {
        const request_hash = orderedRequestHash(request)
        if (!bytesEqual(request_hash, requestHashes[index] ?? new Uint8Array(0))) {
          violate('driver', `${name}: request ${index} under a wrong hash`, now)
        }
        const key = brief(request_hash)
        const ran = ranByKey.get(key)
        if (ran !== undefined) violate('G8', `${name}: request ${short(request_hash)} stands in height ${ran} too`, now)
        ranByKey.set(key, block.height)
        if (Math.abs(request.time - block.time) > REQUEST_NEAR_MS) {
          violate('G8', `${name}: request of ${request.time} in a block of ${block.time}`, now)
        }
      }
    },

    replied(seat, effect, now) {
      const name = `member ${seat.index}, height ${effect.height}`
      const stored = seat.disk.image.blocks.get(effect.height)
      if (stored === undefined || seat.disk.image.head < effect.height) {
        violate('G11', `${name}: answers before the height is durable`, now)
        return
      }
      const committed = chain.get(effect.height)
      if (committed === undefined || scenario.overBound) return
      const applied = committed.state.applied[effect.index]
      if (applied === undefined || !bytesEqual(applied.leaf.requestHash, effect.requestHash)) {
        violate('G9', `${name}: answer ${effect.index} is not of request ${short(effect.requestHash)}`, now)
      }
    },

    accused(seat, evidence, now) {
      const key = accusationOf(evidence).from
      const accused = seatOf(key)
      chronicle.mix(0xe0, accused, evidence.kind.length)
      // What a broken executor calls a wrong result convinces nobody who executes again.
      const unfounded = seat.wrong && evidence.kind === 'wrong_result' && evidence.cert === null
      if (!isFaulty(accused) && !unfounded) {
        violate('G3', `member ${seat.index} holds evidence of ${evidence.kind} against honest member ${accused}`, now)
      }
    },
  }
}
