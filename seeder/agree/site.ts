// A hosted site, as the HTTP edge and the other parts of the seeder have it: reads from the newest certified state, writes handed
// to the driver and answered when they are certified and durable here, status, evidence.

import { type Evidence, evidenceHash, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import type { RefuseCode } from '#protocol/agreement/port.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { merklePaths } from '#protocol/codec/merkle.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { type ReceiptLeaf, receiptLeaf } from '#protocol/message/block.ts'
import type { Cert, Group } from '#protocol/message/certificate.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request, saltHash } from '#protocol/message/request.ts'
import type { Receipt } from '#protocol/message/statement.ts'
import type { BodyKeeper } from '#seeder/agree/body-keeper.ts'
import type { Bundles } from '#seeder/agree/bundles.ts'
import { Driver, type DriverOptions } from '#seeder/agree/driver.ts'
import { accusedOf, heightOf } from '#seeder/agree/evidence.ts'
import type { ExecutionSite } from '#seeder/agree/execution.ts'
import type { Done } from '#seeder/agree/executions.ts'
import { siteFile } from '#seeder/agree/file.ts'
import { ReadLog } from '#seeder/agree/read-log.ts'
import { certFromBytes } from '#seeder/agree/record.ts'
import { MissedHeights, siteStatus } from '#seeder/agree/site-status.ts'
import type { LogLine, Outcome, ReadResult } from '#seeder/execute/port.ts'
import type {
  AskedRead,
  Committed,
  EvidenceSummary,
  Head,
  HostedSite,
  Refusal,
  SiteFile,
  SiteStatus,
} from '#seeder/serve/port.ts'

/** A visitor waits this long for its write; it may be certified later all the same. */
export const SUBMIT_TIMEOUT_MS = 20_000

type Waiting = {
  readonly saltHash: Digest
  readonly settle: (outcome: Committed | Refusal) => void
  readonly timer: NodeJS.Timeout
}

type Answers = {
  readonly height: number
  readonly outcomes: readonly Outcome[]
  readonly leaves: readonly ReceiptLeaf[]
  /** Of every leaf; made when the first is asked for. */
  paths?: readonly (readonly Digest[])[]
}

function pathOf(answers: Answers, index: number): readonly Digest[] {
  answers.paths ??= merklePaths(answers.leaves.map(receiptLeaf))
  const path = answers.paths[index]
  assert(path !== undefined, 'every leaf has a path')
  return path
}

export class Site implements HostedSite {
  readonly job: Digest
  readonly name: string
  readonly #options: DriverOptions
  readonly #driver: Driver
  #group: Group
  #left: boolean
  #missed: MissedHeights
  readonly #waiting = new Map<string, Waiting>()
  /** Answers of the last commit while own visitors wait for some: replies come before the next one. */
  #answers: Answers | undefined
  readonly #listeners = new Set<(head: Head) => void>()
  readonly #evidenceListeners = new Set<() => void>()
  readonly #epochListeners = new Set<() => void>()
  readonly #counts = new Map<string, number>()
  readonly #readLog: ReadLog
  #evidence: readonly EvidenceSummary[]

  constructor(options: DriverOptions) {
    this.#options = options
    this.job = options.groups[0].job
    this.name = options.name
    this.#readLog = new ReadLog((lines) => options.store.logs.append(this.job, lines))
    this.#driver = new Driver(options, {
      onCommit: (head, done) => this.#committed(head, done),
      onEpoch: (group) => this.#entered(group),
      onReply: (requestHash, height, index) => this.#reply(requestHash, height, index),
      onRefuse: (requestHash, code) => this.#settle(requestHash, refusal(REFUSALS[code])),
      onEvidence: (evidence) => this.#recordQuietly(evidence),
      onFailing: () => this.#refuseAll('degraded'),
    })
    this.#group = this.#driver.group
    this.#left = this.#driver.status().state === 'left'
    this.#missed = this.#newMissed()
    this.#evidence = this.#driver.restoredEvidence
    this.#driver.start()
  }

  /** Of the epoch that this member is in. */
  get group(): Group {
    return this.#group
  }

  /** Groups of epochs that are to come, as far as they are new. */
  plan(groups: readonly Group[]): void {
    this.#driver.plan(groups)
    const name = peerName(this.#options.signer.publicKey)
    const comes = groups.some(
      ({ epoch, members }) => epoch > this.#group.epoch && members.some((key) => peerName(key) === name),
    )
    if (comes) this.#left = false
  }

  /** It is in no group any more. */
  hasLeft(): boolean {
    return this.#left
  }

  /** Of a group that others were in before, or of a state that has holes: it comes from them. */
  isComing(): boolean {
    return this.head() === undefined && (this.#group.epoch > 0 || this.#driver.isRestoring)
  }

  // What the HTTP edge asks.

  head(): Head | undefined {
    return this.#driver.head
  }

  status(): SiteStatus {
    return siteStatus({
      group: this.group,
      self: this.#selfIndex(),
      driver: this.#driver,
      isComing: this.isComing(),
      missed: this.#missed,
      network: this.#options.network,
      evidence: this.#evidence,
      counted: this.#counts,
      now: this.#options.now(),
    })
  }

  async read(at: Head, asked: AskedRead): Promise<ReadResult> {
    const release = this.#driver.holdState(at.height)
    try {
      const result = await this.#options.runtime.executeRead({
        ...asked,
        time: at.time,
        stateRoot: at.stateRoot,
        job: this.job,
        name: this.name,
        limits: this.execution.limits,
      })
      this.#logRead(result.logs)
      return result
    } finally {
      release()
    }
  }

  /** A line that cannot be kept is no reason to withhold the answer. */
  #logRead(lines: readonly LogLine[]): void {
    try {
      this.#readLog.add(lines, this.#options.now())
    } catch (cause) {
      this.#options.log.warn('log_lost', { site: this.name, lines: lines.length, cause })
    }
  }

  submit(request: Request, body: Uint8Array): Promise<Committed | Refusal> {
    if (this.#driver.stopping) return Promise.resolve(refusal('stopping'))
    if (this.#driver.failing() !== undefined) return Promise.resolve(refusal('degraded'))
    const key = hexFromBytes(orderedRequestHash(request))
    assert(!this.#waiting.has(key), 'a request is submitted once')
    assert(this.bodies.keep(request.body_hash, body), 'the body is what the request says')
    this.bodies.pin(request.body_hash)
    const { promise, resolve } = Promise.withResolvers<Committed | Refusal>()
    const settle = (outcome: Committed | Refusal): void => {
      this.#waiting.delete(key)
      clearTimeout(timer)
      resolve(outcome)
    }
    const timer = setTimeout(() => settle(refusal('timed_out')), SUBMIT_TIMEOUT_MS)
    timer.unref()
    this.#waiting.set(key, { saltHash: saltHash(request.salt), settle, timer })
    this.#driver.give({ type: 'submit', request, body, now: this.#driver.now() })
    return promise
  }

  receipt(body: Receipt): Signed<Receipt> {
    return signStatement(this.#options.domain, 'receipt', this.#options.signer, body)
  }

  certificate(height: number): Cert | undefined {
    const head = this.head()
    if (height === head?.height) return head.cert
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

  get bodies(): BodyKeeper {
    return this.#driver.bodies
  }

  get others(): readonly PeerName[] {
    return this.#driver.others
  }

  sharesWith(peer: PeerName): boolean {
    return this.#driver.sharesWith(peer)
  }

  get execution(): ExecutionSite {
    return this.#driver.execution
  }

  evidence(): readonly EvidenceSummary[] {
    return this.#evidence
  }

  onEvidence(listener: () => void): () => void {
    this.#evidenceListeners.add(listener)
    return () => this.#evidenceListeners.delete(listener)
  }

  onEpoch(listener: () => void): () => void {
    this.#epochListeners.add(listener)
    return () => this.#epochListeners.delete(listener)
  }

  /** Something about a member that is no proof: it is shown and has no other consequence. */
  count(kind: string, peer: PeerName): void {
    const key = `${kind} ${peer}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  hasState(height: number): boolean {
    return this.#driver.hasState(height)
  }

  offeredState(): number | null {
    return this.#driver.status().offered
  }

  receive(peer: PeerName, bytes: Uint8Array): undefined | Promise<void> {
    return this.#driver.receive(peer, bytes)
  }

  /** A member is reachable (again): what it missed is worth saying again. */
  linked(): void {
    this.#driver.tick()
  }

  /** Links went up or down, or time went by. */
  measureLinks(): void {
    this.#driver.measureLinks()
  }

  compareClocks(): void {
    this.#driver.compareClocks()
  }

  /** What the head's state lacks is fetched from the other members. */
  refill(): void {
    this.#driver.refill()
  }

  get bundles(): Bundles {
    return this.#driver.bundles
  }

  /** Writes the evidence down and shows it; used by the machine's effects and by audits. */
  record(evidence: Evidence): void {
    const accused = accusedOf(evidence)
    const hash = evidenceHash(evidence)
    const proof = evidenceToBytes(evidence)
    const row = { hash, kind: evidence.kind, accused, height: heightOf(evidence), record: proof }
    if (!this.#options.store.evidence.add(this.job, row)) return
    this.#options.log.warn('evidence', { site: this.name, kind: evidence.kind, accused, hash, height: row.height })
    this.#evidence = [...this.#evidence, { kind: evidence.kind, accused, hash, proof }]
    for (const listener of [...this.#evidenceListeners]) listener()
  }

  /** Refuses what waits, lets the turn under way end, and leaves the store at rest. */
  async stop(): Promise<void> {
    await this.#driver.stop()
    this.#refuseAll('stopping')
  }

  #newMissed(): MissedHeights {
    return new MissedHeights(this.#selfIndex(), this.#group.members.length)
  }

  /** -1: not in the group. */
  #selfIndex(): number {
    return this.#group.members.findIndex((key) => bytesEqual(key, this.#options.signer.publicKey))
  }

  #entered(group: Group): void {
    this.#group = group
    this.#left = this.#driver.status().state === 'left'
    this.#missed = this.#newMissed()
    for (const listener of [...this.#epochListeners]) listener()
  }

  #committed(head: Head, done: Done | undefined): void {
    const waited = done !== undefined && this.#waiting.size > 0
    this.#answers = waited ? { height: head.height, outcomes: done.result.outcomes, leaves: done.leaves } : undefined
    this.#missed.committed(this.#driver.status().members, this.#driver.now())
    for (const listener of [...this.#listeners]) listener(head)
  }

  #settle(requestHash: Digest, outcome: Refusal): void {
    this.#waiting.get(hexFromBytes(requestHash))?.settle(outcome)
  }

  #refuseAll(code: Refusal['code']): void {
    for (const waiting of [...this.#waiting.values()]) waiting.settle(refusal(code))
  }

  #reply(requestHash: Digest, height: number, index: number): void {
    const waiting = this.#waiting.get(hexFromBytes(requestHash))
    if (waiting === undefined) return
    const answers = this.#answers?.height === height ? this.#answers : undefined
    const outcome = answers?.outcomes[index]
    const leaf = answers?.leaves[index]
    const cert = this.certificate(height)
    if (answers === undefined || outcome === undefined || leaf === undefined || cert === undefined) {
      // Certified while this member was away, and taken over as a state: the answer itself is not here.
      waiting.settle(refusal('timed_out'))
      return
    }
    waiting.settle({
      height,
      cert,
      response: outcome.response,
      requestHash,
      responseHash: leaf.responseHash,
      saltHash: waiting.saltHash,
      fuel: leaf.fuel,
      index,
      count: answers.leaves.length,
      path: pathOf(answers, index),
    })
  }

  #recordQuietly(evidence: Evidence): void {
    try {
      this.record(evidence)
    } catch (cause) {
      // The machine forgets it; whoever else saw the lie has it too.
      this.#options.log.error('evidence_lost', { site: this.name, kind: evidence.kind, cause })
    }
  }
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
  not_a_member: 'not_ready',
  joining: 'not_ready',
  unknown: 'timed_out',
  stopped: 'stopping',
}
