// What a command prints. People get text (colour only on a terminal), scripts get JSON lines on standard output and nothing else there;
// progress and remarks always go to standard error.

import process from 'node:process'
import { shownText } from '#seeder/config/shown-text.ts'

export type Output = {
  readonly json: boolean
  /** A line of the result, for people; silent with `--json`. */
  line(text?: string): void
  /** A JSON line of the result; silent without `--json`. */
  event(value: unknown): void
  /** A remark beside the result, on standard error; silent with `--json`. */
  note(text: string): void
  progress(label: string, total: number): Progress
  readonly style: Style
}

export type Progress = { at(done: number): void; end(text?: string): void }

export type Style = {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  link(text: string): string
}

const ESCAPE = '\u001b'
/** What `styleOf` writes: the only sequences that reach a terminal. */
const OWN_STYLE = new RegExp(`(${ESCAPE}\\[(?:1|2|22|3[1236]|39)m)`)
const BAR_CELLS = 24
const REDRAW_MS = 80

function styleOf(colour: boolean): Style {
  const sgr = (open: number, close: number) => (text: string) =>
    colour ? `${ESCAPE}[${open}m${text}${ESCAPE}[${close}m` : text
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    good: sgr(32, 39),
    bad: sgr(31, 39),
    warn: sgr(33, 39),
    link: sgr(36, 39),
  }
}

/** Whatever stands in a line that is printed comes from strangers, but for our own colours. */
export function terminalText(text: string): string {
  return text
    .split(OWN_STYLE)
    .map((part, index) => (index % 2 === 1 ? part : shownText(part)))
    .join('')
}

export function createOutput(json: boolean): Output {
  const colour = !json && process.stdout.isTTY === true && process.env.NO_COLOR === undefined
  const style = styleOf(colour)
  return {
    json,
    style,
    line: (text = '') => {
      if (!json) process.stdout.write(`${terminalText(text)}\n`)
    },
    event: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`)
    },
    note: (text) => {
      if (!json) process.stderr.write(`${terminalText(text)}\n`)
    },
    progress: (label, total) =>
      json || process.stderr.isTTY !== true ? quietProgress(json, label) : barProgress(label, total),
  }
}

/** Without a terminal a long operation says that it began and how it ended. */
function quietProgress(json: boolean, label: string): Progress {
  if (!json) process.stderr.write(`${label} …\n`)
  return {
    at: () => {},
    end: (text) => {
      if (!json && text !== undefined) process.stderr.write(`${label}: ${terminalText(text)}\n`)
    },
  }
}

/** Of a total of 0, which nobody knows before the end, the bytes are said. */
function barProgress(label: string, total: number): Progress {
  let drawn = 0
  const draw = (done: number) => {
    if (total === 0) {
      process.stderr.write(`\r\u001b[2K${label} ${(done / 2 ** 20).toFixed(1)} MiB`)
      return
    }
    const share = Math.min(1, done / total)
    const cells = Math.round(share * BAR_CELLS)
    process.stderr.write(
      `\r\u001b[2K${label} ${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)} ${Math.round(share * 100)} %`,
    )
  }
  draw(0)
  return {
    at(done) {
      const now = performance.now()
      if (now - drawn < REDRAW_MS && (total === 0 || done < total)) return
      drawn = now
      draw(done)
    },
    end(text) {
      process.stderr.write(`\r\u001b[2K${label}: ${terminalText(text ?? 'done')}\n`)
    },
  }
}

/** Columns padded to their widest cell. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
