// npm run bench -- [name…] [--json]
// npm run bench:beside -- [name…] [--json] [--quick]       beside the programs of others, which have to be installed
//
// Runs the named benchmarks, or all of them, one after the other: each measures ours and the limit or the program beside it in the same run.
// What they write is in one directory, which is gone when this process ends, however it ends.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { MissingPeer } from '#test/bench/beside/program.ts'
import { type Bench, type BenchResult, jsonLine, table } from '#test/bench/report.ts'
import { startedWith } from '#test/support/program.ts'

/** Loaded when they are run: a benchmark costs nothing to those that are not asked for. */
const LIMITS: Readonly<Record<string, () => Promise<Bench>>> = {
  redirect: async () => (await import('#test/bench/redirect.ts')).redirect,
  read: async () => (await import('#test/bench/read.ts')).read,
  write: async () => (await import('#test/bench/write.ts')).write,
  tunnel: async () => (await import('#test/bench/tunnel.ts')).tunnel,
  'first-byte': async () => (await import('#test/bench/first-byte.ts')).firstByte,
  idle: async () => (await import('#test/bench/idle.ts')).idle,
  start: async () => (await import('#test/bench/start.ts')).start,
  store: async () => (await import('#test/bench/store.ts')).store,
  execute: async () => (await import('#test/bench/execute.ts')).execute,
  bar: async () => (await import('#test/bench/bar.ts')).bar,
}
const BESIDE: Readonly<Record<string, () => Promise<Bench>>> = {
  write: async () => (await import('#test/bench/beside/write.ts')).writeBeside,
  stopped: async () => (await import('#test/bench/beside/stopped.ts')).stopped,
  killed: async () => (await import('#test/bench/beside/killed.ts')).killed,
  page: async () => (await import('#test/bench/beside/page.ts')).pageBeside,
  static: async () => (await import('#test/bench/beside/static.ts')).staticBeside,
  redirect: async () => (await import('#test/bench/beside/redirect.ts')).redirectBeside,
  dns: async () => (await import('#test/bench/beside/dns.ts')).dnsBeside,
}

const USAGE = `usage: npm run bench -- [name…] [--json]
       npm run bench:beside -- [name…] [--json] [--quick]

Measures ours and the bare limit, or (beside) programs of others that are installed, in one run.

  bench          ${Object.keys(LIMITS).join(', ')}
  bench:beside   ${Object.keys(BESIDE).join(', ')}
  --json         a line of JSON for each figure
  --quick        beside: one short round of each, to see that everything is there;
                 its figures say nothing

Exit codes: 0 all was measured, 1 something could not be, 2 usage, 130 interrupted.`

const { values, positionals, wrong } = startedWith(USAGE, {
  options: {
    json: { type: 'boolean', default: false },
    beside: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
if (values.quick && !values.beside) wrong('--quick is for bench:beside')
const BENCHES = values.beside ? BESIDE : LIMITS
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES)
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) wrong(`no benchmark is called ${unknown.join(', ')}`)

const INTERRUPTED = 130
const scratch = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
process.env.TMPDIR = scratch
process.on('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 3, retryDelay: 200 }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(INTERRUPTED))

const results: BenchResult[] = []
let failed = false
for (const name of names) {
  try {
    const bench = await BENCHES[name]?.()
    const found = (await bench?.({ note: (text) => console.error(`${name}: ${text}`), quick: values.quick })) ?? []
    results.push(...found)
    if (values.json) for (const result of found) console.log(jsonLine(result))
  } catch (cause) {
    // The others still say what they measure.
    failed = true
    if (cause instanceof MissingPeer) console.error(`${name} was not measured: ${cause.message}`)
    else console.error(`${name} failed:`, cause)
  }
}
if (!values.json) console.log(table(results))
process.exit(failed ? 1 : 0)
