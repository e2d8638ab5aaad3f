// What fails at one site at present. A thing that begins to fail or works again is logged once; while it fails, `status` says how, and
// nobody is to wait for this member.

import type { Log } from '#seeder/config/log.ts'

/** What a member may be unable to do. */
export type Duty = 'commit' | 'persist' | 'execute' | 'state' | 'repair' | 'driver'

export type HealthOptions = {
  readonly site: string
  readonly log: Log
  /** One more thing fails that worked. */
  readonly onFailing: () => void
  /** One thing less fails. */
  readonly onWorking: () => void
}

export class Health {
  readonly #options: HealthOptions
  readonly #failing = new Map<Duty, string>()
  /** How the others' clocks differ from this one. */
  #clock: string | undefined

  constructor(options: HealthOptions) {
    this.#options = options
  }

  /** Why this member can do nothing at present. */
  get cause(): string | undefined {
    const first = this.#failing.entries().next()
    return first.done === true ? this.#clock : `${first.value[0]}: ${first.value[1]}`
  }

  /** Nothing fails here; the clock may be another than the others' all the same. */
  get isWorking(): boolean {
    return this.#failing.size === 0
  }

  fail(duty: Duty, cause: unknown): void {
    const known = this.#failing.has(duty)
    this.#failing.set(duty, cause instanceof Error ? cause.message : String(cause))
    if (known) return
    const { site, log, onFailing } = this.#options
    log.error('degraded', { site, what: duty, cause })
    onFailing()
  }

  works(duty: Duty): void {
    if (!this.#failing.delete(duty)) return
    const { site, log, onWorking } = this.#options
    log.info('recovered', { site, what: duty })
    onWorking()
  }

  /** What is wrong with this member's clock by the others' (R2); undefined: nothing. */
  clock(wrong: string | undefined): void {
    if (wrong === this.#clock) return
    const { site, log } = this.#options
    if (wrong === undefined) log.info('recovered', { site, what: 'clock' })
    else if (this.#clock === undefined) log.error('degraded', { site, what: 'clock', cause: wrong })
    this.#clock = wrong
  }
}
