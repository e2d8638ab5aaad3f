// What a script says while it answers reads, in the site's log of the one member that ran them. Visitors cause these lines at will and
// every append is a write to the disk, so they are rationed: a burst, then so many a minute; what is left out is counted in the next line.

import type { LogLine } from '#seeder/execute/port.ts'

export const READ_LINES_BURST = 256
export const READ_LINES_PER_MINUTE = 120

export class ReadLog {
  readonly #append: (lines: readonly LogLine[]) => void
  #left = READ_LINES_BURST
  /** ms since the epoch; undefined before the first line. */
  #refilled: number | undefined
  #leftOut = 0

  constructor(append: (lines: readonly LogLine[]) => void) {
    this.#append = append
  }

  add(lines: readonly LogLine[], now: number): void {
    if (lines.length === 0) return
    const passed = Math.max(0, now - (this.#refilled ?? now))
    this.#refilled = now
    this.#left = Math.min(READ_LINES_BURST, this.#left + (passed / 60_000) * READ_LINES_PER_MINUTE)
    const taken = lines.slice(0, Math.floor(this.#left))
    const [first] = taken
    if (first === undefined) {
      this.#leftOut += lines.length
      return
    }
    const missing = `${this.#leftOut} lines of reads were left out before this one`
    const told: LogLine[] = this.#leftOut === 0 ? [] : [{ level: 'warn', text: missing, time: first.time }]
    this.#left -= taken.length
    this.#leftOut = lines.length - taken.length
    this.#append([...told, ...taken])
  }
}
