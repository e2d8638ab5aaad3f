// §6 What the HTTP edge does with a write while the site's group changes: who has a key waits, or is sent on to who is there then (R9: it runs
// once); who has none is told at once that nothing ran.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpOptions } from '#cli/network/http.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const ELSEWHERE = 'http://demo.s9.localhost:8080'
const KEYED = { 'idempotency-key': 'abcdefgh' }

type Changing = { readonly edge: Edge; readonly tries: () => number }

/** A member that is not ready for the first `refusals` writes, and has left after `leavesAfter` of them. */
async function changing(refusals: number, leavesAfter = Number.POSITIVE_INFINITY, found = 0): Promise<Changing> {
  const group = hostedGroup('demo', { app: ({ target }) => textResponse(200, `ran ${target}`) })
  const { site, signer } = group.member(0)
  let tries = 0
  let searches = 0
  const submit: typeof site.submit = async (request, body) =>
    tries++ < refusals ? { code: 'not_ready', retryAfterSeconds: 2 } : site.submit(request, body)
  const changed = new Proxy(site, {
    get(target, name) {
      if (name === 'submit') return submit
      if (name === 'hasLeft') return () => tries >= leavesAfter
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const sites = { byName: () => changed, all: () => [changed], onChange: () => () => {} }
  const wrapped: HostedGroup = { ...group, member: () => ({ site: changed, sites, signer }) }
  const whereabouts = async () => (searches++ < found ? undefined : ELSEWHERE)
  return { edge: await startEdge(wrapped, { whereabouts, limits: { readyMs: 3_000 } }), tries: () => tries }
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
  const at = await changing(3)
  await using _ = at.edge
  assert.deepEqual(await posted(at, KEYED), { status: 200, text: 'ran /write', location: undefined })
  assert.equal(at.tries(), 4)
})

test('without a key, or from who checks answers, it is tried once and refused', async () => {
  for (const headers of [{}, { ...KEYED, 'interpeer-client': '1' }]) {
    const at = await changing(3)
    await using _ = at.edge
    assert.equal((await posted(at, headers)).status, 503)
    assert.equal(at.tries(), 1)
  }
})

test('a member that is not ready for long says so in the end', async () => {
  const at = await changing(Number.POSITIVE_INFINITY)
  await using _ = at.edge
  assert.equal((await posted(at, KEYED)).status, 503)
  assert.ok(at.tries() > 1)
})

test('a member that leaves in the midst of it sends the visitor on, as soon as somebody is there', async () => {
  const at = await changing(Number.POSITIVE_INFINITY, 2, 2)
  await using _ = at.edge
  const { status, location } = await posted(at, KEYED)
  assert.deepEqual([status, location], [307, `${ELSEWHERE}/write`])
  assert.equal(at.tries(), 2)
})

test('what has no key is not sent on by who shared it already', async () => {
  const at = await changing(Number.POSITIVE_INFINITY, 1)
  await using _ = at.edge
  assert.equal((await posted(at)).status, 503)
})
