// A site's own page: what of it this gateway checked, and that nothing which a member merely says gets there.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { About } from '#gateway/about/about.ts'
import { ABOUT_KEPT_MS, ABOUT_MEMBERS_ASKED } from '#gateway/settings.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { certificateFromBytes } from '#protocol/answer/evidence.ts'
import { bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { err, ok } from '#protocol/codec/result.ts'
import { codeOf, type Scene, START, scene, wikiNetwork } from '#test/gateway/scene.ts'
import { type HostedGroup, hostedGroup } from '#test/support/hosted-group.ts'
import { schemaErrors } from '#test/support/json-schema.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const PERSON = { headers: { Accept: 'text/html' } }

/** What a member gives when it is asked for its certificate; undefined: it does not answer. */
type Gives = Record<string, () => Uint8Array | undefined>

type Stage = {
  readonly at: Scene
  readonly group: HostedGroup
  /** Whom the gateway asked, in turn. */
  readonly asked: string[]
  about(): Promise<About>
}

async function stage(gives: (group: HostedGroup) => Gives): Promise<Stage> {
  const network = wikiNetwork()
  const clock = { now: START }
  const group = hostedGroup('wiki', { network, members: MEMBERS, now: () => clock.now })
  const given = gives(group)
  const asked: string[] = []
  const tunnels: Tunnels = {
    accept: async () => new Response(null, { status: 501 }),
    async ask(peer, head) {
      const name = MEMBERS.find((each) => network.peer(each) === peer) ?? ''
      asked.push(name)
      assert.equal(head.target, '/.well-known/interpeer/certificate/latest')
      const body = given[name]?.()
      return body === undefined ? err({ code: 'timed_out' }) : ok({ status: 200, headers: [], body })
    },
  }
  const at = await scene({ network, clock, tunnels, config: { sitesDomain: 'sites.example' } })
  for (const peer of MEMBERS) await at.register(peer, { tunnel: true })
  return {
    at,
    group,
    asked,
    about: async () => (await (await at.ask('/-/about/wiki.json')).json()) as About,
  }
}

const newest = (group: HostedGroup) => (): Uint8Array => cborFromValue(group.head().cert)

test('what is shown was checked here: its bytes, its voters, its height', async () => {
  const { about, group, at } = await stage((each) => Object.fromEntries(MEMBERS.map((name) => [name, newest(each)])))
  const found = await about()
  assert.ok(found.certificate)
  const bytes = bytesFromBase64(found.certificate.cbor)
  assert(bytes.ok)
  const cert = certificateFromBytes(bytes.value)
  assert(cert.ok)
  assert.deepEqual(cert.value, group.head().cert)
  assert.equal(found.certificate.height, 1)
  assert.deepEqual(
    found.certificate.voters,
    ['ana', 'ben', 'cleo'].map((name) => at.network.peer(name)),
  )
  assert.deepEqual([found.needed, found.may_lie, found.certificate.signatures, found.not_asked], [3, 1, 6, null])
  assert.deepEqual(
    found.members.map(({ state, voted }) => [state, voted]),
    [
      ['living', true],
      ['living', true],
      ['living', true],
      ['living', false],
    ],
  )
  const schema = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'schemas', 'about.json'), 'utf8'),
  )
  assert.deepEqual(schemaErrors(schema, found), [])
})

test('who gives a certificate that does not hold is named and passed over, whatever is wrong with it', async () => {
  const forgeries: readonly ((group: HostedGroup) => Uint8Array)[] = [
    () => new Uint8Array([1, 2, 3]),
    (group) => cborFromValue({ ...group.head().cert, block: { ...group.head().cert.block, height: 99 } }),
    ({ head }) => cborFromValue({ ...head().cert, qc2: { ...head().cert.qc2, votes: head().cert.qc2.votes.slice(1) } }),
    // Of another chain, by the same keys.
    () => newest(hostedGroup('wiki', { network: wikiNetwork().next({ networkName: 'another' }), members: MEMBERS }))(),
    ({ head }) => {
      const { qc1 } = head().cert
      const [first, second, ...more] = qc1.votes
      assert.ok(first && second)
      return cborFromValue({
        ...head().cert,
        qc1: { ...qc1, votes: [[first[0], first[1], second[2]], second, ...more] },
      })
    },
  ]
  for (const forge of forgeries) {
    const { about, asked, at } = await stage((group) => {
      const lie = (): Uint8Array => forge(group)
      return { ana: lie, ben: lie, cleo: newest(group), dan: newest(group) }
    })
    const found = await about()
    const liars = found.members.filter(({ wrong }) => wrong).map(({ peer }) => peer)
    assert.equal(found.certificate?.height, 1)
    assert.ok(['cleo', 'dan'].some((name) => found.certificate?.given_by === at.network.peer(name)))
    assert.deepEqual(
      liars,
      asked.filter((name) => name === 'ana' || name === 'ben').map((name) => at.network.peer(name)),
    )
  }
})

test('a member that is behind does not take a higher certificate away, and a silent one is not waited for', async () => {
  let isOld = false
  const { about, group, at } = await stage((each) => {
    const first = newest(each)()
    return Object.fromEntries(MEMBERS.map((name) => [name, () => (isOld ? first : newest(each)())]))
  })
  group.heartbeat()
  assert.equal((await about()).certificate?.height, 2)
  isOld = true
  at.clock.now += ABOUT_KEPT_MS
  assert.equal((await about()).certificate?.height, 2)
})

test('members are asked once in a while, however many want to know, and a few of them at most', async () => {
  const { about, asked, at } = await stage(() => ({}))
  const all = await Promise.all(Array.from({ length: 20 }, about))
  assert.equal(asked.length, ABOUT_MEMBERS_ASKED)
  for (const found of all) assert.deepEqual([found.certificate, found.not_asked], [null, null])
  await about()
  assert.equal(asked.length, ABOUT_MEMBERS_ASKED)
  at.clock.now += ABOUT_KEPT_MS
  await about()
  assert.equal(asked.length, 2 * ABOUT_MEMBERS_ASKED)
})

test('a certificate that is too old to count is said to be so, and stays as long as there is no newer one', async () => {
  const { about, at } = await stage((group) => Object.fromEntries(MEMBERS.map((name) => [name, newest(group)])))
  await about()
  at.clock.now += at.network.file.settings.fresh_ms + 2
  const found = await about()
  assert.deepEqual([found.certificate?.height, found.certificate?.fresh, found.not_asked], [1, false, 'nobody_there'])
  const page = await (await at.ask('/-/about/wiki', PERSON)).text()
  assert.match(page, /older than 30 seconds/)
})

test('a gateway without tunnels says that it asks nobody; nothing is known of a name that is not there', async () => {
  const at = await scene()
  const found = (await (await at.ask('/-/about/wiki')).json()) as About
  assert.deepEqual([found.certificate, found.not_asked], [null, 'no_tunnels'])
  assert.equal(await codeOf(await at.ask('/-/about/nobody')), 'unknown_name')
  assert.equal((await at.ask('/-/about/nobody', PERSON)).status, 404)
  assert.equal((await at.ask('/-/about/WIKI.json')).status, 200)
  assert.equal((await at.ask('/-/about/')).status, 404)
  assert.equal((await at.ask('/-/about/wiki', { method: 'POST' })).status, 405)
  assert.equal((await at.ask('/-/about/wiki')).headers.get('access-control-allow-origin'), '*')
})
