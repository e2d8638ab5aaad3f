import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressAt, addressOf } from '#protocol/site/asset-address.ts'
import { resolveAsset } from '#protocol/site/assets.ts'
import { type AssetsManifest, HTML_HANDLING, type HtmlHandling, NOT_FOUND_HANDLING } from '#protocol/site/manifest.ts'

function assetsOf(paths: readonly string[], htmlHandling: HtmlHandling, notFoundHandling = 'none'): AssetsManifest {
  const entry = { size: 1, type: 'text/html', hash: '0'.repeat(32) }
  return {
    htmlHandling,
    notFoundHandling: notFoundHandling as AssetsManifest['notFoundHandling'],
    scriptFirst: false,
    files: Object.fromEntries(paths.map((path) => [path, entry])),
  }
}

test('the address of a page is where Workers’ rules answer it without a redirect', () => {
  const rows: readonly (readonly [HtmlHandling, string, string | undefined])[] = [
    ['auto-trailing-slash', '/index.html', '/'],
    ['auto-trailing-slash', '/a.html', '/a'],
    ['auto-trailing-slash', '/a/index.html', '/a/'],
    ['auto-trailing-slash', '/x y?.html', '/x%20y%3F'],
    ['auto-trailing-slash', '/data.json', '/data.json'],
    ['force-trailing-slash', '/a.html', '/a/'],
    ['force-trailing-slash', '/a/index.html', '/a/'],
    ['drop-trailing-slash', '/a.html', '/a'],
    ['drop-trailing-slash', '/a/index.html', '/a'],
    ['drop-trailing-slash', '/index.html', '/'],
    ['none', '/a.html', '/a.html'],
    ['none', '/index.html', '/index.html'],
    ['auto-trailing-slash', '/nothing.html', undefined],
  ]
  for (const [handling, path, address] of rows) {
    const files = path === '/nothing.html' ? ['/other.html'] : [path]
    assert.equal(addressOf(assetsOf(files, handling), path), address, `${handling} ${path}`)
  }
})

test('of two files that one address could mean, the one that does not answer there has another or none', () => {
  const dropped = assetsOf(['/a.html', '/a/index.html'], 'drop-trailing-slash')
  assert.equal(addressOf(dropped, '/a.html'), '/a')
  assert.notEqual(addressOf(dropped, '/a/index.html'), '/a')
  const both = assetsOf(['/a.html', '/a/index.html'], 'auto-trailing-slash')
  assert.deepEqual([addressOf(both, '/a.html'), addressOf(both, '/a/index.html')], ['/a', '/a/'])
})

test('an address is a file’s alone, and every path that leads to the file knows it', () => {
  const name = fc.constantFrom('a', 'b', 'index', 'a.html', 'ü', 'x y', '%41', '404')
  const path = fc
    .tuple(fc.array(name, { maxLength: 2 }), name, fc.constantFrom('', '.html', '.txt'))
    .map(([folders, last, end]) => `/${[...folders, last + end].join('/')}`)
  const arbitrary = fc.record({
    paths: fc.uniqueArray(path, { minLength: 1, maxLength: 8 }),
    handling: fc.constantFrom(...HTML_HANDLING),
    missing: fc.constantFrom(...NOT_FOUND_HANDLING),
    asked: fc.tuple(path, fc.constantFrom('', '/', '.html', '/index.html')).map(([start, end]) => start + end),
  })
  fc.assert(
    fc.property(arbitrary, ({ paths, handling, missing, asked }) => {
      const assets = assetsOf(paths, handling, missing)
      const addresses = paths.flatMap((file) => {
        const address = addressOf(assets, file)
        if (address === undefined) return []
        const answer = resolveAsset(assets, address)
        assert.ok(answer.kind === 'file' && answer.status === 200 && answer.path === file)
        assert.equal(addressAt(assets, address), address)
        return [address]
      })
      assert.equal(new Set(addresses).size, addresses.length)
      const plain = { ...assets, notFoundHandling: 'none' as const }
      const answer = resolveAsset(plain, encodeURI(asked))
      const own = answer.kind === 'file' ? addressOf(assets, answer.path) : undefined
      assert.equal(addressAt(assets, encodeURI(asked)), own)
      if (answer.kind === 'file') assert.notEqual(own, undefined, 'what is answered has an address')
    }),
    { numRuns: 500 },
  )
})
