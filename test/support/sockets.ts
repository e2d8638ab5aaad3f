// A visitor's WebSocket, as a page has one: what it was told, and how it ended.

import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import { lookupHost } from '#seeder/register/http.ts'

export type Visitor = {
  readonly socket: WebSocket
  /** Messages down, in order; bytes as `Buffer`. */
  readonly told: (string | Buffer)[]
  /** The code of its end. */
  readonly closed: Promise<number>
  readonly isOver: () => boolean
  say(message: string | Uint8Array): void
}

export type Refused = {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: Buffer
}

/** Opens one, or tells how the handshake was answered instead. `url`: of the page's own scheme. */
export async function openSocket(url: string, options: ClientOptions = {}): Promise<Visitor | Refused> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [], {
    lookup: lookupHost,
    perMessageDeflate: false,
    ...options,
  })
  const told: (string | Buffer)[] = []
  let over = false
  socket.on('message', (data: Buffer, isBinary) => told.push(isBinary ? data : data.toString()))
  const closed = new Promise<number>((resolve) => {
    socket.once('close', (code) => {
      over = true
      resolve(code)
    })
  })
  const { promise, resolve, reject } = Promise.withResolvers<Visitor | Refused>()
  socket.on('error', reject)
  socket.once('open', () =>
    resolve({ socket, told, closed, isOver: () => over, say: (message) => socket.send(message) }),
  )
  socket.once('unexpected-response', async (_, answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(answer, 'close')
    resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) })
  })
  return promise
}

export async function visitorAt(url: string, options: ClientOptions = {}): Promise<Visitor> {
  const opened = await openSocket(url, options)
  if ('socket' in opened) return opened
  throw new Error(`the handshake was answered ${opened.status}: ${opened.body}`)
}

export async function refusedAt(url: string, options: ClientOptions = {}): Promise<Refused> {
  const opened = await openSocket(url, options)
  if (!('socket' in opened)) return opened
  opened.socket.terminate()
  throw new Error('the handshake was taken')
}
