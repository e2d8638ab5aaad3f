// Which file of a bundle answers a path: the rules of Workers static assets (`html_handling`, `not_found_handling`).
// The seeder uses it for requests that no script needs to see, and env.ASSETS gives scripts the same answers.

import { LIMITS } from '#protocol/site/limits.ts'
import type { AssetEntry, AssetsManifest } from '#protocol/site/manifest.ts'

export type AssetAnswer =
  | { readonly kind: 'file'; readonly status: 200 | 404; readonly path: string; readonly entry: AssetEntry }
  /** 307 to this path (encoded), the query kept by the caller. */
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'none' }

const NONE: AssetAnswer = { kind: 'none' }
/** A longer path leads to no file, whatever is cut from it or put to it: what is looked up stays bounded. */
const PATH_CHARS_MAX = LIMITS.assetPathChars + '/index.html'.length

/** `pathname` as it stands in the URL: percent-encoded, beginning with `/`. */
export function resolveAsset(assets: AssetsManifest, pathname: string): AssetAnswer {
  const path = decoded(pathname)
  const found = path === undefined || path.length > PATH_CHARS_MAX ? undefined : matching(assets, path)
  return found ?? missing(assets, path ?? '/')
}

function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return undefined
  }
}

/** A path of the bundle as it stands in an address. */
export function encoded(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23')
}

function file(assets: AssetsManifest, path: string, status: 200 | 404 = 200): AssetAnswer | undefined {
  const entry = Object.hasOwn(assets.files, path) ? assets.files[path] : undefined
  return entry === undefined ? undefined : { kind: 'file', status, path, entry }
}

function redirect(assets: AssetsManifest, from: string, to: string): AssetAnswer | undefined {
  // A redirect has to lead to a file: never to itself, never in a circle.
  return from !== to && matching(assets, to)?.kind === 'file' ? { kind: 'redirect', location: encoded(to) } : undefined
}

function matching(assets: AssetsManifest, path: string): AssetAnswer | undefined {
  if (assets.htmlHandling === 'none') return file(assets, path)
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  const index = file(assets, `${bare}/index.html`)
  const page = bare === '' ? undefined : file(assets, `${bare}.html`)
  switch (assets.htmlHandling) {
    case 'auto-trailing-slash':
      if (path.endsWith('/')) return index ?? (page === undefined ? undefined : redirect(assets, path, bare))
      if (isIndex(path)) return redirect(assets, path, withoutIndex(path)) ?? file(assets, path)
      if (path.endsWith('.html')) return redirect(assets, path, path.slice(0, -5)) ?? file(assets, path)
      return file(assets, path) ?? page ?? (index === undefined ? undefined : redirect(assets, path, `${path}/`))
    case 'force-trailing-slash':
      if (path.endsWith('/')) return index ?? page
      if (isIndex(path)) return redirect(assets, path, withoutIndex(path)) ?? file(assets, path)
      if (path.endsWith('.html')) return redirect(assets, path, `${path.slice(0, -5)}/`) ?? file(assets, path)
      return file(assets, path) ?? redirect(assets, path, `${path}/`)
    case 'drop-trailing-slash':
      if (path === '/') return index
      if (path.endsWith('/')) return redirect(assets, path, bare)
      if (isIndex(path)) return redirect(assets, path, withoutIndex(path).slice(0, -1) || '/') ?? file(assets, path)
      if (path.endsWith('.html')) return redirect(assets, path, path.slice(0, -5)) ?? file(assets, path)
      return file(assets, path) ?? page ?? index
  }
}

const isIndex = (path: string): boolean => path.endsWith('/index.html') || path.endsWith('/index')
const withoutIndex = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1)

function missing(assets: AssetsManifest, path: string): AssetAnswer {
  if (assets.notFoundHandling === 'single-page-application') return file(assets, '/index.html') ?? NONE
  if (assets.notFoundHandling === 'none') return NONE
  // The nearest 404.html: of the folder, else of a folder above it.
  let folder = path.slice(0, Math.max(0, path.lastIndexOf('/', LIMITS.assetPathChars)))
  for (;;) {
    const found = file(assets, `${folder}/404.html`, 404)
    if (found !== undefined) return found
    if (folder === '') return NONE
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))
  }
}
