// Who of the members a visitor is sent to: the near, spread by load; what a member says of its place is believed within what was measured.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Candidate, type Choice, choose, isPlaced } from '#gateway/locate/choice.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { FIELDS, fieldOf, type Place, placeFromText, placeOfField, roundTripMs } from '#protocol/place/place.ts'
import { scene, visits } from '#test/gateway/scene.ts'

function at(text: string): Place {
  const place = placeFromText(text)
  must(place !== undefined, text)
  return place
}

const BERLIN = at('52.5,13.4')
const PARIS = at('48.9,2.4')
const SYDNEY = at('-33.9,151.2')
const NEW_YORK = at('40.7,-74.0')

function member(origin: string, more: Partial<Candidate> = {}): Candidate {
  return { origin, load: 0, place: undefined, measuredMs: undefined, ...more }
}

/** How many turns each has in a round. */
function sharesOf({ turns }: Choice): Readonly<Record<string, number>> {
  const shares: Record<string, number> = {}
  for (const origin of turns) shares[origin] = (shares[origin] ?? 0) + 1
  return shares
}

const inOrder = (): number => 0

test('of whom nothing is known everybody comes once in a round, in their order or as chance has it', () => {
  const members = ['a', 'b', 'c', 'd'].map((origin) => member(origin))
  assert.deepEqual(choose(members, undefined, undefined, inOrder).turns, ['a', 'b', 'c', 'd'])
  const chances = [0.9, 0.1, 0.6]
  const drawn = choose(members, undefined, undefined, () => chances.pop() ?? 0)
  assert.notDeepEqual(drawn.turns, ['a', 'b', 'c', 'd'])
  assert.deepEqual([...drawn.turns].sort(), ['a', 'b', 'c', 'd'])
  assert.deepEqual(choose([], undefined, undefined, inOrder).turns, [])
})

test('a visitor is sent to the near members', () => {
  const members = [
    member('berlin', { place: BERLIN }),
    member('sydney', { place: SYDNEY }),
    member('paris', { place: PARIS }),
  ]
  assert.deepEqual(choose(members, at('DE'), 'edge', inOrder).turns, ['berlin', 'paris'])
  assert.deepEqual(choose(members, at('NZ'), 'edge', inOrder).turns, ['sydney'])
})

test('idle members come more often than busy ones, and a busy one near may be farther than an idle one far', () => {
  const near = [member('idle', { place: BERLIN }), member('half', { place: BERLIN, load: 0.5 })]
  assert.deepEqual(sharesOf(choose(near, PARIS, undefined, inOrder)), { idle: 2, half: 1 })
  const full = [member('full', { place: BERLIN, load: 1 }), member('far', { place: NEW_YORK })]
  assert.deepEqual(sharesOf(choose(full, PARIS, undefined, inOrder)), { far: 1 })
})

test('who is the only one is chosen whatever its load is', () => {
  assert.deepEqual(choose([member('full', { load: 1 })], undefined, undefined, inOrder).turns, ['full'])
})

test('measured latency decides where nobody says where it stands', () => {
  const members = [member('quick', { measuredMs: 12 }), member('slow', { measuredMs: 180 })]
  assert.deepEqual(choose(members, undefined, 'edge', inOrder).turns, ['quick'])
})

test('a place at which a member does not stand draws nobody: what was measured bounds what is believed', () => {
  const liar = member('liar', { place: BERLIN, measuredMs: 290 })
  const honest = member('honest', { place: PARIS, measuredMs: 25 })
  assert.deepEqual(choose([liar, honest], BERLIN, 'edge', inOrder).turns, ['honest'])
  // From a gateway in Sydney both are far, and Berlin may be where it says it is.
  const seen = [
    { ...liar, measuredMs: roundTripMs(SYDNEY, BERLIN) },
    { ...honest, measuredMs: roundTripMs(SYDNEY, PARIS) },
  ]
  assert.deepEqual(sharesOf(choose(seen, BERLIN, SYDNEY, inOrder)), { liar: 1, honest: 1 })
})

test('the place of a visitor is asked for only where it matters', () => {
  assert.equal(isPlaced([member('a'), member('b')]), false)
  assert.equal(isPlaced([member('a', { place: BERLIN }), member('b', { place: BERLIN })]), false)
  assert.equal(isPlaced([member('a', { place: BERLIN }), member('b')]), true)
})

test('places: countries, degrees, and nothing else; fields cover the earth and are bounded', () => {
  for (const text of ['DE', 'de', ' 52.5 , 13.4 ', '-90,180', '90,-180', '0,0']) {
    const place = at(text)
    const field = fieldOf(place)
    assert(field >= 0 && field < FIELDS, text)
    assert(roundTripMs(place, placeOfField(field)) < 20, text)
  }
  for (const text of ['', 'XX', '91,0', '0,181', '1,2,3', 'NaN,1', '52.5', 'Germany'])
    assert.equal(placeFromText(text), undefined, text)
  assert.equal(roundTripMs(BERLIN, BERLIN), 0)
  assert(roundTripMs(BERLIN, PARIS) > 10 && roundTripMs(BERLIN, PARIS) < 20)
  assert(roundTripMs(BERLIN, SYDNEY) > 200)
})

test('through the gateway: each visitor to the member near it, whoever is silent left out, and the others in its place', async () => {
  const gateway = await scene({
    ports: { visitorPlace: (request) => placeFromText(request.headers.get('x-place') ?? '') },
  })
  const places = { ana: BERLIN, ben: SYDNEY, cleo: NEW_YORK, dan: BERLIN }
  const register = async (peers: readonly (keyof typeof places)[]): Promise<void> => {
    for (const peer of peers)
      await gateway.register(peer, { place: places[peer], sees: peers.filter((o) => o !== peer) })
  }
  await register(['ana', 'ben', 'cleo', 'dan'])
  const from = async (place: string): Promise<string> => {
    const { headers } = await gateway.ask('/wiki/', { headers: { 'x-place': place } })
    return new URL(headers.get('location') ?? '').hostname.split('.')[1] ?? ''
  }
  assert.deepEqual([await from('FR'), await from('FR'), await from('FR')], ['ana', 'dan', 'ana'])
  assert.deepEqual([await from('AU'), await from('US')], ['ben', 'cleo'])
  assert.equal(new Set(await visits(gateway, 4)).size, 4, 'of whom nothing is known is sent to all in turn')
  gateway.clock.now += 15_000
  await register(['ben', 'cleo'])
  assert.equal(await from('FR'), 'cleo')
})

test('through the gateway: load moves visitors away, and writes nothing', async () => {
  const gateway = await scene()
  await gateway.register('ana', { load: 0 })
  await gateway.register('ben', { load: 500 })
  const counted = (await visits(gateway, 9)).filter((peer) => peer === 'ana').length
  assert.equal(counted, 6)
  const writes = gateway.store.writes.length
  gateway.clock.now += 5_000
  await gateway.register('ana', { load: 900 })
  assert.equal(gateway.store.writes.length, writes)
})
