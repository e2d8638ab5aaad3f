// What a hostile client does to an HTTP origin, as a process of its own, so that its work is not taken for the victim's.
//
//   node test/byzantine/attacks.ts NAME PORT HOST MILLISECONDS     → one JSON line: what it counted (gateway-attacks.ts: the same)
//
// Its addresses are 127.0.0.2 and above; an honest client on this machine is 127.0.0.1.

import { connect, type Socket } from 'node:net'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'

/** Addresses of an attack that comes from many. */
export const MANY = 200

export type Tally = Record<string, number>

export type Aim = { readonly port: number; readonly host: string; readonly ms: number }
export type Attack = (aim: Aim, tally: Tally, over: () => boolean) => Promise<void>

const BODY_BYTES = 8 * 1024 * 1024

export function count(tally: Tally, what: string, by = 1): void {
  tally[what] = (tally[what] ?? 0) + by
}

export function addressAt(index: number, addresses: number): string {
  return `127.0.${1 + Math.floor((index % addresses) / 250)}.${2 + ((index % addresses) % 250)}`
}

const all: Socket[] = []

export function open(aim: Aim, tally: Tally, localAddress: string, opened: (socket: Socket) => void): Socket {
  const socket = connect({ port: aim.port, host: '127.0.0.1', localAddress })
  socket.setNoDelay(true)
  all.push(socket)
  socket.on('error', (cause: NodeJS.ErrnoException) => count(tally, cause.code ?? 'error'))
  socket.on('close', () => count(tally, 'closed'))
  socket.once('connect', () => {
    count(tally, 'connected')
    opened(socket)
  })
  return socket
}

/** Requests one after the other on each of `clients` connections, from so many addresses. */
export function flood(clients: number, addresses: number, request: (turn: number) => string | Buffer): Attack {
  return async (aim, tally, over) => {
    let turn = 0
    const client = (index: number): void => {
      const again = (): void => {
        if (!over()) setTimeout(() => client(index), 20)
      }
      const socket = open(aim, tally, addressAt(index, addresses), () => {
        const next = (): void => {
          if (over()) return
          const bytes = request(turn++)
          socket.write(typeof bytes === 'string' ? bytes.replaceAll('HOST', aim.host) : bytes, 'latin1')
        }
        socket.on('data', (chunk) => {
          const text = chunk.toString('latin1')
          const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
          if (status === undefined) return
          count(tally, status)
          next()
        })
        next()
      })
      socket.once('close', again)
    }
    for (let index = 0; index < clients; index++) client(index)
    await pass(aim.ms)
  }
}

/** `first` at once, then `each` of `more` every `pauseMs`, over `connections` that are opened again when they are cut. */
export function drip(options: {
  readonly connections: number
  readonly addresses: number
  readonly first: (aim: Aim) => string | Buffer
  readonly more: string
  readonly pauseMs: number
  readonly reads: boolean
}): Attack {
  return async (aim, tally, over) => {
    const start = (index: number): void => {
      const socket = open(aim, tally, addressAt(index, options.addresses), () => {
        socket.write(options.first(aim))
        let at = 0
        const timer = setInterval(() => {
          if (socket.writable && options.more !== '') socket.write(options.more[at++ % options.more.length] ?? '')
        }, options.pauseMs)
        socket.once('close', () => clearInterval(timer))
      })
      if (options.reads)
        socket.on('data', (chunk) => count(tally, /^HTTP\/1\.1 \d{3}/.exec(chunk.toString('latin1'))?.[0] ?? 'more'))
      else socket.pause()
      socket.once('close', () => {
        if (!over()) setTimeout(() => start(index), 100)
      })
    }
    for (let index = 0; index < options.connections; index++) {
      start(index)
      if (index % 100 === 99) await pass(10)
    }
    await pass(aim.ms)
  }
}

const get = (turn: number): string => `GET /a?flood=${turn} HTTP/1.1\r\nHost: HOST\r\n\r\n`
const post = (turn: number): string => `POST /flood${turn % 50} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nadd`
const slowHead = (aim: Aim): string => `GET /a HTTP/1.1\r\nHost: ${aim.host}\r\n`
const slowBody = (aim: Aim): string => `POST /a HTTP/1.1\r\nHost: ${aim.host}\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`
const nearlyWholeBody = (aim: Aim): Buffer =>
  Buffer.concat([Buffer.from(slowBody(aim)), Buffer.alloc(BODY_BYTES - 1024, 0x61)])
const largeFile = (aim: Aim): string => `GET /large.bin HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`
const pipeline = (aim: Aim): string => `GET /a HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`.repeat(1_000)
const pipelinedFiles = (aim: Aim): string => `GET /medium.txt HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n`.repeat(1_000)
const pipelinedWrites = (aim: Aim): string =>
  `POST /p HTTP/1.1\r\nHost: ${aim.host}\r\nContent-Length: 3\r\n\r\nadd`.repeat(1_000)

export const reset: Attack = async (aim, tally, over) => {
  let turn = 0
  const end = performance.now() + aim.ms
  while (!over() && performance.now() < end) {
    const socket = open(aim, tally, addressAt(turn, MANY), () => {
      socket.write(turn % 2 === 0 ? `GET /a?${turn} HTTP/1.1\r\nHost: ${aim.host}\r\n\r\n` : slowBody(aim))
      setImmediate(() => socket.resetAndDestroy())
    })
    if (++turn % 20 === 0) await pass(10)
  }
}

/** None of these is HTTP, or none that an origin should answer with more than a refusal. */
const malformedHeads = (path: string): readonly (string | Buffer)[] => [
  `GET /${'a'.repeat(1024 * 1024)} HTTP/1.1\r\nHost: HOST\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: HOST\r\nX: ${'a'.repeat(1024 * 1024)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: HOST\r\n${'X: a\r\n'.repeat(100_000)}\r\n`,
  'GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
  `POST ${path} HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  `POST ${path} HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n`,
  `POST ${path} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999999999999999\r\n\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET http://else.where/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'GET //evil.example/%2e%2e/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
  '\0\0\0\0',
  Buffer.alloc(256 * 1024, 0xff),
  Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
]

/** A new connection for each, one after the other. */
export function malformed(path: string): Attack {
  const heads = malformedHeads(path)
  return async (aim, tally, over) => {
    for (let turn = 0; !over() && turn * 10 <= aim.ms; turn++) {
      const bytes = heads[turn % heads.length] ?? ''
      const socket = open(aim, tally, addressAt(0, 1), () =>
        socket.write(typeof bytes === 'string' ? bytes.replaceAll('HOST', aim.host) : bytes, 'latin1'),
      )
      socket.on('data', (chunk) => count(tally, /^HTTP\/1\.1 \d{3}/.exec(chunk.toString('latin1'))?.[0] ?? 'more'))
      await pass(10)
    }
  }
}

const HALF_OPEN = 2_000

/** Sockets whose side ends after one of these: they never take what comes, and never end the other side. */
export function halfOpen(halves: readonly string[]): Attack {
  return async (aim, tally, over) => {
    for (let turn = 0; turn < HALF_OPEN && !over(); turn++) {
      const socket = open(aim, tally, addressAt(0, 1), () =>
        socket.end(halves[turn % halves.length]?.replaceAll('HOST', aim.host) ?? ''),
      )
      socket.pause()
      if (turn % 100 === 99) await pass(20)
    }
    await pass(aim.ms)
  }
}

const HALVES = [
  'GET /a HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'GET /large.bin HTTP/1.1\r\nHost: HOST\r\n\r\n',
  `POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: ${BODY_BYTES}\r\n\r\nadd`,
  'GET /a HTTP/1.1\r\nHo',
]

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'reads from one address': flood(400, 1, get),
  'reads from many addresses': flood(400, MANY, get),
  'writes from one address': flood(700, 1, post),
  'writes from many addresses': flood(700, MANY, post),
  'heads byte by byte': drip({
    connections: 1000,
    addresses: 1,
    first: slowHead,
    more: 'x',
    pauseMs: 200,
    reads: true,
  }),
  'bodies byte by byte': drip({
    connections: 1000,
    addresses: 1,
    first: slowBody,
    more: 'x',
    pauseMs: 200,
    reads: true,
  }),
  'bodies that never end': drip({
    connections: 40,
    addresses: 1,
    first: nearlyWholeBody,
    more: 'x',
    pauseMs: 500,
    reads: true,
  }),
  'slow readers of a large file': drip({
    connections: 300,
    addresses: 1,
    first: largeFile,
    more: '',
    pauseMs: 1000,
    reads: false,
  }),
  'pipelined reads, nothing taken': drip({
    connections: 300,
    addresses: 1,
    first: pipeline,
    more: '',
    pauseMs: 1000,
    reads: false,
  }),
  'pipelined files, nothing taken': drip({
    connections: 300,
    addresses: 1,
    first: pipelinedFiles,
    more: '',
    pauseMs: 1000,
    reads: false,
  }),
  'pipelined writes, nothing taken': drip({
    connections: 50,
    addresses: 1,
    first: pipelinedWrites,
    more: '',
    pauseMs: 1000,
    reads: false,
  }),
  'idle connections from one address': drip({
    connections: 2500,
    addresses: 1,
    first: () => '',
    more: '',
    pauseMs: 1000,
    reads: true,
  }),
  'idle connections from many addresses': drip({
    connections: 2500,
    addresses: MANY,
    first: () => '',
    more: '',
    pauseMs: 1000,
    reads: true,
  }),
  'abrupt resets': reset,
  'huge and malformed HTTP': malformed('/a'),
  'half-open sockets': halfOpen(HALVES),
}

/** What this process was started for. */
export async function runAttack(attacks: Readonly<Record<string, Attack>>): Promise<void> {
  const [name = '', port, host = '', ms] = process.argv.slice(2)
  const attack = attacks[name]
  if (attack === undefined) throw new Error(`no attack '${name}'`)
  const tally: Tally = {}
  let ended = false
  await attack({ port: Number(port), host, ms: Number(ms) }, tally, () => ended)
  ended = true
  for (const socket of all) socket.destroy()
  process.stdout.write(`${JSON.stringify(tally)}\n`, () => process.exit(0))
}

if (import.meta.main) await runAttack(ATTACKS)
