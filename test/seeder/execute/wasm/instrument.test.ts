// The metered module against the plain one: same results, counted.

import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { meteredModule } from '#seeder/execute/wasm/cache.ts'
import { instrument } from '#seeder/execute/wasm/instrument.ts'
import { DEPTH_EXPORT, FUEL_EXPORT } from '#seeder/execute/wasm/options.ts'
import { assemble, type Text } from '#test/seeder/execute/wasm/assemble.ts'

const I32 = 0x7f
const I64 = 0x7e
const F32 = 0x7d
const F64 = 0x7c
const EMPTY = 0x40

type Run = (...values: unknown[]) => unknown

function metered(functions: Readonly<Record<string, Text>>, options: { tag?: boolean; depthMax?: number } = {}) {
  const bytes = instrument(assemble(functions, options), { depthMax: options.depthMax ?? 1000 })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const fuel = exports[FUEL_EXPORT] as WebAssembly.Global<'i64'>
  const depth = exports[DEPTH_EXPORT] as WebAssembly.Global<'i32'>
  return {
    run: (name: string, ...values: unknown[]) => (exports[name] as Run)(...values),
    /** Fuel that a call uses. */
    cost(name: string, ...values: unknown[]): number {
      fuel.value = 1_000_000n
      this.run(name, ...values)
      return 1_000_000 - Number(fuel.value)
    },
    memory: exports.memory as WebAssembly.Memory,
    fuel,
    depth,
  }
}

// local 0 counts down: loop { local.get 0; i32.const 1; i32.sub; local.tee 0; br_if 0 }
const LOOP = [0x03, EMPTY, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b]

describe('fuel', () => {
  test('straight code costs one an instruction', () => {
    const code = [0x41, 1, 0x41, 2, 0x6a, 0x1a]
    assert.equal(metered({ f: { code } }).cost('f'), 4)
  })

  test('a loop costs its body for each turn', () => {
    const module = metered({ f: { parameters: [I32], code: LOOP } })
    const one = module.cost('f', 1)
    const two = module.cost('f', 2)
    assert.equal(module.cost('f', 100), one + 99 * (two - one))
    assert.equal(two - one, 5)
  })

  test('an endless loop traps within its own length', () => {
    const module = metered({ f: { code: [0x03, EMPTY, 0x0c, 0, 0x0b] } })
    module.fuel.value = 1000n
    assert.throws(() => module.run('f'), WebAssembly.RuntimeError)
    assert(module.fuel.value < 0n && module.fuel.value > -10n)
  })

  test('endless recursion traps by fuel when the depth allows it', () => {
    const module = metered({ f: { code: [0x10, 0] } }, { depthMax: 2 ** 30 })
    module.fuel.value = 100n
    assert.throws(() => module.run('f'), WebAssembly.RuntimeError)
    assert(module.fuel.value < 0n)
  })

  test('only the branch that runs is charged', () => {
    // if (local 0) { 3 × (const, drop) } else { 1 × (const, drop) }
    const drop = [0x41, 1, 0x1a]
    const code = [0x20, 0, 0x04, EMPTY, ...drop, ...drop, ...drop, 0x05, ...drop, 0x0b]
    const module = metered({ f: { parameters: [I32], code } })
    assert.equal(module.cost('f', 1) - module.cost('f', 0), 4)
  })

  test('a division costs more than an addition', () => {
    const binary = (op: number) => ({ code: [0x41, 9, 0x41, 3, op, 0x1a] })
    const module = metered({ add: binary(0x6a), divide: binary(0x6e) })
    assert.equal(module.cost('divide') - module.cost('add'), 8)
  })

  test('filling memory costs its length, and is refused before it is done', () => {
    const code = [0x41, 0, 0x41, 7, 0x20, 0, 0xfc, 11, 0]
    const module = metered({ f: { parameters: [I32], code } })
    assert.equal(module.cost('f', 8000) - module.cost('f', 0), 4000)
    new Uint8Array(module.memory.buffer).fill(0)
    module.fuel.value = 500n
    assert.throws(() => module.run('f', 8000), WebAssembly.RuntimeError)
    assert.equal(new Uint8Array(module.memory.buffer)[0], 0)
  })
})

describe('depth', () => {
  // f(n) = n == 0 ? 0 : 1 + f(n − 1), leaving by `return` inside an `if`
  const recursive: Text = {
    parameters: [I32],
    results: [I32],
    code: [0x20, 0, 0x45, 0x04, EMPTY, 0x41, 0, 0x0f, 0x0b, 0x41, 1, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x6a],
  }

  test('weighs frames while they are there and nothing afterwards', () => {
    const module = metered({ f: recursive })
    assert.equal(module.run('f', 50), 50)
    assert.equal(module.depth.value, 0)
  })

  test('traps over the limit and works again once the host set it back', () => {
    const module = metered({ f: recursive })
    assert.throws(() => module.run('f', 200), WebAssembly.RuntimeError)
    assert(module.depth.value > 1000)
    module.depth.value = 0
    assert.equal(module.run('f', 50), 50)
  })

  test('a frame with more locals weighs more', () => {
    const wide = { ...recursive, locals: Array.from({ length: 40 }, () => I64) }
    const module = metered({ f: wide })
    assert.throws(() => module.run('f', 50), WebAssembly.RuntimeError)
  })

  test('an exception that passes frames takes their weight with it', () => {
    // g throws; f: try { call g } catch tag { } end; twice, then the depth is what it was
    const caught = [0x06, EMPTY, 0x10, 1, 0x07, 0, 0x0b]
    const f: Text = { code: [...caught, ...caught, 0x06, EMPTY, 0x10, 1, 0x19, 0x0b] }
    const g: Text = { code: [0x10, 2] }
    const h: Text = { code: [0x08, 0] }
    const module = metered({ f, g, h }, { tag: true, depthMax: 40 })
    for (let turn = 0; turn < 20; turn++) module.run('f')
    assert.equal(module.depth.value, 0)
  })
})

describe('one value everywhere', () => {
  const bits = (module: ReturnType<typeof metered>, name: string, ...values: unknown[]) => module.run(name, ...values)

  test('the bits of a NaN are canonical when they are looked at', () => {
    const module = metered({
      wide: { parameters: [I64], results: [I64], code: [0x20, 0, 0xbf, 0xbd] },
      narrow: { parameters: [I32], results: [I32], code: [0x20, 0, 0xbe, 0xbc] },
      zero: { results: [I64], code: [0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0xbd] },
    })
    assert.equal(bits(module, 'wide', 0x7ff0_0000_0000_0001n), 0x7ff8_0000_0000_0000n)
    assert.equal(bits(module, 'wide', -1n), 0x7ff8_0000_0000_0000n)
    assert.equal(bits(module, 'wide', 0x4000_0000_0000_0001n), 0x4000_0000_0000_0001n)
    assert.equal(bits(module, 'narrow', -1), 0x7fc0_0000)
    assert.equal(bits(module, 'narrow', 0x4000_0001), 0x4000_0001)
    assert.equal(bits(module, 'zero'), 0x7ff8_0000_0000_0000n)
  })

  test('a stored NaN is canonical, and so is the sign that copysign takes of one', () => {
    const module = metered({
      store: { parameters: [I64], code: [0x41, 0, 0x20, 0, 0xbf, 0x39, 3, 0] },
      sign: { parameters: [I64], results: [F64], code: [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x20, 0, 0xbf, 0xa6] },
      sign32: { parameters: [I32], results: [F32], code: [0x43, 0, 0, 0x80, 0x3f, 0x20, 0, 0xbe, 0x98] },
    })
    module.run('store', -1n)
    assert.equal(new BigInt64Array(module.memory.buffer, 0, 1)[0], 0x7ff8_0000_0000_0000n)
    assert.equal(module.run('sign', -1n), 1)
    assert.equal(module.run('sign', -0x8000_0000_0000_0000n), -1)
    assert.equal(module.run('sign32', -1), 1)
  })

  test('memory never grows', () => {
    const module = metered({ f: { results: [I32], code: [0x41, 1, 0x40, 0] } })
    assert.equal(module.run('f'), -1)
    assert.equal(module.memory.buffer.byteLength, 65_536)
  })

  test('control flow means what it meant', () => {
    // block a { block b { block c { local.get 0; br_table c b a } return 10 } return 20 } 30
    const code = [
      ...[0x02, EMPTY, 0x02, EMPTY, 0x02, EMPTY, 0x20, 0, 0x0e, 2, 0, 1, 2, 0x0b],
      ...[0x41, 10, 0x0f, 0x0b, 0x41, 20, 0x0f, 0x0b, 0x41, 30],
    ]
    const functions = { f: { parameters: [I32], results: [I32], code } }
    const plain = new WebAssembly.Instance(new WebAssembly.Module(assemble(functions))).exports.f as Run
    for (const value of [0, 1, 2, 9]) assert.equal(metered(functions).run('f', value), plain(value))
  })

  test('the same bytes give the same module', () => {
    const bytes = assemble({ f: { parameters: [I32], code: LOOP } })
    assert.deepEqual(instrument(bytes, { depthMax: 9 }), instrument(bytes, { depthMax: 9 }))
  })
})

describe('what is refused', () => {
  for (const [name, code] of [
    ['SIMD', [0xfd, 12, ...new Array(16).fill(0), 0x1a]],
    ['threads', [0xfe, 3, 0]],
    ['tail calls', [0x12, 0]],
    ['a body that ends early', [0x0b, 0x0b]],
  ] as const) {
    test(name, () => {
      assert.throws(() => instrument(assemble({ f: { code } }), { depthMax: 9 }))
    })
  }

  test('what is no module', () => {
    assert.throws(() => instrument(Uint8Array.of(1, 2, 3), { depthMax: 9 }))
  })
})

describe('the cache', () => {
  test('keeps the metered bytes, and makes them again when the file is torn', () => {
    const directory = mkdtempSync(join(tmpdir(), 'interpeer-wasm-'))
    try {
      const bytes = assemble({ f: { code: [0x10, 0] } })
      const pin = hexFromBytes(sha256(bytes))
      const first = meteredModule(bytes, pin, { depthMax: 101 }, directory)
      assert.deepEqual(first.digest, sha256(instrument(bytes, { depthMax: 101 })))
      const [file = ''] = readdirSync(directory)
      const torn = join(directory, file.replace('101', '102'))
      copyFileSync(join(directory, file), torn)
      truncateSync(torn, statSync(torn).size - 1)
      const second = meteredModule(bytes, pin, { depthMax: 102 }, directory)
      assert.deepEqual(second.digest, sha256(instrument(bytes, { depthMax: 102 })))
      assert.deepEqual(readFileSync(torn).subarray(32), Buffer.from(instrument(bytes, { depthMax: 102 })))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('refuses bytes that are not the pinned ones', () => {
    const bytes = assemble({ f: { code: [] } })
    assert.throws(() => meteredModule(bytes, hexFromBytes(sha256(Uint8Array.of(1))), { depthMax: 9 }), /hash/)
  })
})
