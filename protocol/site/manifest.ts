// `site.json`, the manifest at the root of a published bundle: what the site's script may use and which files lie beside it.
// It is canonical JSON (sorted keys, no white space), so that one site has one text and so one code root.
//
//   app/site.json · app/script.js · app/script.js.map · app/assets/… · app/migrations/<BINDING>/<file>.sql

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { isBindingName, isSiteName, LIMITS } from '#protocol/site/limits.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'

export const MANIFEST_VERSION = 1

export const HTML_HANDLING = ['auto-trailing-slash', 'force-trailing-slash', 'drop-trailing-slash', 'none'] as const
export const NOT_FOUND_HANDLING = ['none', '404-page', 'single-page-application'] as const
export type HtmlHandling = (typeof HTML_HANDLING)[number]
export type NotFoundHandling = (typeof NOT_FOUND_HANDLING)[number]

export type AssetEntry = {
  readonly size: number
  /** Content-Type. */
  readonly type: string
  /** First 32 hexadecimal digits of the file's SHA-256: its entity tag. */
  readonly hash: string
}

export type AssetsManifest = {
  readonly htmlHandling: HtmlHandling
  readonly notFoundHandling: NotFoundHandling
  /** The script sees every request first; files come only through env.ASSETS. */
  readonly scriptFirst: boolean
  /** By path below `app/assets`, beginning with `/`, not percent-encoded. */
  readonly files: Readonly<Record<string, AssetEntry>>
}

export type DatabaseManifest = {
  readonly binding: string
  /** File names below `app/migrations/<binding>`, in the order in which they are applied. */
  readonly migrations: readonly string[]
}

export type SiteManifest = {
  readonly version: typeof MANIFEST_VERSION
  readonly name: string
  /** Bytes of `app/script.js`; 0: a site of static files alone. */
  readonly scriptBytes: number
  readonly databases: readonly DatabaseManifest[]
  readonly kv: readonly string[]
  readonly files: readonly string[]
  readonly crons: readonly string[]
  readonly assets: AssetsManifest | null
  /** Request headers that the script sees beyond the agreed list, lower case. */
  readonly headers: readonly string[]
  /** `db/<BINDING>`, `kv/<BINDING>` or `files/<BINDING>`: changes by reads are dropped without a new ordered request. */
  readonly volatile: readonly string[]
  /** How the script knows itself, an origin (null: that of its name); or `stable`: by its name, and visitors by one origin for all its members. */
  readonly origin: string | null
  /** Its pages load and send nothing outside the site; absent: as they say themselves. */
  readonly csp?: typeof STRICT_CSP
}

export const STRICT_CSP = 'strict'

/** A site that logs people in: its visitors meet it at one origin, whichever member answers. */
export const STABLE_ORIGIN = 'stable'

/** The origin that its script sees in what it is asked. */
export function scriptOrigin(manifest: SiteManifest | undefined, siteName: string): string {
  const origin = manifest?.origin ?? null
  return origin === null || origin === STABLE_ORIGIN ? canonicalOrigin(siteName) : origin
}

export type ManifestError =
  | { readonly code: 'manifest_too_large'; readonly bytes: number; readonly bytesMax: number }
  | { readonly code: 'manifest_not_json' }
  | { readonly code: 'manifest_not_canonical' }
  | { readonly code: 'manifest_field'; readonly field: string }

export function manifestToText(manifest: SiteManifest): string {
  return canonicalJson(manifest)
}

/** JSON with keys sorted by UTF-16 code units and no white space. Plain data only. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const record = value as Record<string, unknown>
  const fields = Object.keys(record)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(record[key])}`)
  return `{${fields.join(',')}}`
}

/** Checks everything that the seeder relies on. Only the canonical text is taken. */
export function manifestFromText(text: string): Result<SiteManifest, ManifestError> {
  const bytes = bytesFromText(text).length
  if (bytes > LIMITS.manifestBytes) return err({ code: 'manifest_too_large', bytes, bytesMax: LIMITS.manifestBytes })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return err({ code: 'manifest_not_json' })
  }
  const field = firstWrongField(value)
  if (field !== undefined) return err({ code: 'manifest_field', field })
  const manifest = value as SiteManifest
  return manifestToText(manifest) === text ? ok(manifest) : err({ code: 'manifest_not_canonical' })
}

const FIELDS = [
  'assets',
  'crons',
  'databases',
  'files',
  'headers',
  'kv',
  'name',
  'origin',
  'scriptBytes',
  'version',
  'volatile',
]

function firstWrongField(value: unknown): string | undefined {
  if (!isRecord(value)) return 'site.json'
  if ('csp' in value && value.csp !== STRICT_CSP) return 'csp'
  const keys = Object.keys(value)
    .filter((key) => key !== 'csp')
    .sort()
  if (keys.join() !== FIELDS.join())
    return keys.find((key) => !FIELDS.includes(key)) ?? FIELDS.find((key) => !keys.includes(key))
  if (value.version !== MANIFEST_VERSION) return 'version'
  if (typeof value.name !== 'string' || !isSiteName(value.name)) return 'name'
  if (!isCount(value.scriptBytes, LIMITS.scriptBytes)) return 'scriptBytes'
  if (!isList(value.databases, LIMITS.databases, isDatabase)) return 'databases'
  if (!isList(value.kv, LIMITS.namespaces, isBinding)) return 'kv'
  if (!isList(value.files, LIMITS.namespaces, isBinding)) return 'files'
  if (!isList(value.crons, LIMITS.crons, isShortText)) return 'crons'
  if (!isList(value.headers, LIMITS.headers, isHeaderName)) return 'headers'
  if (value.origin !== null && !isShortText(value.origin)) return 'origin'
  if (value.assets !== null && !isAssets(value.assets)) return 'assets'
  if (value.scriptBytes === 0 && value.assets === null) return 'assets'
  const manifest = value as SiteManifest
  const bindings = [...manifest.databases.map(({ binding }) => binding), ...manifest.kv, ...manifest.files]
  if (new Set(bindings).size !== bindings.length || bindings.includes('ASSETS')) return 'binding'
  const places = new Set([
    ...manifest.databases.map(({ binding }) => `db/${binding}`),
    ...manifest.kv.map((binding) => `kv/${binding}`),
    ...manifest.files.map((binding) => `files/${binding}`),
  ])
  return isList(value.volatile, places.size, (place) => places.has(place as string)) ? undefined : 'volatile'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: unknown, most: number, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= most && value.every(isItem)
}

function isCount(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

function isBinding(value: unknown): boolean {
  return typeof value === 'string' && isBindingName(value)
}

function isShortText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= LIMITS.textChars
}

function isHeaderName(value: unknown): boolean {
  return isShortText(value) && /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(value as string)
}

/** The names of migrations, which are applied in their own order. */
export function isMigrationName(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9][\w.-]{0,120}\.sql$/.test(value)
}

function isDatabase(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'binding,migrations' || !isBinding(value.binding))
    return false
  if (!isList(value.migrations, LIMITS.migrations, isMigrationName)) return false
  const names = value.migrations as string[]
  return names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name)
}

function isAssets(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'files,htmlHandling,notFoundHandling,scriptFirst')
    return false
  if (!HTML_HANDLING.includes(value.htmlHandling as HtmlHandling)) return false
  if (!NOT_FOUND_HANDLING.includes(value.notFoundHandling as NotFoundHandling)) return false
  if (typeof value.scriptFirst !== 'boolean' || !isRecord(value.files)) return false
  const entries = Object.entries(value.files)
  return entries.length <= LIMITS.assets && entries.every(([path, entry]) => isAssetPath(path) && isAsset(entry))
}

export function isAssetPath(path: string): boolean {
  if (!path.startsWith('/') || path.length > LIMITS.assetPathChars || !path.isWellFormed()) return false
  return path
    .slice(1)
    .split('/')
    .every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0') && !name.includes('\\'))
}

function isAsset(value: unknown): boolean {
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'hash,size,type') return false
  return isCount(value.size, LIMITS.assetBytes) && isShortText(value.type) && /^[0-9a-f]{32}$/.test(String(value.hash))
}
