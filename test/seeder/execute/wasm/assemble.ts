// A WebAssembly module written on the page, for tests of the instrumenter: functions as bytes, everything exported.

import { SECTION, writeBinary } from '#seeder/execute/wasm/binary.ts'
import { sized, unsigned } from '#seeder/execute/wasm/leb.ts'

export type Text = {
  readonly parameters?: readonly number[]
  readonly results?: readonly number[]
  /** One each. */
  readonly locals?: readonly number[]
  /** Without the closing `end`. */
  readonly code: readonly number[]
}

/** Each function is exported by its name, the memory of one page as `memory`; `tag` makes an exception tag without values. */
export function assemble(functions: Readonly<Record<string, Text>>, options: { tag?: boolean } = {}): Uint8Array {
  const texts = Object.entries(functions)
  const vector = (items: readonly (readonly number[])[]) => [[...unsigned(items.length), ...items.flat()]]
  const types = texts.map(([, { parameters = [], results = [] }]) => [
    ...[0x60, parameters.length, ...parameters, results.length, ...results],
  ])
  const name = (text: string) => sized(new TextEncoder().encode(text))
  const sections = new Map<number, readonly ArrayLike<number>[]>([
    [SECTION.type, vector([...types, [0x60, 0, 0]])],
    [SECTION.function, vector(texts.map((_, index) => [index]))],
    [SECTION.memory, vector([[1, 1, 4]])],
    ...(options.tag === true ? [[SECTION.tag, vector([[0, texts.length]])] as const] : []),
    [SECTION.export, vector([...texts.map(([text], index) => [...name(text), 0, index]), [...name('memory'), 2, 0]])],
    [
      SECTION.code,
      vector(
        texts.map(([, { locals = [], code }]) => {
          const body = [locals.length, ...locals.flatMap((type) => [1, type]), ...code, 0x0b]
          return [...unsigned(body.length), ...body]
        }),
      ),
    ],
  ])
  return writeBinary(sections)
}
