// assets.resolve and assets.get: env.ASSETS over the bundle's own files.

import { resolveAsset } from '#protocol/site/assets.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { type Argument, ScriptError, textField, told } from '#seeder/execute/host/script-error.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

export const ASSETS_PATH = 'app/assets'

export function assetsOperation(
  manifest: Pick<SiteManifest, 'assets'>,
  tree: StateTree,
  op: 'assets.resolve' | 'assets.get',
  argument: Argument,
): string | Uint8Array {
  const { assets } = manifest
  if (assets === null) throw new ScriptError('binding', 'The site has no assets.')
  const path = textField(argument, 'path')
  if (op === 'assets.get') {
    const bytes = Object.hasOwn(assets.files, path) ? tree.read(`${ASSETS_PATH}${path}`) : undefined
    if (bytes === undefined) throw new ScriptError('asset', `There is no asset ${told(path)}.`)
    return bytes
  }
  const answer = resolveAsset(assets, path)
  switch (answer.kind) {
    case 'none':
      return JSON.stringify({ status: 404, headers: [], path: null })
    case 'redirect': {
      const search = typeof argument.search === 'string' ? argument.search : ''
      return JSON.stringify({ status: 307, headers: [['location', answer.location + search]], path: null })
    }
    case 'file': {
      const headers = [
        ['content-type', answer.entry.type],
        ['etag', `"${answer.entry.hash}"`],
        ['cache-control', 'public, max-age=0, must-revalidate'],
      ]
      return JSON.stringify({ status: answer.status, headers, path: answer.path })
    }
  }
}
