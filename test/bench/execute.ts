// The engine: how much fuel it burns a second, what metering costs (the same loop in the same binary without it, run by its own
// package), and what a request costs that does nothing.

import process from 'node:process'
import variant from '@jitl/quickjs-ng-wasmfile-release-sync'
import { newQuickJSWASMModuleFromVariant } from 'quickjs-emscripten-core'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import { Engine, type Site } from '#seeder/execute/engine/engine.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { type Bench, compared, measured, median } from '#test/bench/report.ts'

const ROUNDS = 7
const EMPTY_RUNS = 1_000
const LOOP = `(() => {
  const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2))
  const rows = Array.from({ length: 20000 }, (_, index) => ({ index, text: 'row ' + (index * 7919 % 10007) }))
  rows.sort((a, b) => (a.text < b.text ? -1 : 1))
  return fib(22) + rows.reduce((sum, { text }) => sum + text.length, 0)
})()`
const FUEL_MAX = 1e12

export const execute: Bench = async () => {
  const engine = new Engine()
  const loop = started(engine, `export default { fetch: () => new Response(String(${LOOP})) }`)
  const empty = started(engine, `export default { fetch: () => new Response('ok') }`)
  const quickjs = await newQuickJSWASMModuleFromVariant(variant as never)
  const bare = quickjs.newContext()
  const unmetered = (): number => {
    const began = cpuMs()
    bare.unwrapResult(bare.evalCode(LOOP)).dispose()
    return cpuMs() - began
  }
  const metered = (site: Site): { readonly ms: number; readonly fuel: number } => {
    const began = cpuMs()
    const { ok, fuel } = visit(engine, site)
    if (!ok) throw new Error('the script answers')
    return { ms: cpuMs() - began, fuel }
  }
  metered(loop)
  unmetered()
  const rounds: { ours: number; peer: number }[] = []
  const speeds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0 ? metered(loop) : undefined
    const peer = unmetered()
    const ours = first ?? metered(loop)
    rounds.push({ ours: ours.ms, peer })
    speeds.push(ours.fuel / ours.ms / 1e6)
  }
  metered(empty)
  const emptyBegan = cpuMs()
  for (let index = 0; index < EMPTY_RUNS; index++) visit(engine, empty)
  const emptyMs = (cpuMs() - emptyBegan) / EMPTY_RUNS
  bare.dispose()
  return [
    compared('a script that computes, against the same engine without metering', 'ms', rounds),
    measured('fuel', '10⁹/s', median(speeds)),
    measured('a request that does nothing', 'µs', 1000 * emptyMs),
  ]
}

/** Of this thread: neighbours on the machine do not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function started(engine: Engine, script: string): Site {
  const site = engine.start(cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(script))), () => script)
  if (!site.ok) throw new Error(JSON.stringify(site))
  return site
}

function visit(engine: Engine, site: Site): RunResult {
  return engine.run(site, {
    entry: 'fetch',
    meta: JSON.stringify({
      method: 'GET',
      url: 'http://bench.peer/',
      headers: [],
      site: 'bench',
      bindings: { db: [], kv: [], files: [], assets: false },
    }),
    body: new Uint8Array(0),
    time: 1_700_000_000_000,
    seed: sha256(bytesFromText('seed')),
    fuelMax: FUEL_MAX,
    responseBytesMax: 1_000_000,
    operations: () => ({
      call: () => '{}',
      cost: () => 0,
      asked: () => ({ time: false, chance: false }),
      wrote: () => false,
    }),
  })
}
