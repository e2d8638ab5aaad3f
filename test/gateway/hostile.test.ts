// The gateway in workerd while somebody attacks it: visitors are redirected and members registered meanwhile, and its memory is bounded.
// `npm run test:hostile -- gateway:` has every attack and prints the figures.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type GatewayVictim, LARGE_BYTES, startGatewayVictim, sufferGateway } from '#test/byzantine/gateway.ts'
import type { GATEWAY_ATTACKS } from '#test/byzantine/gateway-attacks.ts'
import { until } from '#test/support/until.ts'

const ATTACK_MS = 3_000
/** A request that is under way when the attack begins or ends may be lost to it. */
const LOST_MAX = 1
/** An isolate has 128 MB at the edge. On this machine nothing holds it to that: its heap grows to several times what is in use, and stays there. */
const GROWTH_BYTES_MAX = 512 * 1024 * 1024

let victim: GatewayVictim
before(async () => {
  victim = await startGatewayVictim()
})
after(() => victim?.[Symbol.asyncDispose]())

/** What it has to have got at least once to have been an attack at all. */
const ATTACKS: Partial<Record<keyof typeof GATEWAY_ATTACKS, readonly string[]>> = {
  'gateway: registrations with forged signatures': [],
  'gateway: registrations that never end': [],
  'gateway: DNS garbage and odd questions': ['200', '400'],
  'gateway: a carried file taken byte by byte': ['200', 'bytes'],
  'gateway: huge and malformed HTTP': [],
  'gateway: connections that rest': [],
}

for (const [attack, got] of Object.entries(ATTACKS) as [keyof typeof GATEWAY_ATTACKS, readonly string[]][])
  test(`F31 §7.8 visitors and members are served during ${attack}`, async (context) => {
    const found = await sufferGateway(victim, attack, ATTACK_MS)
    const told = JSON.stringify(found)
    context.diagnostic(told)
    for (const what of got) assert.ok((found.tally[what] ?? 0) > 0, told)
    for (const { asked, failed } of Object.values(found.honest)) assert.ok(asked > failed && failed <= LOST_MAX, told)
    assert.ok(found.rssMax - found.rssBefore < GROWTH_BYTES_MAX, told)
    assert.ok(found.descriptorsAfter <= found.descriptorsBefore + 16, told)
  })

test('what visitors of a carried site held who went away in the midst of it is there again for their address', async () => {
  const found = await sufferGateway(victim, 'gateway: a carried file taken byte by byte', ATTACK_MS)
  assert.ok((found.tally['200'] ?? 0) > 0, JSON.stringify(found))
  const { body } = await until('the room', async () => {
    const answer = await victim.large()
    return answer.status === 200 && answer
  })
  assert.equal(body.length, LARGE_BYTES)
})
