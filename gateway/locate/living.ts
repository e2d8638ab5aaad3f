// Which members of a group are living: the one rule behind redirects and look-ups.
//
//   proven_liar   a proof against it was verified here                                            never a target
//   absent        no registration for this job, or it ended                                       never a target
//   accused       more than half of the other members say that they hold a proof against it                never a target
//   silent        more than half of the other members say that it does not answer them            never a target
//   living        it was heard within FRESH_MS, or its lease stands and more than half vouch      a target
//   leased        its lease stands, nobody speaks for or against it                               a target when no member is living
//
// A member that sees no other member of the group is itself cut off: its word on the others counts for nothing. So a group
// that is just starting, or of which one member is left, is not talked dead.

import type { Registration } from '#gateway/locate/registration.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Place } from '#protocol/place/place.ts'

export type MemberState = 'living' | 'leased' | 'silent' | 'accused' | 'absent' | 'proven_liar'

export type LocatedMember = {
  readonly peer: PeerName
  readonly state: MemberState
  /** Where visitors reach the site at it by themselves; of an absent member there is none. */
  readonly origin: string | undefined
  /** It is reached through a tunnel too. */
  readonly tunnel: boolean
  /** It says that the site wants one origin for all. */
  readonly stable: boolean
  /** By its own word, 0 … 1. */
  readonly load: number
  /** Where its operator says it stands. */
  readonly place: Place | undefined
  /** When this state has to be looked at again, ms by our clock. */
  readonly until: number
}

export type GroupView = {
  /** Hexadecimal. */
  readonly job: string
  readonly members: readonly PeerName[]
  registration(peer: PeerName): Registration | undefined
  isLiar(peer: PeerName): boolean
}

/** Every member in the group's order, with its state at `now`. */
export function locateMembers(group: GroupView, now: number): readonly LocatedMember[] {
  const witnesses: Registration[] = []
  for (const peer of group.members) {
    const registration = group.registration(peer)
    if (registration === undefined || endOf(registration) <= now || !registration.sites.has(group.job)) continue
    if (group.isLiar(peer)) continue
    if (group.members.some((other) => other !== peer && registration.sees.has(other))) witnesses.push(registration)
  }
  return group.members.map((peer) => locateMember(group, peer, witnesses, now))
}

function endOf(registration: Registration): number {
  return Math.max(registration.freshUntil, registration.leaseUntil)
}

function locateMember(
  group: GroupView,
  peer: PeerName,
  witnesses: readonly Registration[],
  now: number,
): LocatedMember {
  const registration = group.registration(peer)
  const site = registration?.sites.get(group.job)
  const said = {
    origin: site?.origin,
    tunnel: registration?.tunnel === true,
    stable: site?.stable === true,
    load: registration?.load ?? 0,
    place: registration?.place,
  }
  if (group.isLiar(peer)) return { peer, state: 'proven_liar', ...said, until: Number.POSITIVE_INFINITY }
  if (registration === undefined || site === undefined) return absent(peer)
  const end = endOf(registration)
  if (end <= now) return absent(peer)

  const half = (group.members.length - 1) / 2
  const others = witnesses.filter((witness) => witness.peer !== peer)
  const seenBy = others.filter((witness) => witness.sees.has(peer)).length
  let wordsUntil = end
  for (const witness of others) wordsUntil = Math.min(wordsUntil, endOf(witness))

  const accusers = others.filter((witness) => witness.accuses.has(peer)).length
  if (accusers > half) return { peer, state: 'accused', ...said, until: wordsUntil }
  if (others.length - seenBy > half) return { peer, state: 'silent', ...said, until: wordsUntil }
  if (registration.freshUntil > now)
    return { peer, state: 'living', ...said, until: Math.min(registration.freshUntil, wordsUntil) }
  return {
    peer,
    state: seenBy > half ? 'living' : 'leased',
    ...said,
    until: Math.min(registration.leaseUntil, wordsUntil),
  }
}

function absent(peer: PeerName): LocatedMember {
  return {
    ...{ peer, state: 'absent', origin: undefined, tunnel: false, stable: false, load: 0, place: undefined },
    until: Number.POSITIVE_INFINITY,
  }
}

/** Where a visitor may be sent: the living, or where there are none the leased. */
export function targetsOf(members: readonly LocatedMember[]): readonly LocatedMember[] {
  const living = members.filter((member) => member.state === 'living')
  return living.length > 0 ? living : members.filter((member) => member.state === 'leased')
}
