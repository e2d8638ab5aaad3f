// How much memory processes take while something goes on, from the kernel: pages of their own (`RssAnon`), not those of files.

import { readFileSync } from 'node:fs'

const SAMPLE_MS = 100

function anonymousBytes(pid: number): number | undefined {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    // It ended.
    return undefined
  }
}

export type Peaks = ReadonlyMap<string, number>

/** Watches processes by a label until it is disposed of. */
export class MemoryWatch implements Disposable {
  readonly #pids = new Map<string, () => number>()
  readonly #timer: NodeJS.Timeout
  #peaks = new Map<string, number>()

  constructor() {
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref()
  }

  watch(label: string, pid: () => number): void {
    this.#pids.set(label, pid)
  }

  /** The most that each took since the last call, bytes. */
  take(): Peaks {
    this.#sample()
    const peaks = this.#peaks
    this.#peaks = new Map()
    return peaks
  }

  #sample(): void {
    for (const [label, pid] of this.#pids) {
      const bytes = anonymousBytes(pid())
      if (bytes !== undefined) this.#peaks.set(label, Math.max(this.#peaks.get(label) ?? 0, bytes))
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
