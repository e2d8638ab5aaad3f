import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hotRedirect } from '#gateway/redirect/redirect.ts'
import { FRESH_MS, TARGET_BYTES_MAX } from '#gateway/settings.ts'
import { CANONICAL_BYTES_MAX } from '#protocol/site/canonical.ts'
import { GATEWAY_URL, originOf, type Scene, scene } from '#test/gateway/scene.ts'

async function warmScene(): Promise<Scene> {
  const at = await scene()
  await at.register('ana')
  // The first visit makes the target that the hot path finds.
  assert.equal((await at.ask('/wiki/')).status, 307)
  return at
}

function hot(at: Scene, path: string): Response | undefined {
  return hotRedirect(at.gateway.locations, `${GATEWAY_URL}${path}`, at.clock.now)
}

test('a redirect that memory knows reads nothing else, and works without the database', async () => {
  const at = await warmScene()
  at.store.broken = true
  const response = hot(at, '/wiki/page?q=/x#y')
  assert.equal(response?.headers.get('location'), `${originOf('ana')}/page?q=/x#y`)
  assert.equal(response?.headers.get('cache-control'), 'no-store')
})

test('the hot path leaves to the router whatever it does not know for certain', async () => {
  const at = await warmScene()
  const longest = `/wiki/${'a'.repeat(TARGET_BYTES_MAX - '/wiki/'.length)}`
  assert.notEqual(hot(at, longest), undefined)
  for (const path of [
    '',
    '/',
    '/wiki',
    '/wiki?/',
    '/WIKI/',
    '/%77iki/',
    '//wiki/',
    '/nobody/',
    '/lookup/',
    `${longest}a`,
  ])
    assert.equal(hot(at, path), undefined, path.slice(0, 20))
  at.clock.now += FRESH_MS
  assert.equal(hot(at, '/wiki/'), undefined)
})

test('RFC 8288 §3: a path cannot end its own link and begin another', async () => {
  const at = await warmScene()
  assert.equal(
    hot(at, '/wiki/x>;rel=next,<http://evil.example/')?.headers.get('link'),
    `<${GATEWAY_URL}/wiki/x%3E;rel=next,<http://evil.example/>; rel="canonical"`,
  )
})

test('an address is given as canonical up to 2 KiB', async () => {
  const at = await warmScene()
  const rest = (bytes: number): string => `/${'a'.repeat(bytes - 1)}`
  assert.notEqual(hot(at, `/wiki${rest(CANONICAL_BYTES_MAX)}`)?.headers.get('link'), null)
  assert.equal(hot(at, `/wiki${rest(CANONICAL_BYTES_MAX + 1)}`)?.headers.get('link'), null)
})
