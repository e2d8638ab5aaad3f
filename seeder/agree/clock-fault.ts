// Whether a member's own clock is the one that is wrong (R2): more members than may lie, and most of those who said the time, are off from it by
// more than a block's time may be, all in the same direction.

import { TIME_FUTURE_MS } from '#protocol/agreement/limits.ts'
import { faultsOf } from '#protocol/agreement/members.ts'
import type { Group } from '#protocol/message/certificate.ts'

/** `aheadMs`: by how much the clock of each other member that said the time is ahead of this one. Undefined: there is nothing to complain of. */
export function clockFault(aheadMs: readonly number[], group: Group): string | undefined {
  const needed = Math.max(faultsOf(group) + 1, Math.floor(aheadMs.length / 2) + 1)
  const ahead = aheadMs.filter((ms) => ms > TIME_FUTURE_MS)
  const behind = aheadMs.filter((ms) => ms < -TIME_FUTURE_MS)
  if (ahead.length >= needed) return sentence(ahead, 'behind')
  return behind.length >= needed ? sentence(behind, 'ahead of') : undefined
}

function sentence(aheadMs: readonly number[], word: string): string {
  const sorted = aheadMs.map(Math.abs).sort((a, b) => a - b)
  const seconds = Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) / 1000)
  return `clock: ${seconds} s ${word} ${aheadMs.length} members`
}
