// What a member says about itself to outsiders.

import { hasLeft } from '#protocol/agreement/epoch.ts'
import { isMember, leaderAt, type Member } from '#protocol/agreement/member.ts'
import type { MemberState, MemberStatus } from '#protocol/agreement/port.ts'
import { queueLength } from '#protocol/agreement/queue.ts'
import { offeredState } from '#protocol/agreement/snapshot.ts'
import { joining } from '#protocol/agreement/sync.ts'
import { viewTimerMs } from '#protocol/agreement/timer.ts'

function stateOf(member: Member): MemberState {
  if (hasLeft(member)) return 'left'
  if (member.degraded) return 'degraded'
  if (member.disputed) return 'disputed'
  if (joining(member) || !isMember(member)) return 'joining'
  return member.abstain ? 'abstaining' : 'agreeing'
}

export function memberStatus(member: Member): MemberStatus {
  return {
    epoch: member.group.epoch,
    height: member.head.height,
    view: member.view,
    leader: leaderAt(member, member.view),
    state: stateOf(member),
    queued: queueLength(member.queue),
    offered: offeredState(member)?.height ?? null,
    timerMs: viewTimerMs(member),
    members: member.peers.map((peer, index) => ({
      height: index === member.self ? member.head.height : peer.height < 0 ? null : peer.height,
      heardAt: index === member.self ? member.now : peer.heardAt,
      counts: { ...peer.counts },
    })),
    counts: { ...member.counts },
  }
}
