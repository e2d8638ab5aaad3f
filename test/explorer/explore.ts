// The exhaustive explorer: every reachable state of a small group within its bounds (agreement §11), the real machine in every seat.
//
//   a state = (local state of each honest member, messages in the air, crashes used)
//   a move  = one member takes any deliveries that make it say nothing new, then one action that does
//
// Partial order: a delivery that makes a member say nothing new commutes with everything that others do, for what is in the air stays there;
// so all such deliveries wait until just before the next one that is heard of. With `reduced`, moves that another one covers are left out too
// (`covering.ts`): that takes passes, until one meets no message that was unknown when it began.

import { assert } from '#protocol/codec/result.ts'
import { signStatement } from '#protocol/message/domain.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { createAirs, createPost } from './air.ts'
import { createCovering } from './covering.ts'
import { createLocals } from './local.ts'
import { type Exploration, type ExploreOptions, search, type Workshop } from './search.ts'
import { type Bounds, createWorld, type World } from './world.ts'

/** States of a first pass that leaves nothing out: it finds nearly all messages, and fast. */
const SCOUT_STATES = 300_000

export function explore(bounds: Bounds, options: ExploreOptions = {}): Exploration {
  const world = createWorld(bounds)
  const post = createPost(world)
  const workshop = { world, post, airOf: createAirs(world, post), locals: createLocals(world), met: new Set<number>() }
  const began = performance.now()
  const endsAt = began + (options.withinMs ?? Number.POSITIVE_INFINITY)
  const statesMax = options.statesMax ?? Number.POSITIVE_INFINITY
  const seconds = () => (performance.now() - began) / 1000
  if (options.reduced !== true) return search(workshop, options, statesMax, endsAt, null)
  let result = search(workshop, options, Math.min(SCOUT_STATES, statesMax), endsAt, null)
  for (let passes = 2; ; passes++) {
    const over = performance.now() > endsAt || (result.violation !== null && options.all !== true)
    if (over) return { ...result, complete: false, passes: passes - 1, seconds: seconds() }
    const universe = [...new Set([...workshop.met, ...mirrored(workshop)])]
    const { locals, airOf } = workshop
    const covering = createCovering(world, post, locals, airOf, universe, endsAt)
    result = search(workshop, options, statesMax, endsAt, covering)
    const known = new Set(universe)
    const whole = [...workshop.met].every((id) => known.has(id))
    if (whole) return { ...result, passes, seconds: seconds() }
  }
}

/** What those say who are like others, as the others would say it. */
function mirrored({ world, post, met }: Workshop): readonly number[] {
  return [...met].flatMap((id) => {
    const { from, message } = post.get(id)
    if (!world.alike.includes(from)) return []
    return world.alike
      .filter((each) => each !== from)
      .map((each) => post.intern(each, signedBy(world, each, message)).id)
  })
}

function signedBy({ domain, signers }: World, index: number, message: WireMessage): WireMessage {
  const signer = signers[index]
  assert(signer !== undefined, 'it is one of the members')
  switch (message.type) {
    case 'vote1':
      return { ...message, vote: signStatement(domain, 'vote1', signer, message.vote.body) }
    case 'vote2':
      return { ...message, vote: signStatement(domain, 'vote2', signer, message.vote.body) }
    case 'timeout':
      return { ...message, timeout: signStatement(domain, 'timeout', signer, message.timeout.body) }
    case 'close':
      return { ...message, close: signStatement(domain, 'close', signer, message.close.body) }
    case 'ready':
      return { ...message, ready: signStatement(domain, 'ready', signer, message.ready.body) }
    default:
      return message
  }
}
