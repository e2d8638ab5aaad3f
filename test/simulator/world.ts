// A whole peer-group in one process: seats with the machine under test, a net, disks, clocks, visitors and a Byzantine actor,
// driven by one queue of events and one seed. Two phases: until `goodAt` anything may happen and only safety is owed; after it
// the net is good and everybody is back, and every pending write has to be answered soon (G10) and stay (G11).

import { admitGroup, createDoor, verifyCert, verifyWire } from '#protocol/agreement/door.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { hears, keyOf, rosterOf } from '#protocol/agreement/members.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { type Digest, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { type Cert, type Group, quorumOf } from '#protocol/message/certificate.ts'
import { SALT_BYTES } from '#protocol/message/request.ts'
import { type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { createAir } from './air.ts'
import { type Byzantine, createByzantine } from './byzantine.ts'
import { brief, chronicle as createChronicle } from './chronicle.ts'
import { type Clients, createClients, EMPTY_BODY, requestOf, someBody, type Write } from './clients.ts'
import type { StoredBlock } from './disk.ts'
import { createJudge, type Violation } from './invariants.ts'
import { createLedger } from './ledger.ts'
import { startMachine } from './machine.ts'
import { virtualNet } from './net.ts'
import { eventQueue } from './queue.ts'
import { randomFromSeed } from './random.ts'
import { DELTA_MS, LIVENESS_MS, type Scenario } from './scenario.ts'
import { createSeat, EPOCH_MS, type Seat, type Surroundings } from './seat.ts'
import { keyring } from './signatures.ts'
import { lineOfEffect, lineOfMessage } from './trace.ts'
import { createTransfer } from './transfer.ts'

export type { Violation } from './invariants.ts'

export type Totals = {
  /** Most epochs that a member entered. */
  readonly epochs: number
  readonly events: number
  readonly heights: number
  readonly views: number
  readonly acknowledged: number
  readonly crashes: number
  /** Times that a wall clock was set. */
  readonly clockSets: number
  /** Times that a disk took nothing for a while. */
  readonly diskStalls: number
  readonly forks: number
  readonly evidence: number
  /** Messages of the actor that the door refused. */
  readonly refused: number
  /** Most views that a write took which was pending when the net got good. */
  readonly viewsToCommit: number
}

export type WorldResult = {
  readonly seed: number
  readonly digest: string
  readonly violations: readonly Violation[]
  readonly totals: Totals
  readonly lines: readonly string[]
}

export function totalsOf(all: readonly Totals[]): Totals {
  const sum = (of: (totals: Totals) => number) => all.reduce((total, totals) => total + of(totals), 0)
  return {
    epochs: sum((totals) => totals.epochs),
    events: sum((totals) => totals.events),
    heights: sum((totals) => totals.heights),
    views: sum((totals) => totals.views),
    acknowledged: sum((totals) => totals.acknowledged),
    crashes: sum((totals) => totals.crashes),
    clockSets: sum((totals) => totals.clockSets),
    diskStalls: sum((totals) => totals.diskStalls),
    forks: sum((totals) => totals.forks),
    evidence: sum((totals) => totals.evidence),
    refused: sum((totals) => totals.refused),
    viewsToCommit: all.reduce((most, totals) => Math.max(most, totals.viewsToCommit), 0),
  }
}

/** A run that does more than this is caught in a loop. */
const EVENTS_MAX = 80_000
const HEARTBEAT_MS = 10_000
const REQUEST_FUEL = 1_000
const BLOCK_FUEL = 4_000
const IDEMPOTENCY_MS = 24 * 3_600_000
/** After so many Δ of the good net every member has what was shared, its body too. */
const SHARED_DELTAS = 8
/** So long a request that was made at `goodAt` is surely timely (R9). */
const FRESH_MS = 50_000
/** One message in so many goes through its bytes. */
const ENCODED_ONE_IN = 16

export function runWorld(scenario: Scenario, options: { readonly trace?: boolean } = {}): WorldResult {
  const chronicle = createChronicle(options.trace === true)
  const random = randomFromSeed(scenario.seed, `world/${scenario.group}`)
  const keys = keyring(random.fork('keys'))
  const everyone = Array.from({ length: scenario.seats }, (_, index) => index)
  const signers = everyone.map(() => keys.create())
  const domain = { chainId: taggedHash('simulated chain'), generation: 1 }
  const job: Digest = taggedHash('job', random.bytes(8))
  const image = sha256(new Uint8Array(1))
  const signerOf = (seat: number) => {
    const signer = signers[seat]
    if (signer === undefined) throw new Error(`there is no seat ${seat}`)
    return signer
  }
  const groups = scenario.epochs.map(
    ({ members }, epoch): Group => ({
      job,
      epoch,
      members: members.map((seat) => signerOf(seat).publicKey),
      quorum: scenario.quorum,
    }),
  )
  const group = groups[0]
  if (group === undefined) throw new Error('a world has a first epoch')
  /** Doors by how many epochs' groups are known behind them, and whom they name. */
  const doors = groups.map((_, last) => {
    const door = createDoor(domain, group)
    for (const later of groups.slice(1, last + 1)) admitGroup(door, later)
    return door
  })
  const rosters = groups.map((_, last) => rosterOf(groups.slice(0, last + 1)).length)
  const doorAt = (epochs: number) => {
    const door = doors[Math.max(0, epochs - 1)]
    if (door === undefined) throw new Error(`there is no epoch ${epochs - 1}`)
    return door
  }
  const all = doorAt(groups.length)
  const seatByKey = new Map(signers.map((signer, seat) => [keyOf(signer.publicKey), seat]))
  const ledger = createLedger({ idempotencyMs: IDEMPOTENCY_MS, requestFuel: REQUEST_FUEL, blockFuel: BLOCK_FUEL })
  const air = createAir(domain)
  const judge = createJudge({
    scenario,
    domain,
    groups,
    seatOf: (key) => seatByKey.get(keyOf(key)) ?? -1,
    air,
    ledger,
    keys,
    chronicle,
  })
  const queue = eventQueue<(now: number) => void>()
  const net = virtualNet(scenario.net, scenario.seats, random.fork('net'))
  const chance = random.fork('world')
  const seats = new Map<number, Seat>()
  const known = new Map<number, StoredBlock>()
  const totals = { epochs: 1, events: 0, crashes: 0, clockSets: 0, diskStalls: 0, evidence: 0, refused: 0 }
  let now = 0
  let halted = false
  /** Progress is owed from now on. */
  let owed = false
  /** Somebody committed, answered or entered an epoch since it was last asked whether all is settled. */
  let moved = false
  /** Writes that pend when the net gets good. */
  const probes: Write[] = []
  /** Rule-abiding makers of blocks, by brief hash. */
  const makers = new Map<number, number>()
  /** Targets that stand in certified blocks. */
  const ran = new Set<string>()
  /** Block time of the state that a member took last, by seat: what ran before it, it does not know. */
  const tookAt = new Map<number, number>()

  const at = (time: number, event: (now: number) => void) => queue.push(Math.max(now, time), event)
  const settings = {
    deltaMs: DELTA_MS,
    heartbeatMs: HEARTBEAT_MS,
    requestFuel: REQUEST_FUEL,
    blockFuel: BLOCK_FUEL,
    snapshotHeights: chance.pick([2, 4, 1024]),
    handoverMs: scenario.handoverMs,
    image,
  }

  const verdicts = groups.map(() => new Map<WireMessage, ReturnType<typeof verifyWire>>())
  const verify = (message: WireMessage, epochs: number) => {
    const known = verdicts[epochs - 1]
    let verdict = known?.get(message)
    if (verdict === undefined) {
      verdict = verifyWire(doorAt(epochs), message, keys.verify)
      known?.set(message, verdict)
    }
    return verdict
  }
  const arrive = (from: number, to: number, message: WireMessage, time: number) => {
    at(time, (arrived) => {
      const seat = seats.get(to)
      if (seat === undefined || !seat.up) return
      // Who is in no group that is known there is not heard, and what speaks of a later epoch not either.
      if (from >= (rosters[seat.epochs - 1] ?? 0)) return
      const verdict = verify(message, seat.epochs)
      if (!verdict.ok) {
        totals.refused++
        if (seats.has(from) && (verdict.error.code !== 'wrong_epoch' || seat.epochs === groups.length))
          judge.violate(
            'driver',
            `the door refuses ${message.type} of honest member ${from}: ${verdict.error.code}`,
            arrived,
          )
        return
      }
      chronicle.mix(0xa0, from, to, arrived)
      chronicle.note(arrived, () => `${to} <- ${from}  ${lineOfMessage(message)}`)
      seat.deliver({ type: 'message', from, message: verdict.value, now: 0 }, arrived)
    })
  }
  const transmit = (from: number, to: number, message: WireMessage, time: number) => {
    for (const arrival of net.arrivals(from, to, time)) arrive(from, to, message, arrival)
  }

  const clients: Clients = createClients({
    job,
    members: scenario.seats,
    patienceMs: scenario.patienceMs,
    seats,
    random: random.fork('clients'),
    at,
    note: (time, text) => chronicle.note(time, text),
  })

  const transfer = createTransfer({
    door: (seat) => doorAt(seat.epochs),
    keys,
    seats,
    reach: (seat) => rosters[seat.epochs - 1] ?? 0,
    random: random.fork('transfer'),
    at,
    arrivals: (from, to, time) => net.arrivals(from, to, time),
    known: (height) => known.get(height),
  })

  /** R7: an honest leader that has long had a request, room for it and a quiet net does not leave it out. */
  const checkShared = ({ cert, requests }: Extract<Effect, { type: 'commit' }>, time: number) => {
    for (const { target } of requests) ran.add(target)
    const { block, qc1 } = cert
    const leader = makers.get(brief(qc1.block_hash))
    const spent =
      judge.chain.get(block.height)?.state.applied.reduce((sum, { leaf }) => sum + leaf.fuel, 0) ?? BLOCK_FUEL
    const alone = block.kind === 'update' || block.kind === 'reconfig'
    const full = alone || spent > BLOCK_FUEL - REQUEST_FUEL
    const quiet = scenario.goodAt + SHARED_DELTAS * DELTA_MS + (scenario.skewMs[leader ?? 0] ?? 0)
    if (
      !owed ||
      full ||
      leader === undefined ||
      // Who leaves a group refuses what it was given.
      groups.length > 1 ||
      scenario.crashes.length > 0 ||
      // A block's time says nothing of when it was made.
      scenario.clockSets.length > 0 ||
      scenario.faults.has(leader) ||
      // R8: after views that ended for nothing a leader takes few requests into a block, one of each line at the least.
      scenario.goneChance > 0 ||
      (qc1.view > 0 && requests.length >= scenario.seats) ||
      // R9: who does not know all that ran within the window proposes nothing but HEARTBEATs.
      (tookAt.get(leader) ?? Number.NEGATIVE_INFINITY) >= block.time - WINDOW_MS ||
      block.time - EPOCH_MS < quiet ||
      time > scenario.goodAt + FRESH_MS
    )
      return
    // An UPDATE (and each copy that a client sent again) stands alone in its block and holds up what waits behind it.
    if (clients.writes.some(({ update }) => update)) return
    for (const { name, attempts } of probes) {
      if (attempts > 1 || ran.has(`/${name}`)) continue
      judge.violate('G10', `leader ${leader} leaves ${name} out of height ${block.height}, which has room`, time)
    }
  }

  const around: Surroundings = {
    ledger,
    at,
    send(seat, to, message, time) {
      if (message.type === 'propose') {
        const name = brief(message.propose.body.block_hash)
        if (!air.blocks.has(name)) makers.set(name, seat.index)
      }
      judge.said(seat, message, time)
      chronicle.mix(0x50, seat.index, message.type.length, time)
      let sent = message
      if (chance.below(ENCODED_ONE_IN) === 0) {
        const again = wireFromBytes(wireToBytes(message))
        if (again.ok) sent = again.value
        else
          judge.violate(
            'driver',
            `${message.type} of member ${seat.index} does not decode: ${JSON.stringify(again.error)}`,
            time,
          )
      }
      if (to === 'all') {
        chronicle.note(time, () => `${seat.index} -> all  ${lineOfMessage(message)}`)
        const present = seat.place().epoch
        const audience = (member: number) =>
          scenario.epochs.some(
            ({ members }, epoch) =>
              epoch < seat.epochs && hears(message.type, epoch, present) && members.includes(member),
          )
        for (const member of everyone)
          if (member !== seat.index && audience(member)) transmit(seat.index, member, sent, time)
      } else {
        chronicle.note(time, () => `${seat.index} -> ${to}  ${lineOfMessage(message)}`)
        if (to === seat.index) judge.violate('driver', `member ${to} sends to itself`, time)
        else transmit(seat.index, to, sent, time)
      }
    },
    fetch: transfer,
    verifiedCert(cert: Cert) {
      const verdict = verifyCert(all, cert, keys.verify)
      return verdict.ok ? verdict.value : undefined
    },
    committed(seat, effect, _state, time) {
      if (!verifyCert(all, effect.cert, keys.verify).ok) {
        judge.violate(
          'G1',
          `member ${seat.index} commits height ${effect.cert.block.height} on an invalid certificate`,
          time,
        )
      }
      const { cert, requests, requestHashes } = effect
      if (!effect.snapshot && !known.has(cert.block.height))
        known.set(cert.block.height, { cert, requests, requestHashes })
      if (effect.snapshot) tookAt.set(seat.index, cert.block.time)
      chronicle.mix(0xc1, seat.index, cert.block.height, brief(cert.qc1.block_hash))
      moved = true
      const height = judge.chain.size
      judge.committed(seat, effect, time)
      if (judge.chain.size > height) checkShared(effect, time)
    },
    replied(seat, effect, time) {
      judge.replied(seat, effect, time)
      moved = true
      clients.replied(seat, effect.requestHash, effect.height, time)
    },
    refused(seat, effect, time) {
      clients.refused(seat, effect.requestHash, effect.code, time)
    },
    entered(seat, effect, time) {
      moved = true
      chronicle.mix(0xe9, seat.index, effect.group.epoch, effect.height)
      chronicle.note(time, () => `${seat.index} == enters epoch ${effect.group.epoch} at height ${effect.height}`)
      totals.epochs = Math.max(totals.epochs, effect.group.epoch + 1)
    },
    accused(seat, effect, time) {
      totals.evidence++
      judge.accused(seat, effect.evidence, time)
    },
    stepped(seat, _input, effects, time) {
      chronicle.mix(0x57, seat.index, effects.length)
      if (!chronicle.tracing) return
      for (const effect of effects) {
        const line = lineOfEffect(effect)
        if (line !== undefined) chronicle.note(time, () => `${seat.index}   ${line}`)
      }
    },
    broken(seat, what, time, rule) {
      judge.violate(rule ?? 'driver', `member ${seat.index}: ${what}`, time)
      halted = true
    },
    note(seat, time, text) {
      chronicle.note(time, () => `${seat.index} == ${text()}`)
    },
  }

  const plans = random.fork('plans')
  /** The epoch that a seat is first in. */
  const bornIn = (member: number) => scenario.epochs.findIndex(({ members }) => members.includes(member))
  const malicious = new Map(
    everyone
      .filter((member) => scenario.faults.get(member) === 'byzantine')
      .map((member) => [member, signers[member]] as const),
  ) as Map<number, (typeof signers)[number]>
  for (const member of everyone) {
    const signer = signers[member]
    if (malicious.has(member) || signer === undefined) continue
    const seat = createSeat(
      {
        index: member,
        signer,
        wrong: scenario.faults.get(member) === 'wrong_executor',
        skewMs: scenario.skewMs[member] ?? 0,
        executeMs: scenario.executeMs,
        syncMs: chance.pick([0, 5, 60]),
        epochs: bornIn(member) + 1,
        start: (own, epochs, restored) =>
          startMachine({
            domain,
            group,
            later: groups.slice(1, epochs),
            signer: own,
            settings,
            ...(restored === undefined ? {} : { restored }),
          }),
      },
      around,
      random.fork(`seat/${member}`),
    )
    seats.set(member, seat)
    const born = bornIn(member)
    const bornAt = scenario.epochs[born]?.plannedAt ?? 0
    at(bornAt + chance.between(0, 2_000), (time) => seat.boot(time))
    for (const later of groups.slice(born + 1)) {
      const plannedAt = scenario.epochs[later.epoch]?.plannedAt ?? 0
      at(Math.max(plannedAt, bornAt) + later.epoch + plans.between(0, 3_000), (time) => {
        for (const each of groups.slice(0, later.epoch + 1)) seat.learn(each, time)
      })
    }
  }
  const alive = [...seats.values()]

  for (const crash of scenario.crashes) {
    at(crash.at, () => {
      const seat = seats.get(crash.member)
      if (seat === undefined || !seat.up) return
      totals.crashes++
      const { afterEffects, downMs, losesDisk: wipe } = crash
      seat.armCrash({ afterEffects, downMs, wipe, backBy: scenario.goodAt })
    })
  }
  for (const { member, at: time, aheadMs } of scenario.clockSets) {
    at(time, (set) => {
      chronicle.note(set, () => `${member} == its clock is set ${aheadMs} ms ahead`)
      totals.clockSets++
      seats.get(member)?.setClock(aheadMs, set)
    })
  }
  for (const { member, at: time, forMs } of scenario.diskStalls) {
    at(time, (begun) => {
      chronicle.note(begun, () => `${member} == its disk takes nothing for ${forMs.toFixed(0)} ms`)
      totals.diskStalls++
      seats.get(member)?.stallDisk(begun + forMs)
    })
  }
  at(scenario.goodAt, () => {
    for (const seat of alive) seat.disarm()
  })

  if (malicious.size > 0) {
    const dice = random.fork('byzantine')
    const actor: Byzantine = createByzantine({
      domain,
      groups,
      seatOf: (key) => seatByKey.get(keyOf(key)) ?? -1,
      signers: malicious,
      air,
      ledger,
      image,
      reach: scenario.malice.reach,
      random: dice,
      victims: alive.map((seat) => seat.index),
      glimpse(member) {
        const seat = seats.get(member)
        if (seat === undefined || !seat.up) return undefined
        const { epoch, height, view } = seat.place()
        return { epoch, height, view, clock: Math.floor(EPOCH_MS + now) }
      },
      send(from, to, message) {
        chronicle.note(now, () => `${from} ~> ${to}  ${lineOfMessage(message)}`)
        arrive(from, to, message, now + (dice.chance(0.6) ? 1 : dice.between(1, 3_000)))
      },
      makeRequest(clock) {
        const write = {
          name: `lie${dice.below(4)}`,
          keyed: dice.chance(0.5),
          update: false,
          body: dice.chance(0.8) ? EMPTY_BODY : someBody(dice),
        }
        return requestOf(job, write, Math.max(0, clock), dice.bytes(SALT_BYTES))
      },
    })
    const act = (time: number) => {
      if (time >= scenario.goodAt && !scenario.malice.actsAfterGood) return
      actor.act()
      const pause = scenario.malice.everyMs * (time >= scenario.goodAt ? 4 : 1)
      at(time + dice.between(0.1, 1.9) * pause, act)
    }
    at(500, act)
  }

  if (scenario.linksEveryMs > 0) {
    const measures = randomFromSeed(scenario.seed, 'measures')
    const calls = randomFromSeed(scenario.seed, 'calls')
    const measure = (seat: Seat, time: number) => {
      const roundTripsMs = Array.from({ length: rosters[seat.epochs - 1] ?? 0 }, () =>
        measures.chance(0.15) ? null : measures.pick([0, 40, 300, 2_500]),
      )
      const gone = [...roundTripsMs.keys()].filter(() => calls.chance(scenario.goneChance))
      seat.deliver({ type: 'links', roundTripsMs, gone, now: 0 }, time)
      at(time + measures.between(0.5, 1.5) * scenario.linksEveryMs, (next) => measure(seat, next))
    }
    for (const seat of alive) at(measures.between(0, scenario.linksEveryMs), (time) => measure(seat, time))
  }

  const visitors = random.fork('visitors')
  for (let client = 0; client < scenario.clients; client++) {
    let left = scenario.writesPerClient
    const visit = (time: number) => {
      if (left-- <= 0 || time >= scenario.goodAt) return
      const kind = { keyed: visitors.chance(0.8), update: visitors.chance(0.05) }
      clients.write(`c${client}w${left}`, kind, visitors.below(scenario.seats), time)
      at(time + visitors.between(0.1, 2) * scenario.thinkMs, visit)
    }
    at(visitors.between(0, scenario.goodAt * 0.5), visit)
  }

  // Progress is owed when enough members follow the rules with their votes intact.
  const quorum = quorumOf(group)
  const goesOn = ({ members }: Scenario['epochs'][number], epoch: number) =>
    members.filter((member) => {
      const seat = seats.get(member)
      return seat !== undefined && !seat.wrong && seat.abstains <= epoch
    }).length >= quorum
  const last = scenario.epochs.at(-1)?.members ?? []
  const sitting = () => alive.filter((seat) => last.includes(seat.index))
  let viewAtGood = 0
  at(scenario.goodAt + DELTA_MS, () => {
    owed = !scenario.overBound && scenario.epochs.every(goesOn) && alive.every((seat) => seat.up)
    if (!owed) return
    moved = true
    viewAtGood = Math.max(...alive.map((seat) => seat.status().view))
    for (const seat of alive) {
      if (seat.status().state !== 'agreeing') continue
      probes.push(
        clients.write(`probe${seat.index}`, { keyed: true, update: false, patienceMs: LIVENESS_MS }, seat.index, now),
      )
    }
  })
  let viewsToCommit = 0
  const settledBy = () =>
    owed &&
    clients.writes.every((write) => write.acknowledged !== undefined || !write.keyed) &&
    sitting().every(
      (seat) => seat.up && seat.disk.image.head >= judge.chain.size && seat.place().epoch === groups.length - 1,
    )

  let settled = false
  const endAt = () => (owed ? scenario.endAt : scenario.goodAt + scenario.watchMs)
  for (;;) {
    const next = queue.pop()
    if (next === undefined || halted || totals.events >= EVENTS_MAX) break
    if (next.at > scenario.goodAt + 2 * DELTA_MS && next.at > endAt()) break
    now = next.at
    totals.events++
    next.event(now)
    if (!moved || !owed) continue
    moved = false
    if (settledBy()) {
      settled = true
      break
    }
  }
  if (totals.events >= EVENTS_MAX) judge.violate('G10', 'the run does not come to rest', now)

  if (!halted && owed) {
    // Of what pends the first is owed within the bound; a backlog of several blocks may meet the next leaders too.
    const bound = scenario.bound + 2
    const taken = probes.flatMap(({ acknowledged, attempts }) => {
      const certified = acknowledged === undefined ? undefined : judge.chain.get(acknowledged.height)
      return certified === undefined || attempts > 1 ? [] : [certified.view - viewAtGood]
    })
    viewsToCommit = Math.max(0, ...taken)
    const soonest = Math.min(...taken)
    if (
      scenario.quorum === 'bft' &&
      groups.length === 1 &&
      scenario.crashes.length === 0 &&
      taken.length > 0 &&
      soonest > bound
    ) {
      judge.violate('G10', `the first pending write took ${soonest} views after the one under way, not ${bound}`, now)
    }
    if (!settled) {
      const waiting = clients.writes
        .filter((write) => write.keyed && write.acknowledged === undefined)
        .map((write) => write.name)
      const heads = alive.map(
        (seat) =>
          `${seat.index}:${seat.up ? `${seat.disk.image.head}/e${seat.status().epoch}/v${seat.status().view}/${seat.status().state}` : 'down'}`,
      )
      judge.violate(
        'G10',
        `no progress in the good phase: unanswered [${waiting.join()}], heads ${heads.join(' ')}`,
        now,
      )
    }
    const top = Math.max(...alive.map((seat) => seat.disk.image.head))
    for (const { name, acknowledged } of clients.writes) {
      if (acknowledged === undefined) continue
      const holds = judge.chain
        .get(acknowledged.height)
        ?.requestHashes.some((hash) => brief(hash) === brief(acknowledged.requestHash))
      if (acknowledged.height > top || holds !== true) {
        judge.violate('G11', `acknowledged write ${name} of height ${acknowledged.height} is lost`, now)
      }
    }
  }

  const views = Math.max(0, ...alive.filter((seat) => seat.up).map((seat) => seat.status().view))
  chronicle.mix(0xff, judge.chain.size, judge.violations.length, views)
  return {
    seed: scenario.seed,
    digest: chronicle.digest(),
    violations: judge.violations,
    totals: {
      ...totals,
      heights: judge.chain.size,
      views,
      acknowledged: clients.writes.filter((write) => write.acknowledged !== undefined).length,
      forks: judge.forks,
      viewsToCommit,
    },
    lines: chronicle.lines,
  }
}
