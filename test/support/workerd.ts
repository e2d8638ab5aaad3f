// Runs one module of `test/worker` in workerd: bundled like the gateway, given JSON, answering JSON.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare, type MiniflareOptions, NoOpLog } from 'miniflare'

export async function runInWorkerd<T>(entryPoint: string, input: unknown): Promise<T> {
  const built = await build({
    entryPoints: [entryPoint],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    logLevel: 'silent',
    write: false,
  })
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-workerd-'))
  const options = {
    cf: false,
    log: new NoOpLog(),
    resourcePersistencePath: directory,
    modules: [{ type: 'ESModule', path: 'worker.js', contents: built.outputFiles[0]?.text }],
    compatibilityDate: '2026-10-01',
  }
  const miniflare = new Miniflare(convertV4MiniflareOptions(options as never) as MiniflareOptions)
  try {
    const response = await miniflare.dispatchFetch('http://worker/', { method: 'POST', body: JSON.stringify(input) })
    if (!response.ok) throw new Error(`the worker answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  } finally {
    await miniflare.dispose()
    rmSync(directory, { recursive: true })
  }
}
