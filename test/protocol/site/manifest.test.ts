import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { manifestFromText, manifestToText, type SiteManifest } from '#protocol/site/manifest.ts'

const MANIFEST: SiteManifest = {
  version: 1,
  name: 'a-site',
  scriptBytes: 10,
  databases: [{ binding: 'DB', migrations: ['0000_a.sql', '0001_b.sql'] }],
  kv: ['KV'],
  files: ['FILES'],
  crons: ['* * * * *'],
  assets: {
    htmlHandling: 'auto-trailing-slash',
    notFoundHandling: 'none',
    scriptFirst: false,
    files: { '/index.html': { size: 1, type: 'text/html', hash: '0'.repeat(32) } },
  },
  headers: ['x-y'],
  volatile: ['kv/KV'],
  origin: null,
}

test('a manifest survives writing and reading, and has one text', () => {
  const text = manifestToText(MANIFEST)
  const read = manifestFromText(text)
  assert.deepEqual(read.ok && read.value, MANIFEST)
  const reversed = Object.fromEntries(Object.entries(MANIFEST).reverse()) as unknown as SiteManifest
  assert.equal(manifestToText(reversed), text)
  assert.match(text, /^\{"assets":\{"files":\{"\/index\.html":\{"hash":/)
})

test('only the canonical text is taken', () => {
  const text = manifestToText(MANIFEST)
  for (const other of [
    `${text} `,
    text.replace('{', '{ '),
    JSON.stringify(MANIFEST),
    text.replace('"a-site"', '"a\\u002dsite"'),
  ]) {
    const read = manifestFromText(other)
    assert.deepEqual(read.ok || read.error, { code: 'manifest_not_canonical' })
  }
  const broken = manifestFromText(text.slice(1))
  assert.deepEqual(broken.ok || broken.error, { code: 'manifest_not_json' })
})

test('F48 a strict content policy may be asked for, and nothing else of that name', () => {
  const strict: SiteManifest = { ...MANIFEST, csp: 'strict' }
  const read = manifestFromText(manifestToText(strict))
  assert.deepEqual(read.ok && read.value, strict)
})

const WRONG: readonly (readonly [field: string, change: Record<string, unknown>])[] = [
  ['version', { version: 2 }],
  ['csp', { csp: 'lax' }],
  ['csp', { csp: null }],
  ['name', { name: 'Not A Label' }],
  ['name', { name: 'x'.repeat(64) }],
  ['scriptBytes', { scriptBytes: -1 }],
  ['scriptBytes', { scriptBytes: 16 * 2 ** 20 + 1 }],
  ['databases', { databases: [{ binding: 'DB', migrations: ['0001.sql', '0000.sql'] }] }],
  ['databases', { databases: [{ binding: 'DB', migrations: ['../x.sql'] }] }],
  ['databases', { databases: [{ binding: 'a b', migrations: [] }] }],
  ['databases', { databases: [{ binding: 'DB', migrations: [], more: 1 }] }],
  ['kv', { kv: [''] }],
  ['binding', { kv: ['DB'], volatile: [] }],
  ['binding', { files: ['ASSETS'] }],
  ['crons', { crons: Array(9).fill('* * * * *') }],
  ['headers', { headers: ['X-Y'] }],
  ['volatile', { volatile: ['kv/OTHER'] }],
  ['origin', { origin: '' }],
  ['assets', { assets: null, scriptBytes: 0 }],
  ['assets', { assets: { ...MANIFEST.assets, files: { 'index.html': MANIFEST.assets?.files['/index.html'] } } }],
  ['assets', { assets: { ...MANIFEST.assets, files: { '/../x': MANIFEST.assets?.files['/index.html'] } } }],
  ['assets', { assets: { ...MANIFEST.assets, files: { '/x': { size: 1, type: 'x', hash: 'XY' } } } }],
  ['more', { more: 1 }],
]

test('a manifest with a wrong field is refused, and the field is named', () => {
  for (const [field, change] of WRONG) {
    const read = manifestFromText(manifestToText({ ...MANIFEST, ...change } as SiteManifest))
    assert.deepEqual(read.ok || read.error, { code: 'manifest_field', field }, JSON.stringify(change))
  }
})

test('any JSON is answered with a result', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(manifestFromText(text).ok, false)))
})
