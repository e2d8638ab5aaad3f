// console → the site's log: one line per call, values shown as a person would want to read them.

import { pureHost } from '#seeder/execute/guest/host.ts'

const TEXT_CHARS_MAX = 8_192
const DEPTH_MAX = 4
const ITEMS_MAX = 100

/** `[object …]` is no help in a log: nested values are printed like JavaScript, bounded in depth and width. */
export function inspect(value: unknown, depth = 0, seen: readonly unknown[] = []): string {
  if (typeof value === 'string') return depth === 0 ? value : JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol') return value.toString()
  if (typeof value === 'function') return `[Function ${value.name === '' ? 'anonymous' : value.name}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Error) {
    const stack = value.stack === undefined || value.stack === '' ? '' : `\n${value.stack}`
    const cause = value.cause === undefined ? '' : `\n  caused by ${inspect(value.cause, depth + 1, seen)}`
    return `${value.name}: ${value.message}${stack}${cause}`
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp) return String(value)
  if (seen.includes(value)) return '[Circular]'
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? '[Array]' : '[Object]'
  const inner = (item: unknown): string => inspect(item, depth + 1, [...seen, value])
  if (Array.isArray(value)) return `[${listed(value, inner)}]`
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return `${value.constructor.name}(${value.byteLength} bytes)`
  if (value instanceof Map)
    return `Map(${value.size}) {${listed(value, ([key, item]) => `${inner(key)} => ${inner(item)}`)}}`
  if (value instanceof Set) return `Set(${value.size}) {${listed(value, inner)}}`
  const name = value.constructor?.name
  const prefix = name === undefined || name === 'Object' ? '' : `${name} `
  return `${prefix}{${listed(Object.entries(value), ([key, item]) => `${key}: ${inner(item)}`)}}`
}

function listed<T>(items: Iterable<T>, show: (item: T) => string): string {
  const shown: string[] = []
  for (const item of items) {
    if (shown.length === ITEMS_MAX) return `${shown.join(', ')}, …`
    shown.push(show(item))
  }
  return shown.join(', ')
}

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** %s, %d, %i, %f, %j, %o, %O, %c and %% in the first argument, as consoles have them. */
export function format(values: readonly unknown[]): string {
  const [first, ...rest] = values
  if (typeof first !== 'string' || rest.length === 0) return values.map((value) => inspect(value)).join(' ')
  const text = first.replace(/%[sdifjoOc%]/g, (mark) => {
    if (mark === '%%') return '%'
    if (rest.length === 0) return mark
    const value = rest.shift()
    if (mark === '%c') return ''
    if (mark === '%d' || mark === '%f') return String(Number(value))
    if (mark === '%i') return String(Math.trunc(Number(value)))
    return mark === '%j' ? (JSON.stringify(value) ?? 'undefined') : inspect(value, mark === '%s' ? 0 : 1)
  })
  return [text, ...rest.map((value) => inspect(value))].join(' ')
}

export function writeLog(level: Level, text: string): void {
  const cut = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text
  pureHost('log', JSON.stringify({ level, text: cut.toWellFormed() }))
}

const counts = new Map<string, number>()
let indent = ''

function line(level: Level): (...values: unknown[]) => void {
  return (...values) => writeLog(level, indent + format(values))
}

const info = line('info')
const error = line('error')

export const console = {
  log: info,
  info,
  debug: line('debug'),
  trace: line('debug'),
  warn: line('warn'),
  error,
  dir: info,
  table: info,
  assert(condition: unknown, ...values: unknown[]): void {
    if (!condition) error('Assertion failed:', ...values)
  },
  count(label = 'default'): void {
    const count = (counts.get(label) ?? 0) + 1
    counts.set(label, count)
    info(`${label}: ${count}`)
  },
  countReset(label = 'default'): void {
    counts.delete(label)
  },
  group(...values: unknown[]): void {
    if (values.length > 0) info(...values)
    indent += '  '
  },
  groupEnd(): void {
    indent = indent.slice(2)
  },
  // The clock stands still during a request, so there is nothing to measure.
  time(): void {},
  timeLog(): void {},
  timeEnd(): void {},
}
