// What a site's script may ask of the machine that runs it: the host operations, as the JavaScript engine calls them.
//
//   guest: __host(op, text, bytes?) → engine → HostOperations.cost → charge → HostOperations.call → string (JSON) or bytes
//
// Invariant: the result and the fuel of every operation are functions of (state, arguments, block time, seed) alone.
// A mistake of the script is an answer, `{"error":{"code","message"}}`, which the guest library throws; the end of the
// request (fuel, memory, depth, a write inside a read) is a `HostStop`, which the script cannot catch.

/** The fuel of the running request: one purse for the engine and for every database. */
export type FuelPurse = {
  /** Fuel left; never negative. */
  remaining(): number
  /** Takes `amount`; more than remains leaves 0 and the request ends. */
  charge(amount: number): void
}

/** Why a request ends at once, whatever the script would like to catch. */
export type HostStopCode =
  | 'fuel'
  | 'memory'
  | 'depth'
  /** A read was about to change something outside the site's volatile paths: resubmit it as an ordered request. */
  | 'wrote'

/** Thrown by `call` through the engine: the request ends with this code and leaves no trace. */
export class HostStop extends Error {
  readonly code: HostStopCode

  constructor(code: HostStopCode) {
    super(`the request ended: ${code}`)
    this.name = 'HostStop'
    this.code = code
  }
}

export type HostOperations = {
  /** Throws only `HostStop`, or what is our own bug. */
  call(op: string, text: string, bytes: Uint8Array | undefined): string | Uint8Array
  /** Fuel to charge before the call; Infinity when no budget could pay it. What SQLite uses is charged by the call itself. */
  cost(op: string, text: string, bytes: Uint8Array | undefined): number
  /** What the script learnt through the host so far; time and chance that the engine gave out are the engine's to note. */
  asked(): { readonly time: boolean; readonly chance: boolean }
  /** True once something outside the volatile paths was changed. */
  wrote(): boolean
}
