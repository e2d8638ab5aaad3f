// The local gateway as a process of its own, for `interpeer up`: options as JSON in the one argument, or as the first line
// of standard input when there is none.
//
//   node gateway/local/main.ts '{"port":0,"directory":"…","networkKey":"…","networkFile":"…"}'
//   → {"event":"ready","url":"http://127.0.0.1:PORT"}          `networkFile` is a path here
//
// It ends on SIGTERM or SIGINT, and when its parent goes away: the IPC channel closes, the standard input that
// brought the options ends, or it has another parent.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type LocalGatewayOptions, startGateway } from '#gateway/local/start.ts'

type MainOptions = Omit<LocalGatewayOptions, 'networkFile'> & {
  /** Its path. */
  readonly networkFile?: string
}

const PARENT_CHECK_MS = 1_000

async function firstLine(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line
  throw new Error('standard input ended before the options came')
}

/** Resolves when this process should end. */
function ended(readsInput: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Miniflare's own listeners would exit before the database is closed.
    process.removeAllListeners(signal)
    process.once(signal, resolve)
  }
  if (process.connected) process.once('disconnect', resolve)
  if (readsInput) {
    process.stdin.once('end', resolve).once('close', resolve).once('error', resolve)
    process.stdin.resume()
  }
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) resolve()
  }, PARENT_CHECK_MS).unref()
  return promise
}

const [argument] = process.argv.slice(2)
const given = JSON.parse(argument ?? (await firstLine())) as MainOptions
const { networkFile, ...rest } = given
const gateway = await startGateway(
  networkFile === undefined ? rest : { ...rest, networkFile: readFileSync(networkFile, 'utf8') },
)
const end = ended(argument === undefined)
process.stdout.write(`${JSON.stringify({ event: 'ready', url: gateway.url })}\n`)
await end
await gateway.dispose()
process.exit(0)
