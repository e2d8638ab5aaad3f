// What this member's own execution came to, by what a block's roots are a function of: parent, time, kind, image and requests. A leader
// executes before it proposes, the others before they vote (R2); nobody signs for roots it did not compute.

import { bodiesHere, fetchMissing, freeBodies, useBodies } from '#protocol/agreement/bodies.ts'
import { EXECUTIONS_MAX } from '#protocol/agreement/limits.ts'
import { currentRound, type Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { executionBegan, executionEnded } from '#protocol/agreement/pace.ts'
import type { ExecutionContext, ExecutionResult } from '#protocol/agreement/port.ts'
import { inheritedKey } from '#protocol/agreement/propose.ts'
import { addContent, type Content, contentOf, type Round, requestHashesOf } from '#protocol/agreement/round.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { isVoted } from '#protocol/agreement/voted.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Block, receiptsRoot } from '#protocol/message/block.ts'
import type { Request } from '#protocol/message/request.ts'

export type Execution = {
  readonly ticket: number
  readonly context: ExecutionContext
  result: ExecutionResult | null
  receiptsRoot: Digest | null
}

export type Outcome = 'match' | 'mismatch' | 'unknown'

/** Keys of contents that go on being needed, executed too: of the lock, the own proposal and the certificate. */
function heldContent(member: Member, round: Round): (key: string) => boolean {
  const lock = round.lock === null ? undefined : keyOf(round.lock.block_hash)
  const cert = round.cert === null ? undefined : keyOf(round.cert.qc1.block_hash)
  const own = member.proposal?.content.key
  const inherited = inheritedKey(member)
  return (key) => key === inherited || key === lock || key === cert || key === own
}

/** Keeps a block that came with its requests; the first copy stays, and with it the time it came at. */
export function meetBlock(
  member: Member,
  turn: Turn,
  round: Round,
  met: {
    readonly block: Block
    readonly hash: Digest
    readonly requests: readonly Request[]
    readonly requestHashes?: readonly Digest[]
    readonly from: number
  },
): Content {
  const known = round.contents.get(keyOf(met.hash))
  if (known !== undefined) return known
  const content = contentOf(
    met.block,
    met.hash,
    met.requests,
    met.requestHashes ?? requestHashesOf(met.requests),
    turn.now,
    met.from,
  )
  useBodies(member.bodies, content.requests)
  const held = heldContent(member, round)
  const evicted = addContent(round, content, (key) => held(key) || isVoted(round, key))
  if (evicted !== undefined) freeBodies(member.bodies, turn, evicted.requests)
  return content
}

function evictExecution(member: Member, turn: Turn): void {
  const round = currentRound(member)
  const held = heldContent(member, round)
  const kept = new Set([...round.contents.values()].filter(({ key }) => held(key)).map((c) => c.executionKey))
  for (const [key, execution] of member.executions) {
    if (kept.has(key)) continue
    member.executions.delete(key)
    executionEnded(member, execution.ticket, turn.now, false)
    turn.effects.push({ type: 'release', ticket: execution.ticket })
    return
  }
}

export function startExecution(member: Member, turn: Turn, key: string, context: ExecutionContext): void {
  if (member.executions.has(key)) return
  if (member.executions.size >= EXECUTIONS_MAX) evictExecution(member, turn)
  const ticket = member.nextTicket++
  member.executions.set(key, { ticket, context, result: null, receiptsRoot: null })
  executionBegan(member, ticket, context.requests.length, turn.now)
  turn.effects.push({ type: 'execute', ticket, context })
}

/** Sees to it that this block of the height above the head is executed here, its bodies fetched first. */
export function ensureExecuted(member: Member, turn: Turn, content: Content): void {
  if (member.executions.has(content.executionKey)) return
  if (!bodiesHere(member.bodies, content.requests)) {
    fetchMissing(member.bodies, turn, content.requests, content.from, member.settings.deltaMs)
    return
  }
  const { height, parent, time, kind } = content.block
  const { stateRoot, codeRoot } = member.head
  const { requests, requestHashes } = content
  startExecution(member, turn, content.executionKey, {
    height,
    parent,
    stateRoot,
    codeRoot,
    time,
    kind,
    requests,
    requestHashes,
  })
}

/** False when nobody waits for it any more. */
export function keepResult(member: Member, turn: Turn, ticket: number, result: ExecutionResult): boolean {
  executionEnded(member, ticket, turn.now, true)
  for (const execution of member.executions.values()) {
    if (execution.ticket !== ticket || execution.result !== null) continue
    execution.result = result
    execution.receiptsRoot = receiptsRoot(result.leaves)
    return true
  }
  return false
}

export function dropExecution(member: Member, turn: Turn, key: string): void {
  const execution = member.executions.get(key)
  if (execution === undefined) return
  member.executions.delete(key)
  executionEnded(member, execution.ticket, turn.now, false)
  turn.effects.push({ type: 'release', ticket: execution.ticket })
}

/** R8: no request more may have been begun in the block. False while its execution is not known here. */
export function fuelIsSpent(member: Member, content: Content): boolean {
  const leaves = member.executions.get(content.executionKey)?.result?.leaves
  if (leaves === undefined) return false
  const { blockFuel, requestFuel } = member.settings
  return leaves.reduce((sum, leaf) => sum + leaf.fuel, 0) > blockFuel - requestFuel
}

/** Own roots against the block's. */
export function outcome(member: Member, content: Content): Outcome {
  const execution = member.executions.get(content.executionKey)
  if (execution === undefined || execution.result === null || execution.receiptsRoot === null) return 'unknown'
  const { block } = content
  // R8: an execution that ended before the last request says that the block holds too much.
  const same =
    execution.result.leaves.length === content.requests.length &&
    bytesEqual(execution.result.stateRoot, block.state_root) &&
    bytesEqual(execution.result.codeRoot, block.code_root) &&
    bytesEqual(execution.receiptsRoot, block.receipts_root)
  return same ? 'match' : 'mismatch'
}
