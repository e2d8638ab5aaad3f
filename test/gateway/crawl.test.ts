// F29 What the gateway says to crawlers, and what it lets a site that it carries say.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placedPage, withOwnLinks } from '#gateway/crawl/carried.ts'
import { robotsText } from '#gateway/crawl/files.ts'
import { carryNetwork } from '#gateway/network/carry.ts'
import { ROBOTS_BYTES_MAX } from '#gateway/settings.ts'
import { JOBS_MAX, signNetworkFile, type UnsignedNetworkFile } from '#protocol/directory/network-file.ts'
import { codeOf, GATEWAY_URL, type Scene, scene } from '#test/gateway/scene.ts'
import { testNetwork } from '#test/support/network.ts'

const PERSON = { headers: { Accept: 'text/html' } }

/** The rules of RFC 9309 §2.2 that such a file uses: the longest match decides, `$` ends an address. */
function allows(robots: string, path: string): boolean {
  const rules = Array.from(robots.matchAll(/^Disallow: (\S+)$/gm), ([, rule]) => rule ?? '')
  return !rules.some((rule) => (rule.endsWith('$') ? path === rule.slice(0, -1) : path.startsWith(rule)))
}

/** The scene's network with something else in it, a version later. */
async function changed(at: Scene, change: Partial<UnsignedNetworkFile>): Promise<void> {
  const { signature: _, ...file } = at.network.file
  const next = signNetworkFile({ ...file, version: file.version + 1, ...change }, at.network.networkSigner)
  const taken = await carryNetwork(at.gateway, JSON.stringify(next))
  assert.ok(taken.ok, JSON.stringify(taken))
}

test('RFC 9309 sites may be crawled, what is for programs not, and no site is meant by a rule for another address', async () => {
  const at = await scene()
  const answer = await at.ask('/robots.txt')
  assert.equal(answer.headers.get('content-type'), 'text/plain; charset=UTF-8')
  const robots = await answer.text()
  for (const path of [
    '/register',
    '/evidence',
    '/lookup/name/wiki',
    '/bootstrap',
    '/network',
    '/tunnel/aa',
    '/dns-query?dns=AA',
  ])
    assert.equal(allows(robots, path), false, path)
  for (const path of [
    '/',
    '/wiki/',
    '/wiki/register',
    '/register-office/',
    '/networks/',
    '/sitemap.xml',
    '/-/style.css',
  ])
    assert.ok(allows(robots, path), path)
  assert.match(robots, new RegExp(`^Sitemap: ${GATEWAY_URL}/sitemap.xml$`, 'm'))
  assert.match(robots, new RegExp(`^Sitemap: ${GATEWAY_URL}/wiki/sitemap.xml$`, 'm'))
})

test('however many sites there are, a crawler reads all of robots.txt, and all of them stand in the index', async () => {
  const names = Array.from({ length: JOBS_MAX }, (_, index) => `${'a'.repeat(57)}-${index}`)
  const at = await scene()
  const [job] = at.network.file.jobs
  assert.ok(job)
  const jobs = names.map((name, index) => ({ ...job, name, job: index.toString(16).padStart(64, '0') }))
  await changed(at, { jobs })
  const robots = robotsText(at.gateway)
  assert.ok(robots.length <= ROBOTS_BYTES_MAX && robots.endsWith('/sitemap.xml\n'), String(robots.length))
  assert.ok(robots.split('Sitemap:').length < JOBS_MAX, 'not all of them fit')
  const index = await (await at.ask('/sitemap.xml')).text()
  assert.equal(Array.from(index.matchAll(/<loc>/g)).length, JOBS_MAX)
})

test('the sitemap index names every site’s sitemap at this gateway, which is a redirect like any other', async () => {
  const at = await scene()
  await at.register('ana')
  const answer = await at.ask('/sitemap.xml')
  assert.equal(answer.headers.get('content-type'), 'application/xml; charset=utf-8')
  assert.deepEqual(
    Array.from((await answer.text()).matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) => address),
    [`${GATEWAY_URL}/wiki/sitemap.xml`],
  )
  const site = await at.ask('/wiki/sitemap.xml')
  assert.equal(site.status, 307)
  const etag = answer.headers.get('etag')
  assert.ok(etag)
  assert.equal((await at.ask('/sitemap.xml', { headers: { 'If-None-Match': etag } })).status, 304)
  const head = await at.ask('/sitemap.xml', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('etag'), await head.text()], [200, etag, ''])
  assert.equal((await at.ask('/sitemap.xml', { method: 'POST' })).status, 405)
})

test('whichever gateway sends a visitor on, a page is known by its address at the first one of the network', async () => {
  const first = 'https://first.example'
  const network = testNetwork({ sites: [{ name: 'wiki', members: ['ana', 'ben'] }], gateways: [first, GATEWAY_URL] })
  const at = await scene({ network })
  await at.register('ana', { sees: [] })
  assert.equal((await at.ask('/wiki/a?b')).headers.get('link'), `<${first}/wiki/a?b>; rel="canonical"`)
  assert.match(await (await at.ask('/sitemap.xml')).text(), new RegExp(`<loc>${first}/wiki/sitemap.xml</loc>`))
})

test('404 for what never was, 410 for what was unpublished, until somebody takes the name again', async () => {
  const at = await scene()
  assert.equal((await at.ask('/nobody/', PERSON)).status, 404)
  const ended = [
    { job: '7'.repeat(64), name: 'former', time: at.clock.now },
    { job: '8'.repeat(64), time: at.clock.now },
  ]
  await changed(at, { ended })
  for (const path of ['/former/', '/former/deep/page?x', '/lookup/name/former']) {
    const answer = await at.ask(path)
    assert.deepEqual([answer.status, await codeOf(answer)], [410, 'gone_name'], path)
  }
  assert.match(await (await at.ask('/former/', PERSON)).text(), /<h1>Gone<\/h1>/)
  assert.equal((await at.ask('/nobody/')).status, 404)
  const [job] = at.network.file.jobs
  assert.ok(job)
  await changed(at, {
    version: at.network.file.version + 2,
    ended,
    jobs: [{ ...job, name: 'former' }],
  })
  assert.equal((await at.ask('/former/')).status, 503)
})

const PLACE = { base: GATEWAY_URL, siteName: 'wiki', target: '/page?a=b' }
const HTML = ['content-type', 'text/html'] as const
const CERTIFICATE = '</.well-known/interpeer/certificate/12>; rel="interpeer-certificate"'

test('of a carried page’s links only the certificate’s goes on, since no other is certified; the canonical one is the gateway’s', () => {
  const links = (value: string, body = '<h1>x</h1>', status = 200) =>
    withOwnLinks({ status, headers: [HTML, ['Link', value]], body: Buffer.from(body) }, PLACE)
      .filter(([name]) => name === 'Link')
      .map(([, link]) => link)
  const canonical = `<${GATEWAY_URL}/wiki/page?a=b>; rel="canonical"`
  assert.deepEqual(links(CERTIFICATE), [CERTIFICATE, canonical])
  for (const lie of [
    '<https://evil.example/>; rel="canonical"',
    '<https://evil.example/x.css>; rel=stylesheet',
    `${CERTIFICATE}, <https://evil.example/>; rel="canonical"`,
  ])
    assert.deepEqual(links(lie), [canonical], lie)
  assert.deepEqual(links(CERTIFICATE, '<link rel=canonical href="https://author.example/">'), [CERTIFICATE])
  assert.deepEqual(links(CERTIFICATE, '<link rel=canonical href="/x">'), [CERTIFICATE, canonical])
  assert.deepEqual(links(CERTIFICATE, 'gone', 410), [CERTIFICATE])
})

test('in a carried robots.txt and sitemap the site has its address at the gateway, and nothing stays that holds for other bytes', () => {
  const headers = [HTML, ['ETag', '"x"'], ['Content-Digest', 'y'], ['Interpeer-Receipt', 'z']] as const
  const body = Buffer.from('Sitemap: http://wiki.peer/sitemap.xml\nünï\n')
  const placed = placedPage({ status: 200, headers, body }, { ...PLACE, target: '/robots.txt' })
  assert.equal(Buffer.from(placed?.body ?? []).toString(), `Sitemap: ${GATEWAY_URL}/wiki/sitemap.xml\nünï\n`)
  assert.deepEqual(
    placed?.headers.map(([name]) => name),
    ['content-type', 'Interpeer-Receipt', 'Cache-Control', 'Interpeer-Body'],
  )
  assert.equal(placedPage({ status: 200, headers, body }, PLACE), undefined)
  assert.equal(placedPage({ status: 404, headers, body }, { ...PLACE, target: '/robots.txt' }), undefined)
})
