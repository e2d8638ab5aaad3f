// A project's folder → a bundle: the files that are published, ready to be addressed and signed. Assets stay on disk: they are
// read a piece at a time, so a site of any size takes little memory.
//
//   interpeer.jsonc ─┬─ main ───────────────> script.js, script.js.map
//                    ├─ assets.directory ───> assets/…
//                    ├─ d1_databases[k] ────> migrations/<BINDING>/<NNNN…>.sql
//                    └─ all of it ──────────> site.json
//
// Invariant: equal sources give equal bytes, so a bundle that did not change has the code root that it had.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type BundleIssue, CONFIG_FILE, readConfig } from '#cli/bundle/config-file.ts'
import { mediaTypeOf } from '#cli/bundle/media-type.ts'
import { bundleScript } from '#cli/bundle/script.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { SiteConfig } from '#protocol/site/config.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import {
  type AssetEntry,
  isAssetPath,
  isMigrationName,
  MANIFEST_VERSION,
  manifestFromText,
  manifestToText,
  type SiteManifest,
  STABLE_ORIGIN,
} from '#protocol/site/manifest.ts'

/** At hand, or on disk. `size` in bytes. */
export type BundleFile = { readonly path: string; readonly size: number } & (
  | { readonly bytes: Uint8Array }
  | { readonly file: string }
)

type HeldFile = Extract<BundleFile, { bytes: Uint8Array }>
type Asset = { readonly path: string; readonly size: number; readonly file: string; readonly hash: string }

/** Pieces in which an asset is hashed. */
const PIECE_BYTES = 256 * 1024

/** The whole of one file of a bundle. */
export function bundleFileBytes(file: BundleFile): Uint8Array {
  return 'bytes' in file ? file.bytes : readFileSync(file.file)
}

function held(path: string, bytes: Uint8Array): HeldFile {
  return { path, size: bytes.length, bytes }
}

export type Bundle = {
  readonly manifest: SiteManifest
  /** Sorted by path; `site.json` is one of them. */
  readonly files: readonly BundleFile[]
  readonly bytes: number
  /** What its author should know, for people; the bundle is fine. */
  readonly warnings: readonly string[]
}

type Issues = readonly BundleIssue[]

/** Bundles the project in `directory` (an absolute path). Nothing is written. */
export async function bundleSite(directory: string): Promise<Result<Bundle, Issues>> {
  const read = await readConfig(directory)
  return read.ok ? bundleConfigured(directory, read.value) : read
}

/** The same for a configuration that is at hand. */
async function bundleConfigured(directory: string, config: SiteConfig): Promise<Result<Bundle, Issues>> {
  const issues: BundleIssue[] = []
  const files: BundleFile[] = []
  const warnings: string[] = []
  const take = <F extends BundleFile>(result: Result<readonly F[], Issues>): readonly F[] => {
    if (!result.ok) {
      issues.push(...result.error)
      return []
    }
    files.push(...result.value)
    return result.value
  }

  const script =
    config.main === undefined ? [] : take(await scriptFiles(directory, { ...config, main: config.main }, warnings))
  const assets = config.assets === undefined ? [] : take(await assetFiles(directory, config.assets.directory))
  const databases: { binding: string; migrations: string[] }[] = []
  for (const { binding, migrationsDirectory } of config.databases) {
    const migrations = take(await migrationFiles(directory, binding, migrationsDirectory))
    databases.push({ binding, migrations: migrations.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)) })
  }

  const scriptBytes = script.find(({ path }) => path === 'script.js')?.size ?? 0
  const manifest: SiteManifest = {
    version: MANIFEST_VERSION,
    name: config.name,
    scriptBytes,
    databases,
    kv: config.kv,
    files: config.files,
    crons: config.crons,
    assets: config.assets === undefined ? null : { ...handling(config.assets), files: assetIndex(assets) },
    headers: [...new Set(config.headers)].sort(),
    volatile: [...new Set(config.volatile)].sort(),
    origin: config.origin,
    ...(config.csp === undefined ? {} : { csp: config.csp }),
  }
  if (issues.length > 0) return err(issues)
  const text = manifestToText(manifest)
  const checked = manifestFromText(text)
  if (!checked.ok) {
    const where = 'field' in checked.error ? `: ${checked.error.field}` : ''
    return err([
      {
        code: checked.error.code,
        file: CONFIG_FILE,
        message: `the bundle would not be accepted (${checked.error.code}${where})`,
      },
    ])
  }
  files.push(held('site.json', Buffer.from(text)))
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  if (bytes > LIMITS.bundleBytes) {
    return err([
      {
        code: 'bundle_size',
        file: directory,
        message: `the bundle has ${bytes} bytes; ${LIMITS.bundleBytes} are allowed. Leave out what visitors do not need, or keep large files in a file store of the site ("files")`,
      },
    ])
  }
  return ok({ manifest, files, bytes, warnings })
}

function handling({ htmlHandling, notFoundHandling, scriptFirst }: NonNullable<SiteConfig['assets']>) {
  return { htmlHandling, notFoundHandling, scriptFirst }
}

async function scriptFiles(
  directory: string,
  { main, origin }: SiteConfig & { readonly main: string },
  warnings: string[],
): Promise<Result<HeldFile[], Issues>> {
  const path = join(directory, main)
  if (!(await isFile(path)))
    return err([{ code: 'main_missing', file: path, message: `"main" names a file that is not there` }])
  const script = await bundleScript(directory, main)
  if (!script.ok) return script
  const { code, map, setsCookies } = script.value
  if (setsCookies !== undefined && origin !== STABLE_ORIGIN)
    warnings.push(
      `The script sets cookies (${setsCookies}), and its visitors come to it at other origins as members change: what their browsers keep stays behind. A site that logs people in says "origin": "stable" in ${CONFIG_FILE}.`,
    )
  const issues: BundleIssue[] = []
  if (code.length > LIMITS.scriptBytes) {
    issues.push({
      code: 'script_size',
      file: path,
      message: `the bundled script has ${code.length} bytes; ${LIMITS.scriptBytes} are allowed`,
    })
  }
  if (map.length > LIMITS.sourceMapBytes) {
    issues.push({
      code: 'map_size',
      file: path,
      message: `the source map has ${map.length} bytes; ${LIMITS.sourceMapBytes} are allowed`,
    })
  }
  if (issues.length > 0) return err(issues)
  return ok([held('script.js', code), held('script.js.map', map)])
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

/** Names below a folder with `/` between, sorted; dot files and links are left out. Undefined when there is no folder. */
async function namesBelow(directory: string): Promise<string[] | undefined> {
  const names: string[] = []
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
      if (entry.name.startsWith('.') && entry.name !== '.well-known') continue
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) names.push(path)
      if (names.length > LIMITS.assets) return
    }
  }
  try {
    await walk('')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    return undefined
  }
  return names.sort()
}

async function assetFiles(directory: string, folder: string): Promise<Result<Asset[], Issues>> {
  const root = join(directory, folder)
  const names = await namesBelow(root)
  if (names === undefined)
    return err([{ code: 'assets_missing', file: root, message: '"assets.directory" names a folder that is not there' }])
  if (names.length > LIMITS.assets) {
    return err([{ code: 'assets_count', file: root, message: `a bundle may have ${LIMITS.assets} assets` }])
  }
  const files: Asset[] = []
  const issues: BundleIssue[] = []
  for (const name of names) {
    const file = join(root, name)
    const { size } = await stat(file)
    if (size > LIMITS.assetBytes) {
      issues.push({
        code: 'asset_size',
        file,
        message: `the file has ${size} bytes; an asset may have ${LIMITS.assetBytes}. Split it`,
      })
    } else if (!isAssetPath(`/${name}`)) {
      issues.push({
        code: 'asset_name',
        file,
        message: `this name cannot be an asset: at most ${LIMITS.assetPathChars} characters, no backslash`,
      })
    } else files.push({ path: `assets/${name}`, file, ...(await digestOf(file)) })
  }
  return issues.length > 0 ? err(issues) : ok(files)
}

async function digestOf(file: string): Promise<{ readonly size: number; readonly hash: string }> {
  await using handle = await open(file)
  const digest = createHash('sha256')
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  for (let size = 0; ; ) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, size)
    if (bytesRead === 0) return { size, hash: digest.digest('hex').slice(0, 32) }
    digest.update(piece.subarray(0, bytesRead))
    size += bytesRead
  }
}

function assetIndex(files: readonly Asset[]): Record<string, AssetEntry> {
  return Object.fromEntries(
    files.map(({ path, size, hash }) => [path.slice('assets'.length), { size, type: mediaTypeOf(path), hash }]),
  )
}

async function migrationFiles(directory: string, binding: string, folder: string): Promise<Result<HeldFile[], Issues>> {
  const root = join(directory, folder)
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[]
    throw error
  })
  const files: HeldFile[] = []
  const issues: BundleIssue[] = []
  const migrations = names.filter((name) => name.endsWith('.sql')).sort()
  if (migrations.length > LIMITS.migrations) {
    issues.push({
      code: 'migrations_count',
      file: root,
      message: `a database may have ${LIMITS.migrations} migrations`,
    })
  }
  for (const name of migrations) {
    const file = join(root, name)
    const bytes = await readFile(file)
    if (!isMigrationName(name)) {
      issues.push({
        code: 'migration_name',
        file,
        message: 'a migration is named by its number first, such as "0001_add_pages.sql"',
      })
    } else if (bytes.length > LIMITS.migrationBytes) {
      issues.push({ code: 'migration_size', file, message: `a migration may have ${LIMITS.migrationBytes} bytes` })
    } else files.push(held(`migrations/${binding}/${name}`, bytes))
  }
  return issues.length > 0 ? err(issues) : ok(files)
}
