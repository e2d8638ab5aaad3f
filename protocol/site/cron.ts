// Cron expressions of `triggers.crons`: five fields (minute, hour, day of month, month, day of week) in UTC.
// `scheduled` runs are derived from block time: those that fall due between two blocks belong to the later one.

import { err, ok, type Result } from '#protocol/codec/result.ts'

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440
/** Leap days come within eight years: an expression that has no time in as long never comes. */
const SEARCH_DAYS_MAX = 8 * 366 + 1

type Field = ReadonlySet<number>

export type Cron = {
  readonly minutes: Field
  readonly hours: Field
  readonly days: Field
  readonly months: Field
  readonly weekdays: Field
  /** When both day fields are restricted, either of them is enough (POSIX crontab). */
  readonly anyDay: boolean
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
/** 0 and 7 are Sunday. */
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

export type CronError =
  | { readonly code: 'cron_fields'; readonly fields: number }
  | { readonly code: 'cron_field'; readonly field: number }

export function cronFromText(text: string): Result<Cron, CronError> {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== 5) return err({ code: 'cron_fields', fields: parts.length })
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts
  const fields = [
    fieldOf(minute, 0, 59, []),
    fieldOf(hour, 0, 23, []),
    fieldOf(day, 1, 31, []),
    fieldOf(month, 1, 12, MONTHS),
    fieldOf(weekday, 0, 7, WEEKDAYS),
  ]
  const wrong = fields.indexOf(undefined)
  const [minutes, hours, days, months, weekdays] = fields
  if (!minutes || !hours || !days || !months || !weekdays) return err({ code: 'cron_field', field: wrong })
  const folded = new Set([...weekdays].map((value) => value % 7))
  return ok({
    minutes,
    hours,
    days,
    months,
    weekdays: folded,
    anyDay: !day.startsWith('*') && !weekday.startsWith('*'),
  })
}

function fieldOf(text: string, low: number, high: number, names: readonly string[]): Set<number> | undefined {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,4}))?$/.exec(part)
    if (match === null) return undefined
    const [, from = '', to, step] = match
    const every = step === undefined ? 1 : Number(step)
    const star = from === '*'
    const first = star ? low : numberOf(from, names, low)
    const last = to !== undefined ? numberOf(to, names, low) : star || step !== undefined ? high : first
    if (first === undefined || last === undefined || (star && to !== undefined)) return undefined
    if (every === 0 || first < low || last > high || first > last) return undefined
    for (let value = first; value <= last; value += every) values.add(value)
  }
  return values
}

function numberOf(text: string, names: readonly string[], low: number): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text)
  const index = names.indexOf(text.toUpperCase())
  return index < 0 ? undefined : index + (names === MONTHS ? low : 0)
}

function isDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false
  const day = cron.days.has(date.getUTCDate())
  const weekday = cron.weekdays.has(date.getUTCDay())
  return cron.anyDay ? day || weekday : day && weekday
}

/** The first time after `after` (ms since the epoch, exclusive) at which the expression is due; undefined: never. */
export function nextCronTime(cron: Cron, after: number): number | undefined {
  const start = Math.floor(after / MINUTE_MS) + 1
  let day = Math.floor(start / DAY_MINUTES)
  let minute = start - day * DAY_MINUTES
  for (let searched = 0; searched < SEARCH_DAYS_MAX; searched++, day++, minute = 0) {
    if (!isDay(cron, new Date(day * DAY_MINUTES * MINUTE_MS))) continue
    for (; minute < DAY_MINUTES; minute++) {
      const hour = Math.floor(minute / 60)
      if (!cron.hours.has(hour)) minute = hour * 60 + 59
      else if (cron.minutes.has(minute % 60)) return (day * DAY_MINUTES + minute) * MINUTE_MS
    }
  }
  return undefined
}
