// The JavaScript engine of one worker: one instance, a base image with the guest library, an image per site's code.
//
//   code root ──> image (LRU) ──> run ──> response, fuel, what it asked for
//                   └─ made by: restore base → evaluate app/script.js as a module → capture
//
// A site's top level runs once, at time 0 and without state or chance. When it fails, every request gets the same failure.
// Invariant: an image is a function of the pinned binary, the guest library and the script: all members have equal ones.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, sha256, taggedHash, ZERO_DIGEST } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { Box, GuestException } from '#seeder/execute/engine/box.ts'
import { Chance } from '#seeder/execute/engine/chance.ts'
import type { FailureCode } from '#seeder/execute/engine/failure.ts'
import type { ScriptError } from '#seeder/execute/engine/failure-of-error.ts'
import { captureImage, type GuestEntry, type Image, restoreImage } from '#seeder/execute/engine/image.ts'
import type { World } from '#seeder/execute/engine/imports.ts'
import { EVALUATE_MODULE, loadQuickJs, SCRIPT_FILE } from '#seeder/execute/engine/quickjs.ts'
import { endingOf, openDoor, type RunInput, type RunResult, run } from '#seeder/execute/engine/run.ts'
import type { HostOperations } from '#seeder/execute/host/port.ts'
import { errorText } from '#seeder/execute/host/script-error.ts'
import type { LogLine } from '#seeder/execute/port.ts'
import type { MeteredModule } from '#seeder/execute/wasm/cache.ts'

/** Raise it when the engine's own code answers differently: members of one group must agree on it. */
const ENGINE_VERSION = 3

/** Fuel of a script's top level: ~0.3 s. */
export const START_FUEL_MAX = 3_000_000_000
const LIBRARY_FUEL_MAX = 10_000_000_000

/** Images that are kept, and their own bytes (~1 MB each for an app with a framework); the least recently used goes first. */
export const IMAGES_MAX = 24
const IMAGES_BYTES_MAX = 32 * 1024 * 1024

/** Memory that an instance keeps for good. Its pages stay resident once touched, so one that touched more … */
const TOUCHED_BYTES_MAX = 24 * 1024 * 1024
/** … is given up for a fresh one after this many runs that did not need as much; not at once, for first touches are slow. */
const SMALL_RUNS_BEFORE_RENEWAL = 64

export const GUEST_LIBRARY = fileURLToPath(new URL('../generated/guest.js', import.meta.url))

export type Site = {
  readonly image: Image
  readonly entry: GuestEntry
}

export type SiteStart =
  | ({ readonly ok: true } & Site & { readonly logs: readonly LogLine[] })
  | {
      readonly ok: false
      readonly failure: FailureCode
      readonly error?: ScriptError
      readonly logs: readonly LogLine[]
    }

export type EngineOptions = {
  /** The metered binary, when another thread compiled it. */
  readonly binary?: MeteredModule
  /** Where the metered binary is kept between starts. */
  readonly directory?: string
  /** Text of the guest library instead of the built one. */
  readonly library?: string
}

const NO_OPERATIONS: HostOperations = {
  call: (op) =>
    errorText('not_at_start', `"${op}" is possible only while a request is answered, not while the script starts`),
  cost: () => 0,
  asked: () => ({ time: false, chance: false }),
  wrote: () => false,
}

export class Engine {
  readonly digest: Digest
  readonly #binary: MeteredModule
  readonly #base: Image
  readonly #starts = new Map<string, SiteStart>()
  #box: Box
  #world: World
  /** Runs since the instance touched much memory; undefined: it never did. */
  #smallRuns: number | undefined

  constructor(options: EngineOptions = {}) {
    this.#binary = options.binary ?? loadQuickJs(options.directory)
    const library = options.library ?? readFileSync(GUEST_LIBRARY, 'utf8')
    this.digest = engineDigest(this.#binary, library)
    const { box, world } = freshBox(this.#binary)
    this.#box = box
    this.#world = world
    this.#base = baseImage(box, library)
  }

  /** The site of a code root, started from `script` (text of `app/script.js`) when it is not at hand. */
  start(codeRoot: Cid, script: () => string | undefined): SiteStart {
    const key = hexFromBytes(codeRoot)
    const known = this.#starts.get(key)
    if (known !== undefined) {
      this.#starts.delete(key)
      this.#starts.set(key, known)
      return known
    }
    const text = script()
    const started: SiteStart = text === undefined ? { ok: false, failure: 'no_script', logs: [] } : this.#start(text)
    this.#renewWhenLarge()
    this.#starts.set(key, started)
    for (const oldest of this.#starts.keys()) {
      if (this.#starts.size <= 1 || (this.#starts.size <= IMAGES_MAX && this.imageBytes <= IMAGES_BYTES_MAX)) break
      this.#starts.delete(oldest)
    }
    return started
  }

  run(site: Site, input: RunInput): RunResult {
    try {
      return run(this.#box, this.#world, site.image, site.entry, input)
    } finally {
      this.#renewWhenLarge()
    }
  }

  /** Bytes that the images of started sites hold beside the base. */
  get imageBytes(): number {
    let bytes = 0
    for (const start of this.#starts.values()) if (start.ok) bytes += start.image.ownBytes
    return bytes
  }

  #start(script: string): SiteStart {
    const box = this.#box
    restoreImage(box, this.#base)
    box.fuel = START_FUEL_MAX
    const door = openDoor(box, this.#world, NO_OPERATIONS, new Chance(ZERO_DIGEST), 0)
    const ending = endingOf(box, () => {
      const namespace = moduleOf(box, script)
      if (namespace === undefined) throw new GuestException('Error: the top-level await of the script never ends', '')
      const handlers = box.property(namespace, 'default')
      const global = box.global()
      box.setProperty(global, '__site', handlers)
      return { ok: true as const, entry: entryOf(box) }
    })
    if (!ending.ok) {
      const failure = ending.failure === 'exception' || ending.failure === 'wrote' ? 'start' : ending.failure
      const error = ending.error ?? { message: `the script's top level ended with "${ending.failure}"`, stack: '' }
      return { ok: false, failure, error, logs: door.logs }
    }
    return { ok: true, image: captureImage(box, this.#base), entry: ending.entry, logs: door.logs }
  }

  #renewWhenLarge(): void {
    if (this.#box.heapEnd > TOUCHED_BYTES_MAX) this.#smallRuns = 0
    else if (this.#smallRuns !== undefined) this.#smallRuns++
    if (this.#smallRuns === undefined || this.#smallRuns < SMALL_RUNS_BEFORE_RENEWAL) return
    const { box, world } = freshBox(this.#binary)
    this.#box = box
    this.#world = world
    this.#smallRuns = undefined
  }
}

/** H("engine" ‖ binary ‖ guest library ‖ version). */
export function engineDigest(binary: MeteredModule, library = readFileSync(GUEST_LIBRARY, 'utf8')): Digest {
  return taggedHash('engine', binary.digest, sha256(bytesFromText(library)), Uint8Array.of(ENGINE_VERSION))
}

function freshBox(binary: MeteredModule): { box: Box; world: World } {
  const world: World = { time: 0, askedTime: false, callHost: () => 0 }
  return { box: new Box(binary.module, world), world }
}

/** The image with the language and the guest library, before any site. */
function baseImage(box: Box, library: string): Image {
  box.fuel = LIBRARY_FUEL_MAX
  box.construct()
  const door = box.hostFunction('__host', 3)
  box.setProperty(box.global(), '__host', door)
  box.free(box.evaluate(library, 'interpeer:guest', 0))
  box.runJobs()
  return captureImage(box)
}

/** The module's namespace, its top-level awaits included; undefined when they never end. */
function moduleOf(box: Box, script: string) {
  const evaluated = box.evaluate(script, SCRIPT_FILE, EVALUATE_MODULE)
  box.runJobs()
  return box.settled(evaluated)
}

function entryOf(box: Box): GuestEntry {
  const library = box.property(box.global(), '__interpeer')
  return {
    fetch: box.property(library, 'fetch'),
    scheduled: box.property(library, 'scheduled'),
    take: box.property(library, 'take'),
    takeBody: box.property(library, 'takeBody'),
  }
}
