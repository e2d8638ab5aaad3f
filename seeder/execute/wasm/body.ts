// One function body with its meter built in.
//
//   body → [depth += weight, trap above the limit] block [charge] … [charge] … end [depth −= weight]
//
// A charge stands at the start of each basic block and costs what the block holds; it is checked at function entry (when
// the function calls anything) and at each loop, so an overrun is bounded by straight code. Invariant: every cycle of the
// control-flow and call graphs passes a check. A function that calls nothing adds at most one frame and is not weighed.

import { assert } from '#protocol/codec/result.ts'
import { type FunctionType, TYPE } from '#seeder/execute/wasm/binary.ts'
import { Cursor, signed, unsigned } from '#seeder/execute/wasm/leb.ts'
import { hasLength, OP, skipBlockType, skipBulkImmediates, skipImmediates } from '#seeder/execute/wasm/opcode.ts'
import { COST, FRAME_WEIGHT } from '#seeder/execute/wasm/options.ts'

export type Meter = { readonly fuelGlobal: number; readonly depthGlobal: number; readonly depthMax: number }

type Charge = { cost: number; readonly check: boolean }
type Block = { readonly op: number; targeted: boolean }
type Piece = ArrayLike<number> | Charge

const F64_NAN = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]
const F32_NAN = [0, 0, 0xc0, 0x7f]

/** The new body (without its size) of the bytes of a `func`: local declarations, then the expression. */
export function meterBody(bytes: Uint8Array, type: FunctionType, meter: Meter): readonly ArrayLike<number>[] {
  return new BodyPass(bytes, type, meter).run()
}

class BodyPass {
  readonly #cursor: Cursor
  readonly #type: FunctionType
  readonly #meter: Meter
  readonly #localGroups: number
  readonly #localBytes: Uint8Array
  readonly #locals: number
  readonly #added: number[] = []
  readonly #localByUse = new Map<string, number>()
  readonly #pieces: Piece[] = []
  readonly #blocks: Block[] = []
  #charge: Charge = { cost: 0, check: false }
  #copied: number
  #calls = false
  #catches = false

  constructor(bytes: Uint8Array, type: FunctionType, meter: Meter) {
    this.#cursor = new Cursor(bytes)
    this.#type = type
    this.#meter = meter
    this.#localGroups = this.#cursor.u32()
    const start = this.#cursor.at
    let locals = 0
    for (let group = 0; group < this.#localGroups; group++) {
      locals += this.#cursor.u32()
      this.#cursor.skip(1)
    }
    this.#locals = locals
    this.#localBytes = bytes.subarray(start, this.#cursor.at)
    this.#copied = this.#cursor.at
  }

  run(): readonly ArrayLike<number>[] {
    const entry = this.#openCharge(false)
    const cursor = this.#cursor
    while (!cursor.done) this.#instruction(cursor.byte())
    assert(this.#blocks.length === 0, 'the blocks of a wasm function end inside it')
    const body = this.#pieces.map((piece) => {
      if (!('cost' in piece)) return piece
      return this.#chargeCode(piece.cost, piece.check || (piece === entry && this.#calls))
    })
    const weighed = this.#calls ? this.#weighed(body) : [...body, [OP.end]]
    const declared = this.#added.flatMap((valueType) => [1, valueType])
    return [unsigned(this.#localGroups + this.#added.length), this.#localBytes, declared, ...weighed]
  }

  #instruction(op: number): void {
    const cursor = this.#cursor
    const at = cursor.at - 1
    this.#charge.cost += costOf(op)
    switch (op) {
      case OP.block:
      case OP.try:
        skipBlockType(cursor)
        this.#blocks.push({ op, targeted: op === OP.try })
        return
      case OP.if:
        skipBlockType(cursor)
        this.#blocks.push({ op, targeted: true })
        this.#openCharge(false)
        return
      case OP.loop:
        skipBlockType(cursor)
        this.#blocks.push({ op, targeted: false })
        this.#openCharge(true)
        return
      case OP.else:
        this.#openCharge(false)
        return
      case OP.catch:
      case OP.catchAll:
        if (op === OP.catch) cursor.skipNumber()
        this.#catches = true
        this.#calls = true
        this.#insert([OP.localGet, ...this.#savedDepth(), OP.globalSet, ...unsigned(this.#meter.depthGlobal)])
        this.#openCharge(false)
        return
      case OP.delegate:
        cursor.skipNumber()
        this.#blocks.pop()
        this.#openCharge(false)
        return
      case OP.end:
        this.#end(at)
        return
      case OP.br:
      case OP.brIf:
        this.#target(cursor.u32())
        this.#openCharge(false)
        return
      case OP.brTable: {
        const targets = cursor.u32() + 1
        for (let index = 0; index < targets; index++) this.#target(cursor.u32())
        this.#openCharge(false)
        return
      }
      case OP.return:
        // The frame's weight is taken back after the body, so leaving means leaving the outermost block.
        this.#replace(at, [OP.br, ...unsigned(this.#blocks.length)])
        this.#openCharge(false)
        return
      case OP.call:
      case OP.callIndirect:
        this.#calls = true
        skipImmediates(cursor, op)
        return
      case OP.memoryGrow:
        // Memory is fixed: growing always answers −1.
        cursor.skip(1)
        this.#replace(at, [OP.drop, OP.i32Const, 0x7f])
        return
      case OP.f32Store:
      case OP.i32ReinterpretF32:
      case OP.f32Copysign:
        this.#canonicalise(at, TYPE.f32)
        skipImmediates(cursor, op)
        return
      case OP.f64Store:
      case OP.i64ReinterpretF64:
      case OP.f64Copysign:
        this.#canonicalise(at, TYPE.f64)
        skipImmediates(cursor, op)
        return
      case OP.bulk: {
        const sub = cursor.u32()
        skipBulkImmediates(cursor, sub)
        if (hasLength(sub)) this.#chargeLength(at)
        return
      }
      default:
        skipImmediates(cursor, op)
    }
  }

  #end(at: number): void {
    const block = this.#blocks.pop()
    if (block === undefined) {
      assert(this.#cursor.done, 'a wasm function ends where its body ends')
      // The function's own end is written again behind the frame's weight.
      this.#replace(at, [])
      return
    }
    if (block.targeted && block.op !== OP.loop) this.#openCharge(false)
  }

  #target(label: number): void {
    const block = this.#blocks[this.#blocks.length - 1 - label]
    if (block !== undefined) block.targeted = true
  }

  #openCharge(check: boolean): Charge {
    this.#copyTo(this.#cursor.at)
    this.#charge = { cost: 0, check }
    this.#pieces.push(this.#charge)
    return this.#charge
  }

  #copyTo(at: number): void {
    if (at > this.#copied) this.#pieces.push(this.#cursor.bytes.subarray(this.#copied, at))
    this.#copied = at
  }

  /** Puts code behind what was read so far. */
  #insert(code: number[]): void {
    this.#copyTo(this.#cursor.at)
    this.#pieces.push(code)
  }

  /** Puts code in the place of the instruction that began at `at` and was read just now. */
  #replace(at: number, code: number[]): void {
    this.#copyTo(at)
    this.#pieces.push(code)
    this.#copied = this.#cursor.at
  }

  #local(use: string, type: number): number[] {
    let index = this.#localByUse.get(use)
    if (index === undefined) {
      index = this.#type.parameters.length + this.#locals + this.#added.push(type) - 1
      this.#localByUse.set(use, index)
    }
    return unsigned(index)
  }

  #savedDepth(): number[] {
    return this.#local('depth', TYPE.i32)
  }

  /** NaN bits differ between machines; where bits could be seen, every NaN becomes the one positive quiet NaN. */
  #canonicalise(at: number, type: typeof TYPE.f32 | typeof TYPE.f64): void {
    const wide = type === TYPE.f64
    const local = this.#local(wide ? 'f64' : 'f32', type)
    this.#copyTo(at)
    this.#pieces.push([
      ...[OP.localTee, ...local],
      ...(wide ? [OP.f64Const, ...F64_NAN] : [OP.f32Const, ...F32_NAN]),
      ...[OP.localGet, ...local, OP.localGet, ...local, wide ? OP.f64Eq : OP.f32Eq],
      OP.select,
    ])
  }

  #chargeLength(at: number): void {
    const length = this.#local('length', TYPE.i32)
    const fuel = unsigned(this.#meter.fuelGlobal)
    this.#copyTo(at)
    this.#pieces.push([
      ...[OP.localTee, ...length, OP.globalGet, ...fuel],
      ...[OP.localGet, ...length, OP.i32Const, COST.bulkShift, OP.i32ShrU, OP.i64ExtendI32U],
      ...[OP.i64Sub, OP.globalSet, ...fuel],
      ...this.#fuelCheck(),
    ])
  }

  #fuelCheck(): number[] {
    const fuel = unsigned(this.#meter.fuelGlobal)
    return [OP.globalGet, ...fuel, OP.i64Const, 0, OP.i64LtS, OP.if, TYPE.empty, OP.unreachable, OP.end]
  }

  #chargeCode(cost: number, check: boolean): number[] {
    const fuel = unsigned(this.#meter.fuelGlobal)
    const take = [OP.globalGet, ...fuel, OP.i64Const, ...signed(cost), OP.i64Sub, OP.globalSet, ...fuel]
    return [...(cost > 0 ? take : []), ...(check ? this.#fuelCheck() : [])]
  }

  #weighed(body: readonly ArrayLike<number>[]): ArrayLike<number>[] {
    const { results, parameters } = this.#type
    assert(results.length <= 1, 'a wasm function with several results is not known')
    const weight = signed(FRAME_WEIGHT + parameters.length + this.#locals)
    const depth = unsigned(this.#meter.depthGlobal)
    const limit = signed(this.#meter.depthMax)
    const saved = this.#catches ? [OP.globalGet, ...depth, OP.localSet, ...this.#savedDepth()] : []
    const enter = [
      ...[OP.globalGet, ...depth, OP.i32Const, ...weight, OP.i32Add, OP.globalSet, ...depth],
      ...[OP.globalGet, ...depth, OP.i32Const, ...limit, OP.i32GtS, OP.if, TYPE.empty, OP.unreachable, OP.end],
      ...[...saved, OP.block, results[0] ?? TYPE.empty],
    ]
    const leave = [OP.end, OP.globalGet, ...depth, OP.i32Const, ...weight, OP.i32Sub, OP.globalSet, ...depth, OP.end]
    return [enter, ...body, leave]
  }
}

function costOf(op: number): number {
  if (op === OP.block || op === OP.loop || op === OP.try || op === OP.else || op === OP.end) return 0
  if (op === OP.call) return COST.call
  if (op === OP.callIndirect) return COST.callIndirect
  if ((op >= OP.i32DivS && op <= OP.i32RemU) || (op >= OP.i64DivS && op <= OP.i64RemU)) return COST.division
  return COST.instruction
}
