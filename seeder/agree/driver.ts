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

import { admitGroup, createDoor, type Door, verifyWire } from '#protocol/agreement/door.ts'
import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import { HANDOVER_DELTAS } from '#protocol/agreement/limits.ts'
import type { Effect, Input, MemberOptions, MemberStatus, RefuseCode } from '#protocol/agreement/port.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert, unreachable } from '#protocol/codec/result.ts'
import type { NetworkSettings } from '#protocol/directory/network-file.ts'
import type { PeerName, PublicKey, Signer } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { BodyKeeper, nativeSha256 } from '#seeder/agree/body-keeper.ts'
import { Bundles } from '#seeder/agree/bundles.ts'
import { clockFault } from '#seeder/agree/clock-fault.ts'
import { rememberCode } from '#seeder/agree/code-history.ts'
import { type ExecutionSite, executionLimits } from '#seeder/agree/execution.ts'
import { type Done, Executions } from '#seeder/agree/executions.ts'
import { type Duty, Health } from '#seeder/agree/health.ts'
import { Inbox } from '#seeder/agree/inbox.ts'
import { KeptStates } from '#seeder/agree/kept-states.ts'
import { certToBytes, heightToBytes, voteToBytes } from '#seeder/agree/record.ts'
import { bundleLabel, letIncomingGo, type RestoredSite, restoreMember } from '#seeder/agree/restore.ts'
import { pauseAfter } from '#seeder/agree/retry.ts'
import { Roster } from '#seeder/agree/roster.ts'
import { StateRepair } from '#seeder/agree/state-repair.ts'
import { Transfer } from '#seeder/agree/transfer.ts'
import { WakeTimer } from '#seeder/agree/wake.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Runtime } from '#seeder/execute/port.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { EvidenceSummary, Head } from '#seeder/serve/port.ts'
import type { Store } from '#seeder/store/port.ts'

/** Inputs that are given before their effects are performed: one fsync for all of them. */
const TURN_INPUTS_MAX = 64
/** A member of whose messages so many did not pass the door loses its link; an honest one has none. */
const REFUSED_MAX = 32
/** R2: the machine is told of the wall clock when that moved by so much against the steady one. */
const CLOCK_STEP_MS = 20
/** R6: a change of what a link takes is told in steps of this, ms. */
const LINK_STEP_MS = 50
const NO_REQUESTS = new Uint8Array(0)

export type Member = {
  /** `now` is in the inputs; effects in the order in which they are to be performed. */
  step(input: Input): readonly Effect[]
  status(): MemberStatus
}

export type DriverOptions = {
  readonly name: string
  readonly uploader: PublicKey
  /** Of the epochs that are known, one after the other; `plan` adds to them. */
  readonly groups: readonly [Group, ...Group[]]
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
  /** The loop ended by a fault of this program. */
  readonly onBroken: () => void
  /** For timers: it is never set. */
  readonly now: () => number
  /** The time that blocks are of; absent: `now`. */
  readonly wall?: () => number
  readonly log: Log
}

export type DriverHooks = {
  /** Durable here; `done` unless the state was taken over from another member. */
  onCommit(head: Head, done: Done | undefined): void
  /** This member is in another epoch now. */
  onEpoch(group: Group): void
  onReply(requestHash: Digest, height: number, index: number): void
  onRefuse(requestHash: Digest, code: RefuseCode): void
  onEvidence(evidence: Evidence): void
  /** Something broke that worked: nobody is to wait for it. */
  onFailing(): void
}

/** Bodies come and go as soon as the machine says so. */
type Outer = Exclude<Effect, { type: 'keepBody' | 'dropBodies' }>
/** What is done at once: everything but the two that make something durable. */
type Immediate = Exclude<Outer, { type: 'persist' | 'commit' }>

/** A stop came while something broken was tried again. */
class Stopped extends Error {}

export class Driver {
  readonly #roster: Roster
  readonly bodies: BodyKeeper
  readonly bundles: Bundles
  readonly execution: ExecutionSite
  /** What was proven before this start. */
  readonly restoredEvidence: readonly EvidenceSummary[]
  readonly counts = { lost_frames: 0, refused_frames: 0, retries: 0 }
  readonly #options: DriverOptions
  readonly #hooks: DriverHooks
  readonly #job: Digest
  readonly #member: Member
  readonly #door: Door
  readonly #transfer: Transfer
  readonly #health: Health
  readonly #repair: StateRepair
  readonly #log: Log
  readonly #timer: WakeTimer
  readonly #abort = new AbortController()
  readonly #inbox: Inbox
  readonly #refused: number[]
  /** What the machine was told of the wall clock, ms ahead of the steady one. */
  #clockMs = 0
  /** What the machine was told of the links. */
  #links = ''
  readonly #inputs: Input[] = []
  readonly #executions: Executions
  readonly #states: KeptStates
  #head: Head | undefined
  #damagedHead: Head | undefined
  /** `stop` was asked for; `#stopped`: the machine was told. */
  #stopping = false
  #stopped = false
  #lastNow = 0
  #signal = Promise.withResolvers<void>()
  #ended: Promise<void> = Promise.resolve()

  constructor(options: DriverOptions, hooks: DriverHooks) {
    const { domain, signer, store, network, settings } = options
    const [first] = options.groups
    this.#options = options
    this.#hooks = hooks
    this.#job = first.job
    this.#roster = new Roster(options.groups, signer.publicKey, first.epoch)
    const { length } = this.#roster.names
    this.#inbox = new Inbox(length)
    this.#refused = Array.from({ length }, () => 0)
    this.#log = options.log
    this.bodies = new BodyKeeper(first.job, store.settings)
    this.#door = createDoor(domain, first, nativeSha256)
    for (const group of options.groups) admitGroup(this.#door, group)
    this.execution = {
      name: options.name,
      rule: { domain, job: first.job, uploader: options.uploader },
      limits: executionLimits(settings),
    }
    this.#transfer = new Transfer({
      job: first.job,
      door: this.#door,
      others: () => this.others,
      network,
      store,
      bodies: this.bodies,
      signal: this.#abort.signal,
    })
    this.bundles = new Bundles(first.job, store, this.#transfer)
    this.#health = new Health({
      site: options.name,
      log: options.log,
      onFailing: () => {
        this.#inbox.hold(false)
        hooks.onFailing()
      },
      onWorking: () => this.#inbox.hold(this.#health.isWorking && !this.#stopping),
    })
    this.#executions = new Executions({
      site: this.execution,
      bodies: this.bodies,
      bundles: this.bundles,
      transfer: this.#transfer,
      runtime: options.runtime,
      health: this.#health,
      log: options.log,
      isStopping: () => this.#stopping,
      onRetry: () => this.counts.retries++,
      onEnded: (ticket, result) => this.give({ type: 'executed', ticket, result, now: this.now() }),
    })
    this.#repair = new StateRepair({
      site: options.name,
      transfer: this.#transfer,
      health: this.#health,
      log: options.log,
      head: () => this.#head,
      isStopping: () => this.#stopping,
      onNewerState: (cert) => this.give({ type: 'state', height: cert.block.height, cert, now: this.now() }),
    })
    const restored: RestoredSite = restoreMember({ store, job: first.job, door: this.#door, bodies: this.bodies })
    this.#states = new KeptStates(restored.member?.states.map((state) => state.height) ?? [])
    if (options.stateDamaged) this.#damagedHead = restored.head
    else this.#head = restored.head
    this.restoredEvidence = restored.evidence
    if (restored.member?.abstain === true) this.#log.warn('votes_lost', { site: options.name })
    this.#timer = new WakeTimer(() => this.tick(), options.now)
    this.#member = options.createMember({
      domain,
      group: first,
      later: options.groups.slice(1),
      signer,
      settings: {
        deltaMs: settings.delta_ms,
        heartbeatMs: settings.heartbeat_ms,
        requestFuel: settings.request_fuel,
        blockFuel: options.blockFuel,
        snapshotHeights: settings.snapshot_heights,
        handoverMs: HANDOVER_DELTAS * settings.delta_ms,
        image: options.runtime.image,
      },
      ...(restored.member === undefined ? {} : { restored: restored.member }),
    })
    this.#roster.enter(this.#member.status().epoch)
  }

  start(): void {
    this.tick()
    this.#ended = this.#run()
  }

  /** The newest height whose state is whole here. */
  get head(): Head | undefined {
    return this.#head
  }

  /** The head that it had has holes, which are being filled. */
  get isRestoring(): boolean {
    return this.#damagedHead !== undefined
  }

  /** Everybody else who is named in any of the groups. */
  get others(): readonly PeerName[] {
    return this.#roster.others
  }

  /** The group of the epoch that this member is in. */
  get group(): Group {
    return this.#roster.group(this.#member.status().epoch)
  }

  /** The groups of the epochs that follow those that are known. */
  plan(groups: readonly Group[]): void {
    for (const group of groups) {
      const before = this.#roster.names.length
      if (!this.#roster.add(group)) continue
      admitGroup(this.#door, group)
      for (let more = before; more < this.#roster.names.length; more++) {
        this.#inbox.grow()
        this.#refused.push(0)
      }
      this.give({ type: 'plan', group, now: this.now() })
    }
  }

  get stopping(): boolean {
    return this.#stopping
  }

  status(): MemberStatus {
    return this.#member.status()
  }

  /** Why this member can do nothing at present. */
  failing(): string | undefined {
    return this.#health.cause
  }

  hasState(height: number): boolean {
    return this.#states.has(height)
  }

  /** The state of this height stays, if it is here, until what comes back is called. */
  holdState(height: number): () => void {
    return this.#states.hold(height)
  }

  /** One frame of a member. The promise holds its channel back. */
  receive(peer: PeerName, bytes: Uint8Array): undefined | Promise<void> {
    const from = this.#roster.indexOf(peer)
    if (from === undefined || this.#stopping) return undefined
    const held = this.#inbox.add(from, bytes)
    this.counts.lost_frames = this.#inbox.lost
    this.#awake()
    return held
  }

  /** Time went by, or a member became reachable: what is due is done. */
  tick(): void {
    this.give({ type: 'tick', now: this.now() })
  }

  /** R2: whether the others' clocks say that this one is wrong: then its blocks and its objections count for nothing. */
  compareClocks(): void {
    const { network } = this.#options
    const ahead = this.others.flatMap((name) => network.link(name).clockAheadMs ?? [])
    this.#health.clock(clockFault(ahead, this.group))
  }

  /** R6: what the links take now, when that differs from what the machine was told. */
  measureLinks(): void {
    const { network } = this.#options
    const roundTripsMs = this.#roster.names.map((name) => {
      if (this.#roster.isOwn(name)) return null
      const { connected, roundTripAtMostMs } = network.link(name)
      if (!connected || roundTripAtMostMs === undefined) return null
      return Math.ceil(roundTripAtMostMs / LINK_STEP_MS) * LINK_STEP_MS
    })
    const gone = this.#roster.names.flatMap((name, index) => (network.link(name).gone ? [index] : []))
    const links = `${roundTripsMs.join()} ${gone.join()}`
    if (links === this.#links) return
    this.#links = links
    this.give({ type: 'links', roundTripsMs, gone, now: this.now() })
  }

  /** Fetches what the head's tree lacks, beside everything else. */
  refill(): void {
    this.#repair.refill()
  }

  /** Lets the turn under way end and leaves the store at rest; what comes later is ignored. */
  async stop(): Promise<void> {
    if (this.#stopping) return this.#ended
    this.#stopping = true
    this.#inbox.hold(false)
    this.#timer.stop()
    this.#inputs.push({ type: 'stop' })
    this.#abort.abort()
    this.#awake()
    await this.#ended
  }

  /** A member never sees its clock fall. */
  now(): number {
    this.#lastNow = Math.max(this.#lastNow, this.#options.now())
    return this.#lastNow
  }

  give(input: Input): void {
    if (this.#stopping) return
    // While the loop stands still the newest of these says it all: what waits stays bounded.
    if (input.type === 'tick' || input.type === 'links') {
      const waiting = this.#inputs.findIndex(({ type }) => type === input.type)
      if (waiting >= 0) this.#inputs.splice(waiting, 1)
    }
    this.#inputs.push(input)
    this.#awake()
  }

  #awake(): void {
    this.#signal.resolve()
  }

  async #run(): Promise<void> {
    try {
      await this.#restoreHead()
      if (!this.#stopping) await this.#loop()
    } catch (cause) {
      if (cause instanceof Stopped) return
      // Our own fault: this site stops here, the others go on, the status says why, and it is started anew from its disk.
      this.#health.fail('driver', cause)
      this.#options.onBroken()
    }
  }

  /** A state tree with holes is filled from the others before anything is executed on it. */
  async #restoreHead(): Promise<void> {
    if (this.#damagedHead === undefined) return
    this.#head = await this.#repair.restore(this.#damagedHead)
    this.#damagedHead = undefined
  }

  async #loop(): Promise<void> {
    for (;;) {
      await this.#signal.promise
      this.#signal = Promise.withResolvers()
      while (this.#inputs.length > 0 || this.#inbox.size > 0) {
        await this.#perform(this.#turn())
        if (this.#stopped) return
        // Sockets and timers come in between two turns.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  /** R2: the wall clock was set, or drifts. */
  #watchClock(): void {
    const { wall } = this.#options
    if (wall === undefined) return
    const aheadMs = Math.round(wall() - this.now())
    if (Math.abs(aheadMs - this.#clockMs) < CLOCK_STEP_MS) return
    this.#clockMs = aheadMs
    this.#inputs.unshift({ type: 'clock', aheadMs, now: this.now() })
  }

  #turn(): Outer[] {
    this.#watchClock()
    const effects: Outer[] = []
    for (let count = 0; count < TURN_INPUTS_MAX; count++) {
      const input = this.#inputs.shift() ?? this.#message()
      if (input === undefined) break
      if (input.type === 'stop') this.#stopped = true
      // From here on the machine says itself what goes, in this very step if it has no use for it.
      this.#unpin(input)
      for (const effect of this.#member.step(input)) {
        // Bodies come and go in the order of the inputs: the next input may count on one that an effect of this one lets go.
        if (effect.type === 'keepBody') this.bodies.keepKnown(effect.hash, effect.body)
        else if (effect.type === 'dropBodies') for (const hash of effect.hashes) this.bodies.drop(hash)
        else effects.push(effect)
      }
    }
    return effects
  }

  /** The machine hears of these bodies now. */
  #unpin(input: Input): void {
    if (input.type === 'submit') this.bodies.unpin(input.request.body_hash)
    else if (input.type === 'bodies') for (const hash of input.hashes) this.bodies.unpin(hash)
    else if (input.type === 'blocks') {
      for (const { requests } of input.blocks) for (const { body_hash } of requests) this.bodies.unpin(body_hash)
    }
  }

  /** The next frame that passes the door. */
  #message(): Input | undefined {
    for (let frame = this.#inbox.take(); frame !== undefined; frame = this.#inbox.take()) {
      const message = wireFromBytes(frame.bytes)
      if (!message.ok) {
        this.#refuse(frame.from, { ...message.error })
        this.#cut(frame.from)
        continue
      }
      const verified = verifyWire(this.#door, message.value, verify)
      if (verified.ok) return { type: 'message', from: frame.from, message: verified.value, now: this.now() }
      this.#refuse(frame.from, { type: message.value.type, ...verified.error })
    }
    return undefined
  }

  #refuse(from: number, facts: { readonly code: string; readonly type?: string }): void {
    this.counts.refused_frames++
    this.#log.debug('message_refused', { site: this.#options.name, peer: this.#roster.at(from), ...facts })
    // Who holds another version of the network file may speak of another epoch.
    if (facts.code === 'wrong_epoch') return
    const refused = (this.#refused[from] ?? 0) + 1
    this.#refused[from] = refused % REFUSED_MAX
    if (refused >= REFUSED_MAX) this.#cut(from)
  }

  #cut(from: number): void {
    this.#options.network.offend(this.#roster.at(from))
  }

  /** In order; what is for others waits for the vote state that stands before it. */
  async #perform(effects: readonly Outer[]): Promise<void> {
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
        this.#inputs.push({ type: 'committed', height: effect.cert.block.height, now: this.now() })
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
  async #insist(duty: Duty, work: () => void): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        work()
        this.#health.works(duty)
        return
      } catch (cause) {
        this.#health.fail(duty, cause)
        this.counts.retries++
        // A seeder that is told to stop does not wait for a broken disk: nothing after this was sent.
        if (this.#stopping) throw new Stopped()
        await pauseAfter(attempt)
      }
    }
  }

  #save(record: Uint8Array, hashes: readonly Digest[]): void {
    const { store } = this.#options
    const written = store.transact(() => {
      const bodies = this.bodies.writeDurable(hashes)
      store.votes.save(this.#job, voteToBytes(record, hashes))
      return bodies
    })
    this.bodies.madeDurable(written)
  }

  #commit(effect: Extract<Effect, { type: 'commit' }>): void {
    const { store } = this.#options
    const { cert, ticket } = effect
    const { height, state_root: stateRoot, code_root: codeRoot, time } = cert.block
    const done = ticket === undefined ? undefined : this.#executions.ended(ticket)
    assert(ticket === undefined || done !== undefined, 'a commit names an execution that ended')
    const release = this.#states.dispensable([...effect.keepStates, height])
    const written = store.transact(() => {
      const bodies = this.bodies.writeDurable([])
      store.commitHeight({
        job: this.#job,
        height,
        certificate: certToBytes(cert),
        // Of a state that was taken over the requests are with others: nobody is to take it for an empty block.
        requests: effect.snapshot
          ? NO_REQUESTS
          : heightToBytes(effect.requests, this.bodies.ofRequests(effect.requests)),
        stateRoot,
        blocks: done?.result.blocks ?? [],
        releaseStates: release,
        votes: voteToBytes(effect.record, []),
        ...(effect.snapshot ? { snapshot: true as const } : {}),
      })
      if (effect.keepBlocksFrom > (store.certified.first(this.#job) ?? 0)) {
        store.certified.prune(this.#job, effect.keepBlocksFrom, effect.keepStates)
      }
      if (ticket === undefined) letIncomingGo(store, this.#job, height, 0)
      if (cert.block.kind === 'update') {
        rememberCode(store, this.#job, { height, codeRoot })
        store.blocks.releaseRoot(this.#job, bundleLabel(codeRoot))
      }
      if (done !== undefined && done.result.logs.length > 0) store.logs.append(this.#job, done.result.logs)
      return bodies
    })
    this.bodies.madeDurable(written)
    this.#states.committed(height, release)
    this.#executions.clear()
    const head: Head = { height, cert, stateRoot, codeRoot, time }
    this.#head = head
    this.#log.debug('commit', {
      site: this.#options.name,
      height,
      requests: effect.requests.length,
      kind: cert.block.kind,
    })
    this.#hooks.onCommit(head, done)
  }

  #act(effect: Immediate): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect)
      case 'execute':
        return this.#executions.begin(effect.ticket, effect.context)
      case 'release':
        return this.#executions.release(effect.ticket)
      case 'reply':
        return this.#hooks.onReply(effect.requestHash, effect.height, effect.index)
      case 'refuse':
        return this.#hooks.onRefuse(effect.requestHash, effect.code)
      case 'epoch':
        this.#log.info('epoch', { site: this.#options.name, epoch: effect.group.epoch, height: effect.height })
        this.#roster.enter(effect.group.epoch)
        return this.#hooks.onEpoch(effect.group)
      case 'evidence':
        return this.#hooks.onEvidence(effect.evidence)
      case 'fetchBodies':
        void this.#transfer
          .fetchBodies(effect.hashes, this.#roster.names[effect.from])
          .then((hashes) => this.give({ type: 'bodies', hashes, now: this.now() }))
        return
      case 'fetchBlocks':
        void this.#transfer
          .fetchBlocks(effect.fromHeight, this.#roster.names[effect.from])
          .then((blocks) => this.give({ type: 'blocks', from: effect.from, blocks, now: this.now() }))
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

  /** A present member, one to come, or one of the epoch before, which may have to catch up before it knows that it left. */
  sharesWith(peer: PeerName): boolean {
    return this.#roster.audience('status').includes(peer)
  }

  #send(effect: Extract<Effect, { type: 'send' }>): void {
    const bytes = Buffer.concat([this.#job, wireToBytes(effect.message)])
    if (effect.to === 'all') {
      for (const peer of this.#roster.audience(effect.message.type)) this.#options.network.send(peer, bytes)
      return
    }
    this.#options.network.send(this.#roster.at(effect.to), bytes)
  }

  async #fetchState(effect: Extract<Effect, { type: 'fetchState' }>): Promise<void> {
    const { height } = effect
    let cert: Awaited<ReturnType<Transfer['fetchState']>>
    try {
      cert = await this.#transfer.fetchState(height, this.#roster.names[effect.from])
    } catch (cause) {
      this.#log.error('state_transfer_failed', { site: this.#options.name, height, cause })
    }
    this.give({ type: 'state', height, ...(cert === undefined ? {} : { cert }), now: this.now() })
  }
}

/** Others see it: it must not happen before what it leans on is durable. */
function isFor(effect: Outer): boolean {
  return effect.type === 'epoch' || effect.type === 'send' || effect.type === 'reply' || effect.type === 'refuse'
}
