// A site's project on disk for one test, its bundle, and a visitor of it: the real bundler, engine, SQLite and state tree.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Bundle, bundleFileBytes, bundleSite } from '#cli/bundle/bundle.ts'
import { issueText } from '#cli/bundle/config-file.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import { runMigrations } from '#seeder/execute/host/migrations.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'
import { BLOCK_TIME, emptyTree, purseOf, testBox } from '#test/support/guest-host.ts'

const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** A temporary project with these files and the repository's packages. */
export async function siteProject(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'interpeer-site-'))
  await symlink(NODE_MODULES, join(directory, 'node_modules'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

let engine: Engine | undefined

/** One engine a process: making one takes a while. */
export function testEngine(): Engine {
  engine ??= new Engine()
  return engine
}

export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: readonly string[]
  readonly text: string
  readonly result: RunResult
}

export type VisitOptions = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly time?: number
  readonly seed?: string
}

export type TestSite = {
  readonly tree: StateTree
  readonly bundle: Bundle
  visit(target: string, options?: VisitOptions): Answer
}

/** Bundles the project and opens it on a fresh state, its migrations applied. */
export async function openSite(directory: string): Promise<TestSite> {
  const bundled = await bundleSite(directory)
  assert.ok(bundled.ok, bundled.ok ? '' : bundled.error.map(issueText).join('\n'))
  const { manifest, files } = bundled.value
  const tree = emptyTree()
  for (const file of files) tree.write(`app/${file.path}`, bundleFileBytes(file))
  const sqlite = testBox()
  const random = (bytes: number) => new Uint8Array(bytes).fill(5)
  const migrated = runMigrations({ tree, sqlite, manifest, time: BLOCK_TIME, random, fuel: purseOf(1e10) })
  assert.ok(migrated.ok, JSON.stringify(migrated))
  const script = files.find(({ path }) => path === 'script.js')
  const source = script === undefined ? undefined : bundleFileBytes(script)
  const codeRoot = EMPTY_DIRECTORY.map(
    (byte, index) => byte ^ (sha256(source ?? new Uint8Array(0))[index % 32] ?? 0),
  ) as Cid
  const start = testEngine().start(codeRoot, () =>
    source === undefined ? undefined : new TextDecoder().decode(source),
  )
  assert.ok(start.ok, start.ok ? '' : `${start.failure} ${JSON.stringify(start.error)}`)
  const bindings = {
    db: manifest.databases.map(({ binding }) => binding),
    kv: manifest.kv,
    files: manifest.files,
    assets: manifest.assets !== null,
  }

  const visit = (target: string, options: VisitOptions = {}): Answer => {
    const { method = 'GET', headers = {}, body = '', time = BLOCK_TIME, seed = 'seed' } = options
    const url = `https://${manifest.name}.example${target}`
    const meta = { method, url, headers: Object.entries(headers), site: manifest.name, bindings }
    const mode = method === 'GET' || method === 'HEAD' ? 'read' : 'ordered'
    const result = testEngine().run(start, {
      entry: 'fetch',
      meta: JSON.stringify(meta),
      body: typeof body === 'string' ? bytesFromText(body) : body,
      time,
      seed: sha256(bytesFromText(seed)),
      fuelMax: 5e9,
      responseBytesMax: 8 * 2 ** 20,
      operations: (fuel) => createHost({ tree, sqlite, manifest, mode, time, random, fuel }),
    })
    if (!result.ok) return { status: 0, headers: {}, cookies: [], text: '', result }
    const { response } = result
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      cookies: response.headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
      text: new TextDecoder().decode(response.body),
      result,
    }
  }
  return { tree, bundle: bundled.value, visit }
}
