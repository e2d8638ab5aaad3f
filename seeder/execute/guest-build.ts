// Bundles the guest library into the one classic script that is committed (`seeder/execute/generated/guest.js`) and evaluated in
// every fresh engine before a site's script. Its bytes are part of the image: members with another guest cannot agree.

import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ENTRY = fileURLToPath(new URL('./guest/main.ts', import.meta.url))
export const GUEST_FILE = fileURLToPath(new URL('./generated/guest.js', import.meta.url))

/** The guest library as one script; the same bytes for the same sources. */
export async function buildGuest(): Promise<string> {
  const result = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    charset: 'utf8',
    legalComments: 'none',
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: false,
  })
  const [output] = result.outputFiles
  if (output === undefined) throw new Error('esbuild wrote no guest library')
  return `// Built from seeder/execute/guest by "npm run build:guest".\n${output.text}`
}

if (import.meta.main) {
  const text = await buildGuest()
  const before = await readFile(GUEST_FILE, 'utf8').catch(() => '')
  if (before !== text) await writeFile(GUEST_FILE, text)
  process.stdout.write(`${GUEST_FILE}: ${Buffer.byteLength(text)} bytes${before === text ? ', unchanged' : ''}\n`)
}
