// The answering half of `/interpeer/content/1`: co-members get bodies, blocks, states and content of the job they share with
// us, and get a bundle that we took; any peer of the network gets the network file. Answers are bounded; what does not fit is asked for again.

import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { CertifiedBlock } from '#protocol/message/wire.ts'
import type { BodyKeeper } from '#seeder/agree/body-keeper.ts'
import {
  CONTENT_ANSWER_BYTES,
  type ContentMessage,
  contentFromBytes,
  contentToBytes,
} from '#seeder/agree/content-message.ts'
import { certFromBytes, heightFromBytes } from '#seeder/agree/record.ts'
import { leaseLabel } from '#seeder/agree/restore.ts'
import { SharedContent } from '#seeder/agree/shared-content.ts'
import type { Fetched } from '#seeder/agree/spread.ts'
import type { Store } from '#seeder/store/port.ts'

/** What of a hosted site others may ask. */
export type SharedSite = {
  readonly job: Digest
  /** Members of the present group and of those before and after it; nobody else sees what visitors wrote. */
  sharesWith(peer: PeerName): boolean
  readonly bodies: BodyKeeper
  /** Heights whose whole state is here. */
  hasState(height: number): boolean
  /** Height of the state that is offered to those far behind; null: none. */
  offeredState(): number | null
}

export type ContentServer = {
  readonly store: Store
  site(job: Digest): SharedSite | undefined
  networkText(above: number): string | undefined
  /** A peer says that it has this version. */
  onNetworkVersion(peer: PeerName, version: number): void
  /** Gets the bundle of an UPDATE that the job's uploader signed; undefined: it is none, or others come first. */
  fetchBundle(job: Digest, update: Uint8Array): Promise<Fetched | undefined>
}

/** States that are kept whole for members that fetch them, one a member. */
export const LEASES_MAX = 4
/** How long after its last question, and how long at all: a large state takes what it takes. */
export const LEASE_IDLE_MS = 60_000
export const LEASE_MS_MAX = 4 * 60 * 60_000

export type ContentRefusal = 'malformed' | 'not_a_member' | 'unexpected' | 'unwell'

export async function answerContent(
  server: ContentServer,
  peer: PeerName,
  question: Uint8Array,
): Promise<Result<Uint8Array, ContentRefusal>> {
  const read = contentFromBytes(question)
  if (!read.ok) return err('malformed')
  try {
    const answer = await answerTo(server, peer, read.value)
    return answer.ok ? ok(contentToBytes(answer.value)) : answer
  } catch {
    // A state could not be held for the one who asks: the disk is unwell, and the driver says so.
    return err('unwell')
  }
}

async function answerTo(
  server: ContentServer,
  peer: PeerName,
  question: ContentMessage,
): Promise<Result<ContentMessage, ContentRefusal>> {
  switch (question.type) {
    case 'want_network':
      return ok({ type: 'network', file: server.networkText(question.above) ?? null })
    case 'have_network':
      server.onNetworkVersion(peer, question.version)
      return ok({ type: 'noted' })
    case 'want_bundle': {
      if (server.site(question.job)?.sharesWith(peer) !== true) return err('not_a_member')
      const fetched = await server.fetchBundle(question.job, question.update)
      return ok({ type: 'bundle', ...(fetched ?? { whole: false, bytes: 0 }) })
    }
    case 'want_content':
    case 'want_state':
    case 'want_blocks':
    case 'want_bodies': {
      const site = server.site(question.job)
      if (site === undefined || !site.sharesWith(peer)) return err('not_a_member')
      return ok(await answerMember(server.store, site, peer, question))
    }
    case 'content':
    case 'state':
    case 'network':
    case 'noted':
    case 'bundle':
    case 'blocks':
    case 'bodies':
      return err('unexpected')
    default:
      return err('unexpected')
  }
}

/** What is remembered of a site as long as it is hosted. */
type Sharing = { readonly content: SharedContent; readonly leases: Leases }

const sharings = new WeakMap<SharedSite, Sharing>()

function sharingOf(store: Store, site: SharedSite): Sharing {
  const known = sharings.get(site)
  if (known !== undefined) return known
  const sharing = { content: new SharedContent(), leases: new Leases(store, site.job) }
  sharings.set(site, sharing)
  return sharing
}

type MemberQuestion = Extract<ContentMessage, { type: 'want_content' | 'want_state' | 'want_blocks' | 'want_bodies' }>

async function answerMember(
  store: Store,
  site: SharedSite,
  peer: PeerName,
  question: MemberQuestion,
): Promise<ContentMessage> {
  switch (question.type) {
    case 'want_content': {
      const { content, leases } = sharingOf(store, site)
      leases.renew(peer)
      const shared = await content.has(store, () => store.blocks.roots(site.job).values(), question.cids)
      let size = 0
      const blocks = question.cids.map((cid, index) => {
        if (size > CONTENT_ANSWER_BYTES || shared[index] !== true) return null
        const bytes = store.blocks.get(cid) ?? null
        size += bytes?.length ?? 0
        return bytes
      })
      return { type: 'content', blocks }
    }
    case 'want_state':
      return { type: 'state', cert: lentState(store, site, peer, question.height) }
    case 'want_blocks':
      return { type: 'blocks', job: site.job, blocks: certifiedBlocks(store, site.job, question.from, question.count) }
    case 'want_bodies': {
      const bodies: Uint8Array[] = []
      let size = 0
      for (const hash of question.hashes) {
        const body = site.bodies.get(hash)
        if (body === undefined || size > CONTENT_ANSWER_BYTES) continue
        bodies.push(body)
        size += body.length
      }
      return { type: 'bodies', job: site.job, bodies }
    }
  }
}

/**
 * The state of the height that was asked for; when the group went on, the one that is offered now, which is older than R9's window, so that
 * whoever takes it can vote at once; else that of the head. It stays whole while it is fetched.
 */
function lentState(store: Store, site: SharedSite, peer: PeerName, height: number): Cert | null {
  const head = store.certified.head(site.job)?.height ?? 0
  const offered = site.offeredState() ?? 0
  const lent = [height, offered, head].find((each) => each >= height && site.hasState(each))
  const cert = lent === undefined ? null : certAt(store, site.job, lent)
  if (cert !== null) sharingOf(store, site).leases.take(peer, cert)
  return cert
}

type Lease = { readonly label: string; readonly height: number; readonly until: number; timer: NodeJS.Timeout }

/** States that stay whole while members fetch them; a question of the member renews its own. */
class Leases {
  readonly #store: Store
  readonly #job: Digest
  readonly #byPeer = new Map<PeerName, Lease>()
  #count = 0

  constructor(store: Store, job: Digest) {
    this.#store = store
    this.#job = job
  }

  take(peer: PeerName, cert: Cert): void {
    const { height, state_root: stateRoot } = cert.block
    const known = this.#byPeer.get(peer)
    if (known?.height === height) return this.renew(peer)
    if (known === undefined && this.#byPeer.size >= LEASES_MAX) return
    this.#end(peer)
    const label = leaseLabel(height, this.#count++)
    this.#store.blocks.addRoot(this.#job, label, stateRoot)
    const until = performance.now() + LEASE_MS_MAX
    this.#byPeer.set(peer, { label, height, until, timer: this.#endIn(LEASE_IDLE_MS, peer) })
  }

  renew(peer: PeerName): void {
    const lease = this.#byPeer.get(peer)
    if (lease === undefined) return
    clearTimeout(lease.timer)
    lease.timer = this.#endIn(Math.min(LEASE_IDLE_MS, Math.max(0, lease.until - performance.now())), peer)
  }

  #endIn(ms: number, peer: PeerName): NodeJS.Timeout {
    return setTimeout(() => this.#end(peer), ms).unref()
  }

  #end(peer: PeerName): void {
    const lease = this.#byPeer.get(peer)
    if (lease === undefined) return
    clearTimeout(lease.timer)
    this.#byPeer.delete(peer)
    try {
      this.#store.blocks.releaseRoot(this.#job, lease.label)
    } catch {
      // The store is closed or unwell; the next start lets all leases go.
    }
  }
}

function certAt(store: Store, job: Digest, height: number): Cert | null {
  const row = store.certified.at(job, height)
  const cert = row === undefined ? undefined : certFromBytes(row.certificate)
  return cert?.ok ? cert.value : null
}

function certifiedBlocks(store: Store, job: Digest, from: number, count: number): CertifiedBlock[] {
  const blocks: CertifiedBlock[] = []
  for (const row of store.certified.range(job, from, count, CONTENT_ANSWER_BYTES)) {
    const cert = certFromBytes(row.certificate)
    const height = row.requests.length === 0 ? undefined : heightFromBytes(row.requests)
    if (!cert.ok || !height?.ok) break
    blocks.push({ cert: cert.value, requests: height.value.requests, bodies: height.value.bodies })
  }
  return blocks
}
