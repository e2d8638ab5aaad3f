// What a command is: its words, its options, its help, and what it does. `main.ts` has the table.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { usageFailure } from '#cli/failure.ts'
import type { Output } from '#cli/terminal/output.ts'

export type OptionHelp = {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly value?: string
  readonly help: string
  readonly multiple?: true
  readonly hidden?: true
}

export type CommandContext = {
  readonly output: Output
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  readonly positionals: readonly string[]
  /** Aborted on the first Ctrl-C. */
  readonly signal: AbortSignal
}

export type Command = {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** `interpeer <usage>`. */
  readonly usage: string
  /** Paragraphs under the usage line. */
  readonly about?: string
  readonly options: Readonly<Record<string, OptionHelp>>
  readonly positionals: { readonly min: number; readonly max: number }
  readonly examples?: readonly string[]
  run(context: CommandContext): Promise<number>
}

export const COMMON_OPTIONS: Readonly<Record<string, OptionHelp>> = {
  json: { type: 'boolean', help: 'print JSON lines for scripts' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
}

export const NETWORK_OPTION: OptionHelp = {
  type: 'string',
  value: 'FILE',
  help: 'the network file (default: $INTERPEER_NETWORK, else .interpeer/local/network.json)',
}

/** Values and positionals of one command's words; a usage `Failure` says which word was wrong. */
export function readWords(command: Command, words: readonly string[]): Pick<CommandContext, 'values' | 'positionals'> {
  const known = { ...command.options, ...COMMON_OPTIONS }
  const options: ParseArgsOptionsConfig = {}
  for (const [name, option] of Object.entries(known)) {
    options[name] = {
      type: option.type,
      ...(option.short === undefined ? {} : { short: option.short }),
      ...(option.multiple === true ? { multiple: true } : {}),
    }
  }
  const more = `See 'interpeer ${command.name} --help'.`
  let parsed: { values: Record<string, unknown>; positionals: string[] }
  try {
    parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true })
  } catch (cause) {
    throw usageFailure((cause as Error).message.split('. ')[0] ?? 'these words do not fit', more)
  }
  if (parsed.values.help === true) return { values: { help: true }, positionals: [] }
  if (parsed.positionals.length < command.positionals.min)
    throw usageFailure(`'${command.name}' needs more words: interpeer ${command.usage}`, more)
  if (parsed.positionals.length > command.positionals.max) {
    throw usageFailure(`'${command.name}' does not take '${parsed.positionals[command.positionals.max]}'`, more)
  }
  return { values: parsed.values as CommandContext['values'], positionals: parsed.positionals }
}

/** Columns of help: what the narrowest terminal has. */
const HELP_COLUMNS = 80
/** No column of descriptions is narrower, however long an option's name is. */
const HELP_TEXT_COLUMNS_MIN = 40

/** A paragraph in lines of so many characters; a word that is longer stands alone. */
export function wrapped(text: string, columns = HELP_COLUMNS): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines
}

/** A list of words and what they mean, in two columns. */
export function listed(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  const columns = Math.max(HELP_TEXT_COLUMNS_MIN, HELP_COLUMNS - width)
  return rows.flatMap(([left, right]) =>
    wrapped(right, columns).map((text, index) => (index === 0 ? left : '').padEnd(width) + text),
  )
}

export function helpText(command: Command): string {
  const lines = [
    ...wrapped(`interpeer ${command.usage}`),
    '',
    ...wrapped(`${command.summary.charAt(0).toUpperCase() + command.summary.slice(1)}.`),
  ]
  // Whatever lines it is written in, a paragraph is one.
  if (command.about !== undefined) lines.push('', ...wrapped(command.about))
  const rows = Object.entries({ ...command.options, ...COMMON_OPTIONS })
    .filter(([, option]) => option.hidden !== true)
    .map(
      ([name, option]) =>
        [
          `  ${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
          option.help,
        ] as const,
    )
  lines.push('', 'Options:', ...listed(rows))
  if (command.examples !== undefined) lines.push('', 'Examples:', ...command.examples.map((example) => `  ${example}`))
  return `${lines.join('\n')}\n`
}

export function stringOf(context: Pick<CommandContext, 'values'>, name: string): string | undefined {
  const value = context.values[name]
  return typeof value === 'string' ? value : undefined
}

export function flagOf(context: Pick<CommandContext, 'values'>, name: string): boolean {
  return context.values[name] === true
}

/** A whole number within bounds, or the default when the option is absent. */
export function numberOf(
  context: Pick<CommandContext, 'values'>,
  name: string,
  bounds: { default: number; min: number; max: number },
): number {
  const given = stringOf(context, name)
  if (given === undefined) return bounds.default
  const value = Number(given)
  if (!/^\d+$/.test(given) || value < bounds.min || value > bounds.max) {
    throw usageFailure(`--${name} takes a whole number from ${bounds.min} to ${bounds.max}, not '${given}'`)
  }
  return value
}
