// Where a hosted site stands, for people and for scripts; and who stayed silent, which is counted and never punished (agreement §2).

import { leaderOf } from '#protocol/agreement/members.ts'
import type { MemberStatus as MachineMember } from '#protocol/agreement/port.ts'
import { assert } from '#protocol/codec/result.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { peerName } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'
import type { Driver } from '#seeder/agree/driver.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { EvidenceSummary, MemberStatus, SiteStatus } from '#seeder/serve/port.ts'

/** A member that was heard within this answers. */
export const SEEN_MS = 5_000
/** A member that missed so many commits on end is shown as silent, connected or not. */
const MISSED_SILENT = 3

/** Heights at which a member said nothing between the commit before and this one: since the start, and without a break. */
export class MissedHeights {
  readonly #self: number
  readonly #members: { all: number; running: number }[]
  #committedAt = 0

  constructor(self: number, count: number) {
    this.#self = self
    this.#members = Array.from({ length: count }, () => ({ all: 0, running: 0 }))
  }

  committed(members: MachineMember['members'], now: number): void {
    for (const [index, { heardAt }] of members.entries()) {
      const missed = this.#members[index]
      if (missed === undefined || index === this.#self || this.#committedAt === 0) continue
      if (heardAt !== null && heardAt > this.#committedAt) missed.running = 0
      else {
        missed.running++
        missed.all++
      }
    }
    this.#committedAt = now
  }

  of(index: number): { readonly all: number; readonly running: number } {
    return this.#members[index] ?? { all: 0, running: 0 }
  }
}

export type StatusParts = {
  readonly group: Group
  /** Index in the group; -1: not in it. */
  readonly self: number
  readonly driver: Driver
  /** It has no state yet that others have. */
  readonly isComing: boolean
  readonly missed: MissedHeights
  readonly network: Pick<PeerNetwork, 'link'>
  readonly evidence: readonly EvidenceSummary[]
  /** Counts of what others did, by `kind peer`. */
  readonly counted: ReadonlyMap<string, number>
  readonly now: number
}

export function siteStatus(parts: StatusParts): SiteStatus {
  const { group, driver, evidence } = parts
  const machine = driver.status()
  const leader = group.members[machine.leader] ?? group.members[leaderOf(group, machine.view)]
  assert(leader !== undefined, 'the leader is a member')
  const degraded = driver.failing() ?? (machine.state === 'abstaining' ? 'votes_lost' : undefined)
  // Who comes new hears of the others' heights a moment after it has begun: until then the machine takes itself for level with them.
  const isComing = machine.state === 'agreeing' && parts.isComing
  const state =
    degraded !== undefined || machine.state === 'abstaining' ? 'degraded' : isComing ? 'joining' : machine.state
  return {
    epoch: machine.epoch,
    height: driver.head?.height ?? 0,
    view: machine.view,
    leader,
    stateRoot: driver.head?.stateRoot ?? EMPTY_DIRECTORY,
    state,
    ...(degraded === undefined ? {} : { degraded }),
    members: machine.members.map((member, index) => memberStatus(parts, machine.height, member.height ?? 0, index)),
    evidence,
    counts: countsOf(parts, machine),
    queued: machine.queued,
    viewTimerMs: machine.timerMs,
  }
}

function memberStatus(parts: StatusParts, ownHeight: number, height: number, index: number): MemberStatus {
  const { group, missed, network, now } = parts
  const peer = group.members[index]
  assert(peer !== undefined, 'status is by member index')
  const name = peerName(peer)
  if (index === parts.self) return { peer, state: 'self', height }
  const link = network.link(name)
  const answers = link.connected && now - link.heardAt <= SEEN_MS && missed.of(index).running < MISSED_SILENT
  // A commit takes a round trip to be told: one height behind is level.
  const behind = height + 1 < ownHeight
  const state = answers ? (behind ? 'behind' : 'connected') : 'silent'
  return { peer, state, ...(link.relay === undefined ? {} : { relay: link.relay }), height }
}

/** Of the group by kind, of a member by `kind peer`; zeroes of members are left out. */
function countsOf({ group, driver, missed, counted }: StatusParts, machine: MachineMember): Record<string, number> {
  const counts: Record<string, number> = { ...machine.counts, ...driver.counts, ...Object.fromEntries(counted) }
  for (const [index, member] of machine.members.entries()) {
    for (const [kind, count] of Object.entries({ ...member.counts, missed: missed.of(index).all })) {
      if (count > 0)
        counts[`${kind} ${group.members[index] === undefined ? index : peerName(group.members[index])}`] = count
    }
  }
  return counts
}
