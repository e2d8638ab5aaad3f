// What this gateway can tell about a site: who is in its group and why visitors are sent to them or not, and the newest certificate. The network file is
// signed by the network key, the certificate was checked here; the states of members are this gateway's word, and origins theirs.

import { newestCertificate } from '#gateway/about/certificate.ts'
import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import type { LocatedMember, MemberState } from '#gateway/locate/living.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { groupOf, handingOver } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { type BlockKind, blockHash } from '#protocol/message/block.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { degreesOf } from '#protocol/place/place.ts'

export type AboutMember = {
  readonly peer: string
  readonly state: MemberState
  /** As it says itself; null: visitors reach it through this gateway only, or not at all. */
  readonly origin: string | null
  readonly tunnel: boolean
  /** Where its operator says it stands, degrees; null: it does not say. */
  readonly place: { readonly north: number; readonly east: number } | null
  /** When its newest registration came here, ms; null: it is not registered. */
  readonly heard: number | null
  /** Its vote stands in the certificate that is shown. */
  readonly voted: boolean
  /** It gave a certificate that does not hold, just now. */
  readonly wrong: boolean
}

/** Every value of it was signed by `voters` members, each of whose two signatures was verified here. Times in ms. */
export type AboutCertificate = {
  readonly height: number
  readonly epoch: number
  readonly view: number
  readonly time: number
  readonly age: number
  /** Young enough that an answer under it counts. */
  readonly fresh: boolean
  readonly kind: BlockKind
  readonly block_hash: string
  readonly state_root: string
  readonly code_root: string
  readonly receipts_root: string
  readonly image: string
  readonly voters: readonly string[]
  /** How many votes it has to have. */
  readonly needed: number
  readonly signatures: number
  readonly given_by: string
  readonly checked: number
  /** Canonical DAG-CBOR, base64: anybody can check it against the network file. */
  readonly cbor: string
}

export type About = {
  readonly name: string
  readonly address: string
  readonly job: string
  readonly uploader: string
  readonly epoch: number
  readonly quorum: 'bft' | 'all'
  readonly needed: number
  readonly may_lie: number
  readonly members: readonly AboutMember[]
  /** Members of the group before that are not in this one, while it hands over. */
  readonly leaving: readonly string[]
  /** Null: no member gave one that holds, yet. */
  readonly certificate: AboutCertificate | null
  /** Why no member was asked for a newer one; null: one was. */
  readonly not_asked: 'no_tunnels' | 'nobody_there' | 'busy' | null
  readonly fresh_ms: number
  readonly network_version: number
  readonly time: number
}

export async function aboutSite(gateway: Gateway, name: string, source: string): Promise<Result<About, GatewayError>> {
  const { network, locations, ports } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const job = locations.jobByName(name)
  if (job === undefined) return err({ code: locations.isGone(name) ? 'gone_name' : 'unknown_name', name })
  const look = await newestCertificate(gateway, job, source)
  const now = ports.now()
  const group = groupOf(job)
  const needed = quorumOf(group)
  const { newest } = look
  const voters =
    newest === undefined
      ? []
      : newest.cert.qc2.votes.flatMap(([at]) => newest.group.members[at] ?? []).map((key) => peerName(key))
  const former = handingOver(job, now)
  const leaving = former === undefined ? [] : former.members.map(peerName).filter((peer) => !job.members.includes(peer))
  return ok({
    name,
    address: `${locations.canonicalBase}/${name}/`,
    job: job.job,
    uploader: job.uploader,
    epoch: job.epoch,
    quorum: job.quorum,
    needed,
    may_lie: group.members.length - needed,
    members: locations.members(job, now).map((member) => ({
      ...placeOf(member),
      heard: heardOf(gateway, member, now),
      voted: voters.includes(member.peer),
      wrong: look.wrong.includes(member.peer),
    })),
    leaving,
    certificate: newest === undefined ? null : certificateOf(gateway, newest, voters, now),
    not_asked: look.notAsked ?? null,
    fresh_ms: network.file.settings.fresh_ms,
    network_version: network.file.version,
    time: now,
  })
}

function placeOf({
  peer,
  state,
  origin,
  tunnel,
  place,
}: LocatedMember): Pick<AboutMember, 'peer' | 'state' | 'origin' | 'tunnel' | 'place'> {
  return { peer, state, origin: origin ?? null, tunnel, place: place === undefined ? null : degreesOf(place) }
}

/** By our clock: the registration says when it was signed, and what is written down of it how far that clock is off. */
function heardOf({ locations, marks }: Gateway, { peer, state }: LocatedMember, now: number): number | null {
  const registration = locations.registration(peer)
  if (registration === undefined || state === 'absent') return null
  return Math.min(now, registration.time - (marks.get(peer)?.skewMs ?? 0))
}

function certificateOf(
  { network }: Gateway,
  { cert, group, from, signatures, checkedAt }: NonNullable<Awaited<ReturnType<typeof newestCertificate>>['newest']>,
  voters: readonly string[],
  now: number,
): AboutCertificate | null {
  if (network === undefined) return null
  const { block, qc2 } = cert
  return {
    height: block.height,
    epoch: qc2.epoch,
    view: qc2.view,
    time: block.time,
    age: Math.max(0, now - block.time),
    fresh: now - block.time <= network.file.settings.fresh_ms,
    kind: block.kind,
    block_hash: hexFromBytes(blockHash(network.domain, block)),
    state_root: textFromCid(block.state_root),
    code_root: textFromCid(block.code_root),
    receipts_root: hexFromBytes(block.receipts_root),
    image: hexFromBytes(block.image),
    voters,
    needed: quorumOf(group),
    signatures,
    given_by: from,
    checked: checkedAt,
    cbor: base64FromBytes(cborFromValue(cert)),
  }
}
