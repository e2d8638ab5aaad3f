// R5, G6: a certified height becomes the head: executed here with the same roots, made durable by the driver, then answered. What a member
// computed otherwise than the certificate it takes from the others (a CERT by heads stands, §3) and says that it is degraded.

import { bodiesHere, freeBodies } from '#protocol/agreement/bodies.ts'
import { recordAfter } from '#protocol/agreement/durable.ts'
import { certFits, tryEnter } from '#protocol/agreement/epoch.ts'
import { inspectCert } from '#protocol/agreement/evidence.ts'
import { ensureExecuted, meetBlock, outcome } from '#protocol/agreement/execution.ts'
import { PAST_ROUNDS, TIME_PAST_MS } from '#protocol/agreement/limits.ts'
import { currentRound, type Head, headOf, type Member, mayVote } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { growCalm } from '#protocol/agreement/pace.ts'
import { disownAll, markPassedOver } from '#protocol/agreement/pending.ts'
import { dequeue, passTurn } from '#protocol/agreement/queue.ts'
import type { Content } from '#protocol/agreement/round.ts'
import { retention } from '#protocol/agreement/snapshot.ts'
import { askAll, dropFetched, fetchState, placeOf } from '#protocol/agreement/sync.ts'
import { restartTimer } from '#protocol/agreement/timer.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { dissent, showCertAgainstVotes } from '#protocol/agreement/vote.ts'
import { createWindow, extendWindow } from '#protocol/agreement/window.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import { reconfigOf, type Start } from '#protocol/message/epoch.ts'

/** A block that was fetched takes its place at the height above the head. */
export function adoptFetched(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  const fetched = member.fetched.get(round.height)
  if (fetched === undefined || member.committing !== null) return false
  const { cert, requests } = fetched
  if (!certFits(member, cert)) return false
  round.cert ??= cert
  const hash = cert.qc1.block_hash
  meetBlock(member, turn, round, { block: cert.block, hash, requests, from: member.self })
  dropFetched(member, turn, round.height)
  return true
}

export function tryCommit(member: Member, turn: Turn): void {
  const round = currentRound(member)
  const { cert } = round
  if (cert === null || member.committing !== null) return
  if (!bytesEqual(cert.block.parent, member.head.hash)) {
    // Beyond what the quorum rules out; this certificate cannot follow what is certified here.
    round.cert = null
    return
  }
  const content = round.contents.get(keyOf(cert.qc1.block_hash))
  if (content === undefined) return
  ensureExecuted(member, turn, content)
  switch (outcome(member, content)) {
    case 'unknown':
      return
    case 'match':
      return commit(member, turn, cert, content, member.executions.get(content.executionKey)?.ticket)
    case 'mismatch':
      // The others hear of it though they went on: either this member is broken, or they are.
      if (mayVote(member) && cert.qc1.epoch === member.group.epoch) dissent(member, turn, round, content, cert.qc1.view)
      return takeState(member, turn, cert)
  }
}

/**
 * Own results are not the certified ones: the state has to come from another member, of this height from one that stands there, of a later
 * one from those that went on.
 */
function takeState(member: Member, turn: Turn, cert: Cert): void {
  member.degraded = true
  if (member.fetching !== null) return
  const { height } = cert.block
  const able = [...member.peers, ...member.guests].filter((peer) => peer.height >= height)
  if (able.length === 0) return askAll(member, turn)
  const peer = able.reduce((a, b) => (b.fetchedAt < a.fetchedAt ? b : a))
  if (peer.fetchedAt + member.settings.deltaMs > turn.now) return
  peer.fetchedAt = turn.now
  const { snapshot } = peer
  fetchState(member, turn, snapshot !== null && snapshot > height ? snapshot : peer.height, placeOf(member, peer))
}

/** The answer to `fetchState`: the state tree of this certificate is here. */
export function hearState(member: Member, turn: Turn, height: number, cert: Cert | undefined): void {
  if (member.fetching?.kind === 'state' && member.fetching.height === height) member.fetching = null
  if (cert === undefined || cert.block.height <= member.head.height || member.committing !== null) return
  if (!certFits(member, cert)) return
  const round = cert.block.height === member.head.height + 1 ? currentRound(member) : undefined
  const content = round?.contents.get(keyOf(cert.qc1.block_hash))
  // A block counts as held here with all its bodies, or not at all: others are going to ask for it.
  const whole = content !== undefined && bodiesHere(member.bodies, content.requests)
  commit(member, turn, cert, whole ? content : null, undefined)
}

function commit(member: Member, turn: Turn, cert: Cert, content: Content | null, ticket: number | undefined): void {
  const head = headOf(cert)
  const snapshot = content === null
  if (snapshot) member.firstBlock = head.height + 1
  const { states, firstBlock } = retention(member, head)
  const execution = content === null ? undefined : member.executions.get(content.executionKey)
  const leaves = ticket === undefined ? undefined : execution?.result?.leaves
  const indexes = new Map(leaves?.map(({ requestHash }, index) => [keyOf(requestHash), index]))
  const start = startOf(member, cert, content)
  if (start !== null) member.nextStart = start
  const ends = snapshot && cert.block.kind === 'reconfig' && cert.qc1.epoch >= member.group.epoch
  member.committing = { cert, head, content, indexes, ends }
  member.states = [...states]
  member.firstBlock = firstBlock
  turn.effects.push({
    type: 'commit',
    cert,
    requests: content?.requests ?? [],
    requestHashes: content?.requestHashes ?? [],
    ...(ticket === undefined ? {} : { ticket }),
    snapshot,
    record: recordAfter(member, head, ends),
    keepStates: states.map(({ height }) => height),
    keepBlocksFrom: firstBlock,
  })
}

/** §6: a RECONFIG that was certified in the epoch which it ends proves the start of the next. */
function startOf(member: Member, cert: Cert, content: Content | null): Start | null {
  const reconfig = content?.requests[0]
  if (cert.block.kind !== 'reconfig' || reconfig === undefined) return null
  const epoch = reconfigOf(reconfig)?.epoch
  if (epoch !== cert.qc1.epoch + 1 || epoch <= Math.max(member.group.epoch, member.nextStart?.epoch ?? 0)) return null
  return { job: member.group.job, epoch, cert, reconfig, closes: [], qc1s: [] }
}

/** The commit is durable: answers go out, the next height begins. */
export function onCommitted(member: Member, turn: Turn, height: number): void {
  const { committing } = member
  assert(committing !== null && committing.head.height === height, 'a committed height was to be committed')
  const { head, content, cert, ends } = committing
  const round = member.rounds.get(height)
  if (round !== undefined) {
    round.cert = cert
    inspectCert(member, turn, round, cert)
    showCertAgainstVotes(member, turn, round)
  }
  member.committing = null
  member.head = head
  member.headCert = cert
  member.ended = ends
  member.headAt = turn.now
  member.counts.commits++
  growCalm(member)
  member.failures = 0
  member.disputed = false
  member.degraded = false
  member.freshen = head.time < turn.now + member.clockMs - TIME_PAST_MS
  member.proposal = null
  member.vote1 = null
  member.vote2 = null
  member.lead = null
  member.executions.clear()
  member.behindSince = null
  if (content === null) passOver(member, turn, head)
  else answer(member, turn, content, committing.indexes)
  forgetBelow(member, turn)
  restartTimer(member, turn)
  tryEnter(member, turn)
}

function passOver(member: Member, turn: Turn, head: Head): void {
  disownAll(member, turn)
  Object.assign(member.window, createWindow(head.time))
}

function answer(member: Member, turn: Turn, content: Content, indexes: ReadonlyMap<string, number>): void {
  const { height, time } = content.block
  extendWindow(member.window, time, content.requestHashes)
  markPassedOver(member, turn, content)
  for (const [index, requestHash] of content.requestHashes.entries()) {
    const key = keyOf(requestHash)
    const entry = dequeue(member.queue, key)
    if (entry !== undefined) freeBodies(member.bodies, turn, [entry.request])
    if (!member.own.delete(key)) continue
    turn.effects.push({ type: 'reply', requestHash, height, index: indexes.get(key) ?? index })
  }
  passTurn(member.queue)
}

/** Blocks of decided heights go, their statements stay a little for late evidence. */
function forgetBelow(member: Member, turn: Turn): void {
  const { height } = member.head
  for (const [at, round] of member.rounds) {
    if (at > height) continue
    for (const { requests } of round.contents.values()) freeBodies(member.bodies, turn, requests)
    round.contents.clear()
    if (at <= height - PAST_ROUNDS) member.rounds.delete(at)
  }
  for (const at of [...member.fetched.keys()]) if (at <= height) dropFetched(member, turn, at)
}
