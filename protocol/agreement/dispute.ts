// §3: when results differ. Members' claims about one block's roots are its VOTE1s and the NAYs. A block that enough members refuse cannot be
// certified, and its view is over at once. Only when no result can reach a quorum any more is the group disputed: writes are refused, the last
// certified state is served, and new views go on trying at the timer's pace.

import { currentRound, gaveUp, type Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { timeOut } from '#protocol/agreement/view.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'

export function judgeClaims(member: Member, turn: Turn): void {
  const round = currentRound(member)
  const { view } = member
  const propose = round.proposals.get(view)
  if (propose === undefined || round.cert !== null) return
  const hash = propose.body.block_hash
  const sizes = new Map<string, number>()
  let refusals = 0
  let claims = 0
  for (let index = 0; index < member.count; index++) {
    const nay = round.nay[index]?.get(view)
    const vote = round.vote1[index]?.get(view)
    let claim: string | undefined
    if (vote !== undefined && bytesEqual(vote.body.block_hash, hash)) claim = ''
    else if (nay !== undefined && bytesEqual(nay.body.block_hash, hash)) {
      refusals++
      claim = keyOf(nay.body.receipts_root) + keyOf(nay.body.state_root)
    }
    if (claim === undefined) continue
    claims++
    sizes.set(claim, (sizes.get(claim) ?? 0) + 1)
  }
  if (refusals <= member.count - member.quorum) return
  const largest = Math.max(...sizes.values())
  if (largest + member.count - claims < member.quorum && !member.disputed) {
    member.disputed = true
    member.counts.disputes++
  }
  if (!member.disputed && !gaveUp(member)) timeOut(member, turn)
}
