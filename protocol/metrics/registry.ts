// Counters, gauges and histograms in the Prometheus text format (version 0.0.4), handed to every part that counts something.
//
// Names follow Prometheus' conventions: `…_total` counts, `_seconds` and `_bytes` are base units; what every process has is named as by
// Prometheus' own clients (`process_…`), all else begins with `interpeer_`. test/seeder/control/names.test.ts holds them to it. A metric keeps at most
// `SERIES_MAX` label combinations: what a stranger can invent must not become a label, and this is the belt to those braces.

import { assert } from '#protocol/codec/result.ts'

export const SERIES_MAX = 1024
/** From a cached read to the longest wait for a certificate. */
export const SECONDS_BUCKETS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** `bound` gives the same for fixed labels without the cost of naming them each time. */
export type Counter = {
  inc(labels?: readonly string[], by?: number): void
  bound(labels: readonly string[]): () => void
}
export type Gauge = { set(value: number, labels?: readonly string[]): void; clear(): void }
export type Histogram = {
  observe(value: number, labels?: readonly string[]): void
  bound(labels: readonly string[]): (value: number) => void
}

type Family = { write(lines: string[]): void }

export type Registry = {
  counter(name: string, help: string, labels?: readonly string[]): Counter
  gauge(name: string, help: string, labels?: readonly string[]): Gauge
  /** A gauge, or a counter where the name ends in `_total`, whose values are asked for when somebody looks. */
  observed(name: string, help: string, labels: readonly string[], read: () => Iterable<Observed>): void
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram
  text(): string
}
export type Observed = { readonly labels: readonly string[]; readonly value: number }

/** The value of a metric without labels. */
export function one(value: number): readonly Observed[] {
  return [{ labels: [], value }]
}

const NAME = /^[a-z_][a-z0-9_]*$/

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

export function createRegistry(): Registry {
  const families = new Map<string, Family>()

  function header(name: string, help: string, type: string): string[] {
    return [`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`]
  }

  function series(name: string, labels: readonly string[], values: readonly string[]): string {
    assert(labels.length === values.length, `${name} has ${labels.length} labels`)
    if (labels.length === 0) return ''
    return `{${labels.map((label, index) => `${label}="${escaped(values[index] ?? '')}"`).join(',')}}`
  }

  /** A part that is started again takes the place of what it registered before. */
  function register(name: string, family: Family): void {
    assert(NAME.test(name), `metric ${name} is named well`)
    families.set(name, family)
  }

  return {
    counter(name, help, labels = []) {
      assert(name.endsWith('_total'), 'a counter ends in _total')
      const counts = new Map<string, number>()
      if (labels.length === 0) counts.set('', 0)
      register(name, {
        write: (lines) => {
          lines.push(...header(name, help, 'counter'))
          for (const [key, value] of counts) lines.push(`${name}${key} ${value}`)
        },
      })
      return {
        inc(values = [], by = 1) {
          const key = series(name, labels, values)
          const before = counts.get(key)
          if (before === undefined && counts.size >= SERIES_MAX) return
          counts.set(key, (before ?? 0) + by)
        },
        bound(values) {
          const key = series(name, labels, values)
          return () => {
            const before = counts.get(key)
            if (before !== undefined || counts.size < SERIES_MAX) counts.set(key, (before ?? 0) + 1)
          }
        },
      }
    },
    gauge(name, help, labels = []) {
      const current = new Map<string, number>()
      register(name, {
        write: (lines) => {
          lines.push(...header(name, help, 'gauge'))
          for (const [key, value] of current) lines.push(`${name}${key} ${numberText(value)}`)
        },
      })
      return {
        set(value, values = []) {
          const key = series(name, labels, values)
          if (current.has(key) || current.size < SERIES_MAX) current.set(key, value)
        },
        clear: () => current.clear(),
      }
    },
    observed(name, help, labels, read) {
      register(name, {
        write: (lines) => {
          lines.push(...header(name, help, name.endsWith('_total') ? 'counter' : 'gauge'))
          let left = SERIES_MAX
          for (const { labels: values, value } of read()) {
            if (left-- <= 0) return
            lines.push(`${name}${series(name, labels, values)} ${numberText(value)}`)
          }
        },
      })
    },
    histogram(name, help, labels = [], buckets = SECONDS_BUCKETS) {
      type Cell = { readonly values: readonly string[]; readonly counts: number[]; sum: number; count: number }
      const cells = new Map<string, Cell>()
      register(name, {
        write: (lines) => {
          lines.push(...header(name, help, 'histogram'))
          for (const [key, cell] of cells) {
            let below = 0
            for (const [index, bound] of buckets.entries()) {
              below += cell.counts[index] ?? 0
              lines.push(
                `${name}_bucket${series(name, [...labels, 'le'], [...cell.values, numberText(bound)])} ${below}`,
              )
            }
            lines.push(`${name}_bucket${series(name, [...labels, 'le'], [...cell.values, '+Inf'])} ${cell.count}`)
            lines.push(`${name}_sum${key} ${cell.sum}`, `${name}_count${key} ${cell.count}`)
          }
        },
      })
      const cellOf = (values: readonly string[]): Cell | undefined => {
        const key = series(name, labels, values)
        let cell = cells.get(key)
        if (cell === undefined && cells.size < SERIES_MAX) {
          cell = { values: [...values], counts: buckets.map(() => 0), sum: 0, count: 0 }
          cells.set(key, cell)
        }
        return cell
      }
      const add = (cell: Cell, value: number): void => {
        cell.sum += value
        cell.count++
        let index = 0
        while (index < buckets.length && value > (buckets[index] ?? 0)) index++
        if (index < buckets.length) cell.counts[index] = (cell.counts[index] ?? 0) + 1
      }
      return {
        observe(value, values = []) {
          const cell = cellOf(values)
          if (cell !== undefined) add(cell, value)
        },
        bound(values) {
          const cell = cellOf(values)
          return (value) => {
            if (cell !== undefined) add(cell, value)
          }
        },
      }
    },
    text() {
      const lines: string[] = []
      for (const family of families.values()) family.write(lines)
      return `${lines.join('\n')}\n`
    },
  }
}
