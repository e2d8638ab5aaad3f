// assets.resolve and assets.get: env.ASSETS over the bundle's own files.

import { resolveAsset } from '#protocol/site/assets.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { type Argument, ScriptError, textField, told } from '#seeder/execute/host/script-error.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

export const ASSETS_PATH = 'app/assets'

export function assetsOperation(
  manifest: Pick<SiteManifest, 'assets'>,
  tree: Pick<StateTree, 'read'>,
  op: 'assets.resolve' | 'assets.get',
  argument: Argument,
): string | Uint8Array {
  const { assets } = manifest
  if (assets === null) throw new ScriptError('binding', 'The site has no assets.')
  const path = textField(argument, 'path')
  if (op === 'assets.get') {
    const size = Object.hasOwn(assets.files, path) ? assets.files[path]?.size : undefined
    if (size !== undefined && size > LIMITS.assetReadBytes) {
      throw new ScriptError(
        'asset_size',
        `A script can read assets of ${LIMITS.assetReadBytes} bytes; ${told(path)} has ${size}.`,
      )
    }
    const bytes = size === undefined ? undefined : tree.read(`${ASSETS_PATH}${path}`)
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
