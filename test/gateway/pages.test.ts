import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf, scene } from '#test/gateway/scene.ts'
import { testNetwork } from '#test/support/network.ts'

const PERSON = { headers: { Accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' } }

test('what a visitor sends comes back as text, never as markup', async () => {
  const at = await scene()
  for (const path of [
    '/lookup/name/%3Cscript%3Ealert(1)%3C%2Fscript%3E',
    '/%3Cb%3E/',
    "/x'onload='/",
    '/nobody/?<i>',
  ]) {
    const response = await at.ask(path, PERSON)
    assert.equal(response.status, 404, path)
    assert.doesNotMatch(await response.text(), /<script>|<b>|<i>|'onload=/, path)
  }
})

test('the home page of a network without sites says how to publish the first', async () => {
  const at = await scene({ network: testNetwork({ sites: [] }) })
  assert.match(await (await at.ask('/', PERSON)).text(), /No site is published on this network yet/)
})

test('a reserved name is the gateway’s, whatever a network file says', async () => {
  const at = await scene({ network: testNetwork({ sites: [{ name: 'bootstrap', members: ['ana'] }] }) })
  assert.equal((await at.ask('/bootstrap')).status, 200)
  assert.equal(await codeOf(await at.ask('/bootstrap/')), 'unknown_name')
  assert.equal(await codeOf(await at.ask('/lookup/name/bootstrap')), 'unknown_name')
})

test('people are told in a sentence why nobody answers, machines by a code', async () => {
  const at = await scene()
  const page = await at.ask('/wiki/', PERSON)
  assert.equal(page.status, 503)
  assert.match(await page.text(), /No seeder of wiki answers just now/)
  assert.equal(await codeOf(await at.ask('/wiki/')), 'no_living_member')
})

test('the list is searched by a part of a name and read in pages; what a visitor asks for is text', async () => {
  const sites = Array.from({ length: 70 }, (_, at) => ({ name: `site-${at}`, members: ['ana'] }))
  const at = await scene({ network: testNetwork({ sites: [...sites, { name: 'a-site-1', members: ['ana'] }] }) })
  const names = async (query: string): Promise<string[]> => {
    const page = await (await at.ask(`/${query}`, PERSON)).text()
    return Array.from(page.matchAll(/<b>([^<]*)<\/b>/g), (match) => match[1] ?? '')
  }
  assert.equal((await names('')).length, 30)
  assert.deepEqual((await names('')).slice(0, 3), ['a-site-1', 'site-0', 'site-1'])
  assert.equal((await names('?page=3')).length, 11)
  assert.deepEqual(await names('?page=99'), await names('?page=3'))
  for (const wrong of ['?page=0', '?page=-1', '?page=1e9', '?page=x', '?q='])
    assert.deepEqual(await names(wrong), await names(''), wrong)
  const found = await names('?q=SITE-1%20')
  assert.deepEqual([found.length, found[0], found.at(-1)], [12, 'site-1', 'a-site-1'], 'what begins so comes first')
  assert.deepEqual(await names('?q=zzz'), [])
  const page = await (await at.ask('/?q=%22%3E%3Cscript%3E', PERSON)).text()
  assert.doesNotMatch(page, /<script/)
})

test('a refusal at a site’s own host has our style from our own address, a policy, and the way back here', async () => {
  const at = await scene({ config: { sitesDomain: 'sites.example' } })
  for (const url of ['https://nobody.sites.example/x', 'https://wiki.sites.example/', 'http://nobody.peer/x']) {
    const answer = await at.ask(url, PERSON)
    assert.ok(answer.status >= 400, url)
    const page = await answer.text()
    assert.match(page, /<link rel="stylesheet" href="https:\/\/gateway\.example\/-\/style\.css\?[0-9a-f]+">/)
    assert.doesNotMatch(page, /(href|src)="\//, url)
    assert.match(answer.headers.get('content-security-policy') ?? '', /style-src https:\/\/gateway\.example;/)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('a page of a refusal says what to do; one that may pass goes on by itself, but only where that repeats nothing', async () => {
  const at = await scene()
  const page = async (method: string): Promise<string> => (await at.ask('/wiki/', { ...PERSON, method })).text()
  assert.match(await page('GET'), /<main id="main" data-again="5000">.*Wait a little.*href="\/-\/about\/wiki"/s)
  assert.doesNotMatch(await page('POST'), /data-again|<script|Try again/)
  const never = await (await at.ask('/nobody/', PERSON)).text()
  assert.doesNotMatch(never, /data-again|<script/)
  assert.match(never, /href="\/\?q=nobody"/)
})
