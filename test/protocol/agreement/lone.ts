// One member under test, and the words of the other three in the test's hand: every message is signed by its sender's key and goes through
// the door like one from a wire.

import { createDoor, type Door, verifyFetched, verifyWire } from '#protocol/agreement/door.ts'
import { createMember, type Member } from '#protocol/agreement/member.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import type { Effect, Input, MemberSettings, Restored } from '#protocol/agreement/port.ts'
import { step } from '#protocol/agreement/step.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import type { Cert, Group, Qc1, Qc2 } from '#protocol/message/certificate.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request, requestsRoot } from '#protocol/message/request.ts'
import type { Timeout } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'
import { DOMAIN, execute, groupOfSize, IMAGE, JOB, SETTINGS, signerOf, verify } from './cluster.ts'

export const START = 1_000_000

export type SendEffect = Extract<Effect, { type: 'send' }>

export class Lone {
  readonly group: Group
  readonly door: Door
  readonly self: number
  readonly settings: MemberSettings
  member: Member
  now = START

  /** `self`: how many views after the first this member leads. */
  constructor(
    options: { members?: number; after?: number; settings?: Partial<MemberSettings>; restored?: Restored } = {},
  ) {
    this.group = groupOfSize(options.members ?? 4)
    this.self = this.leader(options.after ?? 2)
    this.door = createDoor(DOMAIN, this.group)
    this.settings = { ...SETTINGS, ...options.settings }
    this.member = this.create(options.restored)
    this.give({ type: 'tick', now: this.now })
  }

  create(restored?: Restored): Member {
    const base = {
      domain: DOMAIN,
      group: this.group,
      signer: signerOf(this.self),
      settings: this.settings,
    }
    return createMember(restored === undefined ? base : { ...base, restored })
  }

  leader(view: number): number {
    return leaderOf(this.group, view)
  }

  /** The others by index. */
  others(): number[] {
    return [...this.group.members.keys()].filter((index) => index !== this.self)
  }

  give(input: Input): Effect[] {
    return step(this.member, input)
  }

  hear(message: WireMessage, from = this.leader(0)): Effect[] {
    const verified = verifyWire(this.door, message, verify)
    assert(verified.ok, `the message passes the door: ${JSON.stringify(verified)}`)
    return this.give({ type: 'message', from, message: verified.value, now: this.now })
  }

  fetched(cert: Cert, requests: readonly Request[]): Effect[] {
    const verified = verifyFetched(this.door, { cert, requests }, verify)
    assert(verified.ok, 'the block passes the door')
    return this.give({ type: 'blocks', from: this.leader(0), blocks: [verified.value], now: this.now })
  }

  /** A right block on the member's head, but for what `changes` says. */
  block(requests: readonly Request[], changes: Partial<Block> = {}, wrong = false): Block {
    const { head } = this.member
    const parent = head.height === 0 ? genesisHash(DOMAIN, JOB) : head.hash
    const time = changes.time ?? this.now
    const kind = changes.kind ?? (requests.length === 0 ? 'heartbeat' : 'normal')
    const result = execute(
      {
        height: head.height + 1,
        parent,
        stateRoot: head.stateRoot,
        codeRoot: EMPTY_DIRECTORY,
        time,
        kind,
        requests,
        requestHashes: requests.map(orderedRequestHash),
      },
      wrong,
    )
    return {
      job: JOB,
      height: head.height + 1,
      parent,
      time,
      kind,
      image: IMAGE,
      code_root: result.codeRoot,
      requests_root: requestsRoot(requests),
      receipts_root: receiptsRoot(result.leaves),
      state_root: result.stateRoot,
      ...changes,
    }
  }

  place(height: number, view: number): { job: Digest; epoch: number; height: number; view: number } {
    return { job: JOB, epoch: 0, height, view }
  }

  propose(
    block: Block,
    requests: readonly Request[],
    options: { view?: number; by?: number; tc?: readonly Signed<Timeout>[]; qc1s?: readonly Qc1[] } = {},
  ): WireOf<'propose'> {
    const { view = 0, tc = null, qc1s = [] } = options
    const body = { ...this.place(block.height, view), block_hash: blockHash(DOMAIN, block) }
    const signer = signerOf(options.by ?? this.leader(view))
    return {
      type: 'propose',
      propose: signStatement(DOMAIN, 'propose', signer, body),
      block,
      requests,
      tc,
      qc1s,
      start: null,
    }
  }

  vote1(by: number, block: Block, view = 0, jview: number | null = null, qc1s: readonly Qc1[] = []): WireOf<'vote1'> {
    const body = { ...this.place(block.height, view), block_hash: blockHash(DOMAIN, block), jview }
    return { type: 'vote1', vote: signStatement(DOMAIN, 'vote1', signerOf(by), body), qc1s }
  }

  vote2(by: number, block: Block, view = 0): WireOf<'vote2'> {
    const body = { ...this.place(block.height, view), block_hash: blockHash(DOMAIN, block) }
    return { type: 'vote2', vote: signStatement(DOMAIN, 'vote2', signerOf(by), body) }
  }

  qc1(block: Block, view = 0, jview: number | null = null, voters = this.others()): Qc1 {
    const votes = voters.map((by) => {
      const { vote } = this.vote1(by, block, view, jview)
      return [by, jview, vote.signature] as const
    })
    return { ...this.place(block.height, view), block_hash: blockHash(DOMAIN, block), votes }
  }

  qc2(block: Block, view = 0, voters = this.others()): Qc2 {
    const votes = voters.map((by) => [by, this.vote2(by, block, view).vote.signature] as const)
    return { ...this.place(block.height, view), block_hash: blockHash(DOMAIN, block), votes }
  }

  cert(block: Block, view = 0): Cert {
    return { block, qc1: this.qc1(block, view), qc2: this.qc2(block, view) }
  }

  timeout(by: number, view: number, height = 1, high: Timeout['high'] = null): Signed<Timeout> {
    return signStatement(DOMAIN, 'timeout', signerOf(by), { ...this.place(height, view), high })
  }

  tc(view: number, height = 1): Signed<Timeout>[] {
    return this.others().map((by) => this.timeout(by, view, height))
  }

  /** Answers the execution that the effects ask for, if they do. */
  execute(effects: readonly Effect[], wrong = false): Effect[] {
    const asked = effects.find((effect) => effect.type === 'execute')
    if (asked?.type !== 'execute') return []
    return this.give({ type: 'executed', ticket: asked.ticket, result: execute(asked.context, wrong), now: this.now })
  }

  /** Certifies a block of these requests and makes it the head. */
  commit(requests: readonly Request[], changes: Partial<Block> = {}): Block {
    const block = this.block(requests, changes)
    this.execute(this.fetched(this.cert(block), requests))
    this.give({ type: 'committed', height: block.height, now: this.now })
    return block
  }
}

/** What was sent, by type. */
export function sent<T extends WireMessage['type']>(effects: readonly Effect[], type: T): WireOf<T>[] {
  const messages = effects.filter((effect) => effect.type === 'send').map(({ message }) => message)
  return messages.filter((message): message is WireOf<T> => message.type === type)
}
