// F29 What a member says to crawlers: `robots.txt` and sitemap of sites that have none, and one canonical address a page.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const GATEWAY = 'https://gateway.example'
const gateway = () => GATEWAY
const CLIENT = { headers: { 'interpeer-client': '1' } }
const HTML = [['content-type', 'text/html; charset=utf-8']] as const
const files = hostedGroup('files', {
  assets: {
    '/index.html': '<h1>home</h1>',
    '/about.html': '<h1>about</h1>',
    '/a b/index.html': '<h1>space</h1>',
    "/it's & <more>.html": '<h1>signs</h1>',
    '/ünï.html': '<h1>letters</h1>',
    '/own.html':
      '<!doctype html><title>x</title><script>"<body>"</script><link rel="nofollow Canonical" href="https://author.example/own">',
    '/local.html': '<link rel="canonical" href="file:///usr/share/local.html">',
    '/path.html': '<link rel=canonical href=/chosen?x>',
    '/late.html': '<head></head><body><link rel="canonical" href="https://author.example/late">',
    '/style.css': 'body {}',
    '/404.html': 'nothing here',
  },
  manifest: {},
})
const script = hostedGroup('script', {
  app({ target }) {
    const path = target.split('?')[0]
    if (path === '/') return { status: 200, headers: HTML, body: Buffer.from('<h1>start</h1>') }
    if (path === '/one') return textResponse(200, 'x', [['link', '</the-one>; rel="canonical", </next>; rel=next']])
    if (path === '/two') return textResponse(200, 'x', [['link', `<${canonicalOrigin('script')}/2?a>; rel=canonical`]])
    if (path === '/other') return textResponse(200, 'x', [['link', '<https://author.example/>; rel="up canonical"']])
    if (path === '/none') return textResponse(200, 'x', [['link', '<javascript:alert(1)>; rel=canonical']])
    if (path === '/gone') return textResponse(410, 'gone')
    return textResponse(404, 'not here')
  },
  assets: { '/guide.html': '<h1>guide</h1>' },
})
const own = hostedGroup('own', {
  assets: {
    '/index.html': '<h1>home</h1>',
    '/robots.txt': 'User-agent: *\nDisallow: /secret\n',
    '/sitemap.xml': `<urlset><url><loc>${canonicalOrigin('own')}/chosen</loc></url></urlset>`,
  },
})
const edges: Edge[] = []
after(async () => {
  for (const edge of edges) await edge[Symbol.asyncDispose]()
})
async function edgeOf(group: typeof files): Promise<Edge> {
  const edge = await startEdge(group, { gateway })
  edges.push(edge)
  return edge
}
const filesEdge = await edgeOf(files)
const scriptEdge = await edgeOf(script)
const ownEdge = await edgeOf(own)

function canonicalsOf(link: string | string[] | undefined): readonly string[] {
  return Array.from(String(link ?? '').matchAll(/<([^>]*)>;[^<]*canonical/g), ([, address]) => address ?? '')
}

test('RFC 6596 each page has one canonical address: where it is found without a redirect, without a query that means nothing', async () => {
  const of = async (edge: Edge, path: string) => canonicalsOf((await edge.ask(path)).headers.link)
  assert.deepEqual(await of(filesEdge, '/'), [`${GATEWAY}/files/`])
  assert.deepEqual(await of(filesEdge, '/?utm=1'), [`${GATEWAY}/files/`])
  assert.deepEqual(await of(filesEdge, '/about?a=b'), [`${GATEWAY}/files/about`])
  assert.deepEqual(await of(filesEdge, '/%61bout'), [`${GATEWAY}/files/about`])
  assert.deepEqual(await of(filesEdge, '/a%20b/'), [`${GATEWAY}/files/a%20b/`])
  assert.deepEqual(await of(filesEdge, '/%C3%BCn%C3%AF'), [`${GATEWAY}/files/%C3%BCn%C3%AF`])
  assert.deepEqual(await of(scriptEdge, '/?page=2'), [`${GATEWAY}/script/?page=2`])
  assert.deepEqual(await of(scriptEdge, '/guide?page=2'), [`${GATEWAY}/script/guide`])
})

test('what is no page has none: a redirect, an error', async () => {
  for (const [path, status] of [
    ['/about.html', 307],
    ['/nowhere', 404],
  ] as const) {
    const answer = await filesEdge.ask(path)
    assert.deepEqual([answer.status, canonicalsOf(answer.headers.link)], [status, []])
  }
})

test('what a page or its script says of its canonical address counts', async () => {
  const of = async (edge: Edge, path: string) => canonicalsOf((await edge.ask(path)).headers.link)
  assert.deepEqual(await of(filesEdge, '/own'), [])
  assert.deepEqual(await of(filesEdge, '/late'), [`${GATEWAY}/files/late`])
  assert.deepEqual(await of(scriptEdge, '/two'), [`${GATEWAY}/script/2?a`])
  assert.deepEqual(await of(scriptEdge, '/other'), ['https://author.example/'])
  assert.deepEqual(await of(scriptEdge, '/none'), [`${GATEWAY}/script/none`])
  assert.deepEqual(await of(filesEdge, '/local'), [`${GATEWAY}/files/local`])
  assert.deepEqual(await of(filesEdge, '/path'), [`${GATEWAY}/files/chosen?x`])
  const { link } = (await scriptEdge.ask('/one')).headers
  assert.deepEqual(canonicalsOf(link), [`${GATEWAY}/script/the-one`])
  assert.match(String(link), /<\/next>; rel=next/)
})

test('a site without robots.txt and sitemap gets them, certified like its files', async () => {
  const robots = await filesEdge.ask('/robots.txt')
  assert.equal(
    String(robots.body),
    `User-agent: *\nDisallow: /.well-known/interpeer/\n\nSitemap: ${GATEWAY}/files/sitemap.xml\n`,
  )
  const sitemap = await filesEdge.ask('/sitemap.xml')
  assert.equal(sitemap.headers['interpeer-body'], 'edited')
  const locations = Array.from(String(sitemap.body).matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) => address)
  assert.deepEqual(
    locations,
    [
      '/',
      '/404',
      '/a%20b/',
      '/about',
      '/it&apos;s%20&amp;%20%3Cmore%3E',
      '/late',
      '/local',
      '/own',
      '/path',
      '/%C3%BCn%C3%AF',
    ]
      .sort()
      .map((path) => `${GATEWAY}/files${path}`),
  )
  for (const path of ['/robots.txt', '/sitemap.xml'])
    for (const edge of [filesEdge, scriptEdge]) {
      const { answer } = await edge.askVerified(path, CLIENT)
      assert.equal(answer.status, 200)
      assert.match(String(answer.body), new RegExp(`http://${edge === filesEdge ? 'files' : 'script'}\\.peer/`))
    }
  assert.equal((await filesEdge.ask('/sitemap-1.xml')).status, 404)
})

test('the certified file says the same to all, and another member the same', async () => {
  await using other = await startEdge(files, { member: 2, gateway })
  const [one, two] = [
    await filesEdge.askVerified('/sitemap.xml', CLIENT),
    await other.askVerified('/sitemap.xml', CLIENT),
  ]
  assert.equal(one.answer.headers.etag, two.answer.headers.etag)
  const again = await filesEdge.ask('/sitemap.xml', {
    headers: { 'interpeer-client': '1', 'if-none-match': String(one.answer.headers.etag) },
  })
  assert.equal(again.status, 304)
})

test('of a site with a script the start page and its files are known; its own answer goes before ours', async () => {
  const sitemap = String((await scriptEdge.ask('/sitemap.xml')).body)
  assert.deepEqual(
    Array.from(sitemap.matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) => address),
    [`${GATEWAY}/script/`, `${GATEWAY}/script/guide`],
  )
  assert.equal((await scriptEdge.ask('/gone')).status, 410)
  assert.equal((await scriptEdge.ask('/nowhere')).status, 404)
})

test('a file of its own is certified as it is; its own origin in it is read as the address at the gateway', async () => {
  const robots = await ownEdge.askVerified('/robots.txt')
  assert.equal(String(robots.answer.body), 'User-agent: *\nDisallow: /secret\n')
  assert.match(String((await ownEdge.ask('/sitemap.xml')).body), new RegExp(`<loc>${GATEWAY}/own/chosen</loc>`))
  const certified = await ownEdge.askVerified('/sitemap.xml', CLIENT)
  assert.match(String(certified.answer.body), /<loc>http:\/\/own\.peer\/chosen<\/loc>/)
})

test('a HEAD of them is as the GET, and each coding holds the same', async () => {
  for (const path of ['/robots.txt', '/sitemap.xml']) {
    const get = await filesEdge.ask(path, { headers: { 'accept-encoding': 'gzip' } })
    const head = await filesEdge.ask(path, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } })
    const facts = ({ status, headers }: typeof get) => [
      status,
      headers['content-length'],
      headers['content-encoding'],
      headers.vary,
    ]
    assert.deepEqual(facts(head), facts(get))
    assert.equal(get.headers.vary, 'Accept-Encoding, Interpeer-Client')
  }
})
