// Through which public peers one is reached that nobody can dial.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { RELAYS_WANTED, RelayKeeper } from '#seeder/network/relay-keeper.ts'
import { signerNamed } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const nameOf = (name: string): PeerName => peerName(signerNamed(name).publicKey)
const RELAYS = ['a', 'b', 'c', 'd', 'e'].map(nameOf)

function keeper(answers: (relay: PeerName) => Promise<void>, self = nameOf('home')) {
  const asked: PeerName[] = []
  const announced: (readonly PeerName[])[] = []
  const made: RelayKeeper = new RelayKeeper({
    self,
    reserve: (relay) => {
      asked.push(relay)
      return answers(relay)
    },
    now: () => performance.now(),
    chance: () => 0,
    onChange: () => announced.push(made.announced()),
  })
  return { made, asked, announced }
}

test('two are asked and held, however many there are; each home has an order of its own', async () => {
  const { made, asked } = keeper(() => Promise.resolve())
  using _made = made
  made.setCandidates([], RELAYS)
  await until('reservations', () => made.reserved().length === RELAYS_WANTED)
  assert.equal(asked.length, RELAYS_WANTED)
  assert.deepEqual(made.announced(), made.reserved().toSorted())
  const firsts = new Set<PeerName>()
  for (let index = 0; index < 32; index++) {
    const other = keeper(() => new Promise(() => {}), nameOf(`home ${index}`))
    using _other = other.made
    other.made.setCandidates([], RELAYS)
    firsts.add(other.asked[0] as PeerName)
  }
  assert.ok(firsts.size >= 3, 'no relay is everybody’s first')
})

test('members of its own groups are asked before all others', async () => {
  const { made } = keeper(() => Promise.resolve())
  using _made = made
  for (let index = 0; index < RELAYS.length - 1; index++) {
    const mates = RELAYS.slice(index, index + 2)
    const other = keeper(() => new Promise(() => {}))
    using _other = other.made
    other.made.setCandidates(
      mates,
      RELAYS.filter((relay) => !mates.includes(relay)),
    )
    assert.deepEqual(other.asked.toSorted(), mates.toSorted())
  }
})

test('one that is away is not waited for, and is asked again later', async () => {
  let isAway = true
  const counts = new Map<PeerName, number>()
  const { made } = keeper((relay) => {
    counts.set(relay, (counts.get(relay) ?? 0) + 1)
    return isAway && relay !== RELAYS[4] ? Promise.reject(new Error('away')) : Promise.resolve()
  })
  using _made = made
  made.setCandidates([], RELAYS)
  await until('the one that is there', () => made.reserved().length === 1)
  await until('the others, again', () => RELAYS.slice(0, 4).every((relay) => (counts.get(relay) ?? 0) >= 2))
  assert.deepEqual(made.reserved(), [RELAYS[4]])
  isAway = false
  await until('a second', () => made.reserved().length === 2)
})

test('what is announced stays while a relay is away and nothing else is there, and changes when something is', async () => {
  const there = new Set(RELAYS.slice(0, 2))
  const { made, announced } = keeper((relay) =>
    there.has(relay) ? Promise.resolve() : Promise.reject(new Error('away')),
  )
  using _made = made
  made.setCandidates([], RELAYS.slice(0, 2))
  await until('both', () => made.reserved().length === 2)
  const [first, second] = RELAYS as [PeerName, PeerName]
  const before = announced.length
  there.delete(first)
  made.lost(first)
  assert.deepEqual(made.announced(), [first, second].toSorted())
  there.add(first)
  await until('it is back', () => made.reserved().length === 2)
  assert.equal(announced.length, before, 'nobody was told anything')
  const third = RELAYS[2] as PeerName
  there.delete(first)
  there.add(third)
  made.setCandidates([], RELAYS.slice(0, 3))
  made.lost(first)
  await until('another', () => made.reserved().includes(third))
  assert.deepEqual(made.announced(), [second, third].toSorted())
})

test('what its record said before counts until there is something newer, and who is no candidate any more does not', () => {
  const { made } = keeper(() => new Promise(() => {}))
  using _made = made
  const [first, second] = RELAYS as [PeerName, PeerName]
  made.remember([first, second])
  assert.deepEqual(made.announced(), [first, second])
  made.setCandidates([], [second])
  assert.deepEqual(made.announced(), [second])
})

test('a reservation that was lost before it was known does not count', async () => {
  const given = Promise.withResolvers<void>()
  const { made, asked } = keeper(() => given.promise)
  using _made = made
  const [only] = RELAYS as [PeerName]
  made.setCandidates([], [only])
  made.lost(only)
  given.resolve()
  await until('it is asked again', () => asked.length >= 2)
})
