// Bundles the bar's script into the module that is committed (`page/bar/generated/script.ts`) and served by members and gateways under an address
// that names its content.

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export const GENERATED_FILE = fileURLToPath(new URL('./generated/script.ts', import.meta.url))
const HASH_CHARS = 16

/** One source of the bar with all that it imports, as browsers get it. */
export async function bundled(entry: string, format: 'iife' | 'esm' = 'iife'): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    write: false,
    format,
    platform: 'browser',
    target: ['chrome109', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    legalComments: 'none',
    minify: true,
    plugins: [
      {
        name: 'style',
        setup(builder) {
          // A style sheet in a template keeps its line breaks; a browser needs none.
          builder.onLoad({ filter: /\/bar\.ts$/ }, async ({ path }) => ({
            contents: (await readFile(path, 'utf8')).replace(
              /STYLE = `([^`]*)`/,
              (_, css: string) => `STYLE = \`${lean(css)}\``,
            ),
            loader: 'ts',
          }))
        },
      },
    ],
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error(`esbuild wrote nothing of ${entry}`)
  return output.text.trim()
}

function lean(css: string): string {
  return css
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .replaceAll(';}', '}')
    .trim()
}

/** The module's text; the same for the same sources. */
export async function buildScript(): Promise<string> {
  const script = await bundled('./browser/main.ts')
  const hash = createHash('sha256').update(script).digest('hex').slice(0, HASH_CHARS)
  return `// Built from page/bar/browser by "npm run build:bar".
export const BAR_HASH = '${hash}'
export const BAR_SCRIPT = ${JSON.stringify(script)}
`
}

if (import.meta.main) {
  const text = await buildScript()
  const before = await readFile(GENERATED_FILE, 'utf8').catch(() => '')
  if (before !== text) await writeFile(GENERATED_FILE, text)
  process.stdout.write(`${GENERATED_FILE}: ${Buffer.byteLength(text)} bytes${before === text ? ', unchanged' : ''}\n`)
}
