// The machine under test as the simulator drives it.

import { createMember } from '#protocol/agreement/member.ts'
import type { Effect, Input, MemberOptions, MemberStatus } from '#protocol/agreement/port.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { step } from '#protocol/agreement/step.ts'

export type Machine = {
  step(input: Input): readonly Effect[]
  status(): MemberStatus
  /** Of the status: cheap enough to be asked at every message. */
  place(): Pick<MemberStatus, 'epoch' | 'height' | 'view'>
}

export function startMachine(options: MemberOptions): Machine {
  const member = createMember(options)
  return {
    step: (input) => step(member, input),
    status: () => memberStatus(member),
    place: () => ({ epoch: member.group.epoch, height: member.head.height, view: member.view }),
  }
}
