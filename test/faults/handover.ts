// §6, R1: a group hands over to a new member, and one of them is killed at each persist point that it comes to meanwhile: the joiner, a member
// that stays, the one that leaves; by RECONFIG, and by CLOSE when the joiner is silent. Each round kills at another point, until a round
// goes by in which there was none left: so all are met. Joiners have been members before and run the blocks that they missed, or are new
// and take a state first.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { published, withFaults } from '#test/support/faulty.ts'
import { replaceMember } from '#test/support/hand-over.ts'
import { agrees, levelLines, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import { count, type Points } from '#test/support/persist-points.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const POINTS_MAX = 60
const EPOCH_MS = 120_000
const WHEN = ['before', 'after'] as const
/** Heights between the states that are kept; one of them is to be older than R9's window, and further ahead of nothing than twice this. */
const SNAPSHOT_HEIGHTS = 4
const OLD_ENOUGH_MS = WINDOW_MS + 20_000
/** §6: CLOSE comes after so many Δ; the default Δ would make that a minute. */
const SHORT_DELTA_MS = 100

type Role = 'joiner' | 'stays' | 'leaver'
type How = 'RECONFIG' | 'CLOSE'
/** Joiners of each round are `new`, or those who `left` the rounds before. */
type Joiners = 'new' | 'left'

/** Who is in the group now, and who waits outside of it; the first of each is the next to go. */
type Seats = { readonly present: readonly SeederProcess[]; readonly spare: readonly SeederProcess[] }

class Rounds {
  readonly points: Points = new Map()
  readonly lines: string[] = []
  readonly #seeders: Seeders
  readonly #how: How
  seats: Seats
  epoch = 0

  constructor(seeders: Seeders, how: How, spare: readonly SeederProcess[]) {
    this.#seeders = seeders
    this.#how = how
    this.seats = { present: seeders.all.filter((each) => !spare.includes(each)), spare }
  }

  /** False: it came to no such point. */
  async round(role: Role, point: number, when: (typeof WHEN)[number]): Promise<boolean> {
    const [out, stays, ...rest] = this.seats.present
    const [joiner, ...waiting] = this.seats.spare
    assert.ok(out && stays && joiner)
    const victim = { joiner, stays, leaver: out }[role]
    await this.#write(this.seats.present, `${this.epoch} ${point} ${when}`)
    let died = false
    void victim.exited.then(() => {
      died = true
    })
    if (this.#how === 'CLOSE') joiner.kill('SIGSTOP')
    withFaults(victim, { kill: { point, of: 'now', when } })
    await replaceMember(this.#seeders, SITE, out, joiner)
    this.epoch++
    const lives = [stays, ...rest].filter((each) => each !== victim)
    await until(
      `its death at point ${point}, or epoch ${this.epoch}`,
      async () => died || (await this.#areLevel([stays, ...rest, ...(this.#how === 'CLOSE' ? [] : [joiner])])),
      EPOCH_MS,
    )
    withFaults(victim, {})
    let again = victim
    if (died) {
      count(this.points, victim.faults, when)
      // A write while it is away, if enough are there without the joiner: three others, or two and the one that is to go.
      if (this.#how === 'RECONFIG')
        await this.#write(role === 'leaver' ? lives : [out, ...lives], `${this.epoch} without ${role}`)
      again = await this.#seeders.restart(victim)
    }
    joiner.kill('SIGCONT')
    const now = (seeder: SeederProcess): SeederProcess => (seeder === victim ? again : seeder)
    const present = [stays, ...rest, joiner].map(now)
    await until(`epoch ${this.epoch} at every member`, () => this.#areLevel(present), EPOCH_MS)
    this.seats = { present, spare: [...waiting, now(out)] }
    return died
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
    this.seats = { ...this.seats, spare: [await newcomer(this.#seeders, `n${this.epoch}`)] }
  }

  async #write(through: readonly SeederProcess[], line: string): Promise<void> {
    // 307: that one has left the group.
    await writeLine({ all: through }, line, this.lines.length, [307, 503, 504])
    this.lines.push(line)
  }

  async #areLevel(members: readonly SeederProcess[]): Promise<boolean> {
    for (const seeder of members)
      if ((await seeder.site(SITE))?.epoch !== this.epoch || !(await agrees(seeder))) return false
    return true
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

async function handOver(context: TestContext, how: How, role: Role, joiners: Joiners): Promise<void> {
  const settings = {
    ...(how === 'CLOSE' ? { delta_ms: SHORT_DELTA_MS } : {}),
    ...(joiners === 'new' ? { snapshot_heights: SNAPSHOT_HEIGHTS } : {}),
  }
  await using seeders = await published({ settings })
  const spare = [await newcomer(seeders, 't1')]
  if (joiners === 'left') spare.push(await newcomer(seeders, 't2'))
  const rounds = new Rounds(seeders, how, spare)
  if (joiners === 'new') await rounds.grow()
  let ended = 0
  for (let point = 1; ended < WHEN.length; point++) {
    assert.ok(point <= POINTS_MAX, 'a hand-over has an end')
    ended = 0
    for (const when of WHEN) {
      if (!(await rounds.round(role, point, when))) ended++
      if (joiners === 'new') await rounds.renew()
    }
    context.diagnostic(`point ${point}, epoch ${rounds.epoch}: ${WHEN.length - ended} deaths`)
  }
  for (const [what, times] of rounds.points) context.diagnostic(`${times} × ${what}`)
  if (joiners === 'new') assert.ok([...rounds.points.keys()].some((what) => what.startsWith('seeder/agree/transfer')))
  const { present } = rounds.seats
  assert.deepEqual(await levelLines({ all: present }), rounds.lines)
  await noEvidence({ all: present })
  for (const seeder of present) {
    const site = await seeder.site(SITE)
    for (let height = site?.height ?? 0; height > Math.max(0, (site?.height ?? 0) - 20); height--) {
      const found = await exchange(`${site?.origin}/.well-known/interpeer/certificate/${height}`, { timeoutMs: 30_000 })
      assert.equal(found.status, 200, `the certificate of height ${height}`)
    }
  }
}

for (const [how, role, joiners, what] of [
  ['RECONFIG', 'joiner', 'left', 'the one that comes, who was there before'],
  ['RECONFIG', 'joiner', 'new', 'the one that comes, who is new and takes a state'],
  ['RECONFIG', 'stays', 'left', 'one that stays'],
  ['RECONFIG', 'leaver', 'left', 'the one that leaves'],
  ['CLOSE', 'stays', 'left', 'one that stays, while the one that is to come is silent'],
  ['CLOSE', 'leaver', 'left', 'the one that leaves, while the one that is to come is silent'],
] as const)
  test(`§6 R1 killed before and after each persist point of a hand-over by ${how}: ${what}`, (context) =>
    handOver(context, how, role, joiners))
