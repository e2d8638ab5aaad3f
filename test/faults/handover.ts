// §6, R1: a group hands over to a new member, and one of them is killed at each persist point that it comes to meanwhile: the joiner, a member
// that stays, the one that leaves; by RECONFIG, and by CLOSE when two joiners are silent. Each round kills at another point, until a round
// goes by in which there was none left: so all are met. Joiners have been members before and run the blocks that they missed, or are new
// and take a state first.
//
// All rounds of a test are hand-overs of one group. Of points that ask for the same thing one after the other (the blocks that a new member
// runs) a round is given to fewer and fewer; instead one new member dies from one to the next of them, life after life, within one hand-over.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { standWell, withFacts } from '#test/faults/support/standing.ts'
import { published, withFaults } from '#test/support/faulty.ts'
import { nameMembers } from '#test/support/hand-over.ts'
import { agrees, SITE, writeLine } from '#test/support/lines.ts'
import { count as countPoint, type Points } from '#test/support/persist-points.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const POINTS_MAX = 60
/** Who asks for the point of each height that is run, */
const COMMIT = 'seeder/agree/driver #commit'
/** and so many of these are gone on by at most: they are alike. */
const STEP_MAX = 8
/** Lives of the member that dies again and again. */
const LIVES_MAX = 300
/**
 * At which point of a life it ends, in turn: one point a life; in the last as many more as there were turns before it, for a start has points of
 * its own, and the state that it began to take is an older one than it is offered then.
 */
const ENDS = [
  { point: 1, when: 'after' },
  { point: 2, when: 'before' },
  { point: 1, when: 'after' },
  { point: 3, when: 'after' },
] as const
/** Lives from one write of the group to the next, which is another block to run. */
const LIVES_PER_WRITE = 8
/** Who is new may have to wait for R9's window first, when many hand-overs lie within it (a network file has the last eight groups). */
const EPOCH_MS = WINDOW_MS + 180_000
const WHEN = ['before', 'after'] as const
/** Heights between the states that are kept; one of them is to be older than R9's window, and further ahead of nothing than twice this. */
const SNAPSHOT_HEIGHTS = 4
const OLD_ENOUGH_MS = WINDOW_MS + 20_000
/** §6: CLOSE comes after so many Δ; the default Δ would make that a minute. */
const SHORT_DELTA_MS = 100

/** With READYs of three the group goes on by RECONFIG: that it has to CLOSE takes two who are silent. */
const COME_AT_ONCE = { RECONFIG: 1, CLOSE: 2 } as const

type Role = 'joiner' | 'stays' | 'leaver'
type How = 'RECONFIG' | 'CLOSE'
/** What a round waits for. */
type Stage = 'write' | 'names' | 'hand-over' | 'start' | 'level'
/** Joiners of each round are `new`, or those who `left` the rounds before. */
type Joiners = 'new' | 'left'

/** Who is in the group now, and who waits outside of it; the first of each is the next to go. */
type Seats = { readonly present: readonly SeederProcess[]; readonly spare: readonly SeederProcess[] }

class Rounds {
  readonly points: Points = new Map()
  readonly lines: string[] = []
  readonly #seeders: Seeders
  readonly #how: How
  readonly #spentMs = new Map<Stage, number>()
  /** What asked for the point of the last death. */
  last = ''
  seats: Seats
  epoch = 0

  constructor(seeders: Seeders, how: How, spare: readonly SeederProcess[]) {
    this.#seeders = seeders
    this.#how = how
    this.seats = { present: seeders.all.filter((each) => !spare.includes(each)), spare }
  }

  /** Everybody who is in the group, or lately was. */
  get all(): readonly SeederProcess[] {
    return [...this.seats.present, ...this.seats.spare]
  }

  /** Seconds by what they went to. */
  get spent(): string {
    return [...this.#spentMs].map(([stage, ms]) => `${stage} ${Math.round(ms / 1_000)}`).join(', ')
  }

  /** False: it came to no such point. */
  async round(role: Role, point: number, when: (typeof WHEN)[number]): Promise<boolean> {
    const { present, spare } = this.seats
    const isSilent = this.#how === 'CLOSE'
    const count = COME_AT_ONCE[this.#how]
    const [goes, stays, comes] = [present.slice(0, count), present.slice(count), spare.slice(0, count)]
    const victim = { joiner: comes[0], stays: stays[0], leaver: goes[0] }[role]
    assert.ok(victim && comes.length === count)
    const fault = { kill: { point, of: 'now', when } }
    await this.#write(present, `${this.epoch} ${point} ${when}`)
    let died = false
    void victim.exited.then(() => {
      died = true
    })
    if (isSilent) for (const each of comes) each.kill('SIGSTOP')
    if (!isSilent || role !== 'joiner') withFaults(victim, fault)
    await this.#stage('names', () => nameMembers(this.#seeders, SITE, goes, comes))
    this.epoch++
    if (isSilent) {
      await this.#areSoon(`epoch ${this.epoch} without those who come`, async () => {
        const there = [...stays, ...(role === 'leaver' ? [victim] : [])].filter((each) => each !== victim || !died)
        return this.#areIn(there)
      })
      if (role === 'joiner') withFaults(victim, fault)
      for (const each of comes) each.kill('SIGCONT')
    }
    await this.#areSoon(
      `its death at point ${point}, or epoch ${this.epoch}`,
      async () => died || ((await this.#areLevel([...stays, ...comes])) && (await this.#areIn([victim]))),
    )
    withFaults(victim, {})
    let again = victim
    if (died) {
      this.last = countPoint(this.points, victim.faults, when)
      // A write while it is away: by RECONFIG those who go may have to agree on it still.
      const lives = [...(isSilent ? [] : goes), ...stays, ...(isSilent ? comes : [])].filter((each) => each !== victim)
      await this.#write(lives, `${this.epoch} without ${role}`)
      again = await this.#stage('start', () => this.#seeders.restart(victim))
    }
    const now = (seeder: SeederProcess): SeederProcess => (seeder === victim ? again : seeder)
    this.seats = { present: [...stays, ...comes].map(now), spare: [...spare.slice(count), ...goes.map(now)] }
    await this.#stage('level', () =>
      until(`epoch ${this.epoch} at every member`, () => this.#areLevel(this.seats.present), EPOCH_MS),
    )
    return died
  }

  /** One hand-over to a member that dies again and again, until it is level; how often it died. */
  async lives(): Promise<number> {
    const { present, spare } = this.seats
    const [out, ...rest] = present
    let [joiner] = spare
    assert.ok(out && joiner)
    const { faults, label } = joiner
    let end: (typeof ENDS)[number] = ENDS[0]
    withFaults(joiner, { kill: { ...end, of: 'now' } })
    await this.#stage('names', () => nameMembers(this.#seeders, SITE, [out], spare))
    this.epoch++
    let next: Promise<SeederProcess | undefined> = Promise.resolve(joiner)
    for (let deaths = 0; ; deaths++) {
      assert.ok(deaths < LIVES_MAX, `${label} does not come to an end`)
      const lives = await next
      let died = lives === undefined
      void lives?.exited.then(() => {
        died = true
      })
      if (lives !== undefined) {
        joiner = lives
        this.seats = { present: [...rest, lives], spare: [out] }
        await this.#areSoon(`its death, or epoch ${this.epoch}`, async () => died || this.#areLevel([...rest, lives]))
      }
      if (!died) {
        withFaults(joiner, {})
        return deaths
      }
      countPoint(this.points, faults, end.when)
      if (deaths % LIVES_PER_WRITE === 0) await this.#write(rest, `life ${deaths}`)
      end = ENDS[deaths % ENDS.length] ?? end
      const more = end === ENDS.at(-1) ? Math.floor(deaths / ENDS.length) : 0
      withFaults(joiner, { kill: { point: end.point + more, of: 'start', when: end.when } })
      const ended = joiner
      next = this.#stage('start', () =>
        this.#seeders.restart(ended).catch((cause: Error) => {
          assert.match(cause.message, /ended with SIGKILL/)
          return undefined
        }),
      )
    }
  }

  /** Goes on until a new member would be given a state to begin with. */
  async grow(): Promise<void> {
    const end = performance.now() + OLD_ENOUGH_MS
    for (let count = 0; performance.now() < end; count++) {
      await this.#write(this.seats.present, `early ${count}`)
      await pass(OLD_ENOUGH_MS / (8 * SNAPSHOT_HEIGHTS))
    }
  }

  /** Who left is gone for good; another seeder waits in its place. */
  async renew(): Promise<void> {
    const [gone] = this.seats.spare
    gone?.kill('SIGKILL')
    await gone?.exited
    this.seats = { ...this.seats, spare: [] }
    const comes = await this.#stage('start', () => newcomer(this.#seeders, `n${this.epoch}`))
    this.seats = { ...this.seats, spare: [comes] }
  }

  #write(through: readonly SeederProcess[], line: string): Promise<void> {
    return this.#stage('write', async () => {
      // 307: that one has left the group.
      await writeLine({ all: through }, line, this.lines.length, [307, 503, 504])
      this.lines.push(line)
    })
  }

  #areSoon(what: string, ask: () => Promise<boolean>): Promise<unknown> {
    return this.#stage('hand-over', () => until(what, ask, EPOCH_MS))
  }

  async #areLevel(members: readonly SeederProcess[]): Promise<boolean> {
    for (const seeder of members) if (!(await this.#areIn([seeder])) || !(await agrees(seeder))) return false
    return true
  }

  /** They have entered the epoch, whether they sit in it or not. */
  async #areIn(seeders: readonly SeederProcess[]): Promise<boolean> {
    for (const seeder of seeders) if ((await seeder.site(SITE))?.epoch !== this.epoch) return false
    return true
  }

  async #stage<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const result = await work()
    this.#spentMs.set(stage, (this.#spentMs.get(stage) ?? 0) + performance.now() - began)
    return result
  }
}

/** A seeder that the network knows. */
async function newcomer(seeders: Seeders, label: string): Promise<SeederProcess> {
  const seeder = await seeders.start(label)
  const { peer } = seeder.ready
  await until(
    'the newcomer in the network file',
    () => seeders.admission.file().peers.some((each) => each.peer === peer),
    EPOCH_MS,
  )
  return seeder
}

type Case = { readonly how: How; readonly role: Role; readonly joiners: Joiners }

/** A group with whoever waits outside of it; `work` brings it to other members, and then it is looked at. */
async function inAGroup(
  context: TestContext,
  { how, joiners }: Case,
  work: (rounds: Rounds) => Promise<void>,
): Promise<void> {
  const settings = {
    ...(how === 'CLOSE' ? { delta_ms: SHORT_DELTA_MS } : {}),
    ...(joiners === 'new' ? { snapshot_heights: SNAPSHOT_HEIGHTS } : {}),
  }
  await using seeders = await published({ settings })
  const spare = [await newcomer(seeders, 't1')]
  if (joiners === 'left') spare.push(await newcomer(seeders, 't2'))
  const rounds = new Rounds(seeders, how, spare)
  await withFacts(
    () => rounds.all,
    async () => {
      if (joiners === 'new') await rounds.grow()
      await work(rounds)
      for (const [what, times] of rounds.points) context.diagnostic(`${times} × ${what}`)
      context.diagnostic(`seconds: ${rounds.spent}`)
      const met = [...rounds.points.keys()]
      // Whether the very root of the state is among them differs from run to run; its blocks always are.
      if (joiners === 'new') assert.ok(met.some((what) => /^seeder\/(?:agree\/transfer|store\/block-table)/.test(what)))
      context.diagnostic(`heights: ${await standWell(rounds.seats.present, rounds.lines, how)}`)
    },
  )
}

async function roundByRound(context: TestContext, each: Case): Promise<void> {
  await inAGroup(context, each, async (rounds) => {
    let [ended, step, before] = [0, 1, '']
    for (let point = 1; ended < WHEN.length; point += step) {
      assert.ok(point <= POINTS_MAX, 'a hand-over has an end')
      ended = 0
      for (const when of WHEN) {
        if (!(await rounds.round(each.role, point, when))) ended++
        if (each.joiners === 'new') await rounds.renew()
      }
      context.diagnostic(`point ${point}, epoch ${rounds.epoch}: ${WHEN.length - ended} deaths, ${rounds.last}`)
      const isAlike = each.joiners === 'new' && rounds.last === COMMIT && before === COMMIT
      step = isAlike ? Math.min(STEP_MAX, step * 2) : 1
      before = rounds.last
    }
  })
}

for (const [how, role, joiners, what] of [
  ['RECONFIG', 'joiner', 'left', 'the one that comes, who was there before'],
  ['RECONFIG', 'joiner', 'new', 'the one that comes, who is new and takes a state'],
  ['RECONFIG', 'stays', 'left', 'one that stays'],
  ['RECONFIG', 'leaver', 'left', 'the one that leaves'],
  ['CLOSE', 'stays', 'left', 'one that stays, while those who are to come are silent'],
  ['CLOSE', 'leaver', 'left', 'one that leaves, while those who are to come are silent'],
  ['CLOSE', 'joiner', 'left', 'one that comes, after it was silent'],
] as const)
  test(`§6 R1 killed before and after each persist point of a hand-over by ${how}: ${what}`, (context) =>
    roundByRound(context, { how, role, joiners }))

test('§6 R1 killed again and again, from one persist point of a hand-over to the next: the one that comes, who is new and takes a state', (context) =>
  inAGroup(context, { how: 'RECONFIG', role: 'joiner', joiners: 'new' }, async (rounds) => {
    const deaths = await rounds.lives()
    context.diagnostic(`${deaths} deaths`)
    assert.ok(deaths > SNAPSHOT_HEIGHTS)
  }))
