// `core.ts` as one script for a place without Node: its imports of Node stand for the shims beside, and the binaries are handed in.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { GUEST_LIBRARY } from '#seeder/execute/engine/engine.ts'

const SHIM = join(import.meta.dirname, 'shim')
const REST = ['node:fs', 'node:url', 'node:path', 'node:module', 'esbuild']

/** Bytes that the execution reads, by the last part of their path. */
export function differentialFiles(): Record<string, Uint8Array> {
  return {
    wasm: readFileSync(fileURLToPath(import.meta.resolve('@jitl/quickjs-ng-wasmfile-release-sync/wasm'))),
    'sqlite3.wasm': readFileSync(fileURLToPath(import.meta.resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'))),
    'guest.js': readFileSync(GUEST_LIBRARY),
  }
}

export async function bundleFor(entry: string, format: 'esm' | 'iife'): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    format,
    target: 'es2024',
    logLevel: 'silent',
    define: {
      'import.meta.url': '"file:///bundle/a/b/c.js"',
      'import.meta.dirname': '"/"',
      'import.meta.resolve': 'String',
    },
    inject: [join(SHIM, 'inject.ts')],
    plugins: [
      {
        name: 'shims',
        setup(builder) {
          builder.onResolve({ filter: /^(node:|esbuild$)/ }, ({ path }) => {
            if (path === 'node:crypto') return { path: join(SHIM, 'node-crypto.ts') }
            if (REST.includes(path)) return { path: join(SHIM, 'node-rest.ts') }
            return { errors: [{ text: `execution imports ${path}, for which there is no shim` }] }
          })
        },
      },
    ],
  })
  return result.outputFiles[0]?.text ?? ''
}
