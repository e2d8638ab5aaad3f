// §6 What the HTTP edge does with a write while the site's group changes: who has a key waits, or is sent on to who is there then (R9: it runs
// once); who has none is told at once that nothing ran.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpOptions } from '#cli/network/http.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { eventApp } from '#test/support/events.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { visitorAt } from '#test/support/sockets.ts'
import { until } from '#test/support/until.ts'

const ELSEWHERE = 'http://demo.s9.localhost:8080'
const SHORT_MS = 1_500
const KEYED = { 'idempotency-key': 'abcdefgh' }

type Changing = { readonly edge: Edge; readonly tries: () => number }
type Changes = {
  /** So many of the first writes are not ready. */
  readonly refusals?: number
  /** After so many writes it has left. */
  readonly leavesAfter?: number
  /** So many searches find nobody elsewhere. */
  readonly found?: number
  /** So many looks find no state here yet. */
  readonly looks?: number
  /** How long is waited for what comes; for what never comes, `SHORT_MS`. */
  readonly readyMs?: number
}

async function changing({
  refusals = 0,
  leavesAfter = Number.POSITIVE_INFINITY,
  found = 0,
  looks = 0,
  readyMs = 60_000,
}: Changes): Promise<Changing> {
  const group = hostedGroup('demo', {
    app: (request, context) =>
      request.target === '/events' ? eventApp(request, context) : textResponse(200, `ran ${request.target}`),
  })
  const { site, signer } = group.member(0)
  let tries = 0
  let searches = 0
  let looked = 0
  const submit: typeof site.submit = async (request, body) =>
    tries++ < refusals ? { code: 'not_ready', retryAfterSeconds: 2 } : site.submit(request, body)
  const changed = new Proxy(site, {
    get(target, name) {
      if (name === 'submit') return submit
      if (name === 'hasLeft') return () => tries >= leavesAfter
      if (name === 'isComing') return () => looked < looks
      if (name === 'head') return () => (looked++ < looks ? undefined : target.head())
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const sites = { byName: () => changed, all: () => [changed], onChange: () => () => {} }
  const wrapped: HostedGroup = { ...group, member: () => ({ site: changed, sites, signer }) }
  const whereabouts = async () => (searches++ < found ? undefined : ELSEWHERE)
  return { edge: await startEdge(wrapped, { whereabouts, limits: { readyMs } }), tries: () => tries }
}

async function posted({ edge }: Changing, headers: HttpOptions['headers'] = {}) {
  const {
    status,
    body,
    headers: answered,
  } = await edge.ask('/write', { method: 'POST', body: Buffer.from('x'), headers })
  return { status, text: body.toString(), location: answered.location }
}

test('a write with a key waits until the member can order it', async () => {
  const at = await changing({ refusals: 3 })
  await using _ = at.edge
  assert.deepEqual(await posted(at, KEYED), { status: 200, text: 'ran /write', location: undefined })
  assert.equal(at.tries(), 4)
})

test('without a key, or from who checks answers, it is tried once and refused', async () => {
  for (const headers of [{}, { ...KEYED, 'interpeer-client': '1' }]) {
    const at = await changing({ refusals: 3 })
    await using _ = at.edge
    assert.equal((await posted(at, headers)).status, 503)
    assert.equal(at.tries(), 1)
  }
})

test('a member that is not ready for long says so in the end', async () => {
  const at = await changing({ refusals: Number.POSITIVE_INFINITY, readyMs: SHORT_MS })
  await using _ = at.edge
  assert.equal((await posted(at, KEYED)).status, 503)
  assert.ok(at.tries() > 1)
})

test('a member that leaves in the midst of it sends the visitor on, as soon as somebody is there', async () => {
  const at = await changing({ refusals: Number.POSITIVE_INFINITY, leavesAfter: 2, found: 2 })
  await using _ = at.edge
  const { status, location } = await posted(at, KEYED)
  assert.deepEqual([status, location], [307, `${ELSEWHERE}/write`])
  assert.equal(at.tries(), 2)
})

test('what has no key is not sent on by who shared it already', async () => {
  const at = await changing({ refusals: Number.POSITIVE_INFINITY, leavesAfter: 1 })
  await using _ = at.edge
  assert.equal((await posted(at)).status, 503)
})

test('the message of a visitor’s socket waits as its visitor would', async () => {
  const at = await changing({ refusals: 3 })
  await using _ = at.edge
  const visitor = await visitorAt(`${at.edge.origin}/events`, { origin: at.edge.origin })
  visitor.say('one')
  await until('its event', () => visitor.told.includes('1'))
  assert.equal(at.tries(), 4)
  visitor.socket.close()
})

test('who comes to a member that is taking the state over waits for it', async () => {
  for (const ask of [
    (edge: Edge) => edge.ask('/page'),
    (edge: Edge) => edge.ask('/write', { method: 'POST', body: Buffer.from('x') }),
  ]) {
    const at = await changing({ looks: 6 })
    await using _ = at.edge
    assert.equal((await ask(at.edge)).status, 200)
  }
})

test('who checks answers does not wait for a state', async () => {
  const at = await changing({ looks: 6 })
  await using _ = at.edge
  assert.equal((await at.edge.ask('/page', { headers: { 'interpeer-client': '1' } })).status, 503)
})

test('while the state does not come a visitor is sent to another member, or told so when there is none', async () => {
  const never = { looks: Number.POSITIVE_INFINITY, readyMs: SHORT_MS }
  const at = await changing(never)
  await using _ = at.edge
  const { status, headers } = await at.edge.ask('/page')
  assert.deepEqual([status, headers.location], [307, `${ELSEWHERE}/page`])

  const alone = await changing({ ...never, found: Number.POSITIVE_INFINITY })
  await using __ = alone.edge
  assert.equal((await alone.edge.ask('/page')).status, 503)
})
