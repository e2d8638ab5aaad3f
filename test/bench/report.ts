// What every benchmark comes to: our figure beside the limit measured in the same run, and their ratio with its spread.

/** `ratio` is ours / peer over alternating rounds: the median, with the lowest and highest round beside it. */
export type BenchResult = {
  readonly name: string
  readonly ours: number
  /** The limit that ours is held against; null when there is none to measure. */
  readonly peer: number | null
  readonly ratio: number | null
  readonly min: number | null
  readonly max: number | null
  readonly unit: string
}

export type BenchContext = {
  /** Said to people while it runs. */
  readonly note: (text: string) => void
  /** One short round of each, which shows that everything is there; figures then say nothing. Of those beside the programs of others. */
  readonly quick: boolean
}
export type Bench = (context: BenchContext) => Promise<readonly BenchResult[]>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  if (upper === undefined) return Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The value that so great a part of them does not pass. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

/** Of rounds that were measured in pairs. */
export function compared(
  name: string,
  unit: string,
  rounds: readonly { readonly ours: number; readonly peer: number }[],
): BenchResult {
  const ratios = rounds.map((round) => round.ours / round.peer)
  return {
    name,
    ours: median(rounds.map((round) => round.ours)),
    peer: median(rounds.map((round) => round.peer)),
    ratio: median(ratios),
    min: Math.min(...ratios),
    max: Math.max(...ratios),
    unit,
  }
}

/** A figure with nothing to hold it against. */
export function measured(name: string, unit: string, ours: number): BenchResult {
  return { name, ours, peer: null, ratio: null, min: null, max: null, unit }
}

function shown(value: number | null): string {
  if (value === null) return ''
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1)
}

export function jsonLine(result: BenchResult): string {
  const { name, ours, peer, ratio, min, max, unit } = result
  return JSON.stringify({ name, ours, peer, ratio, min, max, unit })
}

const COLUMNS = ['name', 'ours', 'peer', 'ratio', 'min', 'max', 'unit'] as const

/** In Markdown, aligned for people too. */
export function table(results: readonly BenchResult[]): string {
  const rows = results.map((result) =>
    COLUMNS.map((column) => {
      const value = result[column]
      return typeof value === 'string' ? value : shown(value)
    }),
  )
  const lines: readonly (readonly string[])[] = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
  const isText = (index: number): boolean => index === 0 || index === COLUMNS.length - 1
  const [head = '', ...body] = lines.map((line) => {
    const cells = line.map((cell, index) =>
      isText(index) ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0),
    )
    return `| ${cells.join(' | ')} |`
  })
  const rule = widths.map((width, index) => (isText(index) ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`))
  return [head, `|${rule.join('|')}|`, ...body].join('\n')
}
