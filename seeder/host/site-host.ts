// Which sites this seeder hosts: the jobs of whose group it is a member, as the network file says. A higher version starts and
// stops sites; frames and questions of peers find their site by the job that they name.
//
// Invariant: changes happen one after the other, a site that is being stopped is at rest before its successor starts, and
// a job that was taken out of the network file (its uploader ended it) leaves nothing in the store.

import type { MemberOptions } from '#protocol/agreement/port.ts'
import { departedRecord } from '#protocol/agreement/record.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import {
  groupOf,
  groupsOf,
  type NetworkFile,
  type NetworkJob,
  PAST_EPOCHS_MAX,
} from '#protocol/directory/network-file.ts'
import { type PeerName, peerName, publicKeyFromName, type Signer } from '#protocol/identity/keys.ts'
import type { ContentServer, SharedSite } from '#seeder/agree/content-server.ts'
import type { Member } from '#seeder/agree/driver.ts'
import { BLOCK_FUEL_REQUESTS } from '#seeder/agree/execution.ts'
import { voteToBytes } from '#seeder/agree/record.ts'
import { startChecks } from '#seeder/agree/restore.ts'
import { Site } from '#seeder/agree/site.ts'
import type { UpdateRule } from '#seeder/agree/update.ts'
import type { Log } from '#seeder/config/log.ts'
import type { QuotaReason } from '#seeder/config/quota.ts'
import type { Runtime } from '#seeder/execute/port.ts'
import type { NetworkHolder } from '#seeder/host/network-holder.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'
import type { StartDamage, Store } from '#seeder/store/port.ts'

const START_ANEW_MS = 5_000
/** R6: what the links take is looked at this often. */
const MEASURE_MS = 2_000
/** §6: who left answers with a redirect, and hands out what it has, for so many hand-overs. */
export const LEAVER_HANDOVERS = 2
/** A vote record that does not decode: who finds it abstains (R1). */
const NO_VOTES = new Uint8Array(0)

/** Whether a further job is taken, which the seeder's quotas decide; a job that is held already is not asked about. */
export type JobTaking = {
  refusal(held: number): QuotaReason | undefined
  noteRefused(refused: readonly { readonly site: string; readonly reason: QuotaReason }[], held: number): void
}

export type SiteHostOptions = {
  readonly signer: Signer
  readonly holder: NetworkHolder
  readonly store: Store
  readonly runtime: Runtime
  readonly network: PeerNetwork
  readonly createMember: (options: MemberOptions) => Member
  readonly taking?: JobTaking
  /** For timers: it is never set. */
  readonly now: () => number
  /** The time that blocks are of; absent: `now`. */
  readonly wall?: () => number
  readonly log: Log
}

type Hosted = { readonly site: Site; readonly fingerprint: string; readonly rule: UpdateRule }

export class SiteHost implements HostedSites {
  readonly #options: SiteHostOptions
  readonly #self: PeerName
  readonly #byJob = new Map<string, Hosted>()
  readonly #byName = new Map<string, Hosted>()
  readonly #listeners = new Set<() => void>()
  #damage: readonly StartDamage[] = []
  #work: Promise<void> = Promise.resolve()
  #stopping = false
  /** The last attempt broke, and there will be another. */
  #unfollowed = false
  #measuring: NodeJS.Timeout | undefined

  constructor(options: SiteHostOptions) {
    this.#options = options
    this.#self = peerName(options.signer.publicKey)
  }

  /** A block's bytes on disk are not its own any more: the sites that need it get it from their other members. */
  blockIsDamaged(cid: Cid): void {
    const { store, log } = this.#options
    log.error('block_damaged', { cid: textFromCid(cid) })
    try {
      store.blocks.forget(cid)
    } catch (cause) {
      log.error('block_not_forgotten', { cause })
      return
    }
    for (const site of this.all()) site.refill()
  }

  /** The store was lost: this member signs nothing in the present epoch of any of its jobs (R1). Before `start`. */
  votesAreLost(): void {
    const { store, holder, log } = this.#options
    const jobs = holder.file().jobs.filter((job) => this.#sits(job, PAST_EPOCHS_MAX))
    store.transact(() => {
      for (const job of jobs) store.votes.save(groupOf(job).job, NO_VOTES)
    })
    log.error('store_lost', { jobs: jobs.length })
  }

  /** Checks the store, then starts the sites of the present network file. */
  async start(): Promise<void> {
    const { store, holder, log } = this.#options
    this.#damage = store.verify(startChecks(holder.domain, (job) => holder.directory().groups(job)))
    for (const { job, part } of this.#damage) {
      log.error('store_damaged', { job, part })
      // What the head's certificate does not vouch for is worth nothing: the others have it. In the same moment it is written down
      // that votes were lost, so that no later start takes this for a first one (R1).
      if (part === 'head') {
        this.#forget(job)
      }
    }
    holder.onChange(() => void this.follow())
    await this.follow()
    this.#measuring = setInterval(() => {
      for (const site of this.all()) {
        site.measureLinks()
        site.compareClocks()
      }
    }, MEASURE_MS).unref()
  }

  byName(name: string): HostedSite | undefined {
    return this.#byName.get(name)?.site
  }

  all(): readonly Site[] {
    return [...this.#byJob.values()].map(({ site }) => site)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  byJob(job: Uint8Array): Hosted | undefined {
    return this.#byJob.get(hexFromBytes(job))
  }

  /** One agreement frame: the job, then the message. */
  receive(peer: PeerName, frame: Uint8Array): undefined | Promise<void> {
    const hosted = this.byJob(frame.subarray(0, DIGEST_BYTES))
    return hosted?.site.receive(peer, frame.subarray(DIGEST_BYTES))
  }

  /** A link to a member went up or down. */
  linked(peer: PeerName, isUp: boolean): void {
    for (const { site } of this.#byJob.values()) {
      if (!site.others.includes(peer)) continue
      site.measureLinks()
      if (isUp) site.linked()
    }
  }

  /** What co-members may ask about a job. */
  shared(job: Digest): SharedSite | undefined {
    return this.byJob(job)?.site
  }

  contentServer(hooks: Omit<ContentServer, 'store' | 'site'>): ContentServer {
    return { store: this.#options.store, site: (job) => this.shared(job), ...hooks }
  }

  /** Resolves when the sites are as the network file says. */
  follow(): Promise<void> {
    this.#work = this.#work
      .then(() => this.#follow())
      .then(
        () => {
          this.#unfollowed = false
        },
        (cause: unknown) => {
          if (!this.#unfollowed) this.#options.log.error('sites_not_followed', { cause })
          this.#unfollowed = true
          setTimeout(() => void this.follow(), START_ANEW_MS).unref()
        },
      )
    return this.#work
  }

  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#measuring)
    await this.#work
    await Promise.all(this.all().map((site) => site.stop()))
  }

  async #follow(): Promise<void> {
    if (this.#stopping) return
    const { holder, network, store, log } = this.#options
    const file = holder.file()
    const wanted = new Map(file.jobs.filter((job) => this.#hosts(job)).map((job) => [job.job, job] as const))
    const known = file.peers.map((peer) => ({ peer: peer.peer as PeerName, addresses: peer.addresses }))
    network.setKnown(known)
    network.setWanted(
      new Set([...wanted.values()].flatMap((job) => groupsOf(job).flatMap(({ members }) => members.map(peerName)))),
    )
    let changed = false
    for (const [key, hosted] of this.#byJob) {
      const job = wanted.get(key)
      if (job !== undefined && hosted.fingerprint === fingerprintOf(file, job)) {
        hosted.site.plan(groupsOf(job))
        continue
      }
      this.#byJob.delete(key)
      this.#byName.delete(hosted.site.name)
      changed = true
      const { site } = hosted
      const departs = job === undefined && site.hasLeft() && file.jobs.some((each) => each.job === key)
      await site.stop()
      // §6: two hand-overs later nobody asks for what it has. That it signed is not forgotten.
      if (departs) this.#forget(site.job, departedRecord(site.job, site.group.epoch))
      log.info('site_stopped', { site: site.name, job: key })
    }
    for (const job of store.jobs()) {
      if (!file.jobs.some((each) => each.job === hexFromBytes(job))) {
        store.removeJob(job)
        log.info('job_removed', { job })
      }
    }
    const { taking } = this.#options
    const held = new Set(store.jobs().map(hexFromBytes))
    const refused: { site: string; reason: QuotaReason }[] = []
    // Whoever voted goes on: what is held comes first, and no quota is asked about it.
    for (const [key, job] of [...wanted].sort(([a], [b]) => Number(held.has(b)) - Number(held.has(a)))) {
      if (this.#byJob.has(key)) continue
      const reason = held.has(key) ? undefined : taking?.refusal(this.#byJob.size)
      if (reason !== undefined) {
        refused.push({ site: job.name, reason })
        continue
      }
      const hosted = this.#start(file, job)
      this.#byJob.set(key, hosted)
      this.#byName.set(job.name, hosted)
      changed = true
      log.info('site_started', { site: job.name, job: key, height: hosted.site.head()?.height ?? 0 })
    }
    taking?.noteRefused(refused, this.#byJob.size)
    if (changed) for (const listener of [...this.#listeners]) listener()
  }

  /** Its key stands in the present group, or in one of so many before it. */
  #sits({ members, epoch, past = [] }: NetworkJob, handOvers: number): boolean {
    if (members.includes(this.#self)) return true
    return past.some((former) => former.epoch >= epoch - handOvers && former.members.includes(this.#self))
  }

  /** Everything of the job goes but what keeps this member from signing anew what it may have signed (R1). */
  #forget(job: Digest, record?: Uint8Array): void {
    const { store } = this.#options
    store.transact(() => {
      store.removeJob(job)
      store.votes.save(job, record === undefined ? NO_VOTES : voteToBytes(record, []))
    })
  }

  /** A member of the group, of one to come, or one that left lately; and whoever left earlier, until it knows that it has. */
  #hosts(job: NetworkJob): boolean {
    if (this.#sits(job, LEAVER_HANDOVERS)) return true
    const { site } = this.#byJob.get(job.job) ?? {}
    return site === undefined
      ? this.#sits(job, PAST_EPOCHS_MAX) && this.#options.store.certified.head(groupOf(job).job) !== undefined
      : !site.hasLeft()
  }

  /** A site whose loop broke is put up again from what is on disk, after a pause. */
  #startAnew(key: string, broken: Site): void {
    setTimeout(() => {
      const hosted = this.#byJob.get(key)
      if (this.#stopping || hosted?.site !== broken) return
      this.#byJob.set(key, { ...hosted, fingerprint: '' })
      void this.follow()
    }, START_ANEW_MS).unref()
  }

  #start(file: NetworkFile, job: NetworkJob): Hosted {
    const { holder, log, signer, store, runtime, network, createMember, now, wall } = this.#options
    const groups = groupsOf(job)
    const [{ job: id }] = groups
    const head = store.certified.head(id)
    // Of an epoch that nobody remembers: the others have what came of it.
    if (head !== undefined && !startChecks(holder.domain, () => groups).head(id, head)) this.#forget(id)
    const uploader = publicKeyFromName(job.uploader)
    assert(uploader.ok, 'a network file names uploaders by their keys')
    const damaged = this.#damage.filter((each) => bytesEqual(each.job, id))
    this.#damage = this.#damage.filter((each) => !bytesEqual(each.job, id))
    const site: Site = new Site({
      name: job.name,
      uploader: uploader.value,
      groups,
      domain: holder.domain,
      signer,
      settings: file.settings,
      blockFuel: BLOCK_FUEL_REQUESTS * file.settings.request_fuel,
      stateDamaged: damaged.some((each) => each.part === 'state'),
      store,
      runtime,
      network,
      createMember,
      onBroken: () => this.#startAnew(job.job, site),
      now,
      ...(wall === undefined ? {} : { wall }),
      log,
    })
    return { site, fingerprint: fingerprintOf(file, job), rule: site.execution.rule }
  }
}

/** A site is started anew when any of this changes; another group is none of it. */
function fingerprintOf(file: NetworkFile, job: NetworkJob): string {
  const { job: id, name, uploader, account, quorum } = job
  return JSON.stringify([id, name, uploader, account, quorum, file.settings])
}
