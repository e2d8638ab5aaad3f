// What the long suites are started with. `--help` says what there is and ends with 0; words that a program does not know end it with 2 before anything
// has begun.

import process from 'node:process'
import { type ParseArgsConfig, parseArgs } from 'node:util'

const EXIT_USAGE = 2
const HELP = { help: { type: 'boolean', short: 'h' } } as const

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T>>

export type Program = {
  /** Says what was wrong and how it goes, and ends with 2. */
  wrong(message: string): never
  /** A whole number of at least `least` that is written as digits; `otherwise` when it was not given. */
  count(name: string, text: string | undefined, otherwise: number, least?: number): number
}

/** `usage`: lines of at most 100 columns, without an end of line behind the last. */
export function startedWith<const T extends ParseArgsConfig>(usage: string, config: T): Parsed<T> & Program {
  const wrong = (message: string): never => {
    process.stderr.write(`${message}\n\n${usage}\n`)
    process.exit(EXIT_USAGE)
  }
  const count: Program['count'] = (name, text, otherwise, least = 0) => {
    if (text === undefined) return otherwise
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
    return wrong(`${name} takes a whole number${least > 0 ? ` of at least ${least}` : ''}, not '${text}'`)
  }
  let parsed: Parsed<T>
  try {
    parsed = parseArgs({ ...config, options: { ...config.options, ...HELP } }) as unknown as Parsed<T>
  } catch (cause) {
    return wrong(cause instanceof Error ? cause.message : String(cause))
  }
  if ((parsed.values as { readonly help?: boolean }).help === true) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  return { ...parsed, wrong, count }
}
