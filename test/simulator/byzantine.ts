// The Byzantine actor: one mind behind all malicious members. It knows everything that was ever sent, holds the keys of its own
// members and nobody else's, and says what it likes to whom it likes, at any time: equivocating proposals and votes, locks
// hidden and invented, certificates assembled from honest votes and its own and shown to some, replays, wrong results, noise.

import { leaderOf } from '#protocol/agreement/members.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import type { PublicKey, Signer } from '#protocol/identity/keys.ts'
import { BLOCK_KINDS, type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import { type Cert, type Group, type Qc1, quorumOf } from '#protocol/message/certificate.ts'
import { type Domain, type Signed, signStatement } from '#protocol/message/domain.ts'
import { membersHash, reconfigRequest, type Start } from '#protocol/message/epoch.ts'
import { type Request, requestsRoot } from '#protocol/message/request.ts'
import type { Ready, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'
import { type WireMessage, type WireOf, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { type Air, type Known, type Poll, placeName, qc1OfVotes, qc2OfVotes } from './air.ts'
import { brief } from './chronicle.ts'
import { GENESIS_STATE, type Ledger, type LedgerState, ledgerSteps } from './ledger.ts'
import type { Random } from './random.ts'

/** What the actor sees of an honest member: it has friends everywhere. */
export type Glimpse = { readonly epoch: number; readonly height: number; readonly view: number; readonly clock: number }

export type ByzantineOptions = {
  readonly domain: Domain
  /** Of all epochs. */
  readonly groups: readonly Group[]
  readonly seatOf: (key: PublicKey) => number
  readonly signers: ReadonlyMap<number, Signer>
  readonly air: Air
  readonly ledger: Ledger
  readonly image: Digest
  readonly reach: number
  readonly random: Random
  readonly victims: readonly number[]
  glimpse(member: number): Glimpse | undefined
  send(from: number, to: number, message: WireMessage): void
  makeRequest(clock: number): Request
}

export type Byzantine = { act(): void }

/** Two blocks in one view of an own leader, each for its own part of the honest members. */
type Plot = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly parts: readonly { readonly known: Known; readonly targets: readonly number[] }[]
  steps: number
}

/** After so many steps a plot is given up. */
const PLOT_STEPS_MAX = 24

/** What may be wrong with a block of the actor's. */
const FLAWS = ['roots', 'code', 'image', 'kind', 'repeated', 'stale', 'many', 'not_later', 'ill_timed'] as const
type Flaw = (typeof FLAWS)[number]

/** Blocks that the actor makes up at one height; beyond them it reuses. */
const OWN_BLOCKS_MAX = 3

export function createByzantine(options: ByzantineOptions): Byzantine {
  const { domain, groups, seatOf, signers, air, ledger, random, victims } = options
  const first = groups[0]
  if (first === undefined) throw new Error('there is a first group')
  const { job } = first
  const q = quorumOf(first)
  /** The epoch that the actor has in mind, and its own seats in it. */
  let group = first
  let epoch = 0
  let members: number[] = []
  const thinkOf = (at: number) => {
    group = groups[at] ?? first
    epoch = group.epoch
    members = group.members.map(seatOf).filter((seat) => signers.has(seat))
  }
  const leaderAt = (view: number) => seatOf(group.members[leaderOf(group, view)] ?? group.members[0] ?? nobody)
  const nobody = new Uint8Array(32) as PublicKey
  const madeAt = new Map<number, number>()
  const states = new Map<number, LedgerState>([[brief(genesisHash(domain, job)), GENESIS_STATE]])

  const signerOf = (member: number): Signer => {
    const signer = signers.get(member)
    if (signer === undefined) throw new Error(`the actor has no key of member ${member}`)
    return signer
  }
  /** The same words of a member are signed once: a twin of an honest one would not sign them anew either. */
  const signed = new Map<string, Signed<Vote1> | Signed<Vote2>>()
  const vote1 = (member: number, height: number, view: number, hash: Digest, jview: number | null): Signed<Vote1> => {
    const name = `1/${member}/${placeName(epoch, height, view, hash)}/${jview}`
    let vote = signed.get(name) as Signed<Vote1> | undefined
    if (vote === undefined) {
      vote = signStatement(domain, 'vote1', signerOf(member), { job, epoch, height, view, block_hash: hash, jview })
      signed.set(name, vote)
    }
    return vote
  }
  const vote2 = (member: number, height: number, view: number, hash: Digest): Signed<Vote2> => {
    const name = `2/${member}/${placeName(epoch, height, view, hash)}`
    let vote = signed.get(name) as Signed<Vote2> | undefined
    if (vote === undefined) {
      vote = signStatement(domain, 'vote2', signerOf(member), { job, epoch, height, view, block_hash: hash })
      signed.set(name, vote)
    }
    return vote
  }

  const stateAfter = (hash: Digest | Uint8Array, depth = 0): LedgerState | undefined => {
    const known = states.get(brief(hash))
    if (known !== undefined) return known
    const block = air.blocks.get(brief(hash))
    if (block === undefined || depth > 4000) return undefined
    const parent = stateAfter(block.block.parent, depth + 1)
    if (parent === undefined) return undefined
    const state = run(parent, block.block, block.requests, false)
    states.set(brief(hash), state)
    return state
  }
  const run = (
    parent: LedgerState,
    block: Pick<Block, 'parent' | 'time' | 'kind'>,
    requests: readonly Request[],
    wrong: boolean,
  ) =>
    ledger.run(
      parent,
      { parent: block.parent, time: block.time, steps: ledgerSteps(requests, []), update: block.kind === 'update' },
      wrong,
    )

  /** A block at this height: one that exists, or a new one: right, with wrong roots, with stale or doubled requests, or ill-timed. */
  const someBlock = (height: number, clock: number): Known | undefined => {
    const there = air.blocksByHeight.get(height) ?? []
    const made = madeAt.get(height) ?? 0
    if (there.length > 0 && (made >= OWN_BLOCKS_MAX || random.chance(0.6))) return random.pick(there)
    const below = air.certs.get(height - 1)
    const parent =
      height === 1 ? genesisHash(domain, job) : below === undefined ? undefined : blockHash(domain, below.block)
    const before = parent === undefined ? undefined : stateAfter(parent)
    if (parent === undefined || before === undefined) return there.length > 0 ? random.pick(there) : undefined
    madeAt.set(height, made + 1)
    const floor = height === 1 ? 0 : (below?.block.time ?? 0)
    const requests: Request[] = []
    // More often than not a block that honest members have nothing against: only such a one can split them.
    const flaw: Flaw | undefined = random.chance(0.65) ? undefined : random.pick(FLAWS)
    for (let count = random.below(3); count > 0; count--) requests.push(options.makeRequest(clock))
    if (flaw === 'repeated') {
      const pool = [...air.requests, ...requests]
      for (let count = pool.length > 0 ? 2 : 0; count > 0; count--) requests.push(random.pick(pool))
    }
    if (flaw === 'stale') requests.push(options.makeRequest(clock + random.pick([-70_000, 70_000])))
    if (flaw === 'many') while (requests.length < 12) requests.push(options.makeRequest(clock))
    let time = Math.max(floor + 1, clock - random.below(300))
    if (flaw === 'not_later') time = Math.max(0, floor - random.below(2))
    if (flaw === 'ill_timed') time = Math.max(floor + 1, clock + random.pick([-9_000, -4_000, 1_500, 9_000, 90_000]))
    const last = flaw === undefined && groups.length > 1 && random.chance(0.25) ? someReconfig(time) : undefined
    if (last !== undefined) requests.splice(0, requests.length, last)
    const kind =
      last !== undefined
        ? 'reconfig'
        : flaw === 'kind'
          ? random.pick(BLOCK_KINDS)
          : requests.length === 0
            ? 'heartbeat'
            : 'normal'
    const after = run(before, { parent, time, kind }, requests, flaw === 'roots')
    const code = flaw === 'code' ? cidFromDigest(CODEC_DAG_PB, taggedHash('other code')) : after.code
    const image = flaw === 'image' ? taggedHash('other image') : options.image
    const block: Block = {
      job,
      height,
      parent,
      time,
      kind,
      image,
      code_root: code,
      requests_root: requestsRoot(requests),
      receipts_root: receiptsRoot(after.applied.map((applied) => applied.leaf)),
      state_root: after.root,
    }
    return air.addBlock(block, requests)
  }

  const qc1sAt = (height: number, hash?: Uint8Array, below = Number.POSITIVE_INFINITY): Qc1[] =>
    [...air.qc1s.values()].filter(
      (qc1) =>
        qc1.epoch === epoch &&
        qc1.height === height &&
        qc1.view < below &&
        (hash === undefined || brief(qc1.block_hash) === brief(hash)),
    )
  /** QC1s that a message with this jview has to carry: that one and what its own votes name. */
  const carried = (height: number, hash: Uint8Array, below: number): Qc1[] =>
    qc1sAt(height, hash, below).sort((a, b) => a.view - b.view)

  const show = (from: number, message: WireMessage) => {
    for (const to of victims) if (random.chance(options.reach)) options.send(from, to, message)
  }
  /** Half of the time to one member alone: a lock that nobody else knows of. */
  const showFew = (from: number, message: WireMessage) => {
    if (random.chance(0.5)) options.send(from, random.pick(victims), message)
    else show(from, message)
  }

  /** QC1 for a poll from honest votes and its own, when that is enough. */
  const assemble = (poll: Poll): Qc1 | undefined => {
    if (poll.vote1.size === 0 || poll.vote1.size + members.length < q) return undefined
    const votes = new Map(poll.vote1)
    const justified = qc1sAt(poll.height, poll.hash, poll.view).map((qc1) => qc1.view)
    const best = justified.length > 0 && random.chance(0.8) ? Math.max(...justified) : null
    const lie = poll.view > 0 && random.chance(0.05) ? random.below(poll.view) : best
    for (const member of members) votes.set(member, vote1(member, poll.height, poll.view, poll.hash as Digest, lie))
    const chosen = random.chance(0.5)
      ? [...new Set([...members, ...random.shuffled([...poll.vote1.keys()])])].slice(0, q)
      : random.shuffled([...votes.keys()]).slice(0, q)
    const qc1 = qc1OfVotes(group, votes, chosen)
    air.addQc1(qc1)
    return qc1
  }

  const lateness = (member: number, height: number, view: number): Signed<Timeout> => {
    const known = qc1sAt(height, undefined, view + 1)
    const qc1 = known.length > 0 && random.chance(0.5) ? random.pick(known) : undefined
    const high = qc1 === undefined ? null : { view: qc1.view, block_hash: qc1.block_hash }
    return signStatement(domain, 'timeout', signerOf(member), { job, epoch, height, view, high })
  }
  /** q TIMEOUTs of one view: honest ones (old copies too), and lies; those with the least locks first, half of the time. */
  const someTc = (height: number, view: number): Signed<Timeout>[] | null => {
    if (view < 0) return null
    const honest = random
      .shuffled([...(air.timeouts.get(`${epoch}/${view}`) ?? new Map<number, Signed<Timeout>[]>()).values()])
      .map((copies) => random.pick(copies))
    if (random.chance(0.5)) honest.sort((a, b) => (a.body.high?.view ?? -1) - (b.body.high?.view ?? -1))
    const all = [...members.map((member) => lateness(member, height, view)), ...honest]
    return all.length < q ? null : all.slice(0, q)
  }
  const qc1sOfTc = (height: number, timeouts: readonly Signed<Timeout>[] | null): Qc1[] => {
    const views = new Set((timeouts ?? []).map((timeout) => timeout.body.high?.view))
    const found = qc1sAt(height).filter((qc1) => views.has(qc1.view))
    const all = new Set(found.flatMap((qc1) => [...carried(height, qc1.block_hash, qc1.view), qc1]))
    return [...all].sort((a, b) => a.view - b.view).slice(0, 64)
  }

  const tell = (from: number, targets: readonly number[], message: WireMessage) => {
    for (const to of targets) options.send(from, to, message)
  }

  let plot: Plot | undefined
  const beginPlot = (height: number, view: number, clock: number) => {
    if (
      !signers.has(leaderAt(view)) ||
      (plot !== undefined && plot.epoch === epoch && plot.height === height && plot.view === view)
    )
      return
    const x = someBlock(height, clock)
    const y = someBlock(height, clock)
    if (x === undefined || y === undefined || x === y) return
    const order = random.shuffled(victims)
    const cut = 1 + random.below(Math.max(1, order.length - 1))
    const both = random.chance(0.3) ? order.slice(0, 1) : []
    const parts = [
      { known: x, targets: order.slice(0, cut) },
      { known: y, targets: [...order.slice(cut), ...both] },
    ]
    plot = { epoch, height, view, parts, steps: 0 }
  }
  /** One step of the plot, to one part: the proposal, its votes, what they make. */
  const pursue = ({ height, view, parts, steps }: Plot) => {
    const { known, targets: own } = random.pick(parts)
    // Now and then the others hear of it too: who restarted meanwhile may have forgotten what it was told.
    const targets = random.chance(0.2) ? victims : own
    const hash = known.hash as Digest
    const leader = leaderAt(view)
    const stage = steps < 3 ? 0 : random.below(5)
    if (stage === 0) {
      const tc = someTc(height, view - 1)
      const propose = signStatement(domain, 'propose', signerOf(leader), { job, epoch, height, view, block_hash: hash })
      const qc1s = [...new Set([...qc1sOfTc(height, tc), ...carried(height, hash, view)])].sort(
        (a, b) => a.view - b.view,
      )
      tell(leader, targets, {
        type: 'propose',
        propose,
        block: known.block,
        requests: known.requests,
        tc,
        qc1s: qc1s.slice(0, 64),
        start: someStart(epoch),
      })
    } else if (stage === 1) {
      const justified = carried(height, hash, view)
      const jview = justified.at(-1)?.view ?? null
      for (const member of members) {
        tell(member, targets, {
          type: 'vote1',
          vote: vote1(member, height, view, hash, jview),
          qc1s: justified.slice(-64),
        })
      }
    } else if (stage === 2) {
      const qc1 = assemble(air.poll(epoch, height, view, hash))
      if (qc1 !== undefined)
        tell(leader, targets, { type: 'qc1', qc1s: [...carried(height, hash, view), qc1].slice(-64), content: null })
    } else if (stage === 3) {
      for (const member of members) tell(member, targets, { type: 'vote2', vote: vote2(member, height, view, hash) })
    } else certify(air.poll(epoch, height, view, hash), (cert) => tell(leader, targets, { type: 'cert', cert }))
  }

  /** A certificate that only the actor could assemble. */
  const certify = (poll: Poll, give: (cert: Cert) => void) => {
    if (poll.vote2.size === 0 || poll.vote2.size + members.length < q) return
    const known = air.blocks.get(brief(poll.hash))
    const qc1 = air.qc1s.get(placeName(poll.epoch, poll.height, poll.view, poll.hash)) ?? assemble(poll)
    if (known === undefined || qc1 === undefined) return
    const votes = new Map(poll.vote2)
    for (const member of members) votes.set(member, vote2(member, poll.height, poll.view, poll.hash as Digest))
    const qc2 = qc2OfVotes(group, votes, random.shuffled([...votes.keys()]).slice(0, q))
    const cert = { block: known.block, qc1, qc2 }
    if (!air.certs.has(poll.height)) air.certs.set(poll.height, cert)
    give(cert)
  }

  const flip = (message: WireMessage): WireMessage => {
    const spoil = (bytes: Uint8Array) => {
      const out = bytes.slice()
      const at = random.below(out.length)
      out[at] = (out[at] ?? 0) ^ (1 << random.below(8))
      return out
    }
    const walk = (value: unknown, depth: number): unknown => {
      if (value instanceof Uint8Array) return random.chance(0.3) ? spoil(value) : value
      if (typeof value === 'number') return random.chance(0.1) ? value + 1 : value
      if (Array.isArray(value)) return value.map((entry) => walk(entry, depth + 1))
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, key === 'type' ? entry : walk(entry, depth + 1)]),
      )
    }
    return walk(message, 0) as WireMessage
  }

  /** A start that somebody could show: one that was said, or one made of CLOSEs with the least in them and the actor's own. */
  const someStart = (at: number): Start | null => {
    const said = air.starts.get(at) ?? []
    const before = groups[at - 1]
    if (before === undefined) return null
    if (said.length > 0 && random.chance(0.5)) return random.pick(said)
    const made = startOf(before)
    return made ?? (said.length > 0 ? random.pick(said) : null)
  }
  const height = (close: WireOf<'close'>) => close.cert?.block.height ?? 0
  const startOf = (before: Group): Start | null => {
    const own = before.members.map(seatOf).filter((seat) => signers.has(seat))
    const honest = random.shuffled(air.closes.get(before.epoch) ?? [])
    if (random.chance(0.7)) honest.sort((a, b) => height(a) - height(b) || a.qc1s.length - b.qc1s.length)
    const lies = own.map((seat) => someClose(seat, before.epoch)).filter((close) => close !== undefined)
    const chosen = [...lies, ...honest].slice(0, q)
    if (chosen.length < q) return null
    const top = chosen.reduce((a, b) => (height(b) > height(a) ? b : a))
    const high = chosen
      .filter((close) => close.qc1s.at(-1)?.height === height(top) + 1)
      .map((close) => close.qc1s)
      .sort((a, b) => rank(b.at(-1)) - rank(a.at(-1)))
    const closes = chosen.map(({ close }) => close)
    return { job, epoch: before.epoch + 1, cert: top.cert, reconfig: null, closes, qc1s: high[0] ?? [] }
  }
  const rank = (qc1: Qc1 | undefined) => (qc1 === undefined ? -1 : qc1.epoch * 1_000 + qc1.view)
  /** A CLOSE that knows as little as it likes. */
  const someClose = (seat: number, at: number): WireOf<'close'> | undefined => {
    const next = groups[at + 1]
    if (next === undefined) return undefined
    const known = [...air.certs.values()].filter((cert) => cert.qc1.epoch <= at)
    const cert = known.length === 0 || random.chance(0.3) ? null : random.pick(known)
    const named = ({ epoch: of, height: on, view, block_hash }: Qc1) => ({ epoch: of, height: on, view, block_hash })
    const body = {
      job,
      epoch: at,
      high_cert: cert === null ? null : named(cert.qc1),
      high_qc1: null,
      last_vote1: null,
      last_vote2: null,
      members_hash: membersHash(next),
    }
    return { type: 'close', close: signStatement(domain, 'close', signerOf(seat), body), cert, qc1s: [] }
  }
  const handOver = (me: number) => {
    const dice = random.real()
    if (dice < 0.4) {
      const close = someClose(me, epoch)
      if (close !== undefined) show(me, close)
    } else if (dice < 0.75) {
      const start = someStart(epoch + 1)
      if (start !== null) showFew(me, { type: 'start', start })
    } else {
      const next = groups[epoch + 1]
      const below = [...air.certs.values()]
      if (next === undefined || below.length === 0 || !next.members.map(seatOf).includes(me)) return
      const { block } = random.pick(below)
      const body = { job, epoch: next.epoch, height: block.height, state_root: block.state_root }
      show(me, { type: 'ready', ready: signStatement(domain, 'ready', signerOf(me), body) })
    }
  }
  /** The last block of an epoch, of READYs that were said. */
  const someReconfig = (time: number): Request | undefined => {
    const next = groups[epoch + 1]
    if (next === undefined) return undefined
    const byIndex = new Map<number, Signed<Ready>>()
    for (const ready of air.readies) {
      const index = next.members.findIndex((key) => bytesEqual(key, ready.from))
      if (ready.body.epoch === next.epoch && index >= 0) byIndex.set(index, ready)
    }
    const own = next.members.map((key, index) => [index, seatOf(key)] as const).filter(([, seat]) => signers.has(seat))
    const block = [...air.certs.values()][0]?.block
    for (const [index, seat] of own) {
      if (block === undefined) continue
      const body = { job, epoch: next.epoch, height: block.height, state_root: block.state_root }
      byIndex.set(index, signStatement(domain, 'ready', signerOf(seat), body))
    }
    const ready = [...byIndex]
      .sort(([a], [b]) => a - b)
      .map(([index, { body, signature }]) => ({ index, height: body.height, state_root: body.state_root, signature }))
    if (ready.length < q) return undefined
    return reconfigRequest(job, time, { epoch: next.epoch, membersHash: membersHash(next), ready })
  }

  return {
    act() {
      const victim = random.pick(victims)
      const seen = options.glimpse(victim)
      if (seen === undefined) return
      thinkOf(random.chance(0.9) ? seen.epoch : random.below(groups.length))
      if (members.length === 0) return
      const me = random.pick(members)
      if (groups.length > 1 && random.chance(0.2)) return handOver(me)
      const height = Math.max(1, seen.height + 1 - (random.chance(0.05) ? 1 : 0) + (random.chance(0.08) ? 1 : 0))
      const view = Math.max(0, seen.view + (random.chance(0.3) ? random.below(3) - 1 : 0))
      if (random.chance(0.5)) {
        if (seen.height + 1 !== plot?.height || epoch !== plot.epoch || seen.view !== plot.view)
          beginPlot(seen.height + 1, seen.view, seen.clock)
        if (plot !== undefined && plot.epoch === epoch && plot.steps < PLOT_STEPS_MAX) {
          plot.steps++
          pursue(plot)
          return
        }
      }
      const dice = random.real()
      if (dice < 0.22) {
        // Now and then one proposes whose turn it is not.
        const usurps = random.chance(0.15)
        const turn = usurps ? view : [view, view + 1].find((at) => signers.has(leaderAt(at)))
        if (turn === undefined) return
        const leader = usurps ? me : leaderAt(turn)
        const known = someBlock(height, seen.clock)
        if (known === undefined) return
        const tc = someTc(height, turn - 1)
        const body = { job, epoch, height, view: turn, block_hash: known.hash as Digest }
        const own = random.chance(0.6) ? carried(height, known.hash, turn) : []
        const qc1s = [...new Set([...qc1sOfTc(height, tc), ...own])].sort((a, b) => a.view - b.view)
        const propose = signStatement(domain, 'propose', signerOf(leader), body)
        show(leader, {
          type: 'propose',
          propose,
          block: known.block,
          requests: known.requests,
          tc,
          qc1s: qc1s.slice(0, 64),
          start: someStart(epoch),
        })
      } else if (dice < 0.4) {
        const known = someBlock(height, seen.clock)
        if (known === undefined) return
        const justified = carried(height, known.hash, view)
        const last = justified.at(-1)
        const jview =
          last !== undefined && random.chance(0.7) ? last.view : view > 0 && random.chance(0.1) ? view - 1 : null
        for (const member of members) {
          show(member, {
            type: 'vote1',
            vote: vote1(member, height, view, known.hash as Digest, jview),
            qc1s: justified.slice(-64),
          })
        }
      } else if (dice < 0.52) {
        const known = someBlock(height, seen.clock)
        if (known === undefined) return
        for (const member of members) {
          show(member, { type: 'vote2', vote: vote2(member, height, view, known.hash as Digest) })
        }
      } else if (dice < 0.66) {
        const polls = (air.pollsByHeight.get(height) ?? []).filter((poll) => poll.epoch === epoch)
        if (polls.length === 0) return
        const qc1 = assemble(random.pick(polls))
        if (qc1 === undefined) return
        const qc1s = [...carried(height, qc1.block_hash, qc1.view), qc1].slice(-64)
        const known = air.blocks.get(brief(qc1.block_hash))
        const content =
          known !== undefined && random.chance(0.4) ? { block: known.block, requests: known.requests } : null
        showFew(me, { type: 'qc1', qc1s, content })
      } else if (dice < 0.73) {
        const timeout = lateness(me, height, view)
        show(me, { type: 'timeout', timeout, qc1s: qc1sOfTc(height, [timeout]) })
      } else if (dice < 0.8) {
        const timeouts = someTc(height, view + (random.chance(0.2) ? 1 : 0))
        if (timeouts !== null) show(me, { type: 'tc', timeouts, qc1s: qc1sOfTc(height, timeouts) })
      } else if (dice < 0.86) {
        for (const poll of air.pollsByHeight.get(height) ?? [])
          if (poll.epoch === epoch) certify(poll, (cert) => show(me, { type: 'cert', cert }))
      } else if (dice < 0.91) {
        if (air.heard.length > 0) show(me, random.pick(air.heard))
      } else if (dice < 0.94) {
        if (air.heard.length === 0) return
        // What does not decode does not reach a machine.
        const spoiled = wireFromBytes(wireToBytes(flip(random.pick(air.heard))))
        if (spoiled.ok) show(me, spoiled.value)
      } else if (dice < 0.96) {
        const lag = random.below(5) - 2
        show(me, {
          type: 'status',
          job,
          epoch,
          height: Math.max(0, seen.height + lag),
          view: Math.max(0, seen.view + random.below(3) - 1),
          first: random.below(seen.height + 2),
          snapshot: random.chance(0.3) ? random.below(seen.height + 4) : null,
          disputed: random.chance(0.2),
          ask: random.chance(0.5),
        })
      } else if (dice < 0.98) {
        const known = someBlock(height, seen.clock)
        if (known === undefined) return
        const wrong = cidFromDigest(CODEC_DAG_PB, taggedHash('nay', known.hash))
        const state_root = random.chance(0.5) ? wrong : known.block.state_root
        const body = {
          job,
          epoch,
          height,
          view,
          block_hash: known.hash as Digest,
          receipts_root: known.block.receipts_root,
          state_root,
        }
        show(me, { type: 'nay', nay: signStatement(domain, 'nay', signerOf(me), body) })
      } else {
        const request =
          air.requests.length > 0 && random.chance(0.5) ? random.pick(air.requests) : options.makeRequest(seen.clock)
        show(me, { type: 'request', request, body: null })
      }
    },
  }
}
