// Runs `core.ts` in workerd, with the modules that it may not compile itself, and with the native stack that the pool gives its threads.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { convertV4MiniflareOptions, Miniflare, type MiniflareOptions, NoOpLog } from 'miniflare'
import { bundleFor, differentialFiles } from '#test/seeder/execute/differential/bundle.ts'
import type { Work } from '#test/seeder/execute/differential/core.ts'

/** KiB; below the 8 MiB that a process's first thread has. */
const STACK_FLAG = '--stack-size=7000'

export async function linesInWorkerd(work: Work, compiled: Readonly<Record<string, Uint8Array>>): Promise<string[]> {
  const files = Object.entries(differentialFiles())
  const modules = Object.entries(compiled)
  const main = [
    `import { answerWith } from './core.js'`,
    ...files.map((_, index) => `import file${index} from './file${index}.bin'`),
    ...modules.map((_, index) => `import module${index} from './module${index}.wasm'`),
    `const files = { ${files.map(([name], index) => `'${name}': file${index}`).join(', ')} }`,
    `const modules = { ${modules.map(([name], index) => `'${name}': module${index}`).join(', ')} }`,
    'export default { fetch: answerWith(files, modules) }',
  ].join('\n')
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-differential-'))
  const options = {
    cf: false,
    log: new NoOpLog(),
    resourcePersistencePath: directory,
    modules: [
      { type: 'ESModule', path: 'main.js', contents: main },
      { type: 'ESModule', path: 'core.js', contents: await bundleFor('worker-entry.ts', 'esm') },
      ...files.map(([, contents], index) => ({ type: 'Data', path: `file${index}.bin`, contents })),
      ...modules.map(([, contents], index) => ({ type: 'CompiledWasm', path: `module${index}.wasm`, contents })),
    ],
    compatibilityDate: '2026-10-01',
  }
  process.env.MINIFLARE_WORKERD_V8_FLAGS = STACK_FLAG
  const miniflare = new Miniflare(convertV4MiniflareOptions(options as never) as MiniflareOptions)
  try {
    const response = await miniflare.dispatchFetch('http://worker/', { method: 'POST', body: JSON.stringify(work) })
    const text = await response.text()
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}`)
    return text.split('\n')
  } finally {
    delete process.env.MINIFLARE_WORKERD_V8_FLAGS
    await miniflare.dispose()
    rmSync(directory, { recursive: true })
  }
}
