// The newest lines of the log, for the operator's page: kept in memory, few and short, without the queries of visitors' addresses.

import { createLog, type Log } from '#seeder/config/log.ts'
import { shownText } from '#seeder/config/shown-text.ts'

export const LINES_KEPT = 60
const FACTS_CHARS_MAX = 300

export type RecentLine = {
  /** ms since the epoch. */
  readonly time: number
  readonly level: string
  readonly event: string
  /** `name=value`, one line. */
  readonly facts: string
}

export type RecentLog = {
  /** Says everything to the other log too, whatever that one's level is. */
  readonly log: Log
  /** Newest first. */
  lines(): readonly RecentLine[]
}

/** What a visitor searched for is nobody's business; stacks and whole hashes are for the log itself. */
function factText(name: string, value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const [line = ''] = (text ?? '').split('\n')
  return `${name}=${line.replace(/\?[^\s"]*/g, '?…').replace(/\b([0-9a-f]{10})[0-9a-f]{54}\b/g, '$1…')}`
}

export function recentLog(to: Log): RecentLog {
  const lines: RecentLine[] = []
  const kept = createLog({
    level: 'info',
    form: 'json',
    sink: (text) => {
      const { time, level, event, ...facts } = JSON.parse(text) as Record<string, string>
      const words = Object.entries(facts).map(([name, value]) => factText(name, value))
      lines.unshift({
        time: Date.parse(time ?? ''),
        level: level ?? '',
        event: event ?? '',
        facts: shownText(words.join(' ')).slice(0, FACTS_CHARS_MAX),
      })
      if (lines.length > LINES_KEPT) lines.pop()
    },
  })
  const both =
    (level: keyof Log): Log[keyof Log] =>
    (event, facts) => {
      to[level](event, facts)
      kept[level](event, facts)
    }
  return {
    log: { debug: to.debug, info: both('info'), warn: both('warn'), error: both('error') },
    lines: () => lines,
  }
}
