// structuredClone (HTML §2.7) for what a script can hold here: plain data, dates, regular expressions, maps, sets, errors, buffers.

declare const DOMException: new (message: string, name: string) => Error

const ERRORS: Record<string, ErrorConstructor> = {
  EvalError: EvalError as ErrorConstructor,
  RangeError: RangeError as ErrorConstructor,
  ReferenceError: ReferenceError as ErrorConstructor,
  SyntaxError: SyntaxError as ErrorConstructor,
  TypeError: TypeError as ErrorConstructor,
  URIError: URIError as ErrorConstructor,
}

export function structuredClone<T>(value: T, options: { transfer?: readonly ArrayBuffer[] } = {}): T {
  const memory = new Map<unknown, unknown>()
  for (const buffer of options.transfer ?? []) memory.set(buffer, buffer.transfer())
  return clone(value, memory) as T
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
  const made = shell(value, memory)
  memory.set(value, made)
  if (value instanceof Map && made instanceof Map) {
    for (const [key, item] of value) made.set(clone(key, memory), clone(item, memory))
  } else if (value instanceof Set && made instanceof Set) {
    for (const item of value) made.add(clone(item, memory))
  } else if (Array.isArray(value) || isPlain(made)) {
    for (const key of Object.keys(value)) {
      const item = clone((value as Record<string, unknown>)[key], memory)
      Object.defineProperty(made, key, { value: item, writable: true, enumerable: true, configurable: true })
    }
  }
  return made
}

function isPlain(made: unknown): boolean {
  return Object.getPrototypeOf(made) === Object.prototype
}

/** A value of the same kind, still without its items. */
function shell(value: object, memory: Map<unknown, unknown>): object {
  if (Array.isArray(value)) return new Array(value.length)
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof RegExp) return new RegExp(value.source, value.flags)
  if (value instanceof Map) return new Map()
  if (value instanceof Set) return new Set()
  if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
    return Object(value.valueOf())
  }
  if (value instanceof Error) {
    const made = new (ERRORS[value.name] ?? Error)(value.message)
    if (value.stack !== undefined)
      Object.defineProperty(made, 'stack', { value: value.stack, configurable: true, writable: true })
    if ('cause' in value)
      Object.defineProperty(made, 'cause', { value: clone(value.cause, memory), configurable: true, writable: true })
    return made
  }
  if (value instanceof ArrayBuffer) return value.slice(0)
  if (ArrayBuffer.isView(value)) {
    const buffer = clone(value.buffer, memory) as ArrayBuffer
    const View = value.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => object
    return new View(
      buffer,
      value.byteOffset,
      value instanceof DataView ? value.byteLength : (value as Uint8Array).length,
    )
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef)
    refuse(value)
  return {}
}
