// No built-in of the engine or its library evades the meter: every function that can be reached is called with receivers and
// arguments that make it loop long, and what takes time burns fuel (runtime.md, "Fuel is counted in the wasm itself").
//
//   list of the engine's own functions → calls drawn from a seed → runs of little fuel → processor time against fuel
//
// INTERPEER_BUILTIN_CALLS sets how many calls each function gets (12), INTERPEER_BUILTIN_SEED the seed.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Random } from '#test/seeder/execute/differential/random.ts'
import { BuiltinThread, type Call } from '#test/seeder/execute/hostile/builtins/thread.ts'

const CALLS = Number(process.env.INTERPEER_BUILTIN_CALLS ?? 12)
const SEED = Number(process.env.INTERPEER_BUILTIN_SEED ?? 1)
const FUEL = 20_000_000
/** An honest machine burns a hundred times as much in a millisecond … */
const FUEL_PER_MS_MIN = 100_000
/** … after what a run costs at all. */
const RUN_MS = 300
const ATTEMPTS = 3
const SIZE = 1_000

/** Receivers that fit a function by the name of what holds it; others are drawn as well. */
const FITTING: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\.Array\.prototype/, ['array', 'texts', 'nested', 'sparse', 'long', 'proxy']],
  [/(Int|Uint|Float|Big).*Array\b|proto\(globalThis\.(Int|Uint|Float)/, ['bytes', 'floats', 'bigs']],
  [/String\.prototype/, ['text', 'words', 'evil', 'json']],
  [/RegExp\.prototype/, ['regexp', 'wide', 'backward']],
  [/\bMap\.prototype/, ['map']],
  [/\bSet\.prototype/, ['set']],
  [/ArrayBuffer\.prototype/, ['buffer', 'shared']],
  [/DataView/, ['view']],
  [/BigInt\.prototype/, ['bigint']],
  [/Number\.prototype/, ['number', 'fraction', 'huge']],
  [/Date\.prototype/, ['date']],
  [/Function\.prototype/, ['constant', 'loop', 'call', 'Array']],
  [/Iterator/, ['generator', 'iterator']],
  [/Promise/, ['Promise', 'promise']],
  [/URLSearchParams/, ['params']],
  [/\.URL\b/, ['location']],
  [/Headers/, ['headers']],
  [/FormData/, ['form']],
  [/Blob|File/, ['blob']],
  [/Stream/, ['stream', 'reader']],
  [/Response/, ['response']],
  [/Request/, ['request']],
  [/TextEncoder/, ['encoder']],
  [/TextDecoder/, ['decoder']],
  [/Error/, ['error']],
  [/Event|Abort/, ['target', 'event']],
]

function callsOf(path: string, values: readonly string[], random: Random): Call[] {
  const fitting = FITTING.find(([pattern]) => pattern.test(path))?.[1] ?? ['none']
  const constructs = /^globalThis\.[A-Z]\w*$/.test(path)
  return Array.from({ length: CALLS }, (_, index) => {
    const self = index % 4 === 3 ? random.pick(values) : random.pick(fitting)
    const args = Array.from({ length: random.below(4) }, () => random.pick(values))
    return [self, args, constructs && index % 2 === 0]
  })
}

let thread: BuiltinThread
before(() => {
  thread = new BuiltinThread()
})
after(() => thread.close())

describe('every function of the engine', () => {
  test('is metered, whatever it is called with', async (context) => {
    const { functions, values } = await thread.list()
    assert(functions.length > 700, `${functions.length} functions`)
    const slow: string[] = []
    const rates: { path: string; rate: number }[] = []
    let runs = 0
    for (const path of functions) {
      const calls = callsOf(path, values, new Random(`${SEED} ${path}`))
      for (let first = 0; first < calls.length; ) {
        const rest = calls.slice(first)
        let best = await thread.run(path, SIZE, rest, FUEL)
        for (let attempt = 1; attempt < ATTEMPTS && tooSlow(best); attempt++) {
          const again = await thread.run(path, SIZE, rest, FUEL)
          if (again.ms < best.ms) best = again
        }
        runs++
        const last = rest[best.begun - 1]
        if (tooSlow(best)) slow.push(`${path} ${JSON.stringify(last)}: ${best.ms.toFixed(0)} ms for ${best.fuel} fuel`)
        if (best.fuel > FUEL / 2) rates.push({ path: `${path} ${JSON.stringify(last)}`, rate: best.fuel / best.ms })
        // The call that ended the run is done with; those behind it still wait.
        first += best.failure === undefined ? rest.length : Math.max(1, best.begun)
      }
    }
    rates.sort((a, b) => a.rate - b.rate)
    context.diagnostic(`${functions.length} functions, ${functions.length * CALLS} calls, ${runs} runs`)
    for (const { path, rate } of rates.slice(0, 10)) context.diagnostic(`${Math.round(rate)} fuel/ms ${path}`)
    const median = rates[rates.length >> 1]
    if (median !== undefined) context.diagnostic(`median ${Math.round(median.rate)} fuel/ms of ${rates.length}`)
    assert.deepEqual(slow, [])
  })
})

function tooSlow({ ms, fuel }: { ms: number; fuel: number }): boolean {
  return ms > RUN_MS + fuel / FUEL_PER_MS_MIN
}
