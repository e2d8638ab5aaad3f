// What the rest of the seeder asks of the deterministic runtime, and what it gets back (plain data: it crosses a thread).
//
//   run(image, tree, request, time, seed, fuel limit) → (response, dirty tree, fuel used)

import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'

/** A request as the script sees it: only the listed headers, lower-case names, in the order of the request hash. */
export type ScriptRequest = {
  readonly method: string
  /** Path and query, as sent: begins with `/`. */
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

export type ScriptResponse = {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** One ordered step of a block. */
export type Step =
  | {
      readonly kind: 'request'
      readonly requestHash: Digest
      readonly request: ScriptRequest
      /** 16 random bytes, seen by members alone; the script's chance is H("seed" ‖ parent ‖ requestHash ‖ salt). */
      readonly salt: Uint8Array
      /** R9: the agreed key and the hash of the body it stands for. */
      readonly idempotency?: { readonly key: Digest; readonly bodyHash: Digest }
    }
  | { readonly kind: 'update'; readonly requestHash: Digest; readonly sequence: number; readonly codeRoot: Cid }

export type BlockJob = {
  readonly job: Digest
  readonly name: string
  readonly height: number
  /** Hash of the parent block. */
  readonly parent: Digest
  /** Block time, ms since the epoch: the only clock a script has. */
  readonly time: number
  readonly stateRoot: Cid
  readonly steps: readonly Step[]
  readonly limits: ExecutionLimits
}

export type ExecutionLimits = {
  /** Fuel of one request; an overrun fails that request alone. */
  readonly requestFuelMax: number
  /** R8: no request of a block is begun that could take its sum above this; the first always is. */
  readonly blockFuelMax: number
  readonly idempotencyMs: number
  readonly responseBytesMax: number
}

export type Outcome = {
  readonly response: ScriptResponse
  readonly fuel: number
  /** Set when the response is the agreed earlier one (R9). */
  readonly repeated?: true
  /** A failed step left no trace in the state; the code says why (`fuel`, `memory`, `depth`, `exception`, …). */
  readonly failure?: string
}

export type BlockResult = {
  readonly stateRoot: Cid
  /** CID of `app` after the block: the code that is live. */
  readonly codeRoot: Cid
  /** One per step, in order; fewer when the block's fuel ended before the last: the rest did not run. */
  readonly outcomes: readonly Outcome[]
  /** Blocks that are new under `stateRoot`. */
  readonly blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
  readonly logs: readonly LogLine[]
}

export type LogLine = {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
  readonly time: number
}

export type ReadJob = {
  readonly job: Digest
  readonly name: string
  readonly time: number
  readonly stateRoot: Cid
  readonly request: ScriptRequest
  readonly requestHash: Digest
  /** 16 random bytes of the serving member; the script's chance is H("seed" ‖ stateRoot ‖ requestHash ‖ nonce). */
  readonly nonce: Uint8Array
  readonly limits: ExecutionLimits
}

export type ReadResult = {
  readonly response: ScriptResponse
  readonly fuel: number
  /** What the script asked for: an answer that asked for neither is a pure function of the state root. */
  readonly asked: { readonly time: boolean; readonly chance: boolean }
  /** The script changed something outside its volatile paths: rolled back, to be resubmitted as an ordered request. */
  readonly wrote: boolean
  readonly failure?: string
  readonly logs: readonly LogLine[]
}

/** The runtime: a bounded pool of worker threads. Methods reject only when the world broke (a worker died); the pool heals itself. */
export type Runtime = AsyncDisposable & {
  /** Hash of the instrumented binaries, the glue and the guest library: equal on every member or they cannot agree. */
  readonly image: Digest
  /** Runs a block's steps in order on its parent's state. `pending` holds blocks not yet in the store. */
  executeBlock(job: BlockJob): Promise<BlockResult>
  executeRead(job: ReadJob): Promise<ReadResult>
}
