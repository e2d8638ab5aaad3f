// `interpeer`: the command of uploaders, operators and whoever wants to check an answer. This file reads the words, finds the command
// and turns its end into an exit code; what a command does stands in its own file.

import process from 'node:process'
import { type Command, flagOf, helpText, listed, readWords, wrapped } from '#cli/command.ts'
import { EXIT, Failure, usageFailure } from '#cli/failure.ts'
import { createOutput, terminalText } from '#cli/terminal/output.ts'

const COMMANDS: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  init: () => import('#cli/command/init.ts'),
  dev: () => import('#cli/command/dev.ts'),
  publish: () => import('#cli/command/publish.ts'),
  members: () => import('#cli/command/members.ts'),
  unpublish: () => import('#cli/command/unpublish.ts'),
  export: () => import('#cli/command/export.ts'),
  import: () => import('#cli/command/import.ts'),
  status: () => import('#cli/command/status.ts'),
  logs: () => import('#cli/command/logs.ts'),
  verify: () => import('#cli/command/verify.ts'),
  seed: () => import('#cli/command/seed.ts'),
  dashboard: () => import('#cli/command/dashboard.ts'),
  gateway: () => import('#cli/command/gateway.ts'),
  deny: () => import('#cli/command/deny.ts'),
  doctor: () => import('#cli/command/doctor.ts'),
  'support-bundle': () => import('#cli/command/support-bundle.ts'),
  up: () => import('#cli/command/up.ts'),
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map(async (load) => (await load()).command))
  return [
    'interpeer <command> [options]',
    '',
    ...wrapped('Publish dynamic web sites on a network of strangers, host them, and check what they answer.'),
    '',
    'Commands:',
    ...listed(commands.map(({ name, summary }) => [`  ${name}`, summary])),
    '',
    ...wrapped("Start with 'interpeer up' (a whole network on this machine), then 'interpeer init my-site'."),
    "'interpeer <command> --help' says more.",
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 network, 130 interrupted.',
    '',
  ].join('\n')
}

async function run(words: readonly string[], signal: AbortSignal): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const named = rest[0] === undefined ? undefined : COMMANDS[rest[0]]
    process.stdout.write(named === undefined ? await overview() : helpText((await named()).command))
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (load === undefined)
    throw usageFailure(`there is no command '${name}'`, `Commands: ${Object.keys(COMMANDS).join(', ')}.`)
  const { command } = await load()
  const { values, positionals } = readWords(command, rest)
  if (values.help === true) {
    process.stdout.write(helpText(command))
    return EXIT.ok
  }
  return command.run({ output: createOutput(flagOf({ values }, 'json')), values, positionals, signal })
}

/** One line for scripts on standard output, two for people on standard error. */
function report(failure: Failure, json: boolean): void {
  if (json)
    process.stdout.write(
      `${JSON.stringify({ event: 'error', code: failure.code, message: failure.message, remedy: failure.remedy })}\n`,
    )
  else
    process.stderr.write(
      terminalText(`interpeer: ${failure.message}\n${failure.remedy === undefined ? '' : `  ${failure.remedy}\n`}`),
    )
}

/** A second Ctrl-C this long after the first ends at once; sooner, it is the same one, passed on by a parent. */
const SECOND_INTERRUPT_MS = 1_000

const abort = new AbortController()
let interruptedAt: number | undefined
function interrupt(): void {
  const now = performance.now()
  if (interruptedAt !== undefined && now - interruptedAt > SECOND_INTERRUPT_MS) process.exit(EXIT.interrupted)
  interruptedAt ??= now
  abort.abort()
}
process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// Started by the launcher of an older Node: when that is gone, so are we.
if (process.connected) {
  process.once('disconnect', interrupt)
  process.channel?.unref()
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
})

const words = process.argv.slice(2)
const json = words.includes('--json')
try {
  const code = await run(words, abort.signal)
  process.exitCode = interruptedAt !== undefined ? EXIT.interrupted : code
} catch (cause) {
  if (interruptedAt !== undefined) process.exitCode = EXIT.interrupted
  else if (cause instanceof Failure) {
    report(cause, json)
    process.exitCode = cause.exit
  } else {
    // A fault of ours: the stack helps who reports it.
    process.stderr.write(
      `interpeer: this is a fault of the program itself, please report it\n${(cause as Error).stack ?? String(cause)}\n`,
    )
    if (json) report(new Failure(EXIT.failed, 'internal', (cause as Error).message), true)
    process.exitCode = EXIT.failed
  }
}
// Whatever a command left open (a socket kept alive) must not hold the shell; what was written is flushed first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(process.exitCode ?? EXIT.ok)))
