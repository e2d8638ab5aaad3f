// What the instrumenter may be told, and the names under which the host reaches what it added.

/** Mutable i64: what is left. A program traps at the next check after it falls below zero; the host sets it before each run. */
export const FUEL_EXPORT = '$fuel'
/** Mutable i32: weight of the frames now on the stack. The host sets it to 0 before each run (a trap leaves it anywhere). */
export const DEPTH_EXPORT = '$depth'
/** Mutable own globals of the module, by position: `$global0`, … The stack pointer of clang's output is `$global0`. */
export const GLOBAL_EXPORT = '$global'

/** Start value of the fuel, so that a module's own start code runs before the host sets a limit. */
export const FUEL_AT_START = 1n << 62n

export type InstrumentOptions = {
  /** Most weight on the call stack; a frame weighs 8 + its parameters + its locals, a unit is ~8 bytes of native stack. */
  readonly depthMax: number
}

/** Costs in fuel. A change of one of them is a change of the image. */
export const COST = {
  instruction: 1,
  call: 3,
  callIndirect: 4,
  division: 9,
  /** A bulk instruction costs its length shifted right by this, above its 1: 2 bytes take as long as an instruction. */
  bulkShift: 1,
} as const

export const FRAME_WEIGHT = 8
