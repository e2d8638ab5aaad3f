// The pinned QuickJS-ng binary and what its build fixed: the letters that its minifier gave to imports and exports, and
// where its static data ends. All of it belongs to this one hash, which is checked whenever the binary is loaded.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MeteredModule, meteredModule } from '#seeder/execute/wasm/cache.ts'

const PACKAGE_FILE = '@jitl/quickjs-ng-wasmfile-release-sync/wasm'
const SHA256 = 'b56fe5094b8751c47b8c32fb5ed4d75afe2dbb43412d3d983ac5d1156af456da'

/**
 * Weight of the deepest call stack, ~7 bytes of native stack each: 64 MiB of stack hold 30 times as much. QuickJS's own
 * limit (`JS_STACK_BYTES`) is reached first by calls between functions, so that a script may catch its `RangeError`.
 */
export const DEPTH_MAX = 300_000

/** Address of the word in which `sbrk` keeps the end of the heap: nothing above it was ever touched. */
export const HEAP_END_ADDRESS = 96_576
/** Static data ends here and the C stack begins; the build gave it 5 MiB, which nothing needs. */
export const STACK_BOTTOM = 99_952
/** The heap begins behind the stack that the build reserved. */
export const HEAP_START = 5_342_832
/** C stack that is used, from `STACK_BOTTOM` up; cleared before each request. */
export const STACK_BYTES = 384 * 1024
/** Above this much C stack QuickJS throws `RangeError: Maximum call stack size exceeded`, which a script may catch. */
export const JS_STACK_BYTES = 256 * 1024

/** Where in its runtime QuickJS keeps the size of the heap at which it looks for cycles of garbage, and what a new runtime has there. */
export const COLLECT_AT_OFFSET = 116
export const COLLECT_AT_AT_FIRST = 256 * 1024
/**
 * It never looks: this build frees what closures of a waiting async function still hold (CVE-2023-48184), and one collection in the
 * middle of an innocent request is enough. Counted references are freed as ever; cycles end with the request, whose memory is bounded.
 */
export const COLLECT_NEVER = 0xffff_ffff

/** A pointer to a JSValue on the guest's heap. */
export type Value = number & { readonly brand: 'Value' }
/** An address in the guest's memory. */
export type Address = number

/** The exports that the engine calls, by the letters of this build. */
export type Exports = {
  readonly construct: () => void
  readonly malloc: (size: number) => Address
  readonly free: (address: Address) => void
  readonly newRuntime: () => Address
  readonly newContext: (runtime: Address, intrinsics: number) => Address
  readonly setMaxStackSize: (runtime: Address, bytes: number) => void
  readonly freeValue: (context: Address, value: Value) => void
  readonly freeCString: (context: Address, text: Address) => void
  readonly getUndefined: () => Value
  readonly newString: (context: Address, utf8: Address) => Value
  readonly getString: (context: Address, value: Value) => Address
  readonly newArrayBuffer: (context: Address, bytes: Address, length: number) => Value
  readonly getArrayBuffer: (context: Address, value: Value) => Address
  readonly getArrayBufferLength: (context: Address, value: Value) => number
  readonly newFunction: (context: Address, name: Address, length: number, isConstructor: number, id: number) => Value
  readonly argument: (argv: Address, index: number) => Value
  readonly globalObject: (context: Address) => Value
  readonly getProperty: (context: Address, object: Value, name: Value) => Value
  readonly setProperty: (context: Address, object: Value, name: Value, value: Value) => void
  readonly call: (context: Address, callee: Value, self: Value, argc: number, argv: Address) => Value
  /** The exception when the value stands for one, else 0. */
  readonly resolveException: (context: Address, value: Value) => Value
  readonly evaluate: (
    context: Address,
    code: Address,
    length: number,
    file: Address,
    detectModule: number,
    flags: number,
  ) => Value
  readonly promiseState: (context: Address, promise: Value) => number
  readonly promiseResult: (context: Address, promise: Value) => Value
  readonly isJobPending: (runtime: Address) => number
  readonly executeJobs: (runtime: Address, most: number, lastContext: Address) => Value
  readonly typeOf: (context: Address, value: Value) => Address
}

export const EXPORT_LETTER: { readonly [name in keyof Exports]: string } = {
  construct: 'v',
  malloc: 'w',
  free: 'N',
  newRuntime: 'L',
  newContext: 'O',
  setMaxStackSize: 'E',
  freeValue: 'Q',
  freeCString: 'T',
  getUndefined: 'F',
  newString: '$',
  getString: 'aa',
  newArrayBuffer: 'Y',
  getArrayBuffer: 'ba',
  getArrayBufferLength: 'ca',
  newFunction: 'Ea',
  argument: 'Fa',
  globalObject: 'va',
  getProperty: 'ia',
  setProperty: 'ka',
  call: 'na',
  resolveException: 'oa',
  evaluate: 'qa',
  promiseState: 'xa',
  promiseResult: 'ya',
  isJobPending: 'ga',
  executeJobs: 'ha',
  typeOf: 'sa',
}

export const IMPORT_LETTER = {
  assertFailed: 'b',
  fdWrite: 'c',
  fdClose: 'd',
  environGet: 'e',
  environSizes: 'f',
  normalizeModule: 'g',
  loadModule: 'h',
  shouldInterrupt: 'i',
  setTimer: 'j',
  resizeHeap: 'k',
  keepAliveClear: 'l',
  localTime: 'm',
  timeZone: 'n',
  fdSeek: 'o',
  dateNow: 'p',
  clockTime: 'q',
  abort: 'r',
  exit: 's',
  callHost: 't',
  freeHostReference: 'u',
  memory: 'a',
} as const

/** All intrinsics of the language; `undefined` in the library's words. */
export const ALL_INTRINSICS = 0
export const EVALUATE_MODULE = 1
export const PROMISE = { pending: 0, fulfilled: 1, rejected: 2 } as const

/** The metered binary. `directory` keeps it between starts. Throws when the installed package is not the pinned one. */
export function loadQuickJs(directory?: string): MeteredModule {
  const bytes = readFileSync(fileURLToPath(import.meta.resolve(PACKAGE_FILE)))
  return meteredModule(bytes, SHA256, { depthMax: DEPTH_MAX }, directory)
}

/** The site's script as its stack traces name it; also its place in the state tree. */
export const SCRIPT_FILE = 'app/script.js'
