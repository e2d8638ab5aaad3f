// How visitors reach a seeder, as it tells its operator: what each gateway made of it, and the rung of each site.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ReachParts, reachFacts } from '#seeder/register/reach.ts'
import { startRegistrar } from '#seeder/register/registrar.ts'
import { startRecorder } from '#test/support/http-recorder.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const NAMES = ['plain', 'secure', 'login', 'hidden', 'new']
const network = testNetwork({ sites: NAMES.map((name) => ({ name, members: ['a', 'b', 'c', 'd'] })) })
const GATEWAY = 'https://gateway.example'

function rungs(tunnel: boolean): Readonly<Record<string, string>> {
  const parts: ReachParts = {
    mode: 'direct',
    http: 'http://127.0.0.1:1',
    gateways: [{ gateway: GATEWAY, taken: true }],
    hasTunnel: () => tunnel,
    announced: [
      { job: network.job('plain'), origin: 'http://plain.s1.localhost:1', stable: false },
      { job: network.job('secure'), origin: 'https://secure.seeder.example', stable: false },
      { job: network.job('login'), origin: 'https://login.seeder.example', stable: true },
      { job: network.job('hidden'), origin: null, stable: false },
    ],
    hosted: NAMES.map((name) => ({ name, job: network.job(name) })),
  }
  return reachFacts(parts).rungs
}

test('the rung of a site is the best that it has; what was told to nobody has none', () => {
  const common = { plain: 'http', secure: 'https', new: 'none' }
  assert.deepEqual(rungs(true), { ...common, login: 'sites_domain', hidden: 'tunnel' })
  assert.deepEqual(rungs(false), { ...common, login: 'https', hidden: 'none' })
})

test('what each gateway made of the registration is known: taken, with how far its clock is off, refused with why, or not yet', async () => {
  const aheadMs = 90_000
  await using fine = await startRecorder(() => ({ status: 200, body: JSON.stringify({ time: Date.now() + aheadMs }) }))
  await using refusing = await startRecorder(() => ({ status: 403, body: '{"code":"not_a_member"}' }))
  const gateways = [fine.url, refusing.url]
  await using registrar = startRegistrar({
    signer: network.signer('a'),
    domain: network.domain,
    gateways: () => gateways,
    facts: () => ({ sites: [], sees: [], accuses: [] }),
    evidence: () => undefined,
    now: Date.now,
  })
  assert.deepEqual(
    registrar.standing().map(({ taken }) => taken),
    [undefined, undefined],
  )
  const [taken, refused] = await until('both answers', () => {
    const standing = registrar.standing()
    return standing.every((each) => each.taken !== undefined) && standing
  })
  assert.ok(taken && refused)
  assert.equal(taken.taken, true)
  assert.equal(taken.problem, undefined)
  // It wrote its time somewhere between the question and the answer.
  const { clockAheadMs = 0, clockWithinMs = 0, takenAt = 0 } = taken
  assert(Math.abs(clockAheadMs - aheadMs) <= clockWithinMs + 1, `${clockAheadMs} ± ${clockWithinMs}`)
  assert(takenAt > 0)
  assert.equal(refused.taken, false)
  assert.match(refused.problem ?? '', /^403 .*not_a_member/)
  assert.equal(refused.clockAheadMs, undefined)
})
