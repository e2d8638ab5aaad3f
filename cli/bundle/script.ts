// The script of a site: its entry and all that it imports as one module with a source map, by esbuild.
// The module's default export has the handlers (`fetch`, `scheduled`); nothing is left to import when it runs.

import { readFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { type BuildFailure, build, type Message, type Plugin } from 'esbuild'
import { parse } from 'jsonc-parser'
import type { BundleIssue } from '#cli/bundle/config-file.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export type BundledScript = {
  readonly code: Uint8Array
  readonly map: Uint8Array
  /** A file of the project that sets cookies, as far as its text shows; undefined: none. */
  readonly setsCookies: string | undefined
}

const SETS_COOKIES = /set-?(signed-?)?cookie/i
/** Of packages: Hono's own words for it. What others do is not looked into. */
const COOKIE_MODULE = /node_modules\/hono\/dist\/helper\/cookie\//

const NODE_NAMES =
  /^(node:.*|assert|async_hooks|buffer|child_process|cluster|crypto|dgram|dns|fs|fs\/promises|http|http2|https|inspector|module|net|os|path|perf_hooks|process|querystring|readline|stream|stream\/web|string_decoder|timers|tls|tty|url|util|v8|vm|worker_threads|zlib)$/

const HINTS: Readonly<Record<string, string>> = {
  buffer: 'use Uint8Array, TextEncoder and TextDecoder',
  crypto: 'use the global crypto (crypto.subtle, crypto.getRandomValues, crypto.scrypt)',
  fs: 'keep data in env.DB, env.KV or env.FILES, and files of the bundle in env.ASSETS',
  http: 'a script answers requests through its fetch handler; it cannot reach the outside',
  url: 'use the global URL and URLSearchParams',
  stream: 'use the global ReadableStream, WritableStream and TransformStream',
  util: 'use the global TextEncoder, TextDecoder and structuredClone',
}

/** Node's own modules do not exist where the script runs: say so where they are imported. */
const refuseNode: Plugin = {
  name: 'refuse-node',
  setup({ onResolve, resolve }) {
    onResolve({ filter: NODE_NAMES }, async (request) => {
      if (request.pluginData === refuseNode) return undefined
      // A package of the same name (`url`, `buffer`, …) that the project installed is fine.
      const { path, importer, resolveDir, kind } = request
      if (!path.startsWith('node:')) {
        const found = await resolve(path, { importer, resolveDir, kind, pluginData: refuseNode })
        if (found.errors.length === 0 && !found.external) return found
      }
      const name = path.replace(/^node:/, '').split('/')[0] ?? path
      const hint = HINTS[name]
      const text = `"${path}" is a module of Node, which a site's script does not have${hint === undefined ? '' : `: ${hint}`}`
      return { errors: [{ text }] }
    })
  },
}

/** The module that esbuild starts from: it hands on the default export. */
const ENTRY = 'interpeer-entry'

function issueOf(message: Message, directory: string): BundleIssue {
  const { location } = message
  const noDefault = location?.file === ENTRY && message.text.startsWith('No matching export')
  if (noDefault) {
    const text =
      'the script needs a default export with its handlers: export default { fetch(request, env, ctx) { … } }'
    return { code: 'script', file: directory, message: text }
  }
  const { text } = message
  if (location === null) return { code: 'script', file: directory, message: text }
  return { code: 'script', file: location.file, line: location.line, column: location.column + 1, message: text }
}

/**
 * Hono's JSX, unless the project's own tsconfig.json says which it wants. esbuild reads that by itself, but not in `node_modules`, where
 * the examples of an installed command lie.
 */
async function jsxOptions(directory: string): Promise<{ jsx?: 'automatic'; jsxImportSource?: string }> {
  const text = await readFile(join(directory, 'tsconfig.json'), 'utf8').catch(() => '{}')
  const config = parse(text) as { compilerOptions?: { jsx?: unknown; jsxImportSource?: unknown } } | undefined
  const { jsx, jsxImportSource } = config?.compilerOptions ?? {}
  if (jsx === undefined) return { jsx: 'automatic', jsxImportSource: 'hono/jsx' }
  if (jsx !== 'react-jsx' || typeof jsxImportSource !== 'string') return {}
  return { jsx: 'automatic', jsxImportSource }
}

/** `inputs`: what the script was made of, relative to `directory`. */
async function cookieSource(directory: string, inputs: readonly string[]): Promise<string | undefined> {
  for (const input of inputs) {
    if (COOKIE_MODULE.test(input)) return 'hono/cookie'
    if (input.includes('node_modules/') || input === ENTRY) continue
    const text = await readFile(join(directory, input), 'utf8').catch(() => '')
    if (SETS_COOKIES.test(text)) return input
  }
  return undefined
}

/** Bundles `entry`, a path relative to `directory`. The same sources give the same bytes on every machine. */
export async function bundleScript(
  directory: string,
  entry: string,
): Promise<Result<BundledScript, readonly BundleIssue[]>> {
  const path = join(directory, entry)
  const specifier = `./${relative(dirname(path), path).split(sep).join('/')}`
  try {
    const result = await build({
      stdin: {
        contents: `export { default } from ${JSON.stringify(specifier)}\n`,
        resolveDir: dirname(path),
        sourcefile: ENTRY,
        loader: 'js',
      },
      absWorkingDir: directory,
      outfile: 'script.js',
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['browser', 'module', 'main'],
      conditions: ['workerd', 'worker', 'browser'],
      target: 'es2023',
      charset: 'utf8',
      sourcemap: 'external',
      sourcesContent: true,
      legalComments: 'none',
      metafile: true,
      logLevel: 'silent',
      ...(await jsxOptions(directory)),
      define: { 'process.env.NODE_ENV': '"production"' },
      loader: { '.sql': 'text', '.txt': 'text', '.html': 'text', '.md': 'text', '.bin': 'binary' },
      plugins: [refuseNode],
    })
    const code = result.outputFiles.find((file) => file.path.endsWith('.js'))
    const map = result.outputFiles.find((file) => file.path.endsWith('.map'))
    if (code === undefined || map === undefined) throw new Error('esbuild wrote no script')
    const inputs = Object.values(result.metafile.outputs).flatMap((output) => Object.entries(output.inputs))
    const setsCookies = await cookieSource(
      directory,
      inputs.flatMap(([input, { bytesInOutput }]) => (bytesInOutput > 0 ? [input] : [])),
    )
    return ok({ code: code.contents, map: map.contents, setsCookies })
  } catch (error) {
    const failure = error as Partial<BuildFailure>
    if (!Array.isArray(failure.errors)) throw error
    return err(failure.errors.map((message) => issueOf(message, join(directory, entry))))
  }
}
