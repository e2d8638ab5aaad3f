// The deterministic runtime as the rest of the seeder has it: a bounded pool of worker threads behind `Runtime`.
//
//   job ──(its site's lane)──> queue ──> worker thread: Executor ──> result
//
// A site always has the same lane, so that its image, tree and caches stay warm. Threads start with the first job and end after idling.

import { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { engineDigest } from '#seeder/execute/engine/engine.ts'
import { loadQuickJs } from '#seeder/execute/engine/quickjs.ts'
import { Lane } from '#seeder/execute/pool/lane.ts'
import type { BlockJob, BlockResult, Runtime } from '#seeder/execute/port.ts'
import { loadSqlite } from '#seeder/execute/sqlite/binary.ts'

/** Reads that wait before a worker; more are refused with `RuntimeBusy`. */
export const READS_WAITING_MAX = 256
/** A worker without work ends after this. */
export const WORKER_IDLE_MS = 60_000
/** Wall-clock limit of one read; its fuel ends it long before on a healthy machine. */
export const READ_WALL_MS = 15_000
const WORKERS_MAX = 4

/** Raise it when host operations or the executor answer differently: members of one group must agree on it. */
const HOST_VERSION = 4

/** Sites of which a root is remembered that empty blocks leave as it is. */
const QUIET_SITES_MAX = 4_096

export type RuntimeOptions = {
  /** `Store.path`. */
  readonly store: string
  /** Where metered binaries are kept between starts. */
  readonly cacheDirectory?: string
  /** Default: one on up to two cores, else cores − 1, at most 4. */
  readonly workers?: number
  readonly readsWaitingMax?: number
  readonly workerIdleMs?: number
  readonly readWallMs?: number
  /** A block of the store was found damaged; the job that needed it broke. */
  readonly onDamaged?: (cid: Cid) => void
}

export function createRuntime(options: RuntimeOptions): Runtime & { readonly liveWorkers: number } {
  const quickjs = loadQuickJs(options.cacheDirectory)
  const sqlite = loadSqlite(options.cacheDirectory)
  const cores = availableParallelism()
  const count = options.workers ?? Math.min(WORKERS_MAX, Math.max(1, cores - 1))
  const lanes = Array.from(
    { length: count },
    () =>
      new Lane({
        setup: { store: options.store, quickjs, cacheDirectory: options.cacheDirectory },
        queueMax: options.readsWaitingMax ?? READS_WAITING_MAX,
        idleMs: options.workerIdleMs ?? WORKER_IDLE_MS,
        readWallMs: options.readWallMs ?? READ_WALL_MS,
        onDamaged: options.onDamaged ?? (() => {}),
      }),
  )
  const laneOf = (job: Digest): Lane => {
    const lane = lanes[hash('sha256', job, 'buffer').readUInt32BE(0) % lanes.length]
    assert(lane !== undefined, 'a runtime has a lane')
    return lane
  }
  const quiet = new QuietRoots()
  return {
    image: imageOf(quickjs, sqlite),
    async executeBlock(job) {
      const known = quiet.result(job)
      if (known !== undefined) return known
      const { result, quiet: isQuiet } = await laneOf(job.job).block(job)
      if (isQuiet) quiet.learn(job, result)
      return result
    },
    executeRead: (job) => laneOf(job.job).read(job),
    get liveWorkers() {
      return lanes.filter((lane) => lane.alive).length
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(lanes.map((lane) => lane.close()))
    },
  }
}

function imageOf(quickjs: ReturnType<typeof loadQuickJs>, sqlite: ReturnType<typeof loadSqlite>): Digest {
  return taggedHash('image', engineDigest(quickjs), sqlite.digest, Uint8Array.of(HOST_VERSION))
}

/** The image of this program's runtime, for a network file that is about to name it. */
export function runtimeImage(cacheDirectory?: string): Digest {
  return imageOf(loadQuickJs(cacheDirectory), loadSqlite(cacheDirectory))
}

/**
 * The newest root of each site that has no crons: a block without steps (a heartbeat) leaves it as it is and wakes no thread. Should another
 * one of the same height have been decided, its first heartbeat is executed.
 */
class QuietRoots {
  readonly #byJob = new Map<string, { readonly stateRoot: Cid; readonly codeRoot: Cid }>()

  result({ job, stateRoot, steps }: BlockJob): BlockResult | undefined {
    if (steps.length > 0) return undefined
    const known = this.#byJob.get(hexFromBytes(job))
    if (known === undefined || !bytesEqual(known.stateRoot, stateRoot)) return undefined
    return { stateRoot, codeRoot: known.codeRoot, outcomes: [], blocks: [], logs: [] }
  }

  learn({ job }: BlockJob, { stateRoot, codeRoot }: BlockResult): void {
    const key = hexFromBytes(job)
    this.#byJob.delete(key)
    const [oldest] = this.#byJob.keys()
    if (this.#byJob.size >= QUIET_SITES_MAX && oldest !== undefined) this.#byJob.delete(oldest)
    this.#byJob.set(key, { stateRoot, codeRoot })
  }
}
