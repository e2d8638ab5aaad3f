// The machine under test as the simulator drives it.

import { createMember } from '#protocol/agreement/member.ts'
import type { Effect, Input, MemberOptions, MemberStatus } from '#protocol/agreement/port.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { step } from '#protocol/agreement/step.ts'

export type Machine = {
  step(input: Input): readonly Effect[]
  status(): MemberStatus
}

export function startMachine(options: MemberOptions): Machine {
  const member = createMember(options)
  return { step: (input) => step(member, input), status: () => memberStatus(member) }
}
