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
