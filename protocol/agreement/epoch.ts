// From one epoch to the next (agreement §6). An epoch is entered by the proof of its start and by nothing else; from then on nothing is
// signed in an earlier one. What the old epoch left is a head and, above it, at most one block that may have been certified: the start
// shows both, and the locks of the old epoch are void, because the CLOSEs intersect every QC2.
//
//   CERT(RECONFIG) is durable here ──┐
//   ≥ q CLOSEs ──────────────────────┼──> hearStart ──> enter: new seats, view 0, no lock ──> durable ──> START to all
//   START, or PROPOSE with one ──────┘

import { freeBodies } from '#protocol/agreement/bodies.ts'
import { nameEffects } from '#protocol/agreement/durable.ts'
import { createPeer, currentRound, isMember, type Member, roundAt, seatingOf } from '#protocol/agreement/member.ts'
import { keyOf, rosterOf } from '#protocol/agreement/members.ts'
import { refuseOwn } from '#protocol/agreement/pending.ts'
import { createQueue, enqueue } from '#protocol/agreement/queue.ts'
import type { Round } from '#protocol/agreement/round.ts'
import { askAll, peerAt, statusOf } from '#protocol/agreement/sync.ts'
import { restartTimer } from '#protocol/agreement/timer.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { carryVoted } from '#protocol/agreement/voted.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Cert, Group, Qc1 } from '#protocol/message/certificate.ts'
import { inheritedOf, type Start, startHeight } from '#protocol/message/epoch.ts'

/** A group that is to come is known: one epoch after the last. */
export function hearPlan(member: Member, turn: Turn, group: Group): void {
  if (member.groups.has(group.epoch) || !member.groups.has(group.epoch - 1)) return
  member.groups.set(group.epoch, group)
  // The roster only grows at its end: nobody's place in the present epoch changes.
  member.roster = rosterOf([...member.groups.values()])
  const { places, self } = seatingOf(member.group, member.roster, member.signer)
  const more = places.length - member.places.length
  member.guests = [...member.guests, ...Array.from({ length: more }, createPeer)]
  member.places = places
  member.self = self
  if (group.epoch === member.group.epoch + 1) member.plannedAt = turn.now
  askAll(member, turn)
}

/** A proof that a later epoch than the present one has started. */
export function hearStart(member: Member, turn: Turn, start: Start): void {
  if (start.epoch <= member.group.epoch) return
  if (member.nextStart !== null && member.nextStart.epoch >= start.epoch) return
  member.nextStart = start
  turn.dirty = true
  tryEnter(member, turn)
}

/** Enters the epoch whose start is known, when its group is, and no commit is under way. True when it did. */
export function tryEnter(member: Member, turn: Turn): boolean {
  const { nextStart } = member
  if (nextStart === null || member.committing !== null) return false
  const group = member.groups.get(nextStart.epoch)
  if (group === undefined) return false
  enter(member, turn, group, nextStart)
  return true
}

function enter(member: Member, turn: Turn, group: Group, start: Start): void {
  const before = { places: member.places, round: currentRound(member), peers: [...member.peers, ...member.guests] }
  // What was said until here named members by their old places.
  nameEffects(member, turn)
  Object.assign(member, seatingOf(group, member.roster, member.signer))
  const { places, count } = member
  const peers = places.map((index) => {
    const known = before.peers[before.places.indexOf(index)]
    return known === undefined ? createPeer() : { ...known, timeout: null, greeted: false }
  })
  member.peers = peers.slice(0, count)
  member.guests = peers.slice(count)
  member.start = start
  member.nextStart = null
  member.ended = false
  member.closed = null
  member.lastVote1 = null
  member.lastVote2 = null
  member.closes.clear()
  member.readies.clear()
  member.plannedAt = member.groups.has(group.epoch + 1) ? turn.now : null
  member.abstain = member.abstainThrough >= group.epoch
  member.view = 0
  member.tc = null
  member.timeout = null
  member.vote1 = null
  member.vote2 = null
  member.proposal = null
  member.lead = null
  member.ledView = -1
  member.shown = -1
  member.failures = 0
  member.timerAt = null
  member.disputed = false
  member.fetching = null
  member.askedAt = Number.NEGATIVE_INFINITY
  carryRound(member, turn, before.round)
  carryQueue(member, turn, before.places)
  turn.dirty = true
  turn.effects.push({ type: 'epoch', group, height: member.head.height })
  send(turn, 'all', { type: 'start', start })
  askAll(member, turn)
  send(turn, 'all', statusOf(member, false))
  restartTimer(member, turn)
}

/** Of the old epoch's rounds the blocks above the head stay, for one of them may be the inherited one. Votes and locks go. */
function carryRound(member: Member, turn: Turn, old: Round): void {
  for (const round of member.rounds.values()) {
    if (round === old) continue
    for (const { requests } of round.contents.values()) freeBodies(member.bodies, turn, requests)
  }
  member.rounds.clear()
  const round = roundAt(member, old.height)
  for (const [key, content] of old.contents) round.contents.set(key, content)
  const inherited = inheritedHere(member)
  carryVoted(old, round, inherited === null ? undefined : keyOf(inherited.block_hash))
  const shown = member.start?.cert ?? null
  const cert = shown !== null && shown.block.height === round.height ? shown : old.cert
  if (cert !== null && certFits(member, cert)) round.cert = cert
}

/** Requests wait on under whom they came from; those of whoever left are refused there, and forgotten here. */
function carryQueue(member: Member, turn: Turn, oldPlaces: readonly number[]): void {
  const old = { ...member.queue }
  const own = oldPlaces.indexOf(member.places[member.self] ?? -1)
  Object.assign(member.queue, createQueue(member.count))
  for (const [place, line] of old.lines.entries()) {
    const source = member.places.indexOf(oldPlaces[place] ?? -1)
    for (const entry of line.entries.values()) {
      if (enqueue(member.queue, { ...entry, source, passedAt: null, relayed: false }) === 'queued') continue
      freeBodies(member.bodies, turn, [entry.request])
      if (place === own) refuseOwn(member, turn, entry)
    }
  }
}

/** §5, §6: past what the epoch started from, only its own certificates count, or the inherited block's. */
export function certFits(member: Member, cert: Cert): boolean {
  const { start, group } = member
  const { epoch, height, block_hash } = cert.qc1
  if (start === null || epoch >= group.epoch || height <= startHeight(start)) return true
  const inherited = inheritedOf(start)
  return inherited !== null && height === inherited.height && bytesEqual(block_hash, inherited.block_hash)
}

/** The QC1 that stands above this member's head because the epoch started from it. */
export function inheritedHere(member: Member): Qc1 | null {
  const { start, head } = member
  return start !== null && startHeight(start) === head.height ? inheritedOf(start) : null
}

/** Somebody speaks of another epoch: who is behind is shown the start of this one, who is ahead is asked for it. */
export function otherEpoch(member: Member, turn: Turn, from: number, epoch: number): void {
  const { group, start } = member
  if (epoch > group.epoch) return askAll(member, turn)
  const peer = peerAt(member, from)
  if (start === null || epoch === group.epoch || peer === undefined) return
  if (peer.answeredAt + member.settings.deltaMs / 4 > turn.now) return
  peer.answeredAt = turn.now
  send(turn, from, { type: 'start', start })
}

/** It is in no group from the present epoch on. */
export function hasLeft(member: Member): boolean {
  if (isMember(member)) return false
  const own = member.places[member.self]
  const key = own === undefined ? undefined : member.roster[own]
  if (key === undefined) return true
  return ![...member.groups.values()].some(
    ({ epoch, members }) => epoch > member.group.epoch && members.some((each) => bytesEqual(each, key)),
  )
}

/** PROPOSE carries the start until everybody must know of a certificate above it. */
export function carriedStart(member: Member): Start | null {
  const { start, head } = member
  return start !== null && head.height <= startHeight(start) + 1 ? start : null
}
