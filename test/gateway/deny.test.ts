// Deny-lists at the gateway: whose are followed, what they change, and that they are shown to everybody.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type DenyEntry, signDenyList } from '#protocol/directory/deny-list.ts'
import { signerNamed } from '#test/support/network.ts'
import { codeOf, type Scene, START, scene } from './scene.ts'

const issuer = signerNamed('issuer')
const ISSUER = hexFromBytes(issuer.publicKey)
const PAGE = { headers: { accept: 'text/html' } }

async function opened(): Promise<Scene> {
  const at = await scene({ config: { denyKeys: [ISSUER], securityContact: 'mailto:security@gateway.example' } })
  for (const peer of ['ana', 'ben']) await at.register(peer)
  return at
}

function entryOf(at: Scene, change: Partial<DenyEntry> = {}): DenyEntry {
  const job = at.network.file.jobs[0]?.job ?? ''
  return { number: 1, job, reason: 'law', text: 'A court ordered <b>it</b>.', places: [], since: START, ...change }
}

function listText(version: number, entries: readonly DenyEntry[], by = issuer): string {
  const list = { version, title: 'Example e. V.', appeal: 'https://example.org/appeal', time: START, entries }
  return JSON.stringify(signDenyList({ ...list, issuer: hexFromBytes(by.publicKey) }, by))
}

function put(at: Scene, text: string, key = ISSUER): Promise<Response> {
  return at.ask(`/deny/${key}`, { method: 'PUT', body: text })
}

test('of a denied site no link, look-up or name leads anywhere, and the page says why and how to object', async () => {
  const at = await opened()
  assert.equal((await at.ask('/wiki/')).status, 307)
  const taken = await put(at, listText(1, [entryOf(at)]))
  assert.equal(taken.status, 200, await taken.clone().text())
  for (const path of ['/wiki/', '/wiki/deep?x=1', '/lookup/name/wiki']) {
    const answer = await at.ask(path)
    assert.equal(answer.status, 451, path)
    assert.equal(await codeOf(answer.clone() as Response), 'denied')
    assert.match(answer.headers.get('link') ?? '', /<https:\/\/example\.org\/appeal>; rel="blocked-by"/)
  }
  const page = await (await at.ask('/wiki/', PAGE)).text()
  assert.match(page, /A court ordered &lt;b&gt;it&lt;\/b&gt;/)
  assert.match(page, /href="https:\/\/example\.org\/appeal"/)
  assert.doesNotMatch(await (await at.ask('/', PAGE)).text(), /href="\/wiki\/"/)
  assert.doesNotMatch(await (await at.ask('/sitemap.xml')).text(), /wiki/)
  const dns = await at.ask('/dns-query?name=wiki.peer&type=A', { headers: { accept: 'application/dns-json' } })
  assert.doesNotMatch(await dns.text(), /127\.0\.0\.1/)
})

test('an entry for some places holds there, one that was lifted nowhere', async () => {
  const at = await opened()
  const entry = entryOf(at, { places: ['DE'], reason: 'abuse' })
  assert.equal((await put(at, listText(1, [entry]))).status, 200)
  const from = async (place?: string): Promise<number> =>
    (await at.ask('/wiki/', place === undefined ? {} : { headers: { 'cf-ipcountry': place } })).status
  assert.deepEqual([await from('DE'), await from('FR'), await from()], [403, 307, 307])
  at.clock.now += 1_000
  assert.equal((await put(at, listText(2, [{ ...entry, lifted: START }]))).status, 200)
  assert.equal(await from('DE'), 307)
})

test('only lists of the keys that the operator named are followed, and only ones that go on from what is held', async () => {
  const at = await opened()
  const stranger = signerNamed('stranger')
  const strange = hexFromBytes(stranger.publicKey)
  for (const [text, key, status, code] of [
    [listText(1, [entryOf(at)], stranger), strange, 404, 'unknown_issuer'],
    [listText(1, [entryOf(at)], stranger), ISSUER, 400, 'malformed'],
    [listText(1, [entryOf(at)]).replace('Example', 'Ersatz'), ISSUER, 401, 'bad_signature'],
    ['no list', ISSUER, 400, 'malformed'],
  ] as const) {
    const answer = await put(at, text, key)
    assert.deepEqual([answer.status, await codeOf(answer)], [status, code])
  }
  assert.equal((await at.ask('/wiki/')).status, 307)
  const first = listText(1, [entryOf(at)])
  assert.equal((await put(at, first)).status, 200)
  const replayed = await put(at, first)
  assert.deepEqual([replayed.status, await codeOf(replayed)], [409, 'old_deny_list'])
  assert.equal((await put(at, listText(2, []))).status, 400, 'nothing is taken away')
})

test('the lists are public as they were signed, and a gateway that is started again follows them', async () => {
  const at = await opened()
  const text = listText(1, [entryOf(at)])
  await put(at, text)
  assert.deepEqual(await (await at.ask(`/deny/${ISSUER}`)).json(), JSON.parse(text))
  const { lists } = (await (await at.ask('/deny')).json()) as { lists: { issuer: string; entries: number }[] }
  assert.deepEqual(
    lists.map((list) => [list.issuer, list.entries]),
    [[ISSUER, 1]],
  )
  assert.match(await (await at.ask('/deny', PAGE)).text(), /wiki[\s\S]*A court ordered/)
  const again = await at.again()
  assert.equal((await again.ask('/wiki/')).status, 451)
  assert.equal(await codeOf(await at.ask(`/deny/${'00'.repeat(32)}`)), 'unknown_issuer')
})

test('RFC 9116 security.txt says where to turn to, and holds for a while', async () => {
  const at = await opened()
  const text = await (await at.ask('/.well-known/security.txt')).text()
  assert.match(
    text,
    /^Contact: mailto:security@gateway\.example\nExpires: (\S+)\nCanonical: https:\/\/gateway\.example\//,
  )
  const expires = Date.parse(/Expires: (\S+)/.exec(text)?.[1] ?? '')
  assert.ok(expires > START && expires < START + 365 * 86_400_000)
  assert.equal((await (await scene()).ask('/.well-known/security.txt')).status, 404)
})
