// A head whose state tree has holes is made whole again: its blocks come from the other members, and when the group went on and nobody
// has that tree any more, the state where the group stands now is taken instead.
//
// Before the start nothing is executed on such a tree. Later it is filled beside everything else: what needs a block that is
// not there breaks, says so, and is tried again.

import type { Health } from '#seeder/agree/health.ts'
import { pause, pauseAfter, RETRY_LAST_MS } from '#seeder/agree/retry.ts'
import type { Transfer } from '#seeder/agree/transfer.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Head } from '#seeder/serve/port.ts'

/** A certificate of a newer state, which is here. */
type NewerState = NonNullable<Awaited<ReturnType<Transfer['fetchState']>>>

export type StateRepairOptions = {
  readonly site: string
  readonly transfer: Transfer
  readonly health: Health
  readonly log: Log
  readonly head: () => Head | undefined
  readonly isStopping: () => boolean
  readonly onNewerState: (cert: NewerState) => void
}

export class StateRepair {
  readonly #options: StateRepairOptions
  #isFilling = false

  constructor(options: StateRepairOptions) {
    this.#options = options
  }

  /** Before the start. The head again when its tree is whole; undefined: a newer state was told, or this member stops. */
  async restore(damaged: Head): Promise<Head | undefined> {
    const { health, isStopping } = this.#options
    health.fail('state', new Error('blocks of it were damaged: the others are asked for them'))
    while (!isStopping()) {
      try {
        const repaired = await this.#repair(damaged)
        health.works('repair')
        if (repaired !== undefined) {
          health.works('state')
          return repaired === 'newer' ? undefined : damaged
        }
      } catch (cause) {
        health.fail('repair', cause)
      }
      await pause(RETRY_LAST_MS)
    }
    return undefined
  }

  /** Fetches what the head's tree lacks, beside everything else. */
  refill(): void {
    if (this.#isFilling || this.#options.isStopping()) return
    this.#isFilling = true
    void this.#refill().finally(() => {
      this.#isFilling = false
    })
  }

  /** Undefined: nobody gave enough of either. */
  async #repair(damaged: Head): Promise<'whole' | 'newer' | undefined> {
    const { transfer, health, onNewerState } = this.#options
    if (await transfer.fetchTree(damaged.stateRoot, undefined)) return 'whole'
    health.fail('state', new Error('blocks of it are missing, and no other member gave them yet'))
    const cert = await transfer.fetchState(damaged.height + 1, undefined)
    if (cert === undefined) return undefined
    onNewerState(cert)
    return 'newer'
  }

  /** Until the tree of a head is whole: each attempt is for the head as it is then. */
  async #refill(): Promise<void> {
    const { site, health, log, isStopping } = this.#options
    for (let attempt = 0; !isStopping(); attempt++) {
      const head = this.#options.head()
      if (head === undefined) return
      try {
        if ((await this.#repair(head)) === 'whole') {
          health.works('state')
          log.info('state_is_whole', { site, height: head.height })
          return
        }
      } catch (cause) {
        log.error('refill_failed', { site, cause })
      }
      await pauseAfter(attempt)
    }
  }
}
