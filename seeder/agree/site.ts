// The driver of one hosted job: it feeds the agreement machine and performs what it asks for, in its order.
//
//   network ── frames ──> door ──┐
//   visitors ── submit ──────────┼──> step(member, input) ──> effects ──> store (durable), then network, replies
//   runtime, transfers, timer ───┘
//
// Invariants. Nothing is sent before the vote state that it leans on is durable (R1): of several `persist` that came out in
// one turn the last one is written, and what was to be sent after any of them leaves after it. A height's certificate,
// requests, blocks and vote state are one transaction. When the disk or the runtime fails, the loop stands still: this member
// says nothing, tells its visitors so, and tries again until it works.

import { createDoor, type Door, verifyWire } from '#protocol/agreement/door.ts'
import { type Evidence, evidenceHash, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { leaderOf, memberIndex } from '#protocol/agreement/members.ts'
import type {
  Effect,
  Input,
  MemberStatus as MachineStatus,
  MemberOptions,
  RefuseCode,
} from '#protocol/agreement/port.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { merklePath } from '#protocol/codec/merkle.ts'
import { assert, unreachable } from '#protocol/codec/result.ts'
import { type Cid, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { NetworkSettings } from '#protocol/directory/network-file.ts'
import { type PeerName, type PublicKey, peerName, type Signer } from '#protocol/identity/keys.ts'
import { type ReceiptLeaf, receiptLeaf } from '#protocol/message/block.ts'
import type { Cert, Group } from '#protocol/message/certificate.ts'
import { type Domain, type Signed, signStatement } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request, saltHash } from '#protocol/message/request.ts'
import type { Receipt } from '#protocol/message/statement.ts'
import { wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { BodyKeeper, nativeSha256 } from '#seeder/agree/body-keeper.ts'
import { rememberCode } from '#seeder/agree/code-history.ts'
import { accusedOf, heightOf } from '#seeder/agree/evidence.ts'
import { type ExecutionSite, executionLimits, prepare, resultOf } from '#seeder/agree/execution.ts'
import { siteFile } from '#seeder/agree/file.ts'
import { certFromBytes, certToBytes, heightToBytes, voteToBytes } from '#seeder/agree/record.ts'
import { bundleLabel, incomingLabel, type RestoredSite, restoreMember } from '#seeder/agree/restore.ts'
import { Transfer } from '#seeder/agree/transfer.ts'
import { WakeTimer } from '#seeder/agree/wake.ts'
import type { Log } from '#seeder/config/log.ts'
import type { BlockResult, LogLine, ReadJob, ReadResult, Runtime } from '#seeder/execute/port.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type {
  Committed,
  EvidenceSummary,
  Head,
  HostedSite,
  MemberStatus,
  Refusal,
  SiteFile,
  SiteStatus,
} from '#seeder/serve/port.ts'
import type { Store } from '#seeder/store/port.ts'

/** Frames that wait for the machine; beyond `INBOX_HIGH` their senders are held back, beyond the bound they are lost. */
const INBOX_HIGH = 256
const INBOX_MAX = 4096
/** Inputs that are given before their effects are performed: one fsync for all of them. */
const TURN_INPUTS_MAX = 64
/** A visitor waits this long for its write; it may be certified later all the same. */
export const SUBMIT_TIMEOUT_MS = 20_000
const RETRY_FIRST_MS = 100
const RETRY_LAST_MS = 5_000
/** Certified heights whose answers are in memory for replies. */
const RESULTS_KEPT = 8
/** A member that missed so many commits on end is shown as silent, connected or not. */
const MISSED_SILENT = 3
/** A member that was heard within this answers. */
export const SEEN_MS = 5_000

export type Member = {
  /** `now` is in the inputs; effects in the order in which they are to be performed. */
  step(input: Input): readonly Effect[]
  status(): MachineStatus
}

export type SiteOptions = {
  readonly name: string
  readonly uploader: PublicKey
  readonly group: Group
  readonly domain: Domain
  readonly signer: Signer
  readonly settings: NetworkSettings
  readonly blockFuel: number
  /** The head's state tree has holes: it is filled before anything else. */
  readonly stateDamaged: boolean
  readonly store: Store
  readonly runtime: Runtime
  readonly network: PeerNetwork
  readonly createMember: (options: MemberOptions) => Member
  readonly now: () => number
  readonly log: Log
}

type Waiting = {
  readonly saltHash: Digest
  readonly settle: (outcome: Committed | Refusal) => void
  readonly timer: NodeJS.Timeout
}
type Done = { readonly result: BlockResult; readonly leaves: readonly ReceiptLeaf[] }

/** What is done at once: everything but the two that make something durable. */
type Immediate = Exclude<Effect, { type: 'persist' | 'commit' }>

/** A stop came while something broken was tried again. */
class Stopped extends Error {}

export class Site implements HostedSite {
  readonly job: Digest
  readonly name: string
  readonly group: Group
  readonly self: number
  readonly bodies: BodyKeeper
  readonly others: readonly PeerName[]
  readonly execution: ExecutionSite
  readonly #options: SiteOptions
  readonly #member: Member
  readonly #door: Door
  readonly #transfer: Transfer
  readonly #log: Log
  readonly #names: readonly PeerName[]
  readonly #timer: WakeTimer
  readonly #abort = new AbortController()
  readonly #inbox: { readonly from: number; readonly bytes: Uint8Array }[] = []
  readonly #inputs: Input[] = []
  readonly #waiting = new Map<string, Waiting>()
  readonly #executed = new Map<number, Done>()
  readonly #released = new Set<number>()
  readonly #done = new Map<number, Done>()
  readonly #listeners = new Set<(head: Head) => void>()
  readonly #evidenceListeners = new Set<() => void>()
  readonly #states: Set<number>
  /** Heights at which a member said nothing from the commit before to this one: since the start, and without a break. */
  readonly #missed: { all: number; running: number }[]
  #committedAt = 0
  readonly #counts = { lost_frames: 0, refused_frames: 0, retries: 0 }
  #evidence: EvidenceSummary[]
  #head: Head | undefined
  /** What fails at present, and how it said so. */
  readonly #failing = new Map<string, string>()
  #damagedHead: Head | undefined
  /** `stop` was asked for; `#stopped`: the machine was told. */
  #stopping = false
  #stopped = false
  #lastNow = 0
  #signal = Promise.withResolvers<void>()
  #drained = Promise.withResolvers<void>()
  readonly #ended: Promise<void>

  constructor(options: SiteOptions) {
    const { group, domain, signer, store, network } = options
    this.#options = options
    this.job = group.job
    this.name = options.name
    this.group = group
    const self = memberIndex(group, signer.publicKey)
    assert(self !== undefined, 'a seeder hosts only jobs of whose group it is a member')
    this.self = self
    this.#names = group.members.map(peerName)
    this.others = this.#names.filter((_, index) => index !== self)
    this.#missed = group.members.map(() => ({ all: 0, running: 0 }))
    this.#log = options.log
    this.bodies = new BodyKeeper(group.job, store.settings)
    this.#door = createDoor(domain, group, nativeSha256)
    this.execution = {
      name: options.name,
      rule: { domain, job: group.job, uploader: options.uploader },
      limits: executionLimits(options.settings),
    }
    this.#transfer = new Transfer({
      job: group.job,
      door: this.#door,
      others: this.others,
      network,
      store,
      bodies: this.bodies,
      signal: this.#abort.signal,
    })
    const restored: RestoredSite = restoreMember({ store, group, door: this.#door, bodies: this.bodies })
    this.#states = new Set(restored.member?.states.map((state) => state.height))
    if (options.stateDamaged) this.#damagedHead = restored.head
    else this.#head = restored.head
    this.#evidence = restored.evidence
    if (restored.member?.abstain === true) this.#log.warn('votes_lost', { site: this.name })
    this.#timer = new WakeTimer(() => this.#give({ type: 'tick', now: this.#now() }), options.now)
    this.#member = options.createMember({
      domain,
      group,
      self,
      signer,
      settings: {
        deltaMs: options.settings.delta_ms,
        heartbeatMs: options.settings.heartbeat_ms,
        requestFuel: options.settings.request_fuel,
        blockFuel: options.blockFuel,
        snapshotHeights: options.settings.snapshot_heights,
        image: options.runtime.image,
      },
      ...(restored.member === undefined ? {} : { restored: restored.member }),
    })
    this.#give({ type: 'tick', now: this.#now() })
    this.#ended = this.#run()
  }

  // What the HTTP edge asks.

  head(): Head | undefined {
    return this.#head
  }

  status(): SiteStatus {
    const machine = this.#member.status()
    const now = this.#options.now()
    const members = machine.members.map((member, index): MemberStatus => {
      const peer = this.group.members[index]
      const name = this.#names[index]
      assert(peer !== undefined && name !== undefined, 'status is by member index')
      const height = member.height ?? 0
      if (index === this.self) return { peer, state: 'self', height }
      const link = this.#options.network.link(name)
      const quiet = (this.#missed[index]?.running ?? 0) >= MISSED_SILENT
      const seen = link.connected && now - link.heardAt <= SEEN_MS && !quiet
      // A commit takes a round trip to be told: one height behind is level.
      const behind = height + 1 < machine.height
      return { peer, state: seen ? (behind ? 'behind' : 'connected') : 'silent', height }
    })
    const leader = this.group.members[machine.leader] ?? this.group.members[leaderOf(this.group, machine.view)]
    assert(leader !== undefined, 'the leader is a member')
    const degraded = this.#degraded ?? (machine.state === 'abstaining' ? 'votes_lost' : undefined)
    const counts: Record<string, number> = { ...machine.counts, ...this.#counts }
    for (const [index, member] of machine.members.entries()) {
      const missed = { missed: this.#missed[index]?.all ?? 0 }
      for (const [kind, count] of Object.entries({ ...member.counts, ...missed }))
        if (count > 0) counts[`${kind} ${this.#names[index]}`] = count
    }
    const state = degraded !== undefined || machine.state === 'abstaining' ? 'degraded' : machine.state
    return {
      epoch: machine.epoch,
      height: this.#head?.height ?? 0,
      view: machine.view,
      leader,
      stateRoot: this.#head?.stateRoot ?? EMPTY_DIRECTORY,
      state,
      ...(degraded === undefined ? {} : { degraded }),
      members,
      evidence: this.#evidence,
      counts,
      queued: machine.queued,
    }
  }

  read(job: Omit<ReadJob, 'limits' | 'job' | 'name'>): Promise<ReadResult> {
    return this.#options.runtime.executeRead({
      ...job,
      job: this.job,
      name: this.name,
      limits: this.execution.limits,
    })
  }

  submit(request: Request, body: Uint8Array): Promise<Committed | Refusal> {
    if (this.#stopping) return Promise.resolve(refusal('stopping'))
    if (this.#degraded !== undefined) return Promise.resolve(refusal('degraded'))
    const requestHash = orderedRequestHash(request)
    const key = hexFromBytes(requestHash)
    assert(!this.#waiting.has(key), 'a request is submitted once')
    assert(this.bodies.keep(request.body_hash, body), 'the body is what the request says')
    return new Promise((resolve) => {
      const settle = (outcome: Committed | Refusal): void => {
        const waiting = this.#waiting.get(key)
        if (waiting === undefined) return
        this.#waiting.delete(key)
        clearTimeout(waiting.timer)
        resolve(outcome)
      }
      const timer = setTimeout(() => settle(refusal('timed_out')), SUBMIT_TIMEOUT_MS)
      timer.unref()
      this.#waiting.set(key, { saltHash: saltHash(request.salt), settle, timer })
      this.#give({ type: 'submit', request, body, now: this.#now() })
    })
  }

  receipt(body: Receipt): Signed<Receipt> {
    return signStatement(this.#options.domain, 'receipt', this.#options.signer, body)
  }

  certificate(height: number): Cert | undefined {
    if (height === this.#head?.height) return this.#head.cert
    const row = this.#options.store.certified.at(this.job, height)
    const cert = row === undefined ? undefined : certFromBytes(row.certificate)
    return cert?.ok ? cert.value : undefined
  }

  file(stateRoot: Cid, path: string): SiteFile | undefined {
    return siteFile(this.#options.store.blocks.get, stateRoot, path)
  }

  logs(options: { limit: number; after?: number }): readonly (LogLine & { readonly sequence: number })[] {
    return this.#options.store.logs
      .read(this.job, options.limit, options.after)
      .map(({ number: sequence, ...line }) => ({ ...line, sequence }))
  }

  onHead(listener: (head: Head) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  // What the other parts of the seeder ask.

  evidence(): readonly EvidenceSummary[] {
    return this.#evidence
  }

  onEvidence(listener: () => void): () => void {
    this.#evidenceListeners.add(listener)
    return () => this.#evidenceListeners.delete(listener)
  }

  hasState(height: number): boolean {
    return this.#states.has(height)
  }

  /** One frame of a member. The promise holds its channel back. */
  receive(peer: PeerName, bytes: Uint8Array): undefined | Promise<void> {
    const from = this.#names.indexOf(peer)
    if (from < 0 || from === this.self || this.#stopping) return undefined
    if (this.#inbox.length >= INBOX_MAX) {
      this.#counts.lost_frames++
      return undefined
    }
    this.#inbox.push({ from, bytes })
    this.#awake()
    return this.#inbox.length > INBOX_HIGH && this.#degraded === undefined ? this.#drained.promise : undefined
  }

  /** A member is reachable (again): what it missed is worth saying again. */
  linked(): void {
    this.#give({ type: 'tick', now: this.#now() })
  }

  /** True when the code is in the store, whole: who took it from the uploader has it, the others get it by its CID. */
  async fetchBundle(codeRoot: Cid): Promise<boolean> {
    const { blocks } = this.#options.store
    if (blocks.missing(codeRoot).next(1).length === 0) return true
    blocks.addRoot(this.job, bundleLabel(codeRoot), codeRoot)
    return this.#transfer.fetchTree(codeRoot, undefined)
  }

  /** Writes the evidence down and shows it; used by the machine's effects and by audits. */
  record(evidence: Evidence): void {
    const accused = accusedOf(evidence)
    const hash = evidenceHash(evidence)
    const proof = evidenceToBytes(evidence)
    const row = { hash, kind: evidence.kind, accused, height: heightOf(evidence), record: proof }
    if (!this.#options.store.evidence.add(this.job, row)) return
    this.#log.warn('evidence', { site: this.name, kind: evidence.kind, accused, hash, height: row.height })
    this.#evidence = [...this.#evidence, { kind: evidence.kind, accused, hash, proof }]
    for (const listener of [...this.#evidenceListeners]) listener()
  }

  /** Refuses what waits, lets the turn under way end, and leaves the store at rest. */
  async stop(): Promise<void> {
    if (this.#stopping) return this.#ended
    this.#stopping = true
    this.#timer.stop()
    this.#inputs.push({ type: 'stop' })
    this.#abort.abort()
    this.#awake()
    await this.#ended
    for (const waiting of [...this.#waiting.values()]) waiting.settle(refusal('stopping'))
  }

  // The loop.

  /** A member never sees its clock fall. */
  #now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#options.now())
    return this.#lastNow
  }

  #give(input: Input): void {
    if (this.#stopping) return
    this.#inputs.push(input)
    this.#awake()
  }

  #awake(): void {
    this.#signal.resolve()
  }

  async #run(): Promise<void> {
    try {
      if (await this.#repaired()) await this.#loop()
    } catch (cause) {
      if (cause instanceof Stopped) return
      // Our own fault: this site stops here, the others go on, and the status says why.
      this.#fail('driver', cause)
    }
  }

  /** A state tree with holes is filled from the others before anything is executed on it. */
  async #repaired(): Promise<boolean> {
    const head = this.#damagedHead
    while (head !== undefined && !this.#stopping) {
      if (await this.#transfer.fetchTree(head.stateRoot, undefined)) {
        this.#damagedHead = undefined
        this.#head = head
        return true
      }
      await pause(RETRY_LAST_MS)
    }
    return !this.#stopping
  }

  async #loop(): Promise<void> {
    for (;;) {
      await this.#signal.promise
      this.#signal = Promise.withResolvers()
      while (this.#inputs.length > 0 || this.#inbox.length > 0) {
        await this.#perform(this.#turn())
        if (this.#stopped) return
        // Sockets and timers come in between two turns.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  #turn(): Effect[] {
    const effects: Effect[] = []
    for (let count = 0; count < TURN_INPUTS_MAX; count++) {
      const input = this.#inputs.shift() ?? this.#message()
      if (input === undefined) break
      if (input.type === 'stop') this.#stopped = true
      effects.push(...this.#member.step(input))
    }
    if (this.#inbox.length <= INBOX_HIGH / 2) {
      this.#drained.resolve()
      this.#drained = Promise.withResolvers()
    }
    return effects
  }

  /** The next frame that passes the door. */
  #message(): Input | undefined {
    for (let frame = this.#inbox.shift(); frame !== undefined; frame = this.#inbox.shift()) {
      const peer = this.#names[frame.from]
      assert(peer !== undefined, 'frames come from members')
      const message = wireFromBytes(frame.bytes)
      if (!message.ok) {
        this.#counts.refused_frames++
        this.#options.network.offend(peer)
        continue
      }
      const verified = verifyWire(this.#door, message.value, verify)
      if (!verified.ok) {
        this.#counts.refused_frames++
        this.#log.debug('message_refused', { site: this.name, peer, type: message.value.type, ...verified.error })
        continue
      }
      return { type: 'message', from: frame.from, message: verified.value, now: this.#now() }
    }
    return undefined
  }

  /** In order; what is for others waits for the vote state that stands before it. */
  async #perform(effects: readonly Effect[]): Promise<void> {
    let unsaved: Extract<Effect, { type: 'persist' }> | undefined
    let held: Immediate[] = []
    for (const effect of effects) {
      if (effect.type === 'persist') unsaved = effect
      else if (effect.type === 'commit') {
        // Its record replaces every one before it.
        await this.#insist('commit', () => this.#commit(effect))
        unsaved = undefined
        for (const each of held) this.#act(each)
        held = []
        this.#inputs.push({ type: 'committed', height: effect.cert.block.height, now: this.#now() })
      } else if (unsaved !== undefined && isFor(effect)) held.push(effect)
      else this.#act(effect)
    }
    if (unsaved !== undefined) {
      const last = unsaved
      await this.#insist('persist', () => this.#save(last.record, last.bodies))
    }
    for (const each of held) this.#act(each)
  }

  /** Does it, or says that it cannot and tries again until it can. */
  async #insist(what: string, work: () => void): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        work()
        this.#works(what)
        return
      } catch (cause) {
        this.#fail(what, cause)
        this.#counts.retries++
        // A seeder that is told to stop does not wait for a broken disk: nothing after this was sent.
        if (this.#stopping) throw new Stopped()
        await pause(Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** attempt))
      }
    }
  }

  get #degraded(): string | undefined {
    const first = this.#failing.entries().next()
    return first.done === true ? undefined : `${first.value[0]}: ${first.value[1]}`
  }

  #fail(what: string, cause: unknown): void {
    const known = this.#failing.has(what)
    this.#failing.set(what, cause instanceof Error ? cause.message : String(cause))
    if (known) return
    this.#log.error('degraded', { site: this.name, what, cause })
    for (const waiting of [...this.#waiting.values()]) waiting.settle(refusal('degraded'))
  }

  #works(what: string): void {
    if (this.#failing.delete(what)) this.#log.info('recovered', { site: this.name, what })
  }

  #save(record: Uint8Array, hashes: readonly Digest[]): void {
    const { store } = this.#options
    const written = store.transact(() => {
      const bodies = this.bodies.writeDurable(hashes)
      store.votes.save(this.job, voteToBytes(record, hashes))
      return bodies
    })
    this.bodies.madeDurable(written)
  }

  #commit(effect: Extract<Effect, { type: 'commit' }>): void {
    const { store } = this.#options
    const { cert, ticket } = effect
    const { height, state_root: stateRoot, code_root: codeRoot, time } = cert.block
    const done = ticket === undefined ? undefined : this.#executed.get(ticket)
    assert(ticket === undefined || done !== undefined, 'a commit names an execution that ended')
    const keep = new Set(effect.keepStates)
    const release = [...this.#states].filter((each) => !keep.has(each) && each !== height)
    const written = store.transact(() => {
      const bodies = this.bodies.writeDurable([])
      store.commitHeight({
        job: this.job,
        height,
        certificate: certToBytes(cert),
        requests: heightToBytes(effect.requests, this.bodies.ofRequests(effect.requests)),
        stateRoot,
        blocks: done?.result.blocks ?? [],
        releaseStates: release,
        votes: voteToBytes(effect.record, []),
        ...(effect.snapshot ? { snapshot: true as const } : {}),
      })
      if (effect.keepBlocksFrom > (store.certified.first(this.job) ?? 0)) {
        store.certified.prune(this.job, effect.keepBlocksFrom)
      }
      if (ticket === undefined) store.blocks.releaseRoot(this.job, incomingLabel(height))
      if (cert.block.kind === 'update') {
        rememberCode(store, this.job, { height, codeRoot })
        store.blocks.releaseRoot(this.job, bundleLabel(codeRoot))
      }
      if (done !== undefined && done.result.logs.length > 0) store.logs.append(this.job, done.result.logs)
      return bodies
    })
    this.bodies.madeDurable(written)
    for (const each of release) this.#states.delete(each)
    this.#states.add(height)
    if (done !== undefined) this.#done.set(height, done)
    this.#done.delete(height - RESULTS_KEPT)
    this.#executed.clear()
    this.#released.clear()
    const head: Head = { height, cert, stateRoot, codeRoot, time }
    this.#head = head
    this.#countMissing()
    this.#log.debug('commit', { site: this.name, height, requests: effect.requests.length, kind: cert.block.kind })
    for (const listener of [...this.#listeners]) listener(head)
  }

  /** Silence is counted and nothing else: who said nothing since the commit before missed this one. */
  #countMissing(): void {
    for (const [index, { heardAt }] of this.#member.status().members.entries()) {
      const missed = this.#missed[index]
      if (missed === undefined || index === this.self || this.#committedAt === 0) continue
      if (heardAt !== null && heardAt > this.#committedAt) missed.running = 0
      else {
        missed.running++
        missed.all++
      }
    }
    this.#committedAt = this.#lastNow
  }

  #act(effect: Immediate): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect)
      case 'execute':
        void this.#execute(effect)
        return
      case 'release':
        this.#released.add(effect.ticket)
        this.#executed.delete(effect.ticket)
        return
      case 'reply':
        return this.#reply(effect)
      case 'refuse':
        this.#waiting.get(hexFromBytes(effect.requestHash))?.settle(refusal(REFUSALS[effect.code]))
        return
      case 'evidence':
        return this.#recordQuietly(effect.evidence)
      case 'keepBody':
        this.bodies.keepKnown(effect.hash, effect.body)
        return
      case 'dropBodies':
        for (const hash of effect.hashes) this.bodies.drop(hash)
        return
      case 'fetchBodies':
        void this.#transfer
          .fetchBodies(effect.hashes, this.#names[effect.from])
          .then((hashes) => this.#give({ type: 'bodies', hashes, now: this.#now() }))
        return
      case 'fetchBlocks':
        void this.#transfer
          .fetchBlocks(effect.fromHeight, this.#names[effect.from])
          .then((blocks) => this.#give({ type: 'blocks', from: effect.from, blocks, now: this.#now() }))
        return
      case 'fetchState':
        void this.#fetchState(effect)
        return
      case 'wakeAt':
        if (!this.#stopping) this.#timer.at(effect.time)
        return
      default:
        return unreachable(effect)
    }
  }

  #send(effect: Extract<Effect, { type: 'send' }>): void {
    const bytes = Buffer.concat([this.job, wireToBytes(effect.message)])
    if (effect.to === 'all') {
      for (const peer of this.others) this.#options.network.send(peer, bytes)
      return
    }
    const peer = this.#names[effect.to]
    assert(peer !== undefined, 'a message goes to a member')
    this.#options.network.send(peer, bytes)
  }

  async #execute({ ticket, context }: Extract<Effect, { type: 'execute' }>): Promise<void> {
    const prepared = prepare(this.execution, context, this.bodies)
    for (let attempt = 0; !this.#stopping && !this.#released.has(ticket); attempt++) {
      try {
        let result: BlockResult
        if (prepared.kind === 'refused') result = prepared.result
        else {
          if (prepared.codeRoot !== undefined && !(await this.fetchBundle(prepared.codeRoot)))
            throw new Error('nobody has the whole bundle')
          result = await this.#options.runtime.executeBlock(prepared.job)
        }
        this.#works('execute')
        if (this.#released.has(ticket)) return
        const comes = resultOf(context, result)
        this.#executed.set(ticket, { result, leaves: comes.leaves })
        this.#give({ type: 'executed', ticket, result: comes, now: this.#now() })
        return
      } catch (cause) {
        this.#fail('execute', cause)
        this.#counts.retries++
        await pause(Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** attempt))
      }
    }
  }

  #reply(effect: Extract<Effect, { type: 'reply' }>): void {
    const key = hexFromBytes(effect.requestHash)
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return
    const done = this.#done.get(effect.height)
    const outcome = done?.result.outcomes[effect.index]
    const leaf = done?.leaves[effect.index]
    const cert = this.certificate(effect.height)
    if (done === undefined || outcome === undefined || leaf === undefined || cert === undefined) {
      // Certified while this member was away, and taken over as a state: the answer itself is not here.
      waiting.settle(refusal('timed_out'))
      return
    }
    waiting.settle({
      height: effect.height,
      cert,
      response: outcome.response,
      requestHash: effect.requestHash,
      responseHash: leaf.responseHash,
      saltHash: waiting.saltHash,
      fuel: leaf.fuel,
      index: effect.index,
      count: done.leaves.length,
      path: merklePath(done.leaves.map(receiptLeaf), effect.index),
    })
  }

  #recordQuietly(evidence: Evidence): void {
    try {
      this.record(evidence)
    } catch (cause) {
      // The machine forgets it; whoever else saw the lie has it too.
      this.#log.error('evidence_lost', { site: this.name, kind: evidence.kind, cause })
    }
  }

  async #fetchState(effect: Extract<Effect, { type: 'fetchState' }>): Promise<void> {
    const { height } = effect
    let cert: Awaited<ReturnType<Transfer['fetchState']>>
    try {
      cert = await this.#transfer.fetchState(height, this.#names[effect.from], incomingLabel(height))
    } catch (cause) {
      this.#log.error('state_transfer_failed', { site: this.name, height, cause })
    }
    this.#give({ type: 'state', height, ...(cert === undefined ? {} : { cert }), now: this.#now() })
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/** Others see it: it must not happen before what it leans on is durable. */
function isFor(effect: Effect): boolean {
  return effect.type === 'send' || effect.type === 'reply' || effect.type === 'refuse'
}

const RETRY_AFTER_SECONDS: Record<Refusal['code'], number> = {
  queue_full: 1,
  disputed: 30,
  not_ready: 2,
  degraded: 5,
  stopping: 2,
  timed_out: 5,
}

function refusal(code: Refusal['code']): Refusal {
  return { code, retryAfterSeconds: RETRY_AFTER_SECONDS[code] }
}

const REFUSALS: Record<RefuseCode, Refusal['code']> = {
  queue_full: 'queue_full',
  too_old: 'timed_out',
  duplicate: 'timed_out',
  malformed: 'timed_out',
  disputed: 'disputed',
  joining: 'not_ready',
  stopped: 'stopping',
}
