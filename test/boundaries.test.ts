// Who may import whom. The pure core knows nobody's I/O; the gateway runs on Workers; a cycle between the parts would make them one part.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const LINES_MAX = 900
const SOURCE = /\.(ts|tsx|js|mjs)$/
/**
 * Sources that are not ours to write: no rule of this file is about them. Files of web-platform-tests stand here unchanged (test/wpt/ORIGIN.md), since a
 * suite that was cut to fit our rules would prove nothing.
 */
const NOT_OURS: readonly RegExp[] = [/^test\/wpt\/tests\//, /node_modules\//]
/** Written by a tool: as long as it is, and importing what it does. */
const GENERATED: readonly RegExp[] = [/\/generated\//, /\/worker-configuration\.d\.ts$/]

/** Which top-level folders each may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  page: ['protocol'],
  gateway: ['protocol', 'page'],
  seeder: ['protocol', 'page'],
  cli: ['protocol', 'page', 'seeder', 'gateway'],
  examples: [],
  test: ['protocol', 'page', 'gateway', 'seeder', 'cli', 'examples'],
}

/** Packages that the pure core may use: no I/O in any of them. */
const PROTOCOL_PACKAGES = [
  /^@ipld\/dag-(cbor|pb)$/,
  /^@noble\/(ed25519|hashes)(\/|$)/,
  /^multiformats(\/|$)/,
  /^jsonc-parser$/,
]
/** The Worker runs where `node:` is not; its local runner under `gateway/local` is ordinary Node. */
const GATEWAY_PACKAGES = [/^hono(\/|$)/, /^drizzle-orm(\/|$)/, /^cloudflare:/, /^@noble\//]

const IMPORT =
  /\b(?:import|export)\s+(?:type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g
/** What reads a clock, throws dice, waits or reaches out. */
const IMPURE =
  /\b(Date\.now|new Date\(\s*\)|performance\.|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|crypto\.|fetch\(|process\.|globalThis|console\.|require\()/

type Source = {
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly string[]
}

function sources(folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !NOT_OURS.some((known) => known.test(path)))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const imports = isGenerated(path) ? [] : Array.from(text.matchAll(IMPORT), (match) => match[1] ?? match[2] ?? '')
      return { path, folder, text, imports }
    })
}

function isGenerated(path: string): boolean {
  return GENERATED.some((known) => known.test(path))
}

const all = Object.keys(MAY_IMPORT).flatMap(sources)

/** The top-level folder that an import reaches, or undefined for a package. */
function reached(source: Source, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1).split('/')[0]
  if (specifier.startsWith('.')) return relative(root, join(root, dirname(source.path), specifier)).split('/')[0]
  return undefined
}

function allowed(folder: string, target: string): boolean {
  return target === folder || (MAY_IMPORT[folder] ?? []).includes(target)
}

/** Code without comments and texts, so that a word in prose is no finding. */
function bare(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

test('no folder imports from one that it must not know, dynamic imports included', () => {
  const wrong = all.flatMap((source) =>
    source.imports
      .map((specifier) => ({ specifier, target: reached(source, specifier) }))
      .filter(
        ({ target }) => target !== undefined && Object.hasOwn(MAY_IMPORT, target) && !allowed(source.folder, target),
      )
      .map(({ specifier }) => `${source.path} imports ${specifier}`),
  )
  assert.deepEqual(wrong, [])
})

test('an import is a text that this test can read', () => {
  const hidden = all.filter(
    (source) =>
      !source.path.startsWith('test/') &&
      /\bimport\s*\(\s*[^'"`\s)]/.test(
        bare(source.text)
          .replaceAll("''", 'x')
          .replace(/import\s*\(\s*x/g, ''),
      ),
  )
  assert.deepEqual(
    hidden.map((source) => source.path),
    [],
  )
})

test('protocol/ imports no package that does I/O', () => {
  const wrong = all
    .filter((source) => source.folder === 'protocol')
    .flatMap((source) =>
      source.imports
        .filter(
          (name) =>
            !name.startsWith('#') && !name.startsWith('.') && !PROTOCOL_PACKAGES.some((known) => known.test(name)),
        )
        .map((name) => `${source.path}: ${name}`),
    )
  assert.deepEqual(wrong, [])
})

test('protocol/ reads no clock, throws no dice, sets no timer and reaches nothing', () => {
  const wrong = all
    .filter((source) => source.folder === 'protocol')
    .flatMap((source) =>
      bare(source.text)
        .split('\n')
        .map((line, index) => ({ line, index }))
        .filter(({ line }) => IMPURE.test(line))
        .map(({ line, index }) => `${source.path}:${index + 1}: ${line.trim()}`),
    )
  assert.deepEqual(wrong, [])
})

test('the Worker imports only what runs on Workers', () => {
  const wrong = all
    .filter((source) => source.folder === 'gateway' && !/^gateway\/(local|node)\//.test(source.path))
    .flatMap((source) =>
      source.imports
        .filter(
          (name) =>
            !name.startsWith('#') && !name.startsWith('.') && !GATEWAY_PACKAGES.some((known) => known.test(name)),
        )
        .map((name) => `${source.path}: ${name}`),
    )
  assert.deepEqual(wrong, [])
})

test('the Worker takes nothing along that is for a machine of one’s own', () => {
  const wrong = all
    .filter((source) => source.folder === 'gateway' && !/^gateway\/(local|node)\//.test(source.path))
    .flatMap((source) =>
      source.imports
        .filter((name) => /^#gateway\/(node|local)\/|^#protocol\/metrics\//.test(name))
        .map((name) => `${source.path}: ${name}`),
    )
  assert.deepEqual(wrong, [])
})

test('the environment and the arguments are read by the entries alone', () => {
  const entries = /^(cli\/|seeder\/(main|start)\.ts|seeder\/config\/|gateway\/(local|node)\/|test\/|examples\/)/
  const wrong = all.filter((source) => !entries.test(source.path) && /\bprocess\.(env|argv)\b/.test(bare(source.text)))
  assert.deepEqual(
    wrong.map((source) => source.path),
    [],
  )
})

test(`no source file of ours is over ${LINES_MAX} lines: generated ones and web-platform-tests' own are not ours`, () => {
  const long = all
    .filter((source) => !isGenerated(source.path))
    .map((source) => ({ path: source.path, lines: source.text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX)
  assert.deepEqual(long, [])
})

test('the product speaks of itself alone: no unfinished words', () => {
  const words = /\b(TO\x44O|FI\x58ME|XX\x58|not impl\x65mented)\b/
  const wrong = all.filter((source) => words.test(source.text)).map((source) => source.path)
  assert.deepEqual(wrong, [])
})
