// A WebAssembly module as a list of sections, and what the instrumenter has to know of them (WebAssembly core §5.5).

import { assert } from '#protocol/codec/result.ts'
import { Cursor, unsigned } from '#seeder/execute/wasm/leb.ts'

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const

/** The order in which sections stand in a module; the ids are not sorted. */
const ORDER: readonly number[] = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
]

export const TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, empty: 0x40 } as const

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

export type FunctionType = { readonly parameters: readonly number[]; readonly results: readonly number[] }

export type Binary = {
  /** Content of every section but the custom ones, by id. */
  readonly sections: ReadonlyMap<number, Uint8Array>
  readonly types: readonly FunctionType[]
  readonly importedGlobals: number
  /** Type index of each function that has a body. */
  readonly functionTypes: readonly number[]
  /** Own globals, after the imported ones. */
  readonly globals: readonly { readonly type: number; readonly mutable: boolean }[]
}

/** Throws on anything that is not a valid module of the features that the pinned binaries use. */
export function readBinary(bytes: Uint8Array): Binary {
  assert(
    HEADER.every((byte, index) => bytes[index] === byte),
    'not a WebAssembly module of version 1',
  )
  const sections = new Map<number, Uint8Array>()
  const cursor = new Cursor(bytes, HEADER.length)
  while (!cursor.done) {
    const id = cursor.byte()
    const content = cursor.take(cursor.u32())
    if (id !== SECTION.custom) {
      assert(ORDER.includes(id), `unknown wasm section ${id}`)
      sections.set(id, content)
    }
  }
  return {
    sections,
    types: readTypes(sections.get(SECTION.type)),
    importedGlobals: countImportedGlobals(sections.get(SECTION.import)),
    functionTypes: readVector(sections.get(SECTION.function), (content) => content.u32()),
    globals: readVector(sections.get(SECTION.global), readGlobal),
  }
}

function readVector<T>(content: Uint8Array | undefined, read: (cursor: Cursor) => T): T[] {
  if (content === undefined) return []
  const cursor = new Cursor(content)
  return Array.from({ length: cursor.u32() }, () => read(cursor))
}

function readTypes(content: Uint8Array | undefined): FunctionType[] {
  return readVector(content, (cursor) => {
    assert(cursor.byte() === 0x60, 'only function types are known')
    const parameters = [...cursor.take(cursor.u32())]
    const results = [...cursor.take(cursor.u32())]
    return { parameters, results }
  })
}

function countImportedGlobals(content: Uint8Array | undefined): number {
  let globals = 0
  readVector(content, (cursor) => {
    cursor.skip(cursor.u32())
    cursor.skip(cursor.u32())
    const kind = cursor.byte()
    if (kind === 0) cursor.skipNumber()
    else if (kind === 1) {
      cursor.skip(1)
      skipLimits(cursor)
    } else if (kind === 2) skipLimits(cursor)
    else if (kind === 3) {
      cursor.skip(2)
      globals++
    } else {
      assert(kind === 4, `unknown kind of wasm import ${kind}`)
      cursor.skip(1)
      cursor.skipNumber()
    }
  })
  return globals
}

function skipLimits(cursor: Cursor): void {
  const flags = cursor.byte()
  cursor.skipNumber()
  if ((flags & 1) !== 0) cursor.skipNumber()
}

function readGlobal(cursor: Cursor): { type: number; mutable: boolean } {
  const type = cursor.byte()
  const mutable = cursor.byte() === 1
  const op = cursor.byte()
  if (op === 0x41 || op === 0x42 || op === 0x23 || op === 0xd2) cursor.skipNumber()
  else if (op === 0x43) cursor.skip(4)
  else if (op === 0x44) cursor.skip(8)
  else {
    assert(op === 0xd0, `unknown wasm constant ${op}`)
    cursor.skip(1)
  }
  assert(cursor.byte() === 0x0b, 'a wasm constant is one instruction')
  return { type, mutable }
}

/** The module of these sections, each given as parts to join. */
export function writeBinary(sections: ReadonlyMap<number, readonly ArrayLike<number>[]>): Uint8Array {
  const chunks: ArrayLike<number>[] = [HEADER]
  for (const id of ORDER) {
    const parts = sections.get(id)
    if (parts === undefined) continue
    chunks.push([id, ...unsigned(totalLength(parts))], ...parts)
  }
  return join(chunks)
}

export function totalLength(parts: readonly ArrayLike<number>[]): number {
  return parts.reduce((length, part) => length + part.length, 0)
}

export function join(parts: readonly ArrayLike<number>[]): Uint8Array {
  const joined = new Uint8Array(totalLength(parts))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
