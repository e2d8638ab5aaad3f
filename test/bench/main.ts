// npm run bench -- [name…] [--json]
//
// Runs the named benchmarks, or all of them, one after the other: each measures ours and the limit beside it in the same run.

import { parseArgs } from 'node:util'
import { type Bench, type BenchResult, jsonLine, table } from '#test/bench/report.ts'

/** Loaded when they are run: a benchmark costs nothing to those that are not asked for. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  redirect: async () => (await import('#test/bench/redirect.ts')).redirect,
  read: async () => (await import('#test/bench/read.ts')).read,
  write: async () => (await import('#test/bench/write.ts')).write,
  idle: async () => (await import('#test/bench/idle.ts')).idle,
  start: async () => (await import('#test/bench/start.ts')).start,
  store: async () => (await import('#test/bench/store.ts')).store,
  execute: async () => (await import('#test/bench/execute.ts')).execute,
}

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES)
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`no benchmark is called ${unknown.join(', ')}; there are: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}

const results: BenchResult[] = []
for (const name of names) {
  const bench = await BENCHES[name]?.()
  const found = (await bench?.({ note: (text) => console.error(`${name}: ${text}`) })) ?? []
  results.push(...found)
  if (values.json) for (const result of found) console.log(jsonLine(result))
}
if (!values.json) console.log(table(results))
process.exit(0)
