// The gateway on Node as a process of its own: options as JSON in the one argument.
//
//   node gateway/node/main.ts '{"port":8787,"directory":"…","networkKey":"…","networkFile":"…"}'
//   → {"event":"ready","url":"http://127.0.0.1:8787"}          `networkFile` is a path here
//
// It ends on SIGTERM or SIGINT, and with `"parent": true` when its standard input ends. The log goes to standard error, a JSON line an event.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { type NodeGatewayOptions, startNodeGateway } from '#gateway/node/start.ts'

type MainOptions = Omit<NodeGatewayOptions, 'networkFile' | 'log'> & {
  /** Its path. */
  readonly networkFile?: string
  readonly parent?: boolean
}

const { networkFile, parent, ...rest } = JSON.parse(process.argv[2] ?? '{}') as MainOptions

function log(event: string, facts: Readonly<Record<string, unknown>>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...facts })}\n`)
}

const { promise: ended, resolve: end } = Promise.withResolvers<void>()
process.once('SIGTERM', end)
process.once('SIGINT', end)
if (parent === true) process.stdin.once('end', end).once('error', end).resume()
process.on('unhandledRejection', (cause) => log('unhandled_rejection', { cause: String(cause) }))

const text = networkFile === undefined ? {} : { networkFile: readFileSync(networkFile, 'utf8') }
const gateway = await startNodeGateway({ ...rest, ...text, log })
process.stdout.write(`${JSON.stringify({ event: 'ready', url: gateway.url })}\n`)
await ended
await gateway[Symbol.asyncDispose]()
process.exit(0)
