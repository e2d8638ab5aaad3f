// The agreement machine behind the driver's `Member` port.

import { createMember } from '#protocol/agreement/member.ts'
import type { MemberOptions } from '#protocol/agreement/port.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { step } from '#protocol/agreement/step.ts'
import type { Member } from '#seeder/agree/driver.ts'

export function createMachine(options: MemberOptions): Member {
  const member = createMember(options)
  return { step: (input) => step(member, input), status: () => memberStatus(member) }
}
