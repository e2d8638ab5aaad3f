// A project's folder → a bundle: the files that are published, in memory, ready to be addressed and signed.
//
//   interpeer.jsonc ─┬─ main ───────────────> script.js, script.js.map
//                    ├─ assets.directory ───> assets/…
//                    ├─ d1_databases[k] ────> migrations/<BINDING>/<NNNN…>.sql
//                    └─ all of it ──────────> site.json
//
// Invariant: equal sources give equal bytes, so a bundle that did not change has the code root that it had.

import { hash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
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
} from '#protocol/site/manifest.ts'

export type BundleFile = { readonly path: string; readonly bytes: Uint8Array }

export type Bundle = {
  readonly manifest: SiteManifest
  /** Sorted by path; `site.json` is one of them. */
  readonly files: readonly BundleFile[]
  readonly bytes: number
}

type Issues = readonly BundleIssue[]

/** Bundles the project in `directory` (an absolute path). Nothing is written. */
export async function bundleSite(directory: string): Promise<Result<Bundle, Issues>> {
  const read = await readConfig(directory)
  return read.ok ? bundleConfigured(directory, read.value) : read
}

/** The same for a configuration that is at hand. */
export async function bundleConfigured(directory: string, config: SiteConfig): Promise<Result<Bundle, Issues>> {
  const issues: BundleIssue[] = []
  const files: BundleFile[] = []
  const take = (result: Result<readonly BundleFile[], Issues>): readonly BundleFile[] => {
    if (!result.ok) {
      issues.push(...result.error)
      return []
    }
    files.push(...result.value)
    return result.value
  }

  const script = config.main === undefined ? [] : take(await scriptFiles(directory, config.main))
  const assets = config.assets === undefined ? [] : take(await assetFiles(directory, config.assets.directory))
  const databases: { binding: string; migrations: string[] }[] = []
  for (const { binding, migrationsDirectory } of config.databases) {
    const migrations = take(await migrationFiles(directory, binding, migrationsDirectory))
    databases.push({ binding, migrations: migrations.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)) })
  }

  const scriptBytes = script.find(({ path }) => path === 'script.js')?.bytes.length ?? 0
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
  files.push({ path: 'site.json', bytes: Buffer.from(text) })
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0)
  if (bytes > LIMITS.bundleBytes) {
    return err([
      {
        code: 'bundle_size',
        file: directory,
        message: `the bundle has ${bytes} bytes; ${LIMITS.bundleBytes} are allowed`,
      },
    ])
  }
  return ok({ manifest, files, bytes })
}

function handling({ htmlHandling, notFoundHandling, scriptFirst }: NonNullable<SiteConfig['assets']>) {
  return { htmlHandling, notFoundHandling, scriptFirst }
}

async function scriptFiles(directory: string, main: string): Promise<Result<BundleFile[], Issues>> {
  const path = join(directory, main)
  if (!(await isFile(path)))
    return err([{ code: 'main_missing', file: path, message: `"main" names a file that is not there` }])
  const script = await bundleScript(directory, main)
  if (!script.ok) return script
  const { code, map } = script.value
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
  return ok([
    { path: 'script.js', bytes: code },
    { path: 'script.js.map', bytes: map },
  ])
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

async function assetFiles(directory: string, folder: string): Promise<Result<BundleFile[], Issues>> {
  const root = join(directory, folder)
  const names = await namesBelow(root)
  if (names === undefined)
    return err([{ code: 'assets_missing', file: root, message: '"assets.directory" names a folder that is not there' }])
  if (names.length > LIMITS.assets) {
    return err([{ code: 'assets_count', file: root, message: `a bundle may have ${LIMITS.assets} assets` }])
  }
  const files: BundleFile[] = []
  const issues: BundleIssue[] = []
  for (const name of names) {
    const file = join(root, name)
    const { size } = await stat(file)
    if (size > LIMITS.assetBytes) {
      issues.push({
        code: 'asset_size',
        file,
        message: `the file has ${size} bytes; an asset may have ${LIMITS.assetBytes}`,
      })
    } else if (!isAssetPath(`/${name}`)) {
      issues.push({
        code: 'asset_name',
        file,
        message: `this name cannot be an asset: at most ${LIMITS.assetPathChars} characters, no backslash`,
      })
    } else files.push({ path: `assets/${name}`, bytes: await readFile(file) })
  }
  return issues.length > 0 ? err(issues) : ok(files)
}

function assetIndex(files: readonly BundleFile[]): Record<string, AssetEntry> {
  return Object.fromEntries(
    files.map(({ path, bytes }) => {
      const entry = { size: bytes.length, type: mediaTypeOf(path), hash: hash('sha256', bytes, 'hex').slice(0, 32) }
      return [path.slice('assets'.length), entry]
    }),
  )
}

async function migrationFiles(
  directory: string,
  binding: string,
  folder: string,
): Promise<Result<BundleFile[], Issues>> {
  const root = join(directory, folder)
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[]
    throw error
  })
  const files: BundleFile[] = []
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
    } else files.push({ path: `migrations/${binding}/${name}`, bytes })
  }
  return issues.length > 0 ? err(issues) : ok(files)
}
