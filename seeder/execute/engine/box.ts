// One QuickJS instance: fixed memory, our imports, and values as pointers. It knows strings and bytes, nothing of requests.
//
// All state of the guest lies in the linear memory and the mutable globals, so an image of both is the whole guest, and one
// instance serves every site in turn (`image.ts`). Invariant: the host reads and writes only addresses that the guest's own
// allocator gave, and never interprets a guest object.

import { assert } from '#protocol/codec/result.ts'
import { exportsOf, GuestAbort, importsFor, type World } from '#seeder/execute/engine/imports.ts'
import {
  type Address,
  ALL_INTRINSICS,
  COLLECT_AT_AT_FIRST,
  COLLECT_AT_OFFSET,
  COLLECT_NEVER,
  EXPORT_LETTER,
  type Exports,
  HEAP_END_ADDRESS,
  JS_STACK_BYTES,
  PROMISE,
  STACK_BOTTOM,
  STACK_BYTES,
  type Value,
} from '#seeder/execute/engine/quickjs.ts'
import { HostStop } from '#seeder/execute/host/port.ts'
import { DEPTH_EXPORT, FUEL_EXPORT, GLOBAL_EXPORT } from '#seeder/execute/wasm/options.ts'

/** 64 MiB: all that a script, its objects and the engine have. */
export const MEMORY_PAGES = 1024

/** Jobs that one call runs; fuel ends a chain of promises that never does. */
const JOBS_PER_CALL = 1 << 30

const POINTER_BYTES = 4
/** The C stack grows down from here; 16-byte aligned as the ABI wants. */
const STACK_TOP = STACK_BOTTOM + STACK_BYTES

/** An exception that left the guest: its text is for the site's log, never for a certified answer. */
export class GuestException extends Error {
  readonly stackText: string

  constructor(message: string, stackText: string) {
    super(message)
    this.name = 'GuestException'
    this.stackText = stackText
  }
}

export class Box {
  readonly memory: Uint8Array
  readonly exports: Exports
  readonly #view: DataView
  readonly #fuel: WebAssembly.Global<'i64'>
  readonly #depth: WebAssembly.Global<'i32'>
  readonly #stackPointer: WebAssembly.Global<'i32'>
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #encoder = new TextEncoder()
  #runtime: Address = 0
  #context: Address = 0
  #undefined = 0 as Value

  constructor(module: WebAssembly.Module, world: World) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES })
    const instance = new WebAssembly.Instance(module, importsFor(world, memory))
    const globals = Object.entries(instance.exports).filter(([name]) => name.startsWith(GLOBAL_EXPORT))
    assert(globals.length === 1, 'the stack pointer is the one mutable global of the engine')
    this.memory = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    this.exports = exportsOf(instance, EXPORT_LETTER)
    this.#fuel = instance.exports[FUEL_EXPORT] as WebAssembly.Global<'i64'>
    this.#depth = instance.exports[DEPTH_EXPORT] as WebAssembly.Global<'i32'>
    this.#stackPointer = instance.exports[`${GLOBAL_EXPORT}0`] as WebAssembly.Global<'i32'>
    this.resetStack()
  }

  /** Makes the language runtime inside the instance; once, before the first image is taken. */
  construct(): void {
    this.exports.construct()
    this.#runtime = this.exports.newRuntime()
    const collectAt = this.#runtime + COLLECT_AT_OFFSET
    assert(this.#view.getUint32(collectAt, true) === COLLECT_AT_AT_FIRST, 'the runtime is laid out as in this build')
    this.#view.setUint32(collectAt, COLLECT_NEVER, true)
    this.exports.setMaxStackSize(this.#runtime, JS_STACK_BYTES)
    this.#context = this.exports.newContext(this.#runtime, ALL_INTRINSICS)
    this.#undefined = this.exports.getUndefined()
    assert(this.#runtime !== 0 && this.#context !== 0, 'a fresh engine has memory for its runtime')
  }

  /** Takes over what an image says of the handles. */
  adopt(handles: BoxHandles): void {
    this.#runtime = handles.runtime
    this.#context = handles.context
    this.#undefined = handles.undefined
  }

  get handles(): BoxHandles {
    return { runtime: this.#runtime, context: this.#context, undefined: this.#undefined }
  }

  /** The C stack of the instance, dead between runs. */
  clearStack(): void {
    this.memory.fill(0, STACK_BOTTOM, STACK_TOP)
  }

  /** Nothing at or above this address was ever touched in this instance. */
  get heapEnd(): Address {
    return this.#view.getUint32(HEAP_END_ADDRESS, true)
  }

  resetStack(): void {
    this.#stackPointer.value = STACK_TOP
    this.#depth.value = 0
  }

  get fuel(): number {
    return Number(this.#fuel.value)
  }

  set fuel(fuel: number) {
    this.#fuel.value = BigInt(fuel)
  }

  get depth(): number {
    return this.#depth.value
  }

  /** A new JSValue of a text, which must not hold U+0000: the binary's strings end there. */
  string(text: string): Value {
    const address = this.#utf8(text)
    const value = this.#checked(this.exports.newString(this.#context, address))
    this.exports.free(address)
    return value
  }

  /** A new ArrayBuffer in the guest with a copy of the bytes. */
  arrayBuffer(bytes: Uint8Array): Value {
    const address = this.#allocated(this.exports.malloc(Math.max(1, bytes.length)))
    this.memory.set(bytes, address)
    return this.#checked(this.exports.newArrayBuffer(this.#context, address, bytes.length))
  }

  undefined(): Value {
    return this.#undefined
  }

  free(value: Value): void {
    this.exports.freeValue(this.#context, value)
  }

  /** The text of a value; undefined when it cannot be turned into one. */
  text(value: Value): string | undefined {
    const address = this.exports.getString(this.#context, value)
    if (address === 0) return undefined
    const end = this.memory.indexOf(0, address)
    const text = this.#decoder.decode(this.memory.subarray(address, end))
    this.exports.freeCString(this.#context, address)
    return text
  }

  /** A copy of an ArrayBuffer's bytes; none for anything else. */
  bytes(value: Value): Uint8Array {
    const length = this.byteLength(value)
    if (length === 0) return new Uint8Array(0)
    const address = this.exports.getArrayBuffer(this.#context, value)
    if (address === 0) throw new HostStop('memory')
    const bytes = this.memory.slice(address, address + length)
    this.exports.free(address)
    return bytes
  }

  /** Length of an ArrayBuffer; 0 for anything else. */
  byteLength(value: Value): number {
    return this.exports.getArrayBufferLength(this.#context, value)
  }

  typeOf(value: Value): string {
    const address = this.#allocated(this.exports.typeOf(this.#context, value))
    const end = this.memory.indexOf(0, address)
    const name = this.#decoder.decode(this.memory.subarray(address, end))
    this.exports.free(address)
    return name
  }

  argument(argv: Address, index: number): Value {
    return this.exports.argument(argv, index)
  }

  isUndefined(value: Value): boolean {
    return this.#view.getBigUint64(value, true) === this.#view.getBigUint64(this.#undefined, true)
  }

  global(): Value {
    return this.#checked(this.exports.globalObject(this.#context))
  }

  property(object: Value, name: string): Value {
    const key = this.string(name)
    const value = this.#checked(this.exports.getProperty(this.#context, object, key))
    this.free(key)
    return this.#thrown(value)
  }

  setProperty(object: Value, name: string, value: Value): void {
    const key = this.string(name)
    this.exports.setProperty(this.#context, object, key, value)
    this.free(key)
  }

  /** A guest function whose calls arrive at `World.callHost`. */
  hostFunction(name: string, length: number): Value {
    const address = this.#utf8(name)
    const value = this.#checked(this.exports.newFunction(this.#context, address, length, 0, 1))
    this.exports.free(address)
    return value
  }

  /** Calls a guest function with `this` undefined. Throws `GuestException`. */
  call(callee: Value, args: readonly Value[]): Value {
    const argv = this.#allocated(this.exports.malloc(POINTER_BYTES * Math.max(1, args.length)))
    args.forEach((value, index) => {
      this.#view.setUint32(argv + POINTER_BYTES * index, value, true)
    })
    const value = this.#checked(this.exports.call(this.#context, callee, this.#undefined, args.length, argv))
    this.exports.free(argv)
    return this.#thrown(value)
  }

  /** The completion value of a script, or the namespace of a module (a promise of it while it waits). Throws `GuestException`. */
  evaluate(code: string, file: string, flags: number): Value {
    const bytes = this.#encoder.encode(code)
    const address = this.#allocated(this.exports.malloc(bytes.length + 1))
    this.memory.set(bytes, address)
    this.memory[address + bytes.length] = 0
    const name = this.#utf8(file)
    const value = this.#checked(this.exports.evaluate(this.#context, address, bytes.length, name, 0, flags))
    this.exports.free(address)
    this.exports.free(name)
    return this.#thrown(value)
  }

  /** What a promise was settled with; the value itself when it is no promise; undefined while it waits. */
  settled(value: Value): Value | undefined {
    const state = this.exports.promiseState(this.#context, value)
    if (state === PROMISE.pending) return undefined
    if (state === PROMISE.fulfilled) return this.#checked(this.exports.promiseResult(this.#context, value))
    if (state !== PROMISE.rejected) return value
    throw this.#exception(this.#checked(this.exports.promiseResult(this.#context, value)))
  }

  get hasJobs(): boolean {
    return this.exports.isJobPending(this.#runtime) !== 0
  }

  /** Runs waiting jobs until there is none, or a job throws (`GuestException`). */
  runJobs(): void {
    const into = this.#allocated(this.exports.malloc(POINTER_BYTES))
    const value = this.#checked(this.exports.executeJobs(this.#runtime, JOBS_PER_CALL, into))
    this.exports.free(into)
    // The number of jobs that ran, or what the last one threw.
    if (this.typeOf(value) !== 'number') throw this.#exception(value)
    this.free(value)
  }

  #utf8(text: string): Address {
    const bytes = this.#encoder.encode(text)
    const address = this.#allocated(this.exports.malloc(bytes.length + 1))
    this.memory.set(bytes, address)
    this.memory[address + bytes.length] = 0
    return address
  }

  #allocated(address: Address): Address {
    if (address === 0) throw new HostStop('memory')
    return address
  }

  #checked(value: Value): Value {
    if (value === 0) throw new HostStop('memory')
    return value
  }

  #thrown(value: Value): Value {
    const exception = this.exports.resolveException(this.#context, value)
    if (exception === 0) return value
    throw this.#exception(exception)
  }

  #exception(value: Value): GuestException {
    const message = this.text(value) ?? 'an exception that has no text'
    return new GuestException(message, this.#stackOf(value) ?? '')
  }

  #stackOf(value: Value): string | undefined {
    try {
      return this.typeOf(value) === 'object' ? this.text(this.property(value, 'stack')) : undefined
    } catch (error) {
      if (error instanceof GuestException || error instanceof GuestAbort) return undefined
      throw error
    }
  }
}

/** Where the runtime lies in the guest's memory. */
export type BoxHandles = { readonly runtime: Address; readonly context: Address; readonly undefined: Value }
