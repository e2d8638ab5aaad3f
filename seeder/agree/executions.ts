// The executions that the machine asked for: each has a ticket, and goes on until it ended or nobody waits for it any more.
//
//   begin ──> bodies here ──> bundle here ──> runtime ──> ended, told with what the machine compares
//                └──── something fails: said, and tried again ────┘        release, clear: nobody waits

import type { ExecutionContext, ExecutionResult } from '#protocol/agreement/port.ts'
import type { ReceiptLeaf } from '#protocol/message/block.ts'
import type { BodyKeeper } from '#seeder/agree/body-keeper.ts'
import type { Bundles } from '#seeder/agree/bundles.ts'
import { type ExecutionSite, prepare, resultOf } from '#seeder/agree/execution.ts'
import type { Health } from '#seeder/agree/health.ts'
import { pauseAfter } from '#seeder/agree/retry.ts'
import type { Transfer } from '#seeder/agree/transfer.ts'
import type { Log } from '#seeder/config/log.ts'
import type { BlockResult, Runtime } from '#seeder/execute/port.ts'

/** An execution that ended, and what the machine compared of it. */
export type Done = { readonly result: BlockResult; readonly leaves: readonly ReceiptLeaf[] }

export type ExecutionsOptions = {
  readonly site: ExecutionSite
  readonly bodies: BodyKeeper
  readonly bundles: Bundles
  readonly transfer: Transfer
  readonly runtime: Runtime
  readonly health: Health
  readonly log: Log
  readonly isStopping: () => boolean
  readonly onRetry: () => void
  readonly onEnded: (ticket: number, result: ExecutionResult) => void
}

export class Executions {
  readonly #options: ExecutionsOptions
  readonly #ended = new Map<number, Done>()
  /** Tickets whose result the machine waits for. */
  readonly #wanted = new Set<number>()

  constructor(options: ExecutionsOptions) {
    this.#options = options
  }

  begin(ticket: number, context: ExecutionContext): void {
    this.#wanted.add(ticket)
    void this.#execute(ticket, context)
  }

  /** What came of it; undefined: it goes on, or was let go. */
  ended(ticket: number): Done | undefined {
    return this.#ended.get(ticket)
  }

  release(ticket: number): void {
    this.#wanted.delete(ticket)
    this.#ended.delete(ticket)
  }

  /** A height was committed: all of them are of the past. */
  clear(): void {
    this.#ended.clear()
    this.#wanted.clear()
  }

  async #execute(ticket: number, context: ExecutionContext): Promise<void> {
    const { health, isStopping, onRetry, onEnded } = this.#options
    for (let attempt = 0; !isStopping() && this.#wanted.has(ticket); attempt++) {
      try {
        await this.#haveBodies(context)
        const result = await this.#run(context)
        health.works('execute')
        if (!this.#wanted.delete(ticket)) return
        const comes = resultOf(context, result)
        this.#ended.set(ticket, { result, leaves: comes.leaves })
        return onEnded(ticket, comes)
      } catch (cause) {
        if (isStopping() || !this.#wanted.has(ticket)) continue
        health.fail('execute', cause)
        onRetry()
        await pauseAfter(attempt)
      }
    }
    // The height was decided without it: nobody waits for what failed here.
    if (!isStopping()) health.works('execute')
  }

  async #run(context: ExecutionContext): Promise<BlockResult> {
    const { site, bodies, bundles, runtime } = this.#options
    const prepared = prepare(site, context, bodies)
    if (prepared.kind === 'refused') return prepared.result
    if (prepared.codeRoot !== undefined && !(await bundles.fetch(prepared.codeRoot)))
      throw new Error('nobody has the whole bundle')
    return runtime.executeBlock(prepared.job)
  }

  /** The machine starts nothing without its bodies; should one be gone all the same, the others have it, in a certified block at the latest. */
  async #haveBodies({ requests, height }: ExecutionContext): Promise<void> {
    const { site, bodies, transfer, log } = this.#options
    const missing = requests.map((request) => request.body_hash).filter((hash) => !bodies.has(hash))
    if (missing.length === 0) return
    log.error('bodies_missing', { site: site.name, height, count: missing.length })
    const found = await transfer.fetchBodies(missing, undefined)
    for (const hash of found) bodies.unpin(hash)
    if (found.length === missing.length) return
    const blocks = await transfer.fetchBlocks(height, undefined)
    for (const block of blocks) for (const { body_hash } of block.requests) bodies.unpin(body_hash)
  }
}
