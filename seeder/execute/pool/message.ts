// What passes between the seeder's main thread and an execution worker. One job at a time a worker, in order.

import type { Cid } from '#protocol/content/cid.ts'
import type { BlockJob, BlockResult, ReadJob, ReadResult } from '#seeder/execute/port.ts'
import type { MeteredModule } from '#seeder/execute/wasm/cache.ts'

/** Given to a worker when it starts. */
export type WorkerSetup = {
  /** `Store.path`: the worker reads blocks over its own read-only connection. */
  readonly store: string
  /** Compiled once, by the main thread. */
  readonly quickjs: MeteredModule
  readonly cacheDirectory: string | undefined
}

export type JobMessage =
  | { readonly kind: 'block'; readonly id: number; readonly job: BlockJob }
  | { readonly kind: 'read'; readonly id: number; readonly job: ReadJob }

export type AnswerMessage =
  /** Sent once: the thread has started and takes up its first job. */
  | { readonly kind: 'ready' }
  /** This block's bytes on disk are not its own any more; the job that read it breaks. */
  | { readonly kind: 'damaged'; readonly cid: Cid }
  | { readonly kind: 'block'; readonly id: number; readonly result: BlockResult; readonly quiet: boolean }
  | { readonly kind: 'read'; readonly id: number; readonly result: ReadResult }
  /** The world broke: a block is missing, the store is gone, or this program has a bug. */
  | { readonly kind: 'broken'; readonly id: number; readonly message: string; readonly stack: string }
