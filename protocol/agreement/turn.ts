// One input's turn: what it makes the member do, in order. R1 is kept here and nowhere else: whatever changed the vote state in a
// turn is made durable before the first of the turn's effects is performed.

import type { Effect } from '#protocol/agreement/port.ts'
import type { WireMessage } from '#protocol/message/wire.ts'

export type Turn = {
  readonly now: number
  readonly effects: Effect[]
  /** The vote state changed: nothing may leave before it is durable. */
  dirty: boolean
  /** Effects before this one name members by the roster already. */
  named: number
}

export function createTurn(now: number): Turn {
  return { now, effects: [], dirty: false, named: 0 }
}

export function send(turn: Turn, to: number | 'all', message: WireMessage): void {
  turn.effects.push({ type: 'send', to, message })
}
