// Sites and jobs for tests of the runtime: bundles made on the page, blocks kept in a Map.

import { build } from 'esbuild'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { type Cid, cidKey, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { type AssetEntry, manifestToText, type SiteManifest } from '#protocol/site/manifest.ts'
import type { BlockJob, ExecutionLimits, ReadJob, ScriptRequest, Step } from '#seeder/execute/port.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'

export const NAME = 'site'
export const JOB = sha256(bytesFromText('job'))
export const TIME = 1_700_000_000_000

export const LIMITS: ExecutionLimits = {
  requestFuelMax: 2_000_000_000,
  blockFuelMax: 8_000_000_000,
  idempotencyMs: 600_000,
  responseBytesMax: 8 * 2 ** 20,
}

export type Blocks = Map<string, { readonly cid: Cid; readonly bytes: Uint8Array }>

export function sourceOf(blocks: Blocks): BlockSource {
  return (cid) => blocks.get(cidKey(cid))?.bytes
}

export function keep(blocks: Blocks, made: Iterable<{ readonly cid: Cid; readonly bytes: Uint8Array }>): void {
  for (const block of made) blocks.set(cidKey(block.cid), block)
}

export type Bundle = {
  readonly script?: string
  readonly map?: string
  readonly manifest?: Partial<SiteManifest>
  /** By `<BINDING>/<file>.sql`. */
  readonly migrations?: Readonly<Record<string, string>>
  /** By path, beginning with `/`; the manifest describes them. */
  readonly assets?: Readonly<Record<string, string>>
  /** Other files, by their path in the state; over what is written otherwise. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
}

/** What a manifest says of files. */
export function assetEntries(assets: Readonly<Record<string, string>>): Record<string, AssetEntry> {
  const entries = Object.entries(assets).map(([path, text]): [string, AssetEntry] => {
    const bytes = bytesFromText(text)
    return [path, { size: bytes.length, type: 'text/plain', hash: hexFromBytes(sha256(bytes)).slice(0, 32) }]
  })
  return Object.fromEntries(entries)
}

/** Puts a bundle into the blocks; gives its code root. */
export function publish(blocks: Blocks, bundle: Bundle): Cid {
  const { script = '', map, manifest = {}, migrations = {}, assets = {}, files = {} } = bundle
  const whole: SiteManifest = {
    version: 1,
    name: NAME,
    scriptBytes: bytesFromText(script).length,
    databases: [],
    kv: [],
    files: [],
    crons: [],
    assets:
      script === '' || Object.keys(assets).length > 0
        ? { files: assetEntries(assets), htmlHandling: 'none', notFoundHandling: 'none', scriptFirst: false }
        : null,
    headers: [],
    volatile: [],
    origin: null,
    ...manifest,
  }
  const tree = openStateTree(EMPTY_DIRECTORY, sourceOf(blocks))
  tree.write('app/site.json', bytesFromText(manifestToText(whole)))
  if (script !== '') tree.write('app/script.js', bytesFromText(script))
  if (map !== undefined) tree.write('app/script.js.map', bytesFromText(map))
  for (const [path, sql] of Object.entries(migrations)) tree.write(`app/migrations/${path}`, bytesFromText(sql))
  for (const [path, text] of Object.entries(assets)) tree.write(`app/assets${path}`, bytesFromText(text))
  for (const [path, content] of Object.entries(files)) {
    tree.write(path, typeof content === 'string' ? bytesFromText(content) : content)
  }
  keep(blocks, tree.commit().blocks.values())
  const codeRoot = tree.cid('app')
  if (codeRoot === undefined) throw new Error('a bundle has a root')
  return codeRoot
}

/** A script bundled from npm's own packages, as the command line does it. */
export async function bundled(contents: string): Promise<{ script: string; map: string }> {
  const result = await build({
    stdin: { contents, resolveDir: import.meta.dirname, sourcefile: 'src/index.ts', loader: 'ts' },
    bundle: true,
    format: 'esm',
    sourcemap: 'external',
    outfile: 'script.js',
    write: false,
  })
  const text = (end: string) => result.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  return { script: text('script.js'), map: text('.map') }
}

export function request(
  method: string,
  target: string,
  body: string | Uint8Array = '',
  type = 'text/plain',
): ScriptRequest {
  const bytes = typeof body === 'string' ? bytesFromText(body) : body
  return { method, target, headers: bytes.length > 0 ? [['content-type', type]] : [], body: bytes }
}

export function hashOf(text: string): Digest {
  return sha256(bytesFromText(text))
}

let counter = 0

export function requestStep(request: ScriptRequest, idempotency?: { key: Digest; bodyHash: Digest }): Step {
  const requestHash = hashOf(`${request.method} ${request.target} ${counter++}`)
  const salt = hashOf('salt').subarray(0, 16)
  return { kind: 'request', requestHash, request, salt, ...(idempotency === undefined ? {} : { idempotency }) }
}

export function updateStep(sequence: number, codeRoot: Cid): Step {
  return { kind: 'update', requestHash: hashOf(`update ${sequence}`), sequence, codeRoot }
}

export function blockJob(
  stateRoot: Cid,
  height: number,
  steps: readonly Step[],
  more: Partial<BlockJob> = {},
): BlockJob {
  const parent = hashOf(`block ${height - 1}`)
  return { job: JOB, name: NAME, height, parent, time: TIME + 1000 * height, stateRoot, steps, limits: LIMITS, ...more }
}

export function readJob(stateRoot: Cid, request: ScriptRequest, more: Partial<ReadJob> = {}): ReadJob {
  const requestHash = hashOf(`${request.method} ${request.target}`)
  const nonce = hashOf('nonce').subarray(0, 16)
  return { job: JOB, name: NAME, time: TIME, stateRoot, request, requestHash, nonce, limits: LIMITS, ...more }
}

export function textOf(response: { readonly body: Uint8Array }): string {
  return new TextDecoder().decode(response.body)
}
