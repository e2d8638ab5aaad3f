// An update whose manifest does not describe its bundle is refused: the file server and the browser believe the manifest.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import type { Bundle } from '#test/seeder/execute/pool/site.ts'
import { publish, textOf } from '#test/seeder/execute/pool/site.ts'

const script = `export default { fetch: () => new Response('ok') }`
const handling = { htmlHandling: 'none', notFoundHandling: 'none', scriptFirst: false } as const
const entry = (size: number, hash: string) => ({ size, hash, type: 'text/plain' })
/** First half of the SHA-256 of `a`. */
const HASH_OF_A = 'ca978112ca1bbdcafac231b39a23dc4d'

function refusal(bundle: Bundle): string {
  const site = new Site()
  const { response } = site.publish(publish(site.blocks, bundle))
  return response.status === 409 ? (JSON.parse(textOf(response)) as { code: string }).code : `${response.status}`
}

describe('a manifest and its bundle', () => {
  for (const [what, bundle, expected] of [
    ['that agree', { script, assets: { '/a': 'a' } }, '200'],
    ['of files alone', { assets: { '/a': 'a' } }, '200'],
    [
      'without the script that is there',
      { script, assets: { '/a': 'a' }, manifest: { scriptBytes: 0 } },
      'bundle_script',
    ],
    ['with a script that is not there', { assets: { '/a': 'a' }, manifest: { scriptBytes: 9 } }, 'bundle_script'],
    ['with a longer script', { script, manifest: { scriptBytes: script.length + 1 } }, 'bundle_script'],
    [
      'with a file that is not there',
      { script, manifest: { assets: { ...handling, files: { '/b': entry(1, HASH_OF_A) } } } },
      'bundle_asset',
    ],
    [
      'with a file of another size',
      { script, assets: { '/a': 'a' }, manifest: { assets: { ...handling, files: { '/a': entry(2, HASH_OF_A) } } } },
      'bundle_asset',
    ],
    [
      'with a file of another hash',
      {
        script,
        assets: { '/a': 'a' },
        manifest: { assets: { ...handling, files: { '/a': entry(1, '0'.repeat(32)) } } },
      },
      'bundle_asset',
    ],
    [
      'with more files than a bundle may have',
      {
        script,
        manifest: {
          assets: {
            ...handling,
            files: Object.fromEntries(
              Array.from({ length: Math.floor(LIMITS.bundleBytes / LIMITS.assetBytes) + 1 }, (_, index) => [
                `/${index}`,
                entry(LIMITS.assetBytes, HASH_OF_A),
              ]),
            ),
          },
        },
      },
      'bundle_size',
    ],
  ] satisfies [string, Bundle, string][]) {
    test(what, () => assert.equal(refusal(bundle), expected))
  }
})

test('a manifest with a BOM, or that is no UTF-8, is none, as for the file server', () => {
  const site = new Site()
  publish(site.blocks, { script })
  const text = `{"assets":null,"crons":[],"databases":[],"files":[],"headers":[],"kv":[],"name":"site","origin":null,"scriptBytes":${script.length},"version":1,"volatile":[]}`
  assert.equal(refusal({ script, files: { 'app/site.json': text } }), '200')
  assert.equal(refusal({ script, files: { 'app/site.json': `\ufeff${text}` } }), 'manifest_not_json')
  const bytes = bytesFromText(text.replace('"crons":[]', '"crons":["*"]'))
  bytes[bytes.indexOf(0x2a)] = 0xff
  assert.equal(refusal({ script, files: { 'app/site.json': bytes } }), 'manifest_not_json')
})

test('a manifest that is larger than any file read whole is refused', () => {
  const site = new Site()
  const huge = new Uint8Array(64 * 2 ** 20 + 1).fill(0x20)
  const { response } = site.publish(publish(site.blocks, { script, files: { 'app/site.json': huge } }))
  assert.equal(response.status, 409)
  assert.match(textOf(response), /"state_damaged"/)
})

test('a source map of any form costs no more than a readable stack', () => {
  for (const map of [
    '{}',
    '{"version":3,"mappings":1,"sources":[1]}',
    '{"version":3,"mappings":"AAAA","sources":[{"toString":1}],"names":[]}',
    `{"version":3,"mappings":"${';AAAA'.repeat(1000)}","sources":[1],"names":null}`,
    `{"version":3,"sections":[{"offset":null,"map":{}}],"mappings":"","sources":[]}`,
    '[]',
    'null',
    '\u0000',
  ]) {
    const site = Site.published({ script: `export default { fetch() {\nnull.x } }`, map })
    assert.equal(site.block([['/run', '']]).outcomes[0]?.failure, 'exception')
  }
})
