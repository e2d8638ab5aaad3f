// Everything that was ever sent in one run. The net may delay, drop, repeat and reorder at will, so nothing ever leaves it: what is here can be
// delivered to anybody at any time, any number of times, or never. The liar says everything that it can, at once: which of its lies are heard
// by whom, and when, is then a question of delivery alone.

import { verifyWire } from '#protocol/agreement/door.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import type { Cert, Qc1, Qc2 } from '#protocol/message/certificate.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { membersHash } from '#protocol/message/epoch.ts'
import { orderedRequestHash, type Request, requestsRoot } from '#protocol/message/request.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'
import { hashName, messageName } from './names.ts'
import { execute, NOW, requestOf, SETTINGS, type World } from './world.ts'

export type Sent = {
  readonly id: number
  readonly from: number
  /** Who says what; `said` is what. */
  readonly name: string
  readonly said: string
  readonly message: WireMessage
}

export type Said1 = WireOf<'vote1'>
export type Poll = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly block: string
  /** By member, each with one of every jview it has said. */
  readonly vote1: Map<number, WireOf<'vote1'>[]>
  readonly vote2: Map<number, WireOf<'vote2'>>
}

export type BlockFacts = { readonly block: Block; readonly requests: readonly Request[]; readonly honest: boolean }

/** Names and numbers of messages, the same in all runs. */
export type Post = {
  intern(from: number, message: WireMessage): Sent
  get(id: number): Sent
  count(): number
}

export function createPost(world: World): Post {
  const byName = new Map<string, Sent>()
  const all: Sent[] = []
  return {
    intern(from, message) {
      const said = messageName(message)
      const name = `${from}${said}`
      const known = byName.get(name)
      if (known !== undefined) return known
      const verdict = verifyWire(world.door, message, world.keys.verify)
      assert(verdict.ok, `the door takes ${name}: ${JSON.stringify(verdict)}`)
      const sent = { id: all.length, from, name, said, message }
      all.push(sent)
      byName.set(name, sent)
      return sent
    },
    get(id) {
      const sent = all[id]
      assert(sent !== undefined, 'it was sent')
      return sent
    },
    count: () => all.length,
  }
}

/** What is in the air, by what it says; made of a set of messages, the liar's among them. */
export type Air = {
  readonly ids: readonly number[]
  readonly polls: ReadonlyMap<string, Poll>
  readonly proposes: readonly Sent[]
  readonly timeouts: readonly Sent[]
  readonly closes: readonly Sent[]
  readonly readies: readonly Sent[]
  readonly blocks: ReadonlyMap<string, BlockFacts>
}

const EMPTY_ROUNDS = { qc1s: [] as Qc1[] }

/** A QC1 of these votes, each with its jview, or undefined when there are too few. */
export function qc1Of(world: World, poll: Poll): Qc1 | undefined {
  const votes = [...poll.vote1]
    .sort(([a], [b]) => a - b)
    .map(([member, said]) => {
      const highest = said.reduce((a, b) => ((b.vote.body.jview ?? -1) > (a.vote.body.jview ?? -1) ? b : a))
      return [member, highest.vote.body.jview, highest.vote.signature] as const
    })
  if (votes.length < world.quorum) return undefined
  const first = [...poll.vote1.values()][0]?.[0]
  if (first === undefined) return undefined
  const { job, epoch, height, view, block_hash } = first.vote.body
  return { job, epoch, height, view, block_hash, votes: votes.slice(-world.quorum) }
}

export function certOf(world: World, poll: Poll, block: Block): Cert | undefined {
  const qc1 = qc1Of(world, poll)
  const votes = [...poll.vote2].sort(([a], [b]) => a - b).map(([member, { vote }]) => [member, vote.signature] as const)
  if (qc1 === undefined || votes.length < world.quorum) return undefined
  const { job, epoch, height, view, block_hash } = qc1
  const qc2: Qc2 = { job, epoch, height, view, block_hash, votes }
  return { block, qc1, qc2 }
}

export function createAirs(world: World, post: Post): (ids: readonly number[]) => Air {
  const { bounds, liar, domain, job, groups } = world
  const lies = new Map<string, Sent>()
  const known = new Map<string, Air>()

  const collect = (ids: readonly number[]): Air & { polls: Map<string, Poll>; blocks: Map<string, BlockFacts> } => {
    const polls = new Map<string, Poll>()
    const blocks = new Map<string, BlockFacts>()
    const lists = { proposes: [] as Sent[], timeouts: [] as Sent[], closes: [] as Sent[], readies: [] as Sent[] }
    const poll = (body: WireOf<'vote2'>['vote']['body']): Poll => {
      const block = hashName(body.block_hash)
      const name = `${body.epoch}.${body.height}.${body.view}${block}`
      let found = polls.get(name)
      if (found === undefined) {
        const { epoch, height, view } = body
        found = { epoch, height, view, block, vote1: new Map(), vote2: new Map() }
        polls.set(name, found)
      }
      return found
    }
    for (const id of ids) {
      const sent = post.get(id)
      const { message, from } = sent
      if (message.type === 'propose') {
        lists.proposes.push(sent)
        const { block, requests } = message
        blocks.set(hashName(message.propose.body.block_hash), {
          block,
          requests,
          honest: isHonest(block, requests, stateRootOf(block, blocks)),
        })
      } else if (message.type === 'vote1') {
        const { vote1 } = poll(message.vote.body)
        const said = vote1.get(from)
        if (said === undefined) vote1.set(from, [message])
        else if (!said.some(({ vote }) => vote.body.jview === message.vote.body.jview)) said.push(message)
      } else if (message.type === 'vote2') poll(message.vote.body).vote2.set(from, message)
      else if (message.type === 'timeout') lists.timeouts.push(sent)
      else if (message.type === 'close') lists.closes.push(sent)
      else if (message.type === 'ready') lists.readies.push(sent)
    }
    return { ids, polls, blocks, ...lists }
  }

  const stateRootOf = (block: Block, blocks: ReadonlyMap<string, BlockFacts>) =>
    block.height === 1 ? EMPTY_DIRECTORY : (blocks.get(hashName(block.parent))?.block.state_root ?? EMPTY_DIRECTORY)

  const rootsOf = (block: Pick<Block, 'parent'>, requests: readonly Request[], stateRoot: Block['state_root']) => {
    const requestHashes = requests.map(orderedRequestHash)
    const result = execute({ stateRoot, codeRoot: EMPTY_DIRECTORY, parent: block.parent, requestHashes })
    return { state_root: result.stateRoot, receipts_root: receiptsRoot(result.leaves) }
  }

  const honestFrom = new WeakMap<Block, Map<Block['state_root'], boolean>>()
  const isHonest = (block: Block, requests: readonly Request[], stateRoot: Block['state_root']): boolean => {
    const byRoot = honestFrom.get(block) ?? new Map<Block['state_root'], boolean>()
    honestFrom.set(block, byRoot)
    const honest = byRoot.get(stateRoot) ?? bytesEqual(block.state_root, rootsOf(block, requests, stateRoot).state_root)
    byRoot.set(stateRoot, honest)
    return honest
  }

  /** Blocks that the liar makes: two good ones, and one with a root that nobody gets. */
  const made = (height: number, parent: Block | null): { block: Block; requests: readonly Request[] }[] => {
    const parentHash = parent === null ? genesisHash(domain, job) : blockHash(domain, parent)
    const from = parent?.state_root ?? EMPTY_DIRECTORY
    return [0, 1, 2].map((kind) => {
      const requests = [requestOf(world, liar, height, 100 + kind)]
      const roots = rootsOf({ parent: parentHash }, requests, from)
      const state_root = kind === 2 ? EMPTY_DIRECTORY : roots.state_root
      const time = Math.max(NOW, (parent?.time ?? 0) + 1)
      const kindName = 'normal' as const
      const block: Block = {
        job,
        height,
        parent: parentHash,
        time,
        kind: kindName,
        image: SETTINGS.image,
        code_root: EMPTY_DIRECTORY,
        requests_root: requestsRoot(requests),
        receipts_root: roots.receipts_root,
        state_root,
      }
      return { block, requests }
    })
  }

  const say = (name: string, make: () => WireMessage): Sent => {
    let sent = lies.get(name)
    if (sent === undefined) {
      sent = post.intern(liar, make())
      lies.set(name, sent)
    }
    return sent
  }

  /** One round of what the liar can say of what is in the air. */
  const lie = (air: Air): Sent[] => {
    const said: Sent[] = []
    const signer = world.signers[liar]
    assert(signer !== undefined, 'the liar has a key')
    for (const [epoch, group] of groups.entries()) {
      for (let view = 0; view < bounds.views; view++) {
        for (let height = 1; height <= bounds.heights; height++) {
          // hidden_lock: it never knows of one.
          said.push(
            say(`T${epoch}.${height}.${view}`, () => ({
              type: 'timeout',
              timeout: signStatement(domain, 'timeout', signer, { job, epoch, height, view, high: null }),
              qc1s: EMPTY_ROUNDS.qc1s,
            })),
          )
        }
        if (leaderOf(group, view) !== liar) continue
        const propose = (block: Block, requests: readonly Request[]) => {
          const block_hash = blockHash(domain, block)
          said.push(
            say(`P${epoch}.${block.height}.${view}${hashName(block_hash)}`, () => ({
              type: 'propose',
              propose: signStatement(domain, 'propose', signer, { job, epoch, height: block.height, view, block_hash }),
              block,
              requests: [...requests],
              tc: null,
              qc1s: [],
              start: null,
            })),
          )
        }
        // double_propose: every block there is and three of its own, all in one view.
        for (const { block, requests } of air.blocks.values()) propose(block, requests)
        for (const { block, requests } of made(1, null)) propose(block, requests)
        if (bounds.heights < 2) continue
        for (const poll of air.polls.values()) {
          const parent = air.blocks.get(poll.block)
          if (parent === undefined || poll.height >= bounds.heights || certOf(world, poll, parent.block) === undefined)
            continue
          for (const { block, requests } of made(poll.height + 1, parent.block)) propose(block, requests)
        }
      }
      const next = groups[epoch + 1]
      if (next !== undefined)
        said.push(
          say(`C${epoch}`, () => ({
            type: 'close',
            close: signStatement(domain, 'close', signer, {
              job,
              epoch,
              high_cert: null,
              high_qc1: null,
              last_vote1: null,
              last_vote2: null,
              members_hash: membersHash(next),
            }),
            cert: null,
            qc1s: [],
          })),
        )
    }
    for (const { message } of air.proposes) {
      if (message.type !== 'propose') continue
      const { epoch, height, view, block_hash } = message.propose.body
      const block = hashName(block_hash)
      // double_vote1, double_vote2, amnesia: it votes for everything, whatever it has signed before.
      const vote1 = (jview: number | null, qc1s: readonly Qc1[]) =>
        said.push(
          say(`V${epoch}.${height}.${view}${block}${jview}`, () => ({
            type: 'vote1',
            vote: signStatement(domain, 'vote1', signer, { job, epoch, height, view, block_hash, jview }),
            qc1s: [...qc1s],
          })),
        )
      vote1(null, [])
      for (const poll of air.polls.values()) {
        if (poll.block !== block || poll.height !== height || poll.epoch !== epoch || poll.view >= view) continue
        const qc1 = qc1Of(world, poll)
        if (qc1?.votes.every(([, jview]) => jview === null)) vote1(poll.view, [qc1])
      }
      said.push(
        say(`W${epoch}.${height}.${view}${block}`, () => ({
          type: 'vote2',
          vote: signStatement(domain, 'vote2', signer, { job, epoch, height, view, block_hash }),
        })),
      )
    }
    return said
  }

  return (ids) => {
    const name = ids.join()
    const found = known.get(name)
    if (found !== undefined) return found
    let air = collect(ids)
    while (liar >= 0) {
      const all = new Set(air.ids)
      const before = all.size
      for (const { id } of lie(air)) all.add(id)
      if (all.size === before) break
      air = collect([...all])
    }
    if (known.size > 20_000) known.clear()
    known.set(name, air)
    return air
  }
}
