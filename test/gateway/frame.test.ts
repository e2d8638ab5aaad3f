// §6 `?frame=1`: the bar above, the site below, and nothing but the site.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { languagesOf } from '#gateway/redirect/frame.ts'
import { FRAME_WORDS } from '#gateway/redirect/frame-words.ts'
import { FRESH_MS } from '#gateway/settings.ts'
import { WORDS } from '#page/bar/words.ts'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { codeOf, GATEWAY_URL, originOf, type Scene, scene, wikiNetwork } from '#test/gateway/scene.ts'
import { signerNamed } from '#test/support/network.ts'

const SECURE = 'https://wiki.ana.example'

async function framing(origin = SECURE): Promise<Scene> {
  const network = wikiNetwork()
  const at = await scene({
    network,
    ports: {
      // Its HTTPS origin is believed since its key answers there.
      async probe(address) {
        const { searchParams, origin: asked } = new URL(address)
        const challenge = bytesFromHex(searchParams.get('challenge') ?? '')
        must(challenge.ok, 'the challenge is hexadecimal')
        const body = { gateway: searchParams.get('gateway') ?? '', origin: asked, challenge: challenge.value }
        return cborFromValue(signStatement(network.domain, 'reach', signerNamed('ana'), body))
      },
    },
  })
  assert.equal((await at.register('ana', { sites: { wiki: origin } })).status, 200)
  // The redirect is in memory.
  assert.equal((await at.ask('/wiki/')).status, 307)
  return at
}

test('§6 the site stands in a frame at its present host, without the mark, and the policy lets nothing else in', async () => {
  const at = await framing()
  for (const [asked, shown] of [
    ['/wiki/?frame=1', '/'],
    ['/wiki/page?a=b&frame=1', '/page?a=b'],
    ['/wiki/%22%3E?q="&frame=1', '/%22%3E?q=%22'],
  ] as const) {
    const answer = await at.ask(asked)
    assert.equal(answer.status, 200)
    const text = await answer.text()
    assert.ok(text.includes(`<iframe src="${SECURE}${shown}" title="wiki" sandbox="`), text)
    assert.ok(!/sandbox="[^"]*top-navigation/.test(text))
    const policy = answer.headers.get('content-security-policy') ?? ''
    assert.ok(policy.includes(`frame-src 'self' ${SECURE};`), policy)
    assert.ok(policy.startsWith("default-src 'none'"))
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.headers.get('link'), `<${GATEWAY_URL}/wiki${shown}>; rel="canonical"`)
    assert.ok(text.includes('Not checked by your browser') && text.includes('href="/-/about/wiki"'))
  }
  const style = await at.ask('/-/frame.css')
  assert.equal(style.headers.get('content-type'), 'text/css; charset=utf-8')
})

test('a page that came encrypted frames no site that is not: it says so, and links to it', async () => {
  const at = await framing(originOf('ana'))
  const text = await (await at.ask('/wiki/page?frame=1')).text()
  assert.ok(!text.includes('<iframe'))
  assert.ok(text.includes('unencrypted'))
  assert.ok(text.includes(`href="${originOf('ana')}/page"`))
})

test('in the language that is wanted', async () => {
  const at = await framing()
  for (const [field, language] of [
    ['de-AT,de;q=0.9,en;q=0.8', 'de'],
    ['en;q=0.1, zh-CN', 'zh'],
    ['pt, fr;q=0.5', 'fr'],
    ['*', 'en'],
    [',;q=x', 'en'],
  ] as const) {
    const answer = await at.ask('/wiki/?frame=1', { headers: { 'accept-language': field } })
    const text = await answer.text()
    assert.ok(text.includes(`<html lang="${language}">`), field)
    assert.ok(text.includes(WORDS[language]?.more ?? '-'))
    assert.match(answer.headers.get('vary') ?? '', /Accept-Language/)
  }
  assert.equal(languagesOf('a,'.repeat(100_000)).length <= 512, true)
})

test('only an address that ends so asks for it, and only to read', async () => {
  const at = await framing()
  for (const path of ['/wiki/frame=1', '/wiki/?xframe=1', '/wiki/?frame=1&a=b', '/wiki/?frame=11', '/wiki/?frame=10'])
    assert.equal((await at.ask(path)).headers.get('location'), SECURE + path.slice('/wiki'.length), path)
  const written = await at.ask('/wiki/?frame=1', { method: 'POST', body: 'a' })
  assert.equal(written.headers.get('location'), `${SECURE}/?frame=1`)
  assert.equal((await at.ask('/wiki?frame=1')).headers.get('location'), '/wiki/?frame=1')
})

test('no site, nobody there: as without a frame', async () => {
  const at = await framing()
  assert.equal(await codeOf(await at.ask('/nobody/?frame=1')), 'unknown_name')
  at.clock.now += FRESH_MS
  assert.equal(await codeOf(await at.ask('/wiki/?frame=1')), 'no_living_member')
})

test('every language says all of it, with the same things put in', () => {
  const put = (words: object): string[] => Object.values(words).map((text) => String(text.match(/\{\w+\}/g)?.sort()))
  assert.deepEqual(Object.keys(FRAME_WORDS), Object.keys(WORDS))
  for (const words of Object.values(FRAME_WORDS)) assert.deepEqual(put(words), put(FRAME_WORDS.en ?? {}))
})
