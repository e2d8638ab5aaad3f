// The newest certificate of a site, as one of its members gives it and this gateway checked it: ≥ q members of the group signed the block,
// and the signatures are theirs. Who handed it over does not matter.
//
//   member A: no answer   member B: signatures do not hold   member C: certificate ── checked ──> kept, unless a higher one is
//
// Invariant: what is kept held against the group of the network file; nothing that a member merely says is in it. One look at a time a site, and a few at
// a time in all, however many visitors want to know.

import type { AskMember } from '#gateway/carry/answer.ts'
import { wholeOf } from '#gateway/carry/read.ts'
import type { Room } from '#gateway/carry/room.ts'
import type { Gateway } from '#gateway/gateway.ts'
import type { Host } from '#gateway/locate/locations.ts'
import { ABOUT_HEAD_MS, ABOUT_KEPT_MS, ABOUT_LOOKS_MAX, ABOUT_MEMBERS_ASKED } from '#gateway/settings.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { certificateFromBytes, EVIDENCE_BYTES_MAX, WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { groupOf, handingOver, type NetworkJob } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { type Cert, certChecks, type Group } from '#protocol/message/certificate.ts'

export type CheckedCertificate = {
  readonly cert: Cert
  /** Whose certificate it is: the present group, or the one before it while it hands over. */
  readonly group: Group
  /** Who gave it. */
  readonly from: PeerName
  /** Signatures that were verified. */
  readonly signatures: number
  /** ms by our clock. */
  readonly checkedAt: number
}

export type Look = {
  /** The highest that held, whenever that was. */
  readonly newest: CheckedCertificate | undefined
  /** Who gave one that does not hold, in the newest look. */
  readonly wrong: readonly PeerName[]
  /** Who was asked and did not answer. */
  readonly silent: readonly PeerName[]
  /** Why nobody was asked in the newest look. */
  readonly notAsked: 'no_tunnels' | 'nobody_there' | 'busy' | undefined
  readonly at: number
}

/** Of a request that was given up in the midst, at the edge, nothing comes any more: nobody waits for its look for longer than a look can take. */
const LOOK_MS_MAX = ABOUT_MEMBERS_ASKED * ABOUT_HEAD_MS + 1_000

type UnderWay = { readonly began: number; readonly look: Promise<Look> }
type Looks = { readonly byJob: Map<string, Look>; readonly underWay: Map<string, UnderWay> }
const looksOf = new WeakMap<Gateway, Looks>()

/** What is known of the newest certificate, from a look that is new enough or from a new one. `source`: for whom it is, for its share. */
export async function newestCertificate(gateway: Gateway, job: NetworkJob, source: string): Promise<Look> {
  const looks = looksOf.get(gateway) ?? { byJob: new Map<string, Look>(), underWay: new Map<string, UnderWay>() }
  looksOf.set(gateway, looks)
  const { byJob, underWay } = looks
  const now = gateway.ports.now()
  const known = byJob.get(job.job)
  if (known !== undefined && now - known.at < ABOUT_KEPT_MS) return known
  for (const [id, { began }] of underWay) if (now - began > LOOK_MS_MAX) underWay.delete(id)
  const begun = underWay.get(job.job)
  if (begun !== undefined) {
    const late = nobodyAsked(known, 'busy', now)
    return within(begun.look, begun.began + LOOK_MS_MAX - now, late)
  }
  if (underWay.size >= ABOUT_LOOKS_MAX) return nobodyAsked(known, 'busy', now)
  const looking: UnderWay = { began: now, look: look(gateway, job, known, source) }
  underWay.set(job.job, looking)
  const found = await looking.look.finally(() => {
    if (underWay.get(job.job) === looking) underWay.delete(job.job)
  })
  byJob.set(job.job, found)
  // Sites that ended.
  for (const id of byJob.keys()) if (gateway.locations.jobById(id) === undefined) byJob.delete(id)
  return found
}

async function within<T>(work: Promise<T>, ms: number, otherwise: T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  const timer = setTimeout(() => resolve(otherwise), Math.max(0, ms))
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

function nobodyAsked(known: Look | undefined, notAsked: Look['notAsked'], at: number): Look {
  return { newest: known?.newest, wrong: [], silent: [], notAsked, at }
}

async function look(gateway: Gateway, job: NetworkJob, known: Look | undefined, source: string): Promise<Look> {
  const { locations, ports } = gateway
  const at = ports.now()
  const { tunnels } = ports
  const { sitesDomain } = gateway.config
  if (tunnels === undefined || sitesDomain === undefined) return nobodyAsked(known, 'no_tunnels', at)
  const target = locations.target(job.name, at)
  const hosts = target?.hosts ?? []
  if (target === undefined || hosts.length === 0) return nobodyAsked(known, 'nobody_there', at)
  const room = gateway.rooms.enter(source)
  if (room === undefined) return nobodyAsked(known, 'busy', at)
  const wrong: PeerName[] = []
  const silent: PeerName[] = []
  let newest = known?.newest
  try {
    const turn = Math.floor(at / ABOUT_KEPT_MS) % hosts.length
    const turned = [...hosts.slice(turn), ...hosts.slice(0, turn)].slice(0, ABOUT_MEMBERS_ASKED)
    for (const host of turned) {
      const ask = askerOf(tunnels, host, { site: job.name, host: `${job.name}.${sitesDomain}`, source })
      const found = await certificateAt(gateway, job, ask, room)
      if (!found.ok) {
        if (found.error === 'wrong') wrong.push(host.peer)
        else silent.push(host.peer)
        continue
      }
      const { cert, group, signatures } = found.value
      if (isNewer(cert, newest?.cert)) newest = { cert, group, signatures, from: host.peer, checkedAt: ports.now() }
      break
    }
  } finally {
    room.leave()
  }
  for (const peer of wrong) {
    ports.counts?.lied('certificate')
    ports.log('warn', 'lie_not_shown', { peer, site: job.name, check: 'certificate' })
  }
  return { newest, wrong, silent, notAsked: undefined, at: ports.now() }
}

/** Of a member that is behind, an older one is true as well. The same one again is one that was checked just now. */
function isNewer({ block, qc1 }: Cert, known: Cert | undefined): boolean {
  if (known === undefined || qc1.epoch > known.qc1.epoch) return true
  return qc1.epoch === known.qc1.epoch && block.height >= known.block.height
}

function askerOf(tunnels: Tunnels, host: Host, at: { site: string; host: string; source: string }): AskMember {
  return ({ method, target, headers }) =>
    tunnels.ask(host.peer, { ...at, scheme: 'http', method, target, headers }, undefined, { headMs: ABOUT_HEAD_MS })
}

type Found = Pick<CheckedCertificate, 'cert' | 'group' | 'signatures'>

async function certificateAt(
  { network, ports }: Gateway,
  job: NetworkJob,
  ask: AskMember,
  room: Room,
): Promise<Result<Found, 'silent' | 'wrong'>> {
  if (network === undefined) return err('silent')
  const asked = await ask({ method: 'GET', target: `${WELL_KNOWN}certificate/latest`, headers: [] }, undefined)
  if (!asked.ok) return err('silent')
  const bytes = await wholeOf(asked.value.body, EVIDENCE_BYTES_MAX, room)
  // It has none yet, or does not host the site any more.
  if (!bytes.ok || asked.value.status !== 200) return err('silent')
  const cert = certificateFromBytes(bytes.value)
  if (!cert.ok) return err('wrong')
  const present = groupOf(job)
  const former = handingOver(job, ports.now())
  const group = former !== undefined && cert.value.qc1.epoch === former.epoch ? former : present
  const checks = certChecks(network.domain, group, cert.value)
  if (!checks.ok) return err('wrong')
  for (const { key, message, signature } of checks.value)
    if (!(await ports.verify(key, message, signature))) return err('wrong')
  return ok({ cert: cert.value, group, signatures: checks.value.length })
}
