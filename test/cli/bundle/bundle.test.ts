import assert from 'node:assert/strict'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Bundle, bundleFileBytes, bundleSite } from '#cli/bundle/bundle.ts'
import { issueText } from '#cli/bundle/config-file.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { manifestFromText } from '#protocol/site/manifest.ts'
import { siteProject } from '#test/support/site-project.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

async function bundleOf(files: Files): Promise<Bundle> {
  await using project = await siteProject(files)
  const bundle = await bundleSite(project.directory)
  assert.ok(bundle.ok, bundle.ok ? '' : bundle.error.map(issueText).join('\n'))
  return bundle.value
}

async function issuesOf(files: Files): Promise<string[]> {
  await using project = await siteProject(files)
  const bundle = await bundleSite(project.directory)
  return bundle.ok ? [] : bundle.error.map((issue) => issueText(issue).replaceAll(project.directory, '.'))
}

function fileAt(bundle: Bundle, index: number): Uint8Array {
  const file = bundle.files.at(index)
  assert.ok(file !== undefined)
  return bundleFileBytes(file)
}

const CONFIG = '{ "name": "a", "main": "index.ts" }'

test('a bundle holds the manifest, the script with its map, the assets and the migrations', async () => {
  const bundle = await bundleOf({
    'interpeer.jsonc':
      '{ "name": "a", "main": "src/index.ts", "assets": { "directory": "public" }, "d1_databases": [{ "binding": "DB" }] }',
    'src/index.ts': "import { word } from './word.ts'\nexport default { fetch: () => new Response(word as string) }",
    'src/word.ts': "export const word: unknown = 'hello'",
    'public/index.html': '<p>',
    'public/a b/ü.png': Uint8Array.of(1),
    'public/.hidden': 'x',
    'public/.well-known/x.txt': 'x',
    'migrations/0001_b.sql': 'SELECT 2',
    'migrations/0000_a.sql': 'SELECT 1',
    'migrations/meta/_journal.json': '{}',
  })
  assert.deepEqual(
    bundle.files.map(({ path }) => path),
    [
      'assets/.well-known/x.txt',
      'assets/a b/ü.png',
      'assets/index.html',
      'migrations/DB/0000_a.sql',
      'migrations/DB/0001_b.sql',
      'script.js',
      'script.js.map',
      'site.json',
    ],
  )
  const text = new TextDecoder().decode(fileAt(bundle, -1))
  const manifest = manifestFromText(text)
  assert.deepEqual(manifest.ok && manifest.value, bundle.manifest)
  assert.deepEqual(bundle.manifest.databases, [{ binding: 'DB', migrations: ['0000_a.sql', '0001_b.sql'] }])
  const page = bundle.manifest.assets?.files['/index.html']
  assert.deepEqual([page?.size, page?.type], [3, 'text/html; charset=utf-8'])
  const map = JSON.parse(new TextDecoder().decode(fileAt(bundle, 6))) as { sources: string[] }
  assert.ok(map.sources.includes('src/word.ts'))
})

test('equal sources give equal bytes, wherever they lie', async () => {
  const files = { 'interpeer.jsonc': CONFIG, 'index.ts': "import { Hono } from 'hono'\nexport default new Hono()" }
  const [first, second] = [await bundleOf(files), await bundleOf(files)]
  assert.deepEqual(first, second)
})

test('a site of files alone has no script', async () => {
  const bundle = await bundleOf({ 'interpeer.jsonc': '{ "name": "a", "assets": { "directory": "." } }', 'x.html': '' })
  assert.equal(bundle.manifest.scriptBytes, 0)
  assert.equal(
    bundle.files.some(({ path }) => path.startsWith('script')),
    false,
  )
})

test('Node’s modules are refused where they are imported, with what to use instead', async () => {
  const source =
    "import { readFile } from 'node:fs'\nimport crypto from 'crypto'\nexport default { fetch: () => readFile(crypto) }"
  const issues = await issuesOf({ 'interpeer.jsonc': CONFIG, 'index.ts': source })
  assert.deepEqual(issues, [
    'index.ts:1:26: "node:fs" is a module of Node, which a site\'s script does not have: keep data in env.DB, env.KV or env.FILES, and files of the bundle in env.ASSETS',
    'index.ts:2:20: "crypto" is a module of Node, which a site\'s script does not have: use the global crypto (crypto.subtle, crypto.getRandomValues, crypto.scrypt)',
  ])
})

test('mistakes of a project are told by file', async () => {
  assert.match(
    (await issuesOf({ 'x.txt': '' }))[0] ?? '',
    /^\.\/interpeer\.jsonc: there is no interpeer\.jsonc: "interpeer init" makes one$/,
  )
  assert.match(
    (await issuesOf({ 'interpeer.jsonc': CONFIG }))[0] ?? '',
    /^\.\/index\.ts: "main" names a file that is not there$/,
  )
  assert.match(
    (await issuesOf({ 'interpeer.jsonc': CONFIG, 'index.ts': 'export default {' }))[0] ?? '',
    /^index\.ts:1:17: /,
  )
  assert.match(
    (await issuesOf({ 'interpeer.jsonc': CONFIG, 'index.ts': "import './gone'" }))[0] ?? '',
    /Could not resolve "\.\/gone"/,
  )
  assert.match((await issuesOf({ 'interpeer.jsonc': CONFIG, 'index.ts': 'export const x = 1' }))[0] ?? '', /default/)
  const missing = '{ "name": "a", "assets": { "directory": "gone" } }'
  assert.match(
    (await issuesOf({ 'interpeer.jsonc': missing }))[0] ?? '',
    /"assets\.directory" names a folder that is not there/,
  )
  const database = '{ "name": "a", "main": "index.ts", "d1_databases": [{ "binding": "DB" }] }'
  const files = { 'interpeer.jsonc': database, 'index.ts': 'export default {}', 'migrations/first.sql': '' }
  assert.match((await issuesOf(files))[0] ?? '', /first\.sql: a migration is named by its number first/)
})

test('an asset one byte too large is refused', async () => {
  await using project = await siteProject({ 'interpeer.jsonc': '{ "name": "a", "assets": { "directory": "public" } }' })
  await mkdir(join(project.directory, 'public'))
  const sparse = async (name: string, bytes: number): Promise<void> => {
    const path = join(project.directory, 'public', name)
    await writeFile(path, '')
    await truncate(path, bytes)
  }
  await sparse('fits', LIMITS.assetBytes)
  assert.ok((await bundleSite(project.directory)).ok)
  await sparse('large', LIMITS.assetBytes + 1)
  const bundle = await bundleSite(project.directory)
  assert.equal(bundle.ok || bundle.error[0]?.code, 'asset_size')
})

test('conditions of packages: workerd before browser, never node', async () => {
  const bundle = await bundleOf({
    'interpeer.jsonc': CONFIG,
    'index.ts': "import which from './package/index.js'\nexport default { fetch: () => new Response(which) }",
    'package/index.js': "import which from '#which'\nexport default which",
    'package/package.json':
      '{ "name": "p", "type": "module", "imports": { "#which": { "node": "./node.js", "workerd": "./workerd.js", "default": "./default.js" } } }',
    'package/node.js': "export default 'for node'",
    'package/workerd.js': "export default 'for workerd'",
    'package/default.js': "export default 'for default'",
  })
  assert.match(new TextDecoder().decode(fileAt(bundle, 0)), /for workerd/)
})

test('JSX is Hono’s, unless the project’s tsconfig.json names another', async () => {
  const files = {
    'interpeer.jsonc': '{ "name": "a", "main": "index.tsx" }',
    'index.tsx': 'export default { fetch: () => <p>x</p> }',
  }
  const scriptOf = (bundle: Bundle): string => new TextDecoder().decode(fileAt(bundle, 0))
  assert.match(scriptOf(await bundleOf(files)), /node_modules\/hono\/dist\/jsx/)
  const own = {
    'tsconfig.json': '{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "./own" } } // own',
    'own/jsx-runtime.js': 'export const jsx = () => "own"',
  }
  assert.match(scriptOf(await bundleOf({ ...files, ...own })), /jsx = \(\) => "own"/)
})

test('a script that sets cookies is warned of where its site has an origin for each member, and nowhere else', async () => {
  const script = "export default { fetch: () => new Response('', { headers: { 'Set-Cookie': 'a=1' } }) }"
  const warned = async (config: string, source: string): Promise<boolean> => {
    const { warnings } = await bundleOf({ 'interpeer.jsonc': config, 'index.ts': source })
    return warnings.some((text) => text.includes('"origin": "stable"'))
  }
  assert.equal(await warned(CONFIG, script), true)
  assert.equal(await warned('{ "name": "a", "main": "index.ts", "origin": "stable" }', script), false)
  assert.equal(await warned(CONFIG, "export default { fetch: () => new Response('a') }"), false)
  const hono = (body: string): string =>
    `import { Hono } from 'hono'\nimport { setCookie } from 'hono/cookie'\nconst app = new Hono()\napp.get('/', (c) => { ${body} })\nexport default app`
  assert.equal(await warned(CONFIG, hono("setCookie(c, 'a', '1'); return c.text('a')")), true)
})
