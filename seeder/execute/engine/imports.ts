// What QuickJS sees of the world: nothing but the block's time, UTC, and one door to the host.
//
// Every import of the binary is ours. The clock stands still at the block's time; there is no environment, no file, no
// timer, no time zone and no more memory. `time` is noted as asked only where the present is read: a `Date` of a given
// number asks for the time zone alone, which is UTC.

import { type Exports, IMPORT_LETTER } from '#seeder/execute/engine/quickjs.ts'
import { writeUtcFields } from '#seeder/execute/wasm/utc-fields.ts'

const NANOSECONDS_PER_MS = 1_000_000n
const CLOCK_REALTIME = 0
const WASI_BAD_FILE = 8
const WASI_NOT_SEEKABLE = 70

/** The program gave up: a failed assertion, `abort` or `exit` inside the binary. */
export class GuestAbort extends Error {
  constructor() {
    super('the script engine gave up')
    this.name = 'GuestAbort'
  }
}

/** What the running request may learn; one object for the life of an instance, its content set per request. */
export type World = {
  /** Block time, ms since the epoch. */
  time: number
  askedTime: boolean
  /** Answers `__host(…)`: a pointer to a new JSValue, or 0 for undefined. */
  callHost: (argc: number, argv: number) => number
}

/** The names that the imports carry in this build, for a module that imports its memory. */
export function importsFor(world: World, memory: WebAssembly.Memory): WebAssembly.Imports {
  const view = new DataView(memory.buffer)
  const name = IMPORT_LETTER
  const giveUp = () => {
    throw new GuestAbort()
  }
  const present = () => {
    world.askedTime = true
    return world.time
  }
  return {
    a: {
      [name.memory]: memory,
      [name.assertFailed]: giveUp,
      [name.abort]: giveUp,
      [name.exit]: giveUp,
      [name.normalizeModule]: giveUp,
      [name.loadModule]: giveUp,
      [name.freeHostReference]: () => {},
      [name.keepAliveClear]: () => {},
      [name.shouldInterrupt]: () => 0,
      [name.setTimer]: () => 0,
      [name.resizeHeap]: () => 0,
      [name.fdClose]: () => WASI_BAD_FILE,
      [name.fdSeek]: () => WASI_NOT_SEEKABLE,
      [name.fdWrite]: (_file: number, vectors: number, count: number, written: number) => {
        let total = 0
        for (let index = 0; index < count; index++) total += view.getUint32(vectors + 8 * index + 4, true)
        view.setUint32(written, total, true)
        return 0
      },
      [name.environGet]: () => 0,
      [name.environSizes]: (count: number, size: number) => {
        view.setUint32(count, 0, true)
        view.setUint32(size, 0, true)
        return 0
      },
      [name.dateNow]: present,
      [name.clockTime]: (clock: number, _precision: bigint, into: number) => {
        const now = clock === CLOCK_REALTIME ? BigInt(present()) * NANOSECONDS_PER_MS : 0n
        view.setBigUint64(into, now, true)
        return 0
      },
      [name.timeZone]: (zone: number, daylight: number, standardName: number, daylightName: number) => {
        view.setInt32(zone, 0, true)
        view.setInt32(daylight, 0, true)
        for (const address of [standardName, daylightName]) view.setUint32(address, 0x00_43_54_55, true)
      },
      [name.localTime]: (seconds: bigint, into: number) => writeUtcFields(view, seconds, into),
      [name.callHost]: (_context: number, _self: number, argc: number, argv: number) => world.callHost(argc, argv),
    },
  }
}

/** Our names for the exports of an instance. */
export function exportsOf(
  instance: WebAssembly.Instance,
  letters: { readonly [name in keyof Exports]: string },
): Exports {
  const named = Object.entries(letters).map(([name, letter]) => [name, instance.exports[letter]])
  return Object.fromEntries(named) as Exports
}
