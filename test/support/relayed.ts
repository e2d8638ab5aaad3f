// A group of which some members are behind NAT: how its members reach each other, as their control ports say, and what such a group has to be able to.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { exchange } from '#cli/network/http.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { agrees, linesAt, SITE, writeLine } from './lines.ts'
import type { SeederProcess, Seeders } from './seeders.ts'
import { until } from './until.ts'

/** One at a time; what comes at all comes long before. */
const TURNS_MAX = 16
const BACK_MS = 120_000

/** What its control port says; undefined while nobody answers there. */
export async function factsOf(seeder: SeederProcess): Promise<SeederFacts | undefined> {
  try {
    const answer = await exchange(`${seeder.ready.control}/status`, { timeoutMs: 5_000 })
    return JSON.parse(answer.body.toString()) as SeederFacts
  } catch {
    return undefined
  }
}

/** By peer who is linked: who relays, or '' when nobody does. */
export async function linksOf(seeder: SeederProcess): Promise<ReadonlyMap<string, string> | undefined> {
  const network = (await factsOf(seeder))?.network
  if (network === undefined) return undefined
  const relays = new Map(network.relayed.map(({ peer, relay }) => [peer, relay]))
  return new Map(network.connected.map((peer) => [peer, relays.get(peer) ?? '']))
}

/** Every member is linked to every other: those behind NAT with each other through a public one, all else directly. */
export async function linkedAsTheyCan(
  members: readonly SeederProcess[],
  homes: readonly SeederProcess[],
): Promise<boolean> {
  const isHome = (peer: string): boolean => homes.some(({ ready }) => ready.peer === peer)
  const isOpen = (peer: string): boolean => members.some(({ ready }) => ready.peer === peer) && !isHome(peer)
  const all = await Promise.all(members.map(linksOf))
  return members.every(({ ready: { peer: self } }, index) =>
    members.every(({ ready: { peer } }) => {
      if (peer === self) return true
      const relay = all[index]?.get(peer)
      if (relay === undefined) return false
      return isHome(self) && isHome(peer) ? isOpen(relay) : relay === ''
    }),
  )
}

/** Leaders are stopped in turn until a member behind NAT leads, and it leads while lines are written. */
export async function homeLeads(seeders: Seeders, homes: readonly SeederProcess[]): Promise<SeederProcess> {
  const leaderIn = async (at: SeederProcess): Promise<string> =>
    until(`what ${at.label} says`, async () => (await at.site(SITE))?.leader)
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const [one] = seeders.all
    assert.ok(one)
    const leader = await leaderIn(one)
    const home = homes.find(({ ready }) => ready.peer === leader)
    if (home !== undefined) {
      const before = (await until(home.label, () => home.site(SITE))).height
      await writeLine(seeders, `${home.label} leads`, 0)
      const site = await until(home.label, () => home.site(SITE))
      if (site.leader === leader && site.height > before) return home
      continue
    }
    const stopped = seeders.all.find(({ ready }) => ready.peer === leader)
    const other = seeders.all.find(({ ready }) => ready.peer !== leader)
    assert.ok(stopped && other)
    stopped.kill('SIGSTOP')
    try {
      await writeLine(seeders, `without ${stopped.label} ${turn}`, seeders.all.indexOf(other))
      await until('another leader', async () => (await leaderIn(other)) !== leader)
    } finally {
      stopped.kill('SIGCONT')
    }
    for (const each of seeders.all) await until(`${each.label} agrees`, () => agrees(each), BACK_MS)
  }
  throw new Error(`no member behind NAT led within ${TURNS_MAX} turns`)
}

/** Its disk is lost but for its key: it takes the state from the others, over the links that it has. */
export async function stateComesAnew(seeders: Seeders, home: SeederProcess, ...more: string[]): Promise<SeederProcess> {
  home.kill('SIGKILL')
  await home.exited
  rmSync(join(home.ready.dir, 'store'), { recursive: true })
  const [other] = seeders.all.filter((each) => each !== home)
  assert.ok(other)
  await writeLine(seeders, `while ${home.label} was away`, seeders.all.indexOf(other))
  const again = await seeders.restart(home, ...more)
  await until(
    'it has the state',
    async () => {
      const [own, theirs] = await Promise.all([linesAt(again), linesAt(other)])
      return own !== undefined && JSON.stringify(own) === JSON.stringify(theirs)
    },
    BACK_MS,
  )
  return again
}
