// Makes a WebAssembly binary countable and equal everywhere (the deterministic runtime's meter).
//
//   fuel    an i64 global, charged per basic block; bulk memory also by its length
//   depth   an i32 global, weight of the frames on the stack, so that the host's own stack never decides
//   NaN     canonical wherever its bits could be seen: float stores, reinterprets, the sign of copysign
//   memory  never grows: `memory.grow` answers −1
//
// The same bytes and options give the same module on every machine; its hash is part of the image that members agree on.

import { join, readBinary, SECTION, TYPE, totalLength, writeBinary } from '#seeder/execute/wasm/binary.ts'
import { meterBody } from '#seeder/execute/wasm/body.ts'
import { Cursor, signed, sized, unsigned } from '#seeder/execute/wasm/leb.ts'
import { OP } from '#seeder/execute/wasm/opcode.ts'
import {
  DEPTH_EXPORT,
  FUEL_AT_START,
  FUEL_EXPORT,
  GLOBAL_EXPORT,
  type InstrumentOptions,
} from '#seeder/execute/wasm/options.ts'

/**
 * The metered module. It exports `$fuel`, `$depth` and each mutable global of its own as `$global<n>` beside what it
 * exported before; custom sections are left out. Throws on an instruction that it does not know.
 */
export function instrument(bytes: Uint8Array, options: InstrumentOptions): Uint8Array {
  const binary = readBinary(bytes)
  const fuelGlobal = binary.importedGlobals + binary.globals.length
  const depthGlobal = fuelGlobal + 1
  const sections = new Map<number, readonly ArrayLike<number>[]>()
  for (const [id, content] of binary.sections) sections.set(id, [content])

  const added = [
    ...[TYPE.i64, 1, OP.i64Const, ...signed(FUEL_AT_START), OP.end],
    ...[TYPE.i32, 1, OP.i32Const, 0, OP.end],
  ]
  sections.set(SECTION.global, extended(binary.sections.get(SECTION.global), 2, added))

  const exported = [exportedGlobal(FUEL_EXPORT, fuelGlobal), exportedGlobal(DEPTH_EXPORT, depthGlobal)]
  binary.globals.forEach((global, index) => {
    if (global.mutable) exported.push(exportedGlobal(`${GLOBAL_EXPORT}${index}`, binary.importedGlobals + index))
  })
  sections.set(SECTION.export, extended(binary.sections.get(SECTION.export), exported.length, exported.flat()))

  const code = new Cursor(binary.sections.get(SECTION.code) ?? Uint8Array.of(0))
  const functions = code.u32()
  const bodies: ArrayLike<number>[] = [unsigned(functions)]
  const meter = { fuelGlobal, depthGlobal, depthMax: options.depthMax }
  for (let index = 0; index < functions; index++) {
    const type = binary.types[binary.functionTypes[index] ?? -1]
    if (type === undefined) throw new Error(`the wasm function ${index} has no type`)
    const body = meterBody(code.take(code.u32()), type, meter)
    bodies.push(unsigned(totalLength(body)), join(body))
  }
  sections.set(SECTION.code, bodies)
  return writeBinary(sections)
}

/** A vector section with entries put behind its own. */
function extended(content: Uint8Array | undefined, count: number, entries: number[]): readonly ArrayLike<number>[] {
  const cursor = new Cursor(content ?? Uint8Array.of(0))
  const before = cursor.u32()
  return [unsigned(before + count), cursor.bytes.subarray(cursor.at), entries]
}

function exportedGlobal(name: string, index: number): number[] {
  return [...sized(new TextEncoder().encode(name)), 3, ...unsigned(index)]
}
