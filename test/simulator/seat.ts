// One member of the simulated group: the machine under test, the shell that performs its effects in order, its disk and clock.
// A crash falls between any two effects, or upon one; afterwards only the disk is left.
//
//   world ── deliver(input) ──> step ──> effects ── perform in order ──> disk · net · executor · clients
//
// While an effect is being made durable the shell is busy: inputs wait, in order.

import type { Verified } from '#protocol/agreement/door.ts'
import type { Effect, ExecutionContext, Input, MemberStatus, Restored } from '#protocol/agreement/port.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert, unreachable } from '#protocol/codec/result.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { receiptsRoot } from '#protocol/message/block.ts'
import type { Cert, Group } from '#protocol/message/certificate.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { brief, short } from './chronicle.ts'
import { createDisk, type Disk } from './disk.ts'
import { GENESIS_STATE, type Ledger, type LedgerState, ledgerSteps } from './ledger.ts'
import type { Machine } from './machine.ts'
import type { Random } from './random.ts'

/** The world's time 0 as the members' clocks show it. */
export const EPOCH_MS = 1_700_000_000_000

/** A machine's status is looked at in one step of so many. */
const STATUS_EVERY = 8

/** What a seat does to the rest of the world. */
export type Surroundings = {
  readonly ledger: Ledger
  at(time: number, event: (now: number) => void): void
  send(seat: Seat, to: number | 'all', message: WireMessage, now: number): void
  fetch(seat: Seat, want: Extract<Effect, { type: 'fetchBodies' | 'fetchBlocks' | 'fetchState' }>, now: number): void
  verifiedCert(cert: Cert): Verified<Cert> | undefined
  committed(seat: Seat, effect: Extract<Effect, { type: 'commit' }>, state: LedgerState, now: number): void
  replied(seat: Seat, effect: Extract<Effect, { type: 'reply' }>, now: number): void
  refused(seat: Seat, effect: Extract<Effect, { type: 'refuse' }>, now: number): void
  entered(seat: Seat, effect: Extract<Effect, { type: 'epoch' }>, now: number): void
  accused(seat: Seat, effect: Extract<Effect, { type: 'evidence' }>, now: number): void
  stepped(seat: Seat, input: Input, effects: readonly Effect[], now: number): void
  /** The machine threw, or asked for what no shell could do. */
  broken(seat: Seat, what: string, now: number, rule?: 'G4' | 'G6'): void
  note(seat: Seat, now: number, text: () => string): void
}

export type SeatOptions = {
  readonly index: number
  readonly signer: Signer
  readonly wrong: boolean
  readonly skewMs: number
  readonly executeMs: number
  /** Time that a sync takes, at most. */
  readonly syncMs: number
  /** Hands over to the machine's constructor what all members share, and the groups of so many epochs. */
  readonly start: (signer: Signer, epochs: number, restored: Restored | undefined) => Machine
  /** Groups that are known at the first start. */
  readonly epochs: number
}

export type ArmedCrash = {
  readonly afterEffects: number
  readonly downMs: number
  /** It is back by then at the latest. */
  readonly backBy: number
  /** The disk is lost too. */
  readonly wipe: boolean
}

function bodiesOf(input: Input): readonly Digest[] {
  if (input.type === 'bodies') return input.hashes
  const requests =
    input.type === 'submit'
      ? [input.request]
      : input.type === 'blocks'
        ? input.blocks.flatMap((block) => block.requests)
        : []
  return requests.filter((request) => request.body_bytes > 0).map((request) => request.body_hash)
}

type Run = { readonly context: ExecutionContext; state?: LedgerState }

export type Seat = {
  readonly index: number
  readonly signer: Signer
  readonly wrong: boolean
  readonly disk: Disk
  readonly up: boolean
  /** It came back from losing its disk when so many epochs were known to it, and abstains in those; 0: never. */
  readonly abstains: number
  /** Epochs whose groups are known to it. */
  readonly epochs: number
  /** Rises with every start: answers to an earlier life are dropped. */
  readonly life: number
  /** Bodies in memory, by brief hash. */
  readonly bodies: ReadonlyMap<number, Digest>
  /** R9: what a request that comes now is of: by the wall clock, and of the head's time at least. */
  requestTime(now: number): number
  /** The wall clock is set so far ahead. */
  setClock(aheadMs: number, now: number): void
  /** Nothing becomes durable before then. */
  stallDisk(until: number): void
  status(): MemberStatus
  place(): Pick<MemberStatus, 'epoch' | 'height' | 'view'>
  boot(now: number): void
  deliver(input: Input, now: number): void
  /** The group of the next epoch is known from now on, whatever happens to it. */
  learn(group: Group, now: number): void
  /** The next step that has effects is cut off, or none if it does not come soon. */
  armCrash(crash: ArmedCrash): void
  disarm(): void
  hasBody(hash: Digest): boolean
}

export function createSeat(options: SeatOptions, around: Surroundings, random: Random): Seat {
  const { index, signer, wrong } = options
  const disk = createDisk()
  let machine: Machine | undefined
  let up = false
  let abstains = 0
  let { epochs } = options
  let life = 0
  let lastClock = 0
  /** How far the wall clock was set ahead, and how far it was at the start of this life: timers began there. */
  let aheadMs = 0
  let aheadAtBoot = 0
  let busyUntil = 0
  let stalledUntil = 0
  /** When the machine wants to be woken, and the alarms that are set: none later than it. */
  let wakeAt = Number.POSITIVE_INFINITY
  let alarmAt = Number.POSITIVE_INFINITY
  let view = 0
  let epoch = 0
  let steps = 0
  let armed: ArmedCrash | undefined
  let bodies = new Map<number, Digest>()
  let runs = new Map<number, Run>()
  let looseStates = new Map<number, LedgerState>()

  /** What timers go by: nobody sets it, and it never falls within a life. */
  const clock = (now: number) => {
    lastClock = Math.max(lastClock, Math.floor(EPOCH_MS + now + options.skewMs + aheadAtBoot))
    return lastClock
  }

  /** Runs `event` at `time` unless this life has ended by then. */
  const later = (time: number, event: (now: number) => void) => {
    const mine = life
    around.at(time, (now) => {
      if (up && life === mine) event(now)
    })
  }

  /** Most steps ask for a later time than the one before: then the alarm that is set is set on when it goes off. */
  const watch = () => {
    if (alarmAt <= wakeAt || wakeAt === Number.POSITIVE_INFINITY) return
    alarmAt = wakeAt
    later(wakeAt, (woken) => {
      if (alarmAt > woken) return
      alarmAt = Number.POSITIVE_INFINITY
      if (wakeAt <= woken) seat.deliver({ type: 'tick', now: 0 }, woken)
      else watch()
    })
  }

  const bodyStored = (hash: Digest) => {
    const name = brief(hash)
    if (disk.image.bodies.some((held) => brief(held) === name)) return true
    for (const block of disk.image.blocks.values()) {
      if (block.requests.some((request) => brief(request.body_hash) === name)) return true
    }
    return false
  }
  const hasBody = (hash: Digest) => bodies.has(brief(hash)) || bodyStored(hash)

  const stateOfParent = (context: ExecutionContext): LedgerState | undefined => {
    const state = context.height === 1 ? GENESIS_STATE : disk.image.states.get(context.height - 1)
    if (state === undefined) return undefined
    return brief(state.root.subarray(4)) === brief(context.stateRoot.subarray(4)) ? state : undefined
  }

  const execute = (ticket: number, context: ExecutionContext, now: number) => {
    const state = stateOfParent(context)
    if (state === undefined)
      return around.broken(seat, `executes height ${context.height} on a state that is not here`, now)
    const lacking = context.requests.find((request) => request.body_bytes > 0 && !hasBody(request.body_hash))
    if (lacking !== undefined) {
      return around.broken(seat, `executes height ${context.height} without body ${short(lacking.body_hash)}`, now)
    }
    const run: Run = { context }
    runs.set(ticket, run)
    later(now + random.between(0.1, 1) * options.executeMs, (done) => {
      // A released run may still answer: the machine ignores it.
      if (!runs.has(ticket) && random.chance(0.7)) return
      const after = around.ledger.run(
        state,
        {
          parent: context.parent,
          time: context.time,
          steps: ledgerSteps(context.requests, context.requestHashes),
          update: context.kind === 'update',
        },
        wrong,
      )
      run.state = after
      const leaves = after.applied.map((applied) => applied.leaf)
      const result = { stateRoot: after.root, codeRoot: after.code, leaves }
      seat.deliver({ type: 'executed', ticket, result, now: 0 }, done)
    })
  }
  const commit = (effect: Extract<Effect, { type: 'commit' }>, now: number): LedgerState | undefined => {
    const { height } = effect.cert.block
    const { head } = disk.image
    if (effect.snapshot ? height <= head : height !== head + 1) {
      around.broken(seat, `commits height ${height} on head ${head}`, now, 'G6')
    }
    const root = brief(effect.cert.block.state_root.subarray(4))
    const state = effect.ticket === undefined ? looseStates.get(height) : runs.get(effect.ticket)?.state
    if (state === undefined || brief(state.root.subarray(4)) !== root) {
      around.broken(seat, `commits height ${height} without its state (ticket ${effect.ticket ?? 'none'})`, now)
      return undefined
    }
    if (effect.ticket !== undefined) {
      const leaves = state.applied.map((applied) => applied.leaf)
      if (brief(receiptsRoot(leaves)) !== brief(effect.cert.block.receipts_root)) {
        around.broken(seat, `commits height ${height} with other receipts than its own`, now)
      }
    }
    if (!effect.snapshot && effect.requests.some((request) => request.body_bytes > 0 && !hasBody(request.body_hash))) {
      around.broken(seat, `commits height ${height} without a body`, now)
    }
    return state
  }

  /** What others are told to take from here is here: a state with its certificate, and the blocks after it. */
  const offers = (message: WireMessage, now: number) => {
    if (message.type !== 'status' || message.snapshot === null) return
    const { image } = disk
    let whole = image.states.has(message.snapshot) && message.first <= message.snapshot + 1
    for (let height = message.snapshot; height <= image.head; height++) whole &&= image.blocks.has(height)
    if (!whole) around.broken(seat, `offers the state of height ${message.snapshot}, and has it not`, now)
  }

  const crash = (now: number) => {
    if (armed === undefined) return
    const { downMs, backBy, wipe } = armed
    armed = undefined
    up = false
    life++
    machine = undefined
    disk.crash(random)
    if (wipe) {
      disk.wipe()
      abstains = epochs
    }
    around.note(seat, now, () => (wipe ? 'CRASH, disk lost' : 'CRASH'))
    around.at(Math.min(now + downMs, backBy), (back) => seat.boot(back))
  }

  const perform = (effects: readonly Effect[], from: number) => {
    let now = from
    const cut = armed === undefined ? effects.length : Math.min(armed.afterEffects, effects.length)
    for (const [order, effect] of effects.entries()) {
      const last = armed !== undefined && order === cut
      if (last && effect.type !== 'persist' && effect.type !== 'commit') break
      switch (effect.type) {
        case 'persist': {
          const missing = effect.bodies.find((hash) => !hasBody(hash))
          if (missing !== undefined) around.broken(seat, 'persists a body that is not at hand', now)
          disk.write({ type: 'votes', record: effect.record, bodies: effect.bodies })
          if (last) break
          disk.sync()
          now = Math.max(now, stalledUntil) + random.real() * options.syncMs
          break
        }
        case 'commit': {
          const state = commit(effect, now)
          if (state === undefined) break
          const { cert, requests, requestHashes, record, keepStates, keepBlocksFrom } = effect
          const block = { cert, requests, requestHashes }
          disk.write({ type: 'height', block, state, record, keepStates, keepBlocksFrom })
          if (last) break
          disk.sync()
          now = Math.max(now, stalledUntil) + random.real() * options.syncMs
          runs = new Map()
          looseStates = new Map()
          around.committed(seat, effect, state, now)
          const { height } = cert.block
          later(now, (done) => seat.deliver({ type: 'committed', height, now: 0 }, done))
          break
        }
        case 'send':
          offers(effect.message, now)
          around.send(seat, effect.to, effect.message, now)
          break
        case 'execute':
          execute(effect.ticket, effect.context, now)
          break
        case 'release':
          runs.delete(effect.ticket)
          break
        case 'reply':
          around.replied(seat, effect, now)
          break
        case 'refuse':
          around.refused(seat, effect, now)
          break
        case 'evidence':
          around.accused(seat, effect, now)
          break
        case 'epoch':
          around.entered(seat, effect, now)
          break
        case 'keepBody':
          bodies.set(brief(effect.hash), effect.hash)
          break
        case 'dropBodies':
          for (const hash of effect.hashes) bodies.delete(brief(hash))
          break
        case 'fetchBodies':
        case 'fetchBlocks':
        case 'fetchState':
          around.fetch(seat, effect, now)
          break
        case 'wakeAt': {
          const due = effect.time - EPOCH_MS - options.skewMs - aheadAtBoot + random.real() * 5
          wakeAt = Math.max(now, due)
          watch()
          break
        }
        default:
          unreachable(effect)
      }
      if (last) break
    }
    busyUntil = now
    if (armed !== undefined && effects.length > 0) crash(now)
  }

  const take = (input: Input, now: number) => {
    if (now < busyUntil) {
      later(busyUntil, (free) => take(input, free))
      return
    }
    assert(machine !== undefined, 'a seat that is up has a machine')
    // A wall clock is looked at when its turn comes, however long that was delayed.
    const seen: Input = input.type === 'clock' ? { ...input, aheadMs: aheadMs - aheadAtBoot } : input
    const stamped: Input = seen.type === 'stop' ? seen : { ...seen, now: clock(now) }
    // `wakeAt` holds only while no input comes: every step has to ask anew.
    wakeAt = Number.POSITIVE_INFINITY
    // Bodies and states that came with an input are there from this step on: before it the machine may still have dropped the same ones.
    for (const hash of bodiesOf(input)) bodies.set(brief(hash), hash)
    if (input.type === 'state' && input.cert !== undefined) {
      const state = around.ledger.state(input.cert.block.state_root)
      if (state !== undefined) looseStates.set(input.height, state)
    }
    let effects: readonly Effect[]
    try {
      effects = machine.step(stamped)
    } catch (cause) {
      around.broken(seat, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause), now)
      up = false
      life++
      return
    }
    around.stepped(seat, stamped, effects, now)
    // Every so often: a fall between two looks shows in what is signed.
    if (steps++ % STATUS_EVERY === 0) {
      const status = machine.place()
      if (status.epoch < epoch) around.broken(seat, `epoch falls from ${epoch} to ${status.epoch}`, now, 'G4')
      if (status.epoch > epoch) view = 0
      epoch = status.epoch
      if (status.view < view) around.broken(seat, `view falls from ${view} to ${status.view}`, now, 'G4')
      view = status.view
    }
    perform(effects, now)
  }

  const restored = (now: number): Restored | undefined => {
    const { image } = disk
    if (image.record === undefined && image.head === 0 && !abstains) return undefined
    const head = image.blocks.get(image.head)
    const cert = head === undefined ? undefined : around.verifiedCert(head.cert)
    if (head !== undefined && cert === undefined) around.broken(seat, 'its own head does not verify', now)
    const heights = [...image.blocks.keys()].filter((height) => height >= image.firstBlock).sort((a, b) => a - b)
    // What it learnt while it was down counts too.
    if (abstains > 0 && image.record === undefined) abstains = epochs
    const recent = heights.map((height) => {
      const block = image.blocks.get(height)
      assert(block !== undefined, 'listed heights are stored')
      return { height, time: block.cert.block.time, requestHashes: block.requestHashes }
    })
    const states = [...image.states].map(([height, state]) => ({ height, time: state.time }))
    if (image.head === 0) states.push({ height: 0, time: 0 })
    return {
      // Once it has a record again, the record itself has to say that this member abstains.
      abstain: abstains > 0 && image.record === undefined,
      recent,
      states,
      firstBlock: image.firstBlock,
      bodies: image.bodies,
      ...(cert === undefined ? {} : { cert }),
      ...(image.record === undefined ? {} : { record: image.record }),
    }
  }

  const seat: Seat = {
    index,
    signer,
    wrong,
    disk,
    get up() {
      return up
    },
    get abstains() {
      return abstains
    },
    get epochs() {
      return epochs
    },
    get life() {
      return life
    },
    get bodies() {
      return bodies
    },
    requestTime(now) {
      const head = disk.image.blocks.get(disk.image.head)
      return Math.max(clock(now) + aheadMs - aheadAtBoot, head?.cert.block.time ?? 0)
    },
    stallDisk(until) {
      stalledUntil = Math.max(stalledUntil, until)
    },
    setClock(ahead, now) {
      aheadMs = ahead
      seat.deliver({ type: 'clock', aheadMs: aheadMs - aheadAtBoot, now: 0 }, now)
    },
    status() {
      assert(machine !== undefined, 'only a running seat has a status')
      return machine.status()
    },
    place() {
      assert(machine !== undefined, 'only a running seat has a place')
      return machine.place()
    },
    boot(now) {
      if (up) return
      up = true
      life++
      view = 0
      epoch = 0
      busyUntil = 0
      wakeAt = Number.POSITIVE_INFINITY
      alarmAt = Number.POSITIVE_INFINITY
      lastClock = 0
      aheadAtBoot = aheadMs
      bodies = new Map(disk.image.bodies.map((hash) => [brief(hash), hash]))
      runs = new Map()
      looseStates = new Map()
      around.note(seat, now, () => `starts at height ${disk.image.head}${abstains > 0 ? ', abstaining' : ''}`)
      try {
        machine = options.start(signer, epochs, restored(now))
      } catch (cause) {
        around.broken(seat, cause instanceof Error ? (cause.stack ?? cause.message) : String(cause), now)
        up = false
        return
      }
      seat.deliver({ type: 'tick', now: 0 }, now)
    },
    deliver(input, now) {
      if (up) take(input, now)
    },
    learn(group, now) {
      if (group.epoch < epochs) return
      epochs = group.epoch + 1
      seat.deliver({ type: 'plan', group, now: 0 }, now)
    },
    armCrash(crashing) {
      if (up) armed = crashing
    },
    disarm() {
      armed = undefined
    },
    hasBody,
  }
  return seat
}
