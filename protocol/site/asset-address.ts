// The one address of a file of the bundle: where it is answered with 200, without a redirect before it. Of the paths that lead to the same
// file (`/a`, `/a/`, `/a.html`, `/%61`, any of them with a query) it is the one that is indexed.

import { encoded, resolveAsset } from '#protocol/site/assets.ts'
import type { AssetsManifest } from '#protocol/site/manifest.ts'

/** Paths that may lead to the file, the wanted one first. */
function pathsTo({ htmlHandling }: AssetsManifest, file: string): readonly string[] {
  if (htmlHandling === 'none') return [file]
  const drops = htmlHandling === 'drop-trailing-slash'
  if (file.endsWith('/index.html')) {
    const folder = file.slice(0, -'index.html'.length)
    const bare = folder.slice(0, -1)
    if (bare === '') return ['/', file]
    return drops ? [bare, folder, file] : [folder, bare, file]
  }
  if (!file.endsWith('.html')) return [file]
  const bare = file.slice(0, -'.html'.length)
  return htmlHandling === 'force-trailing-slash' ? [`${bare}/`, bare, file] : [bare, `${bare}/`, file]
}

/** Percent-encoded; undefined: another file answers wherever this one could, or it is never answered with 200. */
export function addressOf(assets: AssetsManifest, file: string): string | undefined {
  return pathsTo(assets, file)
    .map(encoded)
    .find((address) => {
      const answer = resolveAsset(assets, address)
      return answer.kind === 'file' && answer.status === 200 && answer.path === file
    })
}

/** The address of the file that answers this path with 200 because it is this path's; undefined: none does. */
export function addressAt(assets: AssetsManifest, pathname: string): string | undefined {
  // Without the page that stands in for every other path: whatever it shows there is told apart by the path.
  const own = assets.notFoundHandling === 'none' ? assets : { ...assets, notFoundHandling: 'none' as const }
  const answer = resolveAsset(own, pathname)
  return answer.kind === 'file' && answer.status === 200 ? addressOf(own, answer.path) : undefined
}
