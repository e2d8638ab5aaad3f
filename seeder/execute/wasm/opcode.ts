// Instructions of WebAssembly 1.0 with sign extension, saturating conversion, bulk memory, reference types, multi-value
// and legacy exceptions: how long their immediates are (WebAssembly core §5.4). Threads, SIMD, tail calls and the newer
// exceptions are refused: no pinned binary has them, and the lanes of SIMD would hide NaN bits.

import { assert } from '#protocol/codec/result.ts'
import type { Cursor } from '#seeder/execute/wasm/leb.ts'

export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  f32Store: 0x38,
  f64Store: 0x39,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32GtS: 0x4a,
  i64LtS: 0x53,
  f32Eq: 0x5b,
  f64Eq: 0x61,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32DivS: 0x6d,
  i32RemU: 0x70,
  i32ShrU: 0x76,
  i64Sub: 0x7d,
  i64DivS: 0x7f,
  i64RemU: 0x82,
  f32Copysign: 0x98,
  f64Copysign: 0xa6,
  i64ExtendI32U: 0xad,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  bulk: 0xfc,
} as const

export const BULK = {
  memoryInit: 8,
  memoryCopy: 10,
  memoryFill: 11,
  tableInit: 12,
  tableCopy: 14,
  tableFill: 17,
} as const

export function skipBlockType(cursor: Cursor): void {
  cursor.skipNumber()
}

/** Over the immediates of an instruction that neither opens nor ends a block and is none of the bulk kind. */
export function skipImmediates(cursor: Cursor, op: number): void {
  if ((op >= 0x45 && op <= 0xc4) || op === 0x00 || op === 0x01 || op === OP.drop || op === OP.select) return
  if (op === OP.return || op === OP.refIsNull) return
  if (op >= 0x28 && op <= 0x3e) {
    cursor.skipNumber()
    cursor.skipNumber()
    return
  }
  switch (op) {
    case OP.throw:
    case OP.rethrow:
    case OP.br:
    case OP.brIf:
    case OP.call:
    case OP.localGet:
    case OP.localSet:
    case OP.localTee:
    case OP.globalGet:
    case OP.globalSet:
    case OP.tableGet:
    case OP.tableSet:
    case OP.i32Const:
    case OP.i64Const:
    case OP.refFunc:
      cursor.skipNumber()
      return
    case OP.callIndirect:
      cursor.skipNumber()
      cursor.skipNumber()
      return
    case OP.brTable: {
      const targets = cursor.u32() + 1
      for (let index = 0; index < targets; index++) cursor.skipNumber()
      return
    }
    case OP.selectTyped:
      cursor.skip(cursor.u32())
      return
    case OP.memorySize:
    case OP.memoryGrow:
    case OP.refNull:
      cursor.skip(1)
      return
    case OP.f32Const:
      cursor.skip(4)
      return
    case OP.f64Const:
      cursor.skip(8)
      return
    default:
      assert(false, `the wasm instruction 0x${op.toString(16)} is not known`)
  }
}

/** Over the immediates after `0xfc <sub>`. */
export function skipBulkImmediates(cursor: Cursor, sub: number): void {
  assert(sub <= BULK.tableFill, `the wasm instruction 0xfc ${sub} is not known`)
  if (sub < BULK.memoryInit) return
  if (sub === BULK.memoryFill) {
    cursor.skip(1)
    return
  }
  cursor.skipNumber()
  if (sub === BULK.memoryInit || sub === BULK.memoryCopy || sub === BULK.tableInit || sub === BULK.tableCopy) {
    cursor.skipNumber()
  }
}

/** Bulk instructions whose work grows with the i32 on top of the stack. */
export function hasLength(sub: number): boolean {
  return (
    sub === BULK.memoryInit ||
    sub === BULK.memoryCopy ||
    sub === BULK.memoryFill ||
    sub === BULK.tableInit ||
    sub === BULK.tableCopy ||
    sub === BULK.tableFill
  )
}
