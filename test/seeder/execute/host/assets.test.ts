import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { assetsOperation } from '#seeder/execute/host/assets.ts'
import { ScriptError } from '#seeder/execute/host/script-error.ts'

const entry = (size: number) => ({ size, hash: '0'.repeat(32), type: 'text/plain' })

test('a script reads assets that fit in its memory; of a larger one it is told so, whatever lies there', () => {
  const tree = { read: (path: string) => bytesFromText(path) }
  const files = { '/a': entry(1), '/large': entry(LIMITS.assetReadBytes + 1) }
  const manifest = { assets: { files, htmlHandling: 'none', notFoundHandling: 'none', scriptFirst: false } } as const
  assert.deepEqual(assetsOperation(manifest, tree, 'assets.get', { path: '/a' }), bytesFromText('app/assets/a'))
  assert.throws(
    () => assetsOperation(manifest, tree, 'assets.get', { path: '/large' }),
    new ScriptError('asset_size', 'A script can read assets of 26214400 bytes; /large has 26214401.'),
  )
})
