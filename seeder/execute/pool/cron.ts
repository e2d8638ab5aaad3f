// Cron expressions of five fields in UTC: minute, hour, day of month, month, day of week (0–7, 0 and 7 are Sunday).
// Lists, ranges, steps, `*`, and the English names of months and days. As in cron, when both days are restricted either may match.

import { err, ok, type Result } from '#protocol/codec/result.ts'

const MINUTE_MS = 60_000
/** How far back a missed tick is looked for: a site that was away longer runs its cron once, late. */
const LOOK_BACK_MINUTES = 60 * 24 * 366

type Field = { readonly values: ReadonlySet<number>; readonly restricted: boolean }

export type Cron = {
  readonly minute: Field
  readonly hour: Field
  readonly day: Field
  readonly month: Field
  readonly weekday: Field
}

export type CronError = { readonly code: 'cron_form'; readonly field: number }

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const FIELDS: readonly { readonly least: number; readonly most: number; readonly names?: readonly string[] }[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, names: ['', ...MONTHS] },
  { least: 0, most: 7, names: DAYS },
]

export function cronFromText(text: string): Result<Cron, CronError> {
  const parts = text.trim().toLowerCase().split(/\s+/)
  if (parts.length !== FIELDS.length) return err({ code: 'cron_form', field: Math.min(parts.length, FIELDS.length) })
  const fields: Field[] = []
  for (const [index, part] of parts.entries()) {
    const field = fieldFromText(part, index)
    if (field === undefined) return err({ code: 'cron_form', field: index })
    fields.push(field)
  }
  const [minute, hour, day, month, weekday] = fields as [Field, Field, Field, Field, Field]
  return ok({ minute, hour, day, month, weekday })
}

function fieldFromText(text: string, index: number): Field | undefined {
  const bounds = FIELDS[index]
  if (bounds === undefined) return undefined
  const values = new Set<number>()
  for (const item of text.split(',')) {
    const match = /^(\*|[0-9a-z]+)(?:-([0-9a-z]+))?(?:\/([0-9]+))?$/.exec(item)
    if (match === null) return undefined
    const [, from = '', to, step] = match
    const star = from === '*'
    if (star && to !== undefined) return undefined
    const first = star ? bounds.least : numberOf(from, bounds.names)
    const last = star || (to === undefined && step !== undefined) ? bounds.most : numberOf(to ?? from, bounds.names)
    const stride = step === undefined ? 1 : Number(step)
    if (first === undefined || last === undefined || first < bounds.least || last > bounds.most) return undefined
    if (first > last || stride < 1) return undefined
    for (let value = first; value <= last; value += stride) values.add(index === 4 && value === 7 ? 0 : value)
  }
  return { values, restricted: text !== '*' }
}

function numberOf(text: string, names: readonly string[] | undefined): number | undefined {
  if (/^[0-9]{1,2}$/.test(text)) return Number(text)
  const named = names?.indexOf(text) ?? -1
  return named < 0 || text === '' ? undefined : named
}

/** The newest tick in (after, until], ms; several missed ones are run once. */
export function newestTick(cron: Cron, after: number, until: number): number | undefined {
  const newest = Math.floor(until / MINUTE_MS)
  const oldest = Math.max(Math.floor(after / MINUTE_MS) + 1, newest - LOOK_BACK_MINUTES)
  for (let minute = newest; minute >= oldest; ) {
    const date = new Date(minute * MINUTE_MS)
    if (!matchesDay(cron, date)) {
      minute = Math.floor(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) / MINUTE_MS) - 1
      continue
    }
    if (cron.hour.values.has(date.getUTCHours()) && cron.minute.values.has(date.getUTCMinutes())) {
      return minute * MINUTE_MS
    }
    minute--
  }
  return undefined
}

function matchesDay(cron: Cron, date: Date): boolean {
  if (!cron.month.values.has(date.getUTCMonth() + 1)) return false
  const day = cron.day.values.has(date.getUTCDate())
  const weekday = cron.weekday.values.has(date.getUTCDay())
  return cron.day.restricted && cron.weekday.restricted ? day || weekday : day && weekday
}
