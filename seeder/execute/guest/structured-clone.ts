// structuredClone (HTML §2.7) for what a script can hold here: plain data, dates, regular expressions, maps, sets, errors, buffers, blobs.

import { Blob, File } from '#seeder/execute/guest/blob.ts'

declare const DOMException: new (message: string, name: string) => Error & { readonly name: string }

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  EvalError: EvalError as ErrorConstructor,
  RangeError: RangeError as ErrorConstructor,
  ReferenceError: ReferenceError as ErrorConstructor,
  SyntaxError: SyntaxError as ErrorConstructor,
  TypeError: TypeError as ErrorConstructor,
  URIError: URIError as ErrorConstructor,
}

/** What holds more than its properties and cannot be copied, by the tag that it goes under. */
const REFUSED = new Set(
  [
    'Promise WeakMap WeakSet WeakRef FinalizationRegistry Generator AsyncGenerator SharedArrayBuffer Symbol',
    'Response Request Headers URL URLSearchParams FormData Event CustomEvent EventTarget AbortSignal AbortController CryptoKey',
    'ReadableStream WritableStream TransformStream TextEncoder TextDecoder',
  ]
    .join(' ')
    .split(' '),
)

type View = new (buffer: ArrayBuffer, offset: number, length: number) => object
const VIEWS = new Map(
  [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
  ]
    .map((made): [string, View] => [made.name, made as unknown as View])
    .concat([BigInt64Array, BigUint64Array].map((made): [string, View] => [made.name, made as unknown as View])),
)
const half = (globalThis as { Float16Array?: View }).Float16Array
if (half !== undefined) VIEWS.set('Float16Array', half)

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined

export function structuredClone<T>(
  ...given: [value?: T, options?: { transfer?: Iterable<ArrayBuffer> | null | undefined } | null]
): T {
  if (given.length === 0) throw new TypeError('structuredClone() needs a value.')
  const transfer = [...(given[1]?.transfer ?? [])]
  for (const [index, buffer] of transfer.entries()) {
    if (!(buffer instanceof ArrayBuffer) || buffer.detached || transfer.indexOf(buffer) !== index) refuse(buffer)
  }
  const copy = clone(given[0], new Map()) as T
  // Views of a buffer are copied from it, so it is emptied last.
  for (const buffer of transfer) buffer.transfer()
  return copy
}

function refuse(value: unknown): never {
  const shown =
    typeof value === 'symbol'
      ? value.toString()
      : typeof value === 'function'
        ? value.name || 'a function'
        : 'this object'
  throw new DOMException(`${shown} could not be cloned.`, 'DataCloneError')
}

function clone(value: unknown, memory: Map<unknown, unknown>): unknown {
  if (typeof value === 'symbol' || typeof value === 'function') refuse(value)
  if (typeof value !== 'object' || value === null) return value
  const known = memory.get(value)
  if (known !== undefined) return known
  const special = copyOf(value, memory)
  if (special !== undefined) {
    memory.set(value, special)
    fill(value, special, memory)
    return special
  }
  if (REFUSED.has(Object.prototype.toString.call(value).slice(8, -1))) refuse(value)
  const made = Array.isArray(value) ? new Array(value.length) : {}
  memory.set(value, made)
  for (const key of Object.keys(value)) {
    // A getter may have taken away what was still to come.
    if (!Object.hasOwn(value, key)) continue
    const item = clone((value as Record<string, unknown>)[key], memory)
    Object.defineProperty(made, key, { value: item, writable: true, enumerable: true, configurable: true })
  }
  return made
}

function fill(value: object, made: object, memory: Map<unknown, unknown>): void {
  if (made instanceof Map) {
    for (const [key, item] of [...(value as Map<unknown, unknown>)]) made.set(clone(key, memory), clone(item, memory))
  } else if (made instanceof Set) for (const item of [...(value as Set<unknown>)]) made.add(clone(item, memory))
}

/** A value with something inside, still without its items; undefined for plain objects and lists, whatever they inherit from. */
function copyOf(value: object, memory: Map<unknown, unknown>): object | undefined {
  if (ArrayBuffer.isView(value)) return viewOf(value, memory)
  if (value instanceof Error) return errorOf(value, memory)
  if (value instanceof File)
    return new File([value], value.name, { type: value.type, lastModified: value.lastModified })
  if (value instanceof Blob) return new Blob([value], { type: value.type })
  try {
    if (value instanceof Date) return new Date(Date.prototype.getTime.call(value))
    if (value instanceof RegExp) return new RegExp(value.source, value.flags)
    if (value instanceof Map && Map.prototype.has.call(value, 0) !== undefined) return new Map()
    if (value instanceof Set && Set.prototype.has.call(value, 0) !== undefined) return new Set()
    if (value instanceof Boolean) return Object(Boolean.prototype.valueOf.call(value))
    if (value instanceof Number) return Object(Number.prototype.valueOf.call(value))
    if (value instanceof String) return Object(String.prototype.valueOf.call(value))
    if (value instanceof BigInt) return Object(BigInt.prototype.valueOf.call(value))
    if (!(value instanceof ArrayBuffer)) return undefined
    if (!value.resizable && !value.detached) return value.slice(0)
  } catch {
    // It only inherits from one.
    return undefined
  }
  const buffer = value as ArrayBuffer
  if (buffer.detached) refuse(buffer)
  const made = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength })
  new Uint8Array(made).set(new Uint8Array(buffer))
  return made
}

function viewOf(value: ArrayBufferView, memory: Map<unknown, unknown>): object {
  const buffer = clone(value.buffer, memory) as ArrayBuffer
  const tag = tagOf.call(value)
  if (tag === undefined) return new DataView(buffer, value.byteOffset, value.byteLength)
  const made = VIEWS.get(tag)
  if (made === undefined) refuse(value)
  return new made(buffer, value.byteOffset, (value as Uint8Array).length)
}

function errorOf(value: Error, memory: Map<unknown, unknown>): Error {
  if (value instanceof DOMException) return new DOMException(value.message, value.name)
  const made = new (ERRORS[String(value.name)] ?? Error)()
  const set = (name: string, item: unknown): void => {
    Object.defineProperty(made, name, { value: item, configurable: true, writable: true, enumerable: false })
  }
  memory.set(value, made)
  const message = Object.getOwnPropertyDescriptor(value, 'message')
  if (message !== undefined && 'value' in message) set('message', String(message.value))
  if (value.stack !== undefined) set('stack', String(value.stack))
  if ('cause' in value) set('cause', clone(value.cause, memory))
  return made
}
