// F31 §7.8 Hostile visitors and a member that floods, on the real member that leads its group: an honest client of another address is served
// meanwhile, the leader's memory and descriptors are bounded, and afterwards all is as before. `npm run test:hostile` has every attack and prints the figures.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { SERVE_LIMITS, STREAM_CHUNK_BYTES } from '#seeder/serve/limits.ts'
import { type Suffered, startVictims, suffer, sufferAtPeerPort, sufferMember } from '#test/byzantine/hostile.ts'
import { sufferStreams } from '#test/byzantine/streams.ts'
import type { Seeders } from '#test/support/seeders.ts'

const ATTACK_MS = 4_000
/** Of a connection that asks: both sides' objects of Node, a head, what was read and not yet parsed. */
const CONNECTION_BYTES = 96 * 1024
/** What any of these attacks may cost beside what the member held before: all that visitors share, given out at once. */
const GROWTH_BYTES_MAX =
  SERVE_LIMITS.unsentBytesMax +
  SERVE_LIMITS.bodiesBytesMax +
  SERVE_LIMITS.streamsMax * STREAM_CHUNK_BYTES +
  SERVE_LIMITS.readCacheBytes +
  SERVE_LIMITS.assetCacheBytes +
  SERVE_LIMITS.connectionsMax * CONNECTION_BYTES
/** A request that is under way when the attack begins or ends may be lost to it. */
const LOST_MAX = 1

let victims: Seeders
before(async () => {
  victims = await startVictims()
})
after(() => victims?.[Symbol.asyncDispose]())

function assertServed(found: Suffered): void {
  const told = JSON.stringify(found)
  for (const { asked, failed } of Object.values(found.honest)) assert.ok(asked > failed && failed <= LOST_MAX, told)
  assert.ok(found.rssMax - found.rssBefore < GROWTH_BYTES_MAX, told)
  assert.ok(found.descriptorsAfter <= found.descriptorsBefore + 16, told)
}

for (const attack of [
  'reads from one address',
  'bodies that never end',
  'pipelined reads, nothing taken',
  'idle connections from one address',
  'huge and malformed HTTP',
  'half-open sockets',
])
  test(`F31 §7.8 others are served during ${attack}, at the leader`, async (context) => {
    const found = await suffer(victims, attack, ATTACK_MS)
    context.diagnostic(JSON.stringify(found))
    assertServed(found)
  })

test('F31 §7.8 others are served, and the group agrees, while strangers send garbage to the peer port', async (context) => {
  const found = await sufferAtPeerPort(victims, 'peer port: a handshake that is none', ATTACK_MS)
  context.diagnostic(JSON.stringify(found))
  assertServed(found)
})

test('F31 §7.8 others are served, and the group agrees, while a member sends garbage on its streams', async (context) => {
  const found = await sufferStreams(victims, ATTACK_MS)
  const told = JSON.stringify(found)
  context.diagnostic(told)
  for (const what of ['streams of no protocol', 'frames that never end']) assert.ok((found.tally[what] ?? 0) > 0, told)
  assertServed(found)
})

test('F31 §7.8 others are served while a member shares valid requests as fast as they are taken', async (context) => {
  const found = await sufferMember(victims, ATTACK_MS)
  context.diagnostic(JSON.stringify(found))
  assertServed(found)
})
