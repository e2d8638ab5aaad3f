// Builds the Worker and reads `wrangler.toml`, in a process of its own that `start.ts` forks: wrangler and esbuild need more
// memory than the gateway itself, for a second. The result goes to the parent as its one message.

import { join } from 'node:path'
import { build } from 'esbuild'
import { unstable_getMiniflareWorkerOptions as readConfiguration } from 'wrangler'

export type Prepared = {
  /** The Worker in one module, as it is deployed but for its names. */
  readonly code: string
  /** Bindings and compatibility date, as Miniflare takes them. */
  readonly options: Readonly<Record<string, unknown>>
}

const ROOT = join(import.meta.dirname, '..', '..')

async function prepare(): Promise<Prepared> {
  const { workerOptions, main } = readConfiguration(join(ROOT, 'wrangler.toml'))
  if (main === undefined) throw new Error('wrangler.toml names the entry point')
  const built = await build({
    entryPoints: [main],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'silent',
    write: false,
  })
  const code = built.outputFiles[0]?.text
  if (code === undefined) throw new Error('esbuild gives one file')
  const { modulesRules: _, rootPath: __, ...options } = workerOptions as Record<string, unknown>
  return { code, options }
}

const answer = await prepare()
if (process.send === undefined) throw new Error('prepare.ts is forked by start.ts')
process.send(answer, () => process.disconnect?.())
