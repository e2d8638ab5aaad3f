// The site's log of one job: bounded, stacks with the names of the author's own files.

import { textFromCid } from '#protocol/content/cid.ts'
import { LOG_TEXT_MAX, type RunResult } from '#seeder/execute/engine/run.ts'
import type { SourcePositions } from '#seeder/execute/engine/source-position.ts'
import { APP } from '#seeder/execute/pool/live-code.ts'
import { guarded } from '#seeder/execute/pool/state-fault.ts'
import type { LogLine } from '#seeder/execute/port.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

const SOURCE_MAP_FILE = 'app/script.js.map'
/** Log lines that one block or read gives. */
const LOG_LINES_MAX = 1_024

export class SiteLog {
  readonly lines: LogLine[] = []
  readonly #positions: SourcePositions

  constructor(positions: SourcePositions) {
    this.#positions = positions
  }

  add(tree: StateTree, result: RunResult, time: number): void {
    for (const line of result.logs) this.say(line.level, this.#readable(tree, line.text), line.time)
    if (result.ok || result.failure === 'wrote') return
    const { message, stack } = result.error ?? { message: '', stack: '' }
    const told = [`${result.failure}: ${message}`.trim(), stack].filter((part) => part !== '').join('\n')
    const text = Buffer.from(told.slice(0, LOG_TEXT_MAX)).toString()
    this.say('error', this.#readable(tree, text), time)
  }

  say(level: LogLine['level'], text: string, time: number): void {
    if (this.lines.length < LOG_LINES_MAX) this.lines.push({ level, text: text.trimEnd(), time })
  }

  #readable(tree: StateTree, text: string): string {
    const code = tree.cid(APP)
    if (code === undefined) return text
    const readable = guarded(() => this.#positions.readable(text, textFromCid(code), () => tree.read(SOURCE_MAP_FILE)))
    return readable.ok ? readable.value : text
  }
}
