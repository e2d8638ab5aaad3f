// One run of a site's script on a restored image: set what it may learn, call it, run its jobs, take its answer.
//
//   restore → fuel, time, chance → fetch(meta, body) → jobs ⇄ take() → response, fuel, asked
//
// Invariant: the result is a function of (image, request, time, seed, limits) and what the host operations answered.

import type { Digest } from '#protocol/codec/digest.ts'
import { type Box, GuestException } from '#seeder/execute/engine/box.ts'
import { Chance } from '#seeder/execute/engine/chance.ts'
import { failureOfError } from '#seeder/execute/engine/failure-of-error.ts'
import { type GuestEntry, type Image, restoreImage } from '#seeder/execute/engine/image.ts'
import { GuestAbort, type World } from '#seeder/execute/engine/imports.ts'
import { DEPTH_MAX, type Value } from '#seeder/execute/engine/quickjs.ts'
import { type Ending, responseFrom } from '#seeder/execute/engine/response.ts'
import { type FuelPurse, type HostOperations, HostStop } from '#seeder/execute/host/port.ts'
import { argumentOf, errorText, ScriptError, textField } from '#seeder/execute/host/script-error.ts'
import type { LogLine } from '#seeder/execute/port.ts'
import { StateError } from '#seeder/execute/state/blocks.ts'

/** Fuel of any call through the host's door, and of each 2 bytes that pass it: as much as instructions of the same time. */
const HOST_CALL_COST = 4_000
const HOST_BYTES_SHIFT = 1

/** Most random bytes of one call; the fuel of a call (most of it the cipher's start) and of each byte. */
const RANDOM_BYTES_MAX = 65_536
const RANDOM_CALL_COST = 20_000
const RANDOM_BYTE_COST = 16

/** Log lines of one run, and the characters of one. */
export const LOG_LINES_MAX = 256
export const LOG_TEXT_MAX = 8_192

const LEVELS: readonly LogLine['level'][] = ['debug', 'info', 'warn', 'error']

export type RunInput = {
  readonly entry: 'fetch' | 'scheduled'
  /** JSON for the guest library. */
  readonly meta: string
  readonly body: Uint8Array
  /** ms since the epoch. */
  readonly time: number
  readonly seed: Digest
  readonly fuelMax: number
  readonly responseBytesMax: number
  /** Made with the purse and the chance of this run. */
  readonly operations: (purse: FuelPurse, random: (bytes: number) => Uint8Array) => HostOperations
}

export type RunResult = {
  readonly fuel: number
  readonly asked: { readonly time: boolean; readonly chance: boolean }
  /** Something outside the volatile paths was changed, or (in a read) was about to be. */
  readonly wrote: boolean
  readonly logs: readonly LogLine[]
} & Ending

export function run(box: Box, world: World, image: Image, entry: GuestEntry, input: RunInput): RunResult {
  restoreImage(box, image)
  box.fuel = input.fuelMax
  const chance = new Chance(input.seed)
  const operations = input.operations(fuelPurse(box), (count) => chance.bytes(count))
  const door = openDoor(box, world, operations, chance, input.time)
  const ending = endingOf(box, () => answer(box, door, entry, input))
  const left = Math.max(0, box.fuel)
  const host = operations.asked()
  return {
    ...ending,
    fuel: !ending.ok && ending.failure === 'fuel' ? input.fuelMax : input.fuelMax - left,
    asked: { time: world.askedTime || host.time, chance: chance.asked || host.chance },
    wrote: operations.wrote() || (!ending.ok && ending.failure === 'wrote'),
    logs: door.logs,
  }
}

function answer(box: Box, door: Door, entry: GuestEntry, input: RunInput): Ending {
  const meta = box.string(input.meta)
  const args = input.entry === 'fetch' ? [meta, box.arrayBuffer(input.body)] : [meta]
  box.call(entry[input.entry], args)
  for (;;) {
    runJobs(box, door)
    const taken = box.text(box.call(entry.take, [])) ?? ''
    if (taken !== '') return responseFrom(taken, (sizeMax) => takeBody(box, entry, sizeMax), input.responseBytesMax)
    if (!box.hasJobs) return { ok: false, failure: 'silent' }
  }
}

/** Until none waits. What a job throws has no caller: as in a browser it is reported, and the others go on. */
function runJobs(box: Box, door: Door): void {
  for (;;) {
    try {
      box.runJobs()
      return
    } catch (error) {
      if (!(error instanceof GuestException)) throw error
      if (failureOfError(error.message, error.stackText).failure !== 'exception') throw error
      door.log('error', `${error.message}\n${error.stackText}`)
    }
  }
}

function takeBody(box: Box, entry: GuestEntry, sizeMax: number): Uint8Array | undefined {
  const body = box.call(entry.takeBody, [])
  return box.byteLength(body) > sizeMax ? undefined : box.bytes(body)
}

/**
 * What an ending means that came as an exception of the host's language. Throws what is the machine's trouble and no function
 * of script, request and state.
 */
export function endingOf<T extends object>(box: Box, work: () => T): T | (Ending & { ok: false }) {
  try {
    return work()
  } catch (error) {
    if (error instanceof HostStop) return { ok: false, failure: error.code }
    if (error instanceof GuestException) return { ok: false, ...failureOfError(error.message, error.stackText) }
    if (error instanceof GuestAbort) return { ok: false, failure: 'engine' }
    if (error instanceof StateError && error.fault === 'content')
      return { ok: false, failure: 'state', error: error.told }
    if (!(error instanceof WebAssembly.RuntimeError)) throw error
    if (box.fuel < 0) return { ok: false, failure: 'fuel' }
    return { ok: false, failure: box.depth > DEPTH_MAX ? 'depth' : 'engine' }
  }
}

/** Lets the guest call the host, and sets its time and chance, until another door is opened. */
export function openDoor(box: Box, world: World, operations: HostOperations, chance: Chance, time: number): Door {
  const door = new Door(box, fuelPurse(box), operations, chance, time)
  world.time = time
  world.askedTime = false
  world.callHost = (argc, argv) => door.call(argc, argv)
  return door
}

function fuelPurse(box: Box): FuelPurse {
  return {
    remaining: () => Math.max(0, box.fuel),
    charge(amount) {
      const left = box.fuel - Math.ceil(amount)
      box.fuel = left >= 0 ? left : 0
      if (!(left >= 0)) throw new HostStop('fuel')
    },
  }
}

/** `__host(op, text, bytes?)`: charged before it runs; what the host itself says goes out as fixed texts only. */
export class Door {
  readonly logs: LogLine[] = []
  readonly #box: Box
  readonly #purse: FuelPurse
  readonly #operations: HostOperations
  readonly #chance: Chance
  readonly #time: number
  #reading = false

  constructor(box: Box, purse: FuelPurse, operations: HostOperations, chance: Chance, time: number) {
    this.#box = box
    this.#purse = purse
    this.#operations = operations
    this.#chance = chance
    this.#time = time
  }

  call(argc: number, argv: number): Value | 0 {
    // Turning an argument into text may run the script's code; it may not call the host from there.
    if (this.#reading) return 0
    this.#reading = true
    const { op, text, bytes } = this.#read(argc, argv)
    this.#reading = false
    if (op === undefined || text === undefined) return 0
    this.#purse.charge(HOST_CALL_COST + ((text.length + (bytes?.length ?? 0)) >> HOST_BYTES_SHIFT))
    const result = this.#answered(op, text, bytes)
    this.#purse.charge(result.length >> HOST_BYTES_SHIFT)
    return typeof result === 'string' ? this.#box.string(result) : this.#box.arrayBuffer(result)
  }

  #read(argc: number, argv: number) {
    const box = this.#box
    const op = argc > 0 ? box.text(box.argument(argv, 0)) : undefined
    const text = argc > 1 ? box.text(box.argument(argv, 1)) : ''
    const third = argc > 2 ? box.argument(argv, 2) : undefined
    const bytes = third === undefined || box.isUndefined(third) ? undefined : box.bytes(third)
    return { op, text, bytes }
  }

  #answered(op: string, text: string, bytes: Uint8Array | undefined): string | Uint8Array {
    try {
      return this.#answer(op, text, bytes)
    } catch (error) {
      if (error instanceof ScriptError) return errorText(error.code, error.message)
      throw error
    }
  }

  #answer(op: string, text: string, bytes: Uint8Array | undefined): string | Uint8Array {
    if (op === 'random') return this.#random(text)
    if (op === 'log') return this.#logged(text)
    this.#purse.charge(this.#operations.cost(op, text, bytes))
    return this.#operations.call(op, text, bytes)
  }

  #random(text: string): string | Uint8Array {
    const count = argumentOf(text).n
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > RANDOM_BYTES_MAX) {
      throw new ScriptError('random_size', `up to ${RANDOM_BYTES_MAX} random bytes can be had at a time`)
    }
    this.#purse.charge(RANDOM_CALL_COST + count * RANDOM_BYTE_COST)
    return this.#chance.bytes(count)
  }

  #logged(text: string): string {
    const line = argumentOf(text)
    this.log(LEVELS.find((known) => known === line.level) ?? 'info', textField(line, 'text'))
    return '{}'
  }

  log(level: LogLine['level'], text: string): void {
    if (this.logs.length >= LOG_LINES_MAX) return
    // A slice of a long text would hold all of it: the line is a text of its own.
    const line = text.length > LOG_TEXT_MAX ? Buffer.from(text.slice(0, LOG_TEXT_MAX)).toString() : text
    this.logs.push({ level, text: line, time: this.#time })
  }
}
