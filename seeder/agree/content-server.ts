// The answering half of `/interpeer/content/1`: co-members get bodies, blocks, states and content of the job they share with
// us; any peer of the network gets the network file. Answers are bounded; what does not fit is asked for again.

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
import { isLease, leaseLabel } from '#seeder/agree/restore.ts'
import { SharedContent } from '#seeder/agree/shared-content.ts'
import type { Store } from '#seeder/store/port.ts'

/** What of a hosted site others may ask. */
export type SharedSite = {
  readonly job: Digest
  /** Members of the present group and of those before and after it; nobody else sees what visitors wrote. */
  sharesWith(peer: PeerName): boolean
  readonly bodies: BodyKeeper
  /** Heights whose whole state is here. */
  hasState(height: number): boolean
}

export type ContentServer = {
  readonly store: Store
  site(job: Digest): SharedSite | undefined
  networkText(above: number): string | undefined
  /** A peer says that it has this version. */
  onNetworkVersion(peer: PeerName, version: number): void
}

/** States that are kept whole for members that fetch them, and how long. */
const LEASES_MAX = 4
const LEASE_MS = 60_000

export type ContentRefusal = 'malformed' | 'not_a_member' | 'unexpected' | 'unwell'

export async function answerContent(
  server: ContentServer,
  peer: PeerName,
  question: Uint8Array,
): Promise<Result<Uint8Array, ContentRefusal>> {
  const read = contentFromBytes(question)
  if (!read.ok) return err('malformed')
  try {
    const answer = answerTo(server, peer, read.value)
    return answer.ok ? ok(contentToBytes(answer.value)) : answer
  } catch {
    // A state could not be held for the one who asks: the disk is unwell, and the driver says so.
    return err('unwell')
  }
}

function answerTo(
  server: ContentServer,
  peer: PeerName,
  question: ContentMessage,
): Result<ContentMessage, ContentRefusal> {
  switch (question.type) {
    case 'want_network':
      return ok({ type: 'network', file: server.networkText(question.above) ?? null })
    case 'have_network':
      server.onNetworkVersion(peer, question.version)
      return ok({ type: 'noted' })
    case 'want_content':
    case 'want_state':
    case 'want_blocks':
    case 'want_bodies': {
      const site = server.site(question.job)
      if (site === undefined || !site.sharesWith(peer)) return err('not_a_member')
      return ok(answerMember(server.store, site, question))
    }
    case 'content':
    case 'state':
    case 'network':
    case 'noted':
    case 'blocks':
    case 'bodies':
      return err('unexpected')
    default:
      return err('unexpected')
  }
}

const contents = new WeakMap<SharedSite, SharedContent>()

function sharedContent(site: SharedSite): SharedContent {
  const known = contents.get(site)
  if (known !== undefined) return known
  const shared = new SharedContent()
  contents.set(site, shared)
  return shared
}

type MemberQuestion = Extract<ContentMessage, { type: 'want_content' | 'want_state' | 'want_blocks' | 'want_bodies' }>

function answerMember(store: Store, site: SharedSite, question: MemberQuestion): ContentMessage {
  switch (question.type) {
    case 'want_content': {
      let size = 0
      const roots = [...store.blocks.roots(site.job).values()]
      const shared = sharedContent(site)
      const blocks = question.cids.map((cid) => {
        if (size > CONTENT_ANSWER_BYTES || !shared.has(store, roots, cid)) return null
        const bytes = store.blocks.get(cid) ?? null
        size += bytes?.length ?? 0
        return bytes
      })
      return { type: 'content', blocks }
    }
    case 'want_state':
      return { type: 'state', cert: offeredState(store, site, question.height) }
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

/** The state of the height that was asked for, or of the head when the group went on; it stays whole while it is fetched. */
function offeredState(store: Store, site: SharedSite, height: number): Cert | null {
  const head = store.certified.head(site.job)?.height ?? 0
  const offered = site.hasState(height) ? height : height < head ? head : undefined
  const cert = offered === undefined ? null : certAt(store, site.job, offered)
  if (cert !== null) leaseState(store, site.job, cert)
  return cert
}

function leaseState(store: Store, job: Digest, cert: Cert): void {
  const label = leaseLabel(cert.block.height)
  const roots = store.blocks.roots(job)
  const leases = [...roots.keys()].filter(isLease)
  if (roots.has(label) || leases.length >= LEASES_MAX) return
  store.blocks.addRoot(job, label, cert.block.state_root)
  setTimeout(() => {
    try {
      store.blocks.releaseRoot(job, label)
    } catch {
      // The store is closed or unwell; the next start lets all leases go.
    }
  }, LEASE_MS).unref()
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
