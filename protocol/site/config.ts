// `interpeer.jsonc`, a site's configuration in the style of wrangler's: what is asked for, checked as plain data.
// Every issue carries the path of the value that caused it, so that whoever read the file can name its line.

import { err, ok, type Result } from '#protocol/codec/result.ts'
import { isBindingName, isSiteName, LIMITS } from '#protocol/site/limits.ts'
import {
  HTML_HANDLING,
  type HtmlHandling,
  NOT_FOUND_HANDLING,
  type NotFoundHandling,
  STABLE_ORIGIN,
  STRICT_CSP,
} from '#protocol/site/manifest.ts'

export type AssetsConfig = {
  readonly directory: string
  readonly htmlHandling: HtmlHandling
  readonly notFoundHandling: NotFoundHandling
  readonly scriptFirst: boolean
}

export type SiteConfig = {
  readonly name: string
  /** Entry of the script, relative to the configuration; undefined: static files alone. */
  readonly main: string | undefined
  readonly assets: AssetsConfig | undefined
  readonly databases: readonly { readonly binding: string; readonly migrationsDirectory: string }[]
  readonly kv: readonly string[]
  readonly files: readonly string[]
  readonly crons: readonly string[]
  readonly headers: readonly string[]
  readonly volatile: readonly string[]
  readonly origin: string | null
  readonly csp: typeof STRICT_CSP | undefined
}

export type ConfigIssue = {
  readonly code: 'missing' | 'unknown_key' | 'wrong_value' | 'too_many' | 'not_offered'
  /** Keys and indices from the root to the value. */
  readonly path: readonly (string | number)[]
  /** What is wrong and what to do about it. */
  readonly message: string
}

const KEYS = [
  '$schema',
  'assets',
  'compatibility_date',
  'compatibility_flags',
  'csp',
  'd1_databases',
  'files',
  'headers',
  'kv_namespaces',
  'main',
  'name',
  'origin',
  'triggers',
  'volatile',
]

/** Keys of wrangler's that cannot mean anything here, and why. */
const NOT_OFFERED: Readonly<Record<string, string>> = {
  vars: 'write constants into the script; secrets cannot exist in a script that every member of the group runs',
  r2_buckets: 'list the bindings under "files" instead: env.<BINDING> has the same methods',
  durable_objects: 'use "d1_databases" or "kv_namespaces": every write of a site is already ordered',
  queues: 'do the work in the request or in a cron trigger',
  services: 'a site cannot call another site from its script',
  routes: 'a site is reached under its name',
  node_compat: 'Node modules are not offered; use the web platform’s own',
  build: 'run your build first and let "main" name its result',
}

class Reader {
  readonly issues: ConfigIssue[] = []

  issue(code: ConfigIssue['code'], path: ConfigIssue['path'], message: string): void {
    this.issues.push({ code, path, message })
  }

  object(value: unknown, path: ConfigIssue['path'], known: readonly string[]): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.issue('wrong_value', path, 'must be an object: { … }')
      return {}
    }
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const why = path.length === 0 ? NOT_OFFERED[key] : undefined
      if (why !== undefined) this.issue('not_offered', [...path, key], `"${key}" is not offered: ${why}`)
      else this.issue('unknown_key', [...path, key], `unknown key "${key}"${suggestion(key, known)}`)
    }
    return value as Record<string, unknown>
  }

  text(value: unknown, path: ConfigIssue['path'], what: string): string | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'string' && value !== '' && value.length <= LIMITS.textChars) return value
    this.issue('wrong_value', path, `must be ${what}, a text of 1 to ${LIMITS.textChars} characters`)
    return undefined
  }

  list(value: unknown, path: ConfigIssue['path'], most: number): readonly unknown[] {
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      this.issue('wrong_value', path, 'must be a list: [ … ]')
      return []
    }
    if (value.length > most) this.issue('too_many', path, `has ${value.length} entries; a site may have ${most}`)
    return value.slice(0, most)
  }

  choice<T extends string>(value: unknown, path: ConfigIssue['path'], choices: readonly T[], otherwise: T): T {
    if (value === undefined) return otherwise
    const found = choices.find((choice) => choice === value)
    if (found === undefined)
      this.issue('wrong_value', path, `must be one of ${choices.map((choice) => `"${choice}"`).join(', ')}`)
    return found ?? otherwise
  }

  flag(value: unknown, path: ConfigIssue['path']): boolean {
    if (value !== undefined && typeof value !== 'boolean') this.issue('wrong_value', path, 'must be true or false')
    return value === true
  }
}

/** The nearest known key within two edits of a letter or a swap of case. */
function suggestion(key: string, known: readonly string[]): string {
  const near = known.find((other) => distance(key.toLowerCase(), other.toLowerCase()) <= 2)
  return near === undefined
    ? `; known are ${known.filter((name) => name !== '$schema').join(', ')}`
    : `; did you mean "${near}"?`
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** All issues at once, or the configuration with its defaults. `isCron` knows the expressions that the runtime takes. */
export function configFromValue(
  value: unknown,
  isCron: (text: string) => boolean,
): Result<SiteConfig, readonly ConfigIssue[]> {
  const reader = new Reader()
  const root = reader.object(value, [], KEYS)

  const name = reader.text(root.name, ['name'], 'the name of the site')
  if (root.name === undefined) reader.issue('missing', ['name'], '"name" is missing: add "name": "my-site"')
  else if (name !== undefined && !isSiteName(name)) {
    reader.issue(
      'wrong_value',
      ['name'],
      `"${name}" is no site name: use a-z, 0-9 and inner hyphens, at most ${LIMITS.siteNameChars} characters`,
    )
  }
  const main = reader.text(root.main, ['main'], 'the script’s entry file')
  const assets = root.assets === undefined ? undefined : assetsOf(reader, root.assets)
  if (main === undefined && assets === undefined) {
    reader.issue('missing', [], 'a site needs "main" (a script), "assets": { "directory": … } (files), or both')
  }
  if (Array.isArray(root.compatibility_flags) && root.compatibility_flags.includes('nodejs_compat')) {
    reader.issue(
      'not_offered',
      ['compatibility_flags'],
      '"nodejs_compat" is not offered: Node modules do not exist here; remove it',
    )
  }
  reader.text(root.compatibility_date, ['compatibility_date'], 'a date')

  const databases = reader.list(root.d1_databases, ['d1_databases'], LIMITS.databases).map((entry, index) => {
    const path = ['d1_databases', index]
    const database = reader.object(entry, path, [
      'binding',
      'migrations_dir',
      'database_name',
      'database_id',
      'migrations_table',
      'preview_database_id',
    ])
    const binding = bindingOf(reader, database.binding, [...path, 'binding'])
    const directory = reader.text(database.migrations_dir, [...path, 'migrations_dir'], 'a folder') ?? 'migrations'
    return { binding, migrationsDirectory: directory }
  })
  const kv = bindings(reader, root.kv_namespaces, 'kv_namespaces', ['binding', 'id', 'preview_id'])
  const files = bindings(reader, root.files, 'files', ['binding'])
  const all = [...databases.map(({ binding }) => binding), ...kv, ...files]
  for (const [index, binding] of all.entries()) {
    if (binding !== '' && all.indexOf(binding) !== index)
      reader.issue('wrong_value', [], `the binding "${binding}" is declared twice: every name of env needs its own`)
  }

  const triggers = root.triggers === undefined ? {} : reader.object(root.triggers, ['triggers'], ['crons'])
  const crons = reader.list(triggers.crons, ['triggers', 'crons'], LIMITS.crons).map((entry, index) => {
    const path = ['triggers', 'crons', index]
    const text = reader.text(entry, path, 'a cron expression') ?? ''
    if (text !== '' && !isCron(text))
      reader.issue(
        'wrong_value',
        path,
        `"${text}" is no cron expression: five fields such as "*/15 * * * *" (minute, hour, day, month, weekday; UTC)`,
      )
    return text
  })
  if (crons.length > 0 && main === undefined)
    reader.issue('wrong_value', ['triggers'], 'cron triggers need a script: add "main"')

  const headers = reader.list(root.headers, ['headers'], LIMITS.headers).map((entry, index) => {
    const text = (reader.text(entry, ['headers', index], 'a header name') ?? '').toLowerCase()
    if (text !== '' && !/^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(text))
      reader.issue('wrong_value', ['headers', index], `"${text}" is no header name`)
    return text
  })
  const places = [
    ...databases.map(({ binding }) => `db/${binding}`),
    ...kv.map((each) => `kv/${each}`),
    ...files.map((each) => `files/${each}`),
  ]
  const volatile = reader.list(root.volatile, ['volatile'], 1 + places.length).map((entry, index) => {
    const text = reader.text(entry, ['volatile', index], 'a place') ?? ''
    if (text !== '' && !places.includes(text)) {
      reader.issue(
        'wrong_value',
        ['volatile', index],
        `"${text}" is no place of this site${places.length === 0 ? '' : `: use ${places.join(', ')}`}`,
      )
    }
    return text
  })
  const origin = reader.text(root.origin, ['origin'], 'an origin') ?? null
  if (origin !== null && origin !== STABLE_ORIGIN && !/^https?:\/\/[^/?#]+$/.test(origin)) {
    reader.issue(
      'wrong_value',
      ['origin'],
      `"${origin}" is no origin: write "stable", or one like "https://example.org", without a path`,
    )
  }
  const policy = reader.text(root.csp, ['csp'], 'a content policy')
  if (policy !== undefined && policy !== STRICT_CSP)
    reader.issue('wrong_value', ['csp'], `"${policy}" is no content policy: write "strict", or leave it out`)
  const csp = policy === STRICT_CSP ? policy : undefined

  if (reader.issues.length > 0) return err(reader.issues)
  const site: SiteConfig = {
    name: name ?? '',
    main,
    assets,
    databases,
    kv,
    files,
    crons,
    headers,
    volatile,
    origin,
    csp,
  }
  return ok(site)
}

function assetsOf(reader: Reader, value: unknown): AssetsConfig {
  const assets = reader.object(
    value,
    ['assets'],
    ['directory', 'binding', 'html_handling', 'not_found_handling', 'run_worker_first'],
  )
  const directory = reader.text(assets.directory, ['assets', 'directory'], 'a folder')
  if (assets.directory === undefined)
    reader.issue('missing', ['assets', 'directory'], '"assets" needs "directory": the folder of the files')
  if (assets.binding !== undefined && assets.binding !== 'ASSETS') {
    reader.issue(
      'wrong_value',
      ['assets', 'binding'],
      'the assets are always env.ASSETS: write "ASSETS" or leave it out',
    )
  }
  return {
    directory: directory ?? '',
    htmlHandling: reader.choice(
      assets.html_handling,
      ['assets', 'html_handling'],
      HTML_HANDLING,
      'auto-trailing-slash',
    ),
    notFoundHandling: reader.choice(
      assets.not_found_handling,
      ['assets', 'not_found_handling'],
      NOT_FOUND_HANDLING,
      'none',
    ),
    scriptFirst: reader.flag(assets.run_worker_first, ['assets', 'run_worker_first']),
  }
}

function bindings(reader: Reader, value: unknown, key: string, known: readonly string[]): string[] {
  return reader.list(value, [key], LIMITS.namespaces).map((entry, index) => {
    const { binding } = reader.object(entry, [key, index], known)
    return bindingOf(reader, binding, [key, index, 'binding'])
  })
}

function bindingOf(reader: Reader, value: unknown, path: ConfigIssue['path']): string {
  if (value === undefined) {
    reader.issue('missing', path, '"binding" is missing: the name under which the script finds it in env')
    return ''
  }
  const binding = reader.text(value, path, 'a name') ?? ''
  if (binding === 'ASSETS' || (binding !== '' && !isBindingName(binding))) {
    reader.issue(
      'wrong_value',
      path,
      `"${binding}" cannot be a name in env: use letters, digits and _, not beginning with a digit, and not ASSETS`,
    )
  }
  return binding
}
