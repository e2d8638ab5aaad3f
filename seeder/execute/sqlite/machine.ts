// One instance of the metered SQLite binary on a memory of fixed size, without any of its JavaScript glue: the machine itself.
//
//   create → open all connections → snapshot ─┐
//   request: restore (if the last one touched it) → run within a fuel limit → dirty
//
// Invariant: at the start of every request the memory, the stack pointer and the table are those of the snapshot, so results and
// fuel are functions of the request and the files alone. Restoring covers everything below the end of the heap, zero pages too.

import { assert } from '#protocol/codec/result.ts'
import { HostStop } from '#seeder/execute/host/port.ts'
import {
  DEPTH_MAX,
  HEAP_END_ADDRESS,
  loadSqlite,
  MEMORY_PAGES,
  type SqliteExports,
} from '#seeder/execute/sqlite/binary.ts'
import { type Callback, installCallbacks } from '#seeder/execute/sqlite/callbacks.ts'
import { DEPTH_EXPORT, FUEL_EXPORT, GLOBAL_EXPORT } from '#seeder/execute/wasm/options.ts'
import { writeUtcFields } from '#seeder/execute/wasm/utc-fields.ts'

const ENOSYS = 52
/** Less than the connections take anyway: the heap's end never comes down again. */
const PROBE_BYTES = 1 << 17

type Counters = { readonly fuel: WebAssembly.Global<'i64'>; readonly depth: WebAssembly.Global<'i32'> }

export class Machine {
  readonly exports: SqliteExports
  readonly #memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES })
  /** The whole memory: it never grows, so the view stays valid. */
  readonly heap = new Uint8Array(this.#memory.buffer)
  readonly words = new Uint32Array(this.#memory.buffer)
  readonly view = new DataView(this.#memory.buffer)
  readonly #counters: Counters
  readonly #globals: readonly { readonly global: WebAssembly.Global; readonly start: number | bigint }[]
  #image: Uint8Array | undefined
  #dirty = false

  /** `time` gives milliseconds since the epoch for the C library; SQLite itself asks its file system layer. */
  constructor(time: () => number, directory?: string) {
    const { module } = loadSqlite(directory)
    const instance = new WebAssembly.Instance(module, this.#imports(module, time))
    this.exports = instance.exports as unknown as SqliteExports
    const global = (name: string): WebAssembly.Global => {
      const found = instance.exports[name]
      assert(found instanceof WebAssembly.Global, `the metered binary exports ${name}`)
      return found
    }
    this.#counters = {
      fuel: global(FUEL_EXPORT) as WebAssembly.Global<'i64'>,
      depth: global(DEPTH_EXPORT) as WebAssembly.Global<'i32'>,
    }
    this.#globals = Object.keys(instance.exports)
      .filter((name) => name.startsWith(GLOBAL_EXPORT))
      .map((name) => ({ global: global(name), start: global(name).value }))
    this.exports.__wasm_call_ctors()
    this.#checkHeapEnd()
  }

  /** Every import answers the same on every machine: no files, no environment, UTC. */
  #imports(module: WebAssembly.Module, time: () => number): WebAssembly.Imports {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {}
      imports[from][name] = kind === 'memory' ? this.#memory : () => ENOSYS
    }
    const set = (from: string, name: string, run: (...values: never[]) => unknown): void => {
      assert(imports[from]?.[name] !== undefined, `the SQLite binary imports ${name}`)
      imports[from][name] = run
    }
    set('env', 'emscripten_date_now', time)
    set('env', 'emscripten_get_now', () => 0)
    set('env', 'emscripten_resize_heap', () => 0)
    set('env', 'emscripten_get_heap_max', () => this.heap.length)
    set('env', '_localtime_js', (seconds: bigint, pointer: number) => writeUtcFields(this.view, seconds, pointer))
    set('env', '_tzset_js', (zone: number, daylight: number, standardName: number, daylightName: number) => {
      this.words[zone >>> 2] = 0
      this.words[daylight >>> 2] = 0
      for (const pointer of [standardName, daylightName]) this.heap.set([0x55, 0x54, 0x43, 0], pointer)
    })
    set('wasi_snapshot_preview1', 'clock_time_get', (_clock: number, _precision: bigint, pointer: number) => {
      this.view.setBigInt64(pointer, BigInt(time()) * 1_000_000n, true)
      return 0
    })
    set('wasi_snapshot_preview1', 'environ_sizes_get', (count: number, bytes: number) => {
      this.words[count >>> 2] = 0
      this.words[bytes >>> 2] = 0
      return 0
    })
    set('wasi_snapshot_preview1', 'environ_get', () => 0)
    return imports
  }

  /** The pinned address has to be the heap's end, or restoring would miss memory. */
  #checkHeapEnd(): void {
    const pointer = this.exports.malloc(PROBE_BYTES)
    const end = this.#heapEnd()
    this.exports.free(pointer)
    assert(end >= pointer + PROBE_BYTES && end < pointer + PROBE_BYTES + 65_536, 'the heap ends where the build says')
  }

  #heapEnd(): number {
    return this.words[HEAP_END_ADDRESS >>> 2] ?? 0
  }

  install(callbacks: readonly Callback[]): number[] {
    return installCallbacks(this.exports.__indirect_function_table, callbacks)
  }

  /** Keeps the present memory as what every request starts from. */
  snapshot(): void {
    this.exports.sqlite3_randomness(0, 0)
    this.#image = this.heap.slice(0, this.#heapEnd())
  }

  get imageBytes(): number {
    return this.#image?.length ?? 0
  }

  /** Back to the snapshot, if anything ran since. */
  restore(): void {
    if (!this.#dirty || this.#image === undefined) return
    const end = this.#heapEnd()
    this.heap.set(this.#image)
    // A stray store may have reached the end word itself: past its range everything is cleared.
    this.heap.fill(0, this.#image.length, end >= this.#image.length && end <= this.heap.length ? end : this.heap.length)
    for (const { global, start } of this.#globals) global.value = start
    this.#dirty = false
  }

  /** Runs `work` with at most `limit` fuel and tells what it used, also when it throws. Traps become `HostStop`. */
  metered<T>(limit: number, used: (fuel: number) => void, work: () => T): T {
    this.#dirty = true
    const { fuel, depth } = this.#counters
    const start = BigInt(Math.max(0, Math.floor(limit)))
    fuel.value = start
    depth.value = 0
    try {
      return work()
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error
      if (fuel.value < 0n) throw new HostStop('fuel')
      if (depth.value > DEPTH_MAX) throw new HostStop('depth')
      throw new HostStop('memory')
    } finally {
      const left = fuel.value
      used(Number(start - (left < 0n ? 0n : left)))
    }
  }

  /** Charges the running `metered` call for work done on this side of the wasm boundary. */
  charge(amount: number): void {
    this.#counters.fuel.value -= BigInt(amount)
  }

  /** A NUL-terminated copy of the text on the heap; 0 when there is no memory left. */
  allocateText(bytes: Uint8Array): number {
    const pointer = this.exports.malloc(bytes.length + 1)
    if (pointer === 0) return 0
    this.heap.set(bytes, pointer)
    this.heap[pointer + bytes.length] = 0
    return pointer
  }

  /** UTF-8 at an address; malformed sequences become U+FFFD. */
  text(pointer: number, bytes: number): string {
    return Buffer.from(this.#memory.buffer, pointer, bytes).toString('utf8')
  }

  /** A NUL-terminated text; undefined for a null pointer. */
  cText(pointer: number): string | undefined {
    if (pointer === 0) return undefined
    const end = this.heap.indexOf(0, pointer)
    return this.text(pointer, end - pointer)
  }
}
