// JavaScript functions as entries of a wasm function table: a table takes only functions of a wasm type, so a module that
// imports each callback with its signature and exports it again gives them one.

export type Callback = {
  readonly parameters: readonly ('i32' | 'i64')[]
  readonly run: (...values: never[]) => number
}

const I32 = 0x7f
const I64 = 0x7e

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function vector(items: readonly number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

function section(id: number, items: readonly number[][]): number[] {
  const body = vector(items)
  return [id, ...unsigned(body.length), ...body]
}

function name(text: string): number[] {
  return [...unsigned(text.length), ...Array.from(text, (char) => char.charCodeAt(0))]
}

/** Puts the callbacks into `table` and returns their indices, in order. All of them return an i32. */
export function installCallbacks(table: WebAssembly.Table, callbacks: readonly Callback[]): number[] {
  const types = callbacks.map(({ parameters }) => [
    0x60,
    ...vector(parameters.map((type) => [type === 'i64' ? I64 : I32])),
    1,
    I32,
  ])
  const imports = callbacks.map((_, index) => [...name('c'), ...name(String(index)), 0, ...unsigned(index)])
  const exports = callbacks.map((_, index) => [...name(String(index)), 0, ...unsigned(index)])
  const bytes = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, imports),
    ...section(7, exports),
  ])
  const functions = Object.fromEntries(callbacks.map(({ run }, index) => [String(index), run as () => number]))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { c: functions })
  const first = table.grow(callbacks.length)
  return callbacks.map((_, index) => {
    table.set(first + index, instance.exports[String(index)])
    return first + index
  })
}
