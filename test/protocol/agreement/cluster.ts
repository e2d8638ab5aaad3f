// A group in one process: an instant, ordered network, a pretended executor and a disk per member. Enough to show the rules at work;
// delays, losses and liars at random are the simulator's.

import { createHash } from 'node:crypto'
import { createDoor, type Door, verifyCert, verifyFetched, verifyWire } from '#protocol/agreement/door.ts'
import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { createMember, type Member } from '#protocol/agreement/member.ts'
import type {
  Effect,
  ExecutionContext,
  ExecutionResult,
  Input,
  MemberSettings,
  Restored,
} from '#protocol/agreement/port.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { step } from '#protocol/agreement/step.ts'
import { bytesConcat, bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { CODEC_RAW, cidFromDigest } from '#protocol/content/cid.ts'
import type { PublicKey, Signature, Signer } from '#protocol/identity/keys.ts'
import type { Cert, Group, Quorum } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request } from '#protocol/message/request.ts'
import { type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'

export const DOMAIN: Domain = { chainId: taggedHash('chain'), generation: 1 }
export const JOB: Digest = taggedHash('job')
export const IMAGE: Digest = taggedHash('image')
export const SETTINGS: MemberSettings = {
  deltaMs: 1000,
  heartbeatMs: 10_000,
  requestFuel: 1,
  blockFuel: 256,
  snapshotHeights: 4,
  handoverMs: 120_000,
  image: IMAGE,
}

/** A pretended signature: 64 bytes that only who knows the "secret" (the key itself) makes. Real ones are the door's business. */
function pretend(key: PublicKey, message: Uint8Array): Signature {
  const half = createHash('sha256').update(key).update(message).digest()
  return bytesConcat(half, half) as Signature
}

export function signerOf(index: number): Signer {
  const publicKey = taggedHash('key', Uint8Array.of(index)) as Uint8Array as PublicKey
  return { publicKey, sign: (message) => pretend(publicKey, message) }
}

export const verify = (key: PublicKey, message: Uint8Array, signature: Signature): boolean =>
  bytesEqual(signature, pretend(key, message))

export function groupOfSize(members: number, quorum: Quorum = 'bft'): Group {
  return {
    job: JOB,
    epoch: 0,
    members: Array.from({ length: members }, (_, index) => signerOf(index).publicKey),
    quorum,
  }
}

let salts = 0
export function requestAt(
  time: number,
  options: { method?: string; body?: Uint8Array; target?: string } = {},
): Request {
  const { method = 'POST', body = new Uint8Array(0), target = '/' } = options
  const salt = new Uint8Array(16)
  new DataView(salt.buffer).setUint32(0, ++salts)
  return { job: JOB, method, target, headers: [], body_hash: sha256(body), body_bytes: body.length, salt, time }
}

/** Roots that are a function of the context, as an honest runtime's are. */
export function execute(context: ExecutionContext, wrong = false): ExecutionResult {
  const facts = bytesConcat(
    context.stateRoot,
    context.parent,
    new Uint8Array([wrong ? 1 : 0]),
    ...context.requestHashes,
  )
  const leaves = context.requestHashes.map((requestHash) => ({
    requestHash,
    responseHash: taggedHash(wrong ? 'wrong' : 'response', requestHash, context.parent),
    fuel: 1,
  }))
  return { stateRoot: cidFromDigest(CODEC_RAW, taggedHash('state', facts)), codeRoot: context.codeRoot, leaves }
}

type Disk = {
  record?: Uint8Array
  bodies: Map<string, Uint8Array>
  blocks: Map<number, { cert: Cert; requests: readonly Request[] }>
  /** Bodies of certified blocks. */
  stored: Map<string, Uint8Array>
  states: { height: number; time: number }[]
  firstBlock: number
}

export type Node = {
  index: number
  member: Member
  readonly door: Door
  disk: Disk
  up: boolean
  wrong: boolean
  wakeAt: number | null
  bodies: Map<string, Uint8Array>
  readonly evidence: Evidence[]
  readonly answers: Effect[]
  readonly log: Effect[]
}

type Delivery = { readonly to: number; readonly make: () => Input | undefined }

export class Cluster {
  readonly group: Group
  readonly settings: MemberSettings
  readonly nodes: Node[]
  now = 1_000_000
  /** True drops the message. */
  drop: (from: number, to: number, message: WireMessage) => boolean = () => false
  /** False: what one asks of the other (bodies, blocks, states) is not answered; messages are `drop`'s. */
  reaches: (from: number, to: number) => boolean = () => true
  /** What an execution takes; ms. */
  executionMs: (context: ExecutionContext) => number = () => 0
  #queue: Delivery[] = []
  #running: { readonly at: number; readonly delivery: Delivery }[] = []

  constructor(members = 4, options: { quorum?: Quorum; settings?: Partial<MemberSettings> } = {}) {
    this.group = groupOfSize(members, options.quorum)
    this.settings = { ...SETTINGS, ...options.settings }
    this.nodes = this.group.members.map((_, index) => ({
      index,
      member: this.#create(index),
      door: createDoor(DOMAIN, this.group),
      disk: {
        blocks: new Map(),
        states: [{ height: 0, time: 0 }],
        firstBlock: 1,
        bodies: new Map(),
        stored: new Map(),
      },
      up: true,
      wrong: false,
      wakeAt: null,
      bodies: new Map(),
      evidence: [],
      answers: [],
      log: [],
    }))
  }

  #create(self: number, restored?: Restored): Member {
    const { group, settings } = this
    const base = { domain: DOMAIN, group, signer: signerOf(self), settings }
    return createMember(restored === undefined ? base : { ...base, restored })
  }

  node(index: number): Node {
    const node = this.nodes[index]
    assert(node !== undefined, 'the node is there')
    return node
  }

  start(): void {
    for (const node of this.nodes) this.give(node.index, { type: 'tick', now: this.now })
    this.run()
  }

  /** One input, its effects performed, nothing delivered yet. */
  give(index: number, input: Input): Effect[] {
    const node = this.node(index)
    if (!node.up) return []
    const effects = step(node.member, input)
    for (const effect of effects) this.#perform(node, effect)
    return effects
  }

  /** Delivers until nothing is on its way. */
  run(limit = 200_000): void {
    let count = 0
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      assert(count++ < limit, 'the network falls silent')
      const input = this.node(next.to).up ? next.make() : undefined
      if (input !== undefined) this.give(next.to, input)
    }
  }

  /** Time goes on, every member is woken when it asked for it. */
  pass(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const wakes = this.nodes.flatMap(({ up, wakeAt }) => (up && wakeAt !== null ? [wakeAt] : []))
      const ended = this.#running.toSorted((a, b) => a.at - b.at)[0]
      if (ended !== undefined && ended.at <= Math.min(end, ...wakes)) {
        this.#running.splice(this.#running.indexOf(ended), 1)
        this.now = Math.max(this.now, ended.at)
        this.#queue.push(ended.delivery)
        this.run()
        continue
      }
      const due = this.nodes.filter(({ up, wakeAt }) => up && wakeAt !== null && wakeAt <= end)
      if (due.length === 0) break
      const first = due.reduce((a, b) => ((b.wakeAt ?? 0) < (a.wakeAt ?? 0) ? b : a))
      this.now = Math.max(this.now, first.wakeAt ?? 0)
      first.wakeAt = null
      this.give(first.index, { type: 'tick', now: this.now })
      this.run()
    }
    this.now = end
  }

  submit(index: number, request: Request, body?: Uint8Array): Digest {
    if (body !== undefined && body.length > 0) this.node(index).bodies.set(hexFromBytes(request.body_hash), body)
    this.give(index, { type: 'submit', request, now: this.now, ...(body === undefined ? {} : { body }) })
    return orderedRequestHash(request)
  }

  crash(index: number): void {
    const node = this.node(index)
    node.up = false
    node.wakeAt = null
    node.bodies = new Map()
    this.#queue = this.#queue.filter(({ to }) => to !== index)
  }

  restart(index: number, abstain = false): void {
    const node = this.node(index)
    const { disk } = node
    const heights = [...disk.blocks.keys()].sort((a, b) => a - b)
    const head = disk.blocks.get(heights.at(-1) ?? 0)
    const contiguous = heights.filter((height, at) => at >= heights.length - ((heights.at(-1) ?? 0) - height + 1))
    const recent = contiguous
      .filter((height) => height >= disk.firstBlock)
      .map((height) => {
        const block = disk.blocks.get(height)
        assert(block !== undefined, 'it is listed')
        return { height, time: block.cert.block.time, requestHashes: block.requests.map(orderedRequestHash) }
      })
      .filter(({ time }) => time >= (head?.cert.block.time ?? 0) - WINDOW_MS)
    let cert: Restored['cert']
    if (head !== undefined) {
      const verified = verifyCert(node.door, head.cert, verify)
      assert(verified.ok, 'the stored certificate verifies')
      cert = verified.value
    }
    node.member = this.#create(index, {
      ...(cert === undefined ? {} : { cert }),
      ...(disk.record === undefined ? {} : { record: disk.record }),
      abstain,
      recent,
      states: disk.states,
      firstBlock: disk.firstBlock,
      bodies: [...disk.bodies.keys()].map((hex) => sha256(disk.bodies.get(hex) ?? new Uint8Array(0))),
    })
    node.up = true
    node.bodies = new Map(disk.bodies)
    this.give(index, { type: 'tick', now: this.now })
    this.run()
  }

  heights(): number[] {
    return this.nodes.map(({ member }) => memberStatus(member).height)
  }

  hashes(height: number): string[] {
    return this.nodes
      .filter(({ up }) => up)
      .map(({ disk }) => {
        const block = disk.blocks.get(height)
        return block === undefined ? 'none' : hexFromBytes(block.cert.qc1.block_hash)
      })
  }

  #later(to: number, make: Delivery['make']): void {
    this.#queue.push({ to, make })
  }

  #after(ms: number, to: number, make: Delivery['make']): void {
    if (ms === 0) this.#later(to, make)
    else this.#running.push({ at: this.now + ms, delivery: { to, make } })
  }

  #perform(node: Node, effect: Effect): void {
    node.log.push(effect)
    const { index } = node
    const at = (): number => this.now
    switch (effect.type) {
      case 'persist':
        node.disk.record = effect.record
        node.disk.bodies = this.#bodiesOf(node, effect.bodies)
        return
      case 'send':
        for (const to of this.nodes.keys())
          if (to !== index && (effect.to === 'all' || effect.to === to)) this.#send(index, to, effect.message)
        return
      case 'execute':
        this.#bodiesOf(
          node,
          effect.context.requests.filter((one) => one.body_bytes > 0).map((one) => one.body_hash),
        )
        return this.#after(this.executionMs(effect.context), index, () => ({
          type: 'executed',
          ticket: effect.ticket,
          result: execute(effect.context, node.wrong),
          now: at(),
        }))
      case 'commit': {
        const { height, time } = effect.cert.block
        node.disk.record = effect.record
        const bodies = effect.requests.filter((one) => one.body_bytes > 0).map((one) => one.body_hash)
        for (const [hash, body] of this.#bodiesOf(node, bodies)) node.disk.stored.set(hash, body)
        node.disk.blocks.set(height, { cert: effect.cert, requests: effect.requests })
        node.disk.states = [...node.disk.states, { height, time }].filter((s) => effect.keepStates.includes(s.height))
        node.disk.firstBlock = effect.keepBlocksFrom
        for (const old of node.disk.blocks.keys())
          if (old < effect.keepBlocksFrom && old < height && !effect.keepStates.includes(old))
            node.disk.blocks.delete(old)
        return this.#later(index, () => ({ type: 'committed', height, now: at() }))
      }
      case 'reply':
      case 'refuse':
        node.answers.push(effect)
        return
      case 'evidence':
        node.evidence.push(effect.evidence)
        return
      case 'keepBody':
        node.bodies.set(hexFromBytes(effect.hash), effect.body)
        return
      case 'dropBodies':
        for (const hash of effect.hashes) node.bodies.delete(hexFromBytes(hash))
        return
      case 'fetchBodies':
        return this.#later(index, () => {
          const peer = this.node(effect.from)
          const found = effect.hashes.filter(
            (hash) => peer.up && this.reaches(index, effect.from) && peer.bodies.has(hexFromBytes(hash)),
          )
          for (const hash of found)
            node.bodies.set(hexFromBytes(hash), peer.bodies.get(hexFromBytes(hash)) as Uint8Array)
          return { type: 'bodies', hashes: found, now: at() }
        })
      case 'fetchBlocks':
        return this.#later(index, () => {
          const { disk, up } = this.node(effect.from)
          const answers = up && this.reaches(index, effect.from)
          const blocks = []
          for (let height = effect.fromHeight; answers && blocks.length < 8; height++) {
            const block = disk.blocks.get(height)
            if (block === undefined || height < disk.firstBlock) break
            for (const { body_bytes, body_hash } of block.requests) {
              const body = disk.stored.get(hexFromBytes(body_hash))
              if (body_bytes > 0 && body !== undefined) node.bodies.set(hexFromBytes(body_hash), body)
            }
            const verified = verifyFetched(node.door, block, verify)
            assert(verified.ok, 'an honest member hands out what verifies')
            blocks.push(verified.value)
          }
          return { type: 'blocks', from: effect.from, blocks, now: at() }
        })
      case 'fetchState':
        return this.#later(index, () => {
          const { disk, up } = this.node(effect.from)
          const block = disk.blocks.get(effect.height)
          const here =
            up &&
            this.reaches(index, effect.from) &&
            block !== undefined &&
            disk.states.some(({ height }) => height === effect.height)
          if (!here) return { type: 'state', height: effect.height, now: at() }
          const verified = verifyCert(node.door, block.cert, verify)
          assert(verified.ok, 'an honest member hands out what verifies')
          return { type: 'state', height: effect.height, cert: verified.value, now: at() }
        })
      case 'wakeAt':
        node.wakeAt = effect.time
        return
      case 'release':
      case 'epoch':
        return
    }
  }

  /** Bodies that the driver must have at hand now. */
  #bodiesOf(node: Node, hashes: readonly Digest[]): Map<string, Uint8Array> {
    return new Map(
      hashes.map((hash) => {
        const body = node.bodies.get(hexFromBytes(hash))
        assert(body !== undefined, 'a body that is needed is at hand')
        return [hexFromBytes(hash), body]
      }),
    )
  }

  #send(from: number, to: number, message: WireMessage): void {
    if (this.drop(from, to, message)) return
    this.deliver(from, to, message)
  }

  /** A message on its way, through bytes and through the receiver's door. */
  deliver(from: number, to: number, message: WireMessage): void {
    this.#later(to, () => {
      const decoded = wireFromBytes(wireToBytes(message))
      assert(decoded.ok, `the message decodes: ${JSON.stringify(decoded)}`)
      const verified = verifyWire(this.node(to).door, decoded.value, verify)
      assert(verified.ok, `the message verifies: ${JSON.stringify(verified)}`)
      return { type: 'message', from, message: verified.value, now: this.now }
    })
  }
}
