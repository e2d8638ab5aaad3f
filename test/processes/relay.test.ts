// F38 Members that nobody can dial: two of four seeders listen nowhere, and are full members through the two that do.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { agrees, levelLines, noEvidence, published, SITE, writeLine } from '#test/support/lines.ts'
import { factsOf, homeLeads, linkedAsTheyCan, linksOf, stateComesAnew } from '#test/support/relayed.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const CLI = join(import.meta.dirname, '..', '..', 'cli', 'interpeer.js')
const run = promisify(execFile)
const NAT = ['--reach', 'nat']
const MINUTES_MS = 180_000

let seeders: Seeders
let homes: readonly SeederProcess[]
before(async () => {
  seeders = await published({ arguments: { s3: NAT, s4: NAT } })
  homes = seeders.all.slice(2)
})
after(() => seeders?.[Symbol.asyncDispose]())

const home = (index: number): SeederProcess => {
  const found = homes[index]
  assert.ok(found)
  return found
}

test('the network file says through whom they are reached, and all are linked as they can be', async () => {
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), MINUTES_MS)
  for (const { ready } of homes) {
    const addresses = await until('two relays', () => {
      const entry = seeders.admission.file().peers.find(({ peer }) => peer === ready.peer)
      return entry?.addresses.length === 2 ? entry.addresses : undefined
    })
    for (const address of addresses) assert.match(address, /^\/p2p\/12D3KooW[1-9A-HJ-NP-Za-km-z]+\/p2p-circuit$/)
  }
  const relayed = await factsOf(home(0))
  assert.equal(relayed?.network.reservedAt?.length, 2)
  assert.equal(relayed?.network.relaying, undefined)
})

test('status, metrics and doctor say who relays', async () => {
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), MINUTES_MS)
  const relay = (await linksOf(home(0)))?.get(home(1).ready.peer)
  const carrier = seeders.all.find(({ ready }) => ready.peer === relay)
  assert.ok(carrier)
  const member = (await home(0).site(SITE))?.members.find(({ peer }) => peer === home(1).ready.peer)
  assert.equal(member?.relay, relay)
  const shows = (seeder: SeederProcess, metric: RegExp) =>
    until(String(metric), async () => metric.test(await seeder.metrics()))
  await shows(home(0), /^interpeer_peers_relayed 1$/m)
  await shows(home(0), /^interpeer_relays_reserved 2$/m)
  await shows(carrier, /^interpeer_relay_reservations 2$/m)
  await shows(carrier, /^interpeer_relay_circuits [1-4]$/m)
  await shows(carrier, /^interpeer_relay_bytes_total [1-9]\d*$/m)
  assert.doesNotMatch(await carrier.metrics(), /^interpeer_relays_reserved \d/m)
  // It finds fault with the network's runtime, which is none here.
  const words = ['doctor', '--dir', home(0).ready.dir, '--network', seeders.networkPath]
  const doctor = await run(process.execPath, [CLI, ...words]).catch((cause: { stdout: string }) => cause)
  assert.match(doctor.stdout, /reached through 2 public seeders/)
  const status = await run(process.execPath, [CLI, 'status', SITE, '--network', seeders.networkPath])
  assert.match(status.stdout, /agreeing/)
})

test('writes are agreed on, and a member behind NAT leads in turn', async () => {
  for (let index = 0; index < 4; index++) await writeLine(seeders, `from ${index}`, index)
  const leader = await homeLeads(seeders, homes)
  assert.ok(homes.includes(leader))
  await levelLines(seeders)
})

test('the relay is killed: the group goes on, the two meet through the other one, and it is asked again when it is back', async () => {
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), MINUTES_MS)
  const relay = (await linksOf(home(0)))?.get(home(1).ready.peer)
  const carrier = seeders.all.find(({ ready }) => ready.peer === relay)
  assert.ok(carrier)
  const before = seeders.admission.file().peers.filter(({ peer }) => homes.some(({ ready }) => ready.peer === peer))
  assert.ok(before.every(({ addresses }) => addresses.length === 2))
  carrier.kill('SIGKILL')
  await carrier.exited
  await writeLine(seeders, 'without the relay', 2)
  await until('a link through the other', async () => {
    const now = (await linksOf(home(0)))?.get(home(1).ready.peer)
    return now !== undefined && now !== '' && now !== relay
  })
  await writeLine(seeders, 'through the other', 3)
  const again = await seeders.restart(carrier)
  await until('it relays again', async () => (await factsOf(again))?.network.relaying?.reservations === 2, MINUTES_MS)
  await until('it agrees again', () => agrees(again), MINUTES_MS)
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), MINUTES_MS)
  const after = seeders.admission.file().peers.filter(({ peer }) => homes.some(({ ready }) => ready.peer === peer))
  assert.deepEqual(
    after.map(({ addresses }) => addresses),
    before.map(({ addresses }) => addresses),
    'what they say of themselves is what it was',
  )
  await writeLine(seeders, 'all are back', 0)
  await levelLines(seeders)
})

test('a member behind NAT whose disk is lost takes the state through the links that it has', async () => {
  const again = await stateComesAnew(seeders, home(1), ...NAT)
  homes = [home(0), again]
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), MINUTES_MS)
  await noEvidence(seeders)
})
