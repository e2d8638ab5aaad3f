// The rules of Workers static assets, as a table per kind of html_handling and not_found_handling.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveAsset } from '#protocol/site/assets.ts'
import type { AssetsManifest, HtmlHandling, NotFoundHandling } from '#protocol/site/manifest.ts'

const PATHS = [
  '/index.html',
  '/about.html',
  '/blog/index.html',
  '/blog/post.html',
  '/404.html',
  '/blog/404.html',
  '/a b.txt',
  '/data',
  '/x/y.js',
]

function assets(htmlHandling: HtmlHandling, notFoundHandling: NotFoundHandling = 'none'): AssetsManifest {
  const files = Object.fromEntries(PATHS.map((path) => [path, { size: 1, type: 'x/y', hash: '0'.repeat(32) }]))
  return { htmlHandling, notFoundHandling, scriptFirst: false, files }
}

/** `/path` a file, `→ /path` a redirect, `404 /path`, or `none`. */
function shown(manifest: AssetsManifest, path: string): string {
  const answer = resolveAsset(manifest, path)
  if (answer.kind === 'none') return 'none'
  if (answer.kind === 'redirect') return `→ ${answer.location}`
  return answer.status === 200 ? answer.path : `404 ${answer.path}`
}

const TABLE: readonly (readonly [path: string, auto: string, force: string, drop: string, none: string])[] = [
  ['/', '/index.html', '/index.html', '/index.html', 'none'],
  ['/index.html', '→ /', '→ /', '→ /', '/index.html'],
  ['/index', '→ /', '→ /', '→ /', 'none'],
  ['/about', '/about.html', '→ /about/', '/about.html', 'none'],
  ['/about/', '→ /about', '/about.html', '→ /about', 'none'],
  ['/about.html', '→ /about', '→ /about/', '→ /about', '/about.html'],
  ['/blog', '→ /blog/', '→ /blog/', '/blog/index.html', 'none'],
  ['/blog/', '/blog/index.html', '/blog/index.html', '→ /blog', 'none'],
  ['/blog/index.html', '→ /blog/', '→ /blog/', '→ /blog', '/blog/index.html'],
  ['/blog/index', '→ /blog/', '→ /blog/', '→ /blog', 'none'],
  ['/blog/post', '/blog/post.html', '→ /blog/post/', '/blog/post.html', 'none'],
  ['/a%20b.txt', '/a b.txt', '/a b.txt', '/a b.txt', '/a b.txt'],
  ['/data', '/data', '/data', '/data', '/data'],
  ['/data/', 'none', 'none', '→ /data', 'none'],
  ['/x/y.js', '/x/y.js', '/x/y.js', '/x/y.js', '/x/y.js'],
  ['/gone', 'none', 'none', 'none', 'none'],
  ['/gone.html', 'none', 'none', 'none', 'none'],
  ['/%', 'none', 'none', 'none', 'none'],
  ['/../index.html', 'none', 'none', 'none', 'none'],
  ['/__proto__', 'none', 'none', 'none', 'none'],
]

test('html_handling decides which address is the right one and sends the others there', () => {
  for (const [path, ...expected] of TABLE) {
    const kinds = ['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash', 'none'] as const
    for (const [index, kind] of kinds.entries())
      assert.equal(shown(assets(kind), path), expected[index], `${kind} ${path}`)
  }
})

test('a redirect leads to a file at once: none leads to another', () => {
  for (const kind of ['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash'] as const) {
    for (const [path] of TABLE) {
      const answer = resolveAsset(assets(kind), path)
      if (answer.kind === 'redirect')
        assert.equal(resolveAsset(assets(kind), answer.location).kind, 'file', `${kind} ${path}`)
    }
  }
})

test('not_found_handling: the nearest 404 page, the one page of an application, or nothing', () => {
  assert.equal(shown(assets('auto-trailing-slash', '404-page'), '/gone'), '404 /404.html')
  assert.equal(shown(assets('auto-trailing-slash', '404-page'), '/blog/x/gone'), '404 /blog/404.html')
  assert.equal(shown(assets('auto-trailing-slash', 'single-page-application'), '/any/where'), '/index.html')
  assert.equal(shown(assets('auto-trailing-slash', '404-page'), '/about'), '/about.html')
})
