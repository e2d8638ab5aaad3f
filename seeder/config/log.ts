// What a seeder says about itself: one line an event, JSON for machines or a sentence's worth of text on a terminal.
//
//   {"time":"2026-11-20T11:30:09.120Z","level":"info","event":"link_up","peer":"ab12…"}
//
// Invariant: saying something never fails the one who says it, and a log file never exceeds twice `LOG_FILE_BYTES_MAX`.

import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { shownText } from '#seeder/config/shown-text.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export const LOG_FILE_BYTES_MAX = 8 * 1024 * 1024
const FACT_CHARS_MAX = 2_000

export type Facts = Readonly<Record<string, unknown>>
export type Log = {
  readonly debug: (event: string, facts?: Facts) => void
  readonly info: (event: string, facts?: Facts) => void
  readonly warn: (event: string, facts?: Facts) => void
  readonly error: (event: string, facts?: Facts) => void
}

/** Takes one line without its end. */
export type LogSink = (line: string) => void

export type LogOptions = {
  readonly level: LogLevel
  readonly form: 'json' | 'text'
  readonly sink: LogSink
  readonly now?: () => number
  /** Said with every line. */
  readonly always?: Facts
}

function printable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Error) return value.stack ?? value.message
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'string' && value.length > FACT_CHARS_MAX) return `${value.slice(0, FACT_CHARS_MAX)}…`
  return value
}

function textLine(time: Date, level: LogLevel, event: string, facts: Facts): string {
  const words = Object.entries(facts).map(([name, value]) => {
    const shown = printable(value)
    return `${name}=${shownText(typeof shown === 'string' ? shown : JSON.stringify(shown))}`
  })
  return [time.toISOString().slice(11, 23), level.padEnd(5), event, ...words].join(' ')
}

export function createLog(options: LogOptions): Log {
  const { level: lowest, form, sink, now = Date.now, always = {} } = options
  const say =
    (level: LogLevel) =>
    (event: string, facts: Facts = {}): void => {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return
      const time = new Date(now())
      try {
        sink(
          form === 'text'
            ? textLine(time, level, event, { ...always, ...facts })
            : JSON.stringify({ time: time.toISOString(), level, event, ...always, ...facts }, (_, value) =>
                printable(value),
              ),
        )
      } catch {
        // A full disk or a closed terminal must not stop a seeder.
      }
    }
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

export const silentLog: Log = createLog({ level: 'error', form: 'json', sink: () => {} })

/** Appends to a file; at its bound the file becomes `<path>.1`, replacing the one before. */
export function fileSink(path: string, bytesMax: number = LOG_FILE_BYTES_MAX): LogSink {
  mkdirSync(dirname(path), { recursive: true })
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return (line) => {
    const text = `${line}\n`
    if (size + text.length > bytesMax && size > 0) {
      renameSync(path, `${path}.1`)
      size = 0
    }
    appendFileSync(path, text)
    size += Buffer.byteLength(text)
  }
}

export function stderrSink(line: string): void {
  process.stderr.write(`${line}\n`)
}
