// Visitors by hand: keep-alive connections, one request on the way on each, for a while. Answers are counted and timed; of
// each only the status and the length are read, so that what is measured is the server.

import { connect, type Socket } from 'node:net'
import { median, quantile } from '#test/bench/report.ts'

export type Target = { readonly host: string; readonly port: number }

export type LoadOptions = {
  readonly connections: number
  /** No request is begun after this; those on the way are waited for. */
  readonly durationMs: number
  readonly status: number
  /** The whole request, as it goes on the wire. */
  readonly request: (index: number) => string
}

export type Load = {
  readonly answers: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const HEADER_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = '0\r\n\r\n'
const CHUNKED = /\r\ntransfer-encoding: *chunked/i
const LENGTH = /\r\ncontent-length: *(\d+)/i
/** Nothing at all came for this long. */
const SILENCE_MS = 20_000

/** Connections are dealt to the targets in turn. Rejects on another status, a lost connection or silence. */
export async function load(targets: readonly Target[], options: LoadOptions): Promise<Load> {
  const { connections, durationMs, status, request } = options
  const durations: number[] = []
  const sockets: Socket[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let sent = 0
  let open = connections
  let heardAt = performance.now()
  const began = heardAt
  const next = (connection: Connection): void => {
    const now = performance.now()
    if (now - began < durationMs) {
      connection.sentAt = now
      connection.socket.write(request(sent++))
    } else if (--open === 0) resolve()
  }
  for (let index = 0; index < connections; index++) {
    const target = targets[index % targets.length]
    if (target === undefined) throw new Error('there is a target')
    const socket = connect(target.port, target.host)
    const connection: Connection = { socket, sentAt: 0, bodyLeft: 0, head: undefined, chunksEnd: undefined }
    sockets.push(socket)
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`a connection ended after ${durations.length} answers`)))
    socket.on('connect', () => next(connection))
    socket.on('data', (chunk: Buffer) => {
      heardAt = performance.now()
      try {
        if (!took(connection, chunk, status)) return
      } catch (cause) {
        reject(cause)
        return
      }
      durations.push(heardAt - connection.sentAt)
      next(connection)
    })
  }
  const watch = setInterval(() => {
    if (performance.now() - heardAt > SILENCE_MS) reject(new Error(`no answer within ${SILENCE_MS} ms`))
  }, 1_000)
  try {
    await promise
  } finally {
    clearInterval(watch)
    for (const socket of sockets)
      socket
        .removeAllListeners('close')
        .on('error', () => {})
        .destroy()
  }
  const seconds = (performance.now() - began) / 1000
  return {
    answers: durations.length,
    perSecond: durations.length / seconds,
    p50Ms: median(durations),
    p99Ms: quantile(durations, 0.99),
  }
}

type Connection = {
  readonly socket: Socket
  sentAt: number
  bodyLeft: number
  /** The beginning of a head that did not come whole. */
  head: Buffer | undefined
  /** The end of what came so far of a body in chunks. */
  chunksEnd: string | undefined
}

/** True when the chunk was the end of the answer that the connection waits for. */
function took(connection: Connection, chunk: Buffer, status: number): boolean {
  if (connection.bodyLeft > 0) {
    connection.bodyLeft -= chunk.length
    if (connection.bodyLeft < 0) throw new Error('more came than was announced')
    return connection.bodyLeft === 0
  }
  if (connection.chunksEnd !== undefined) return tookChunks(connection, chunk)
  const bytes = connection.head === undefined ? chunk : Buffer.concat([connection.head, chunk])
  const end = bytes.indexOf(HEADER_END)
  if (end < 0) {
    connection.head = bytes
    return false
  }
  connection.head = undefined
  const head = bytes.toString('latin1', 0, end)
  if (head.slice(9, 12) !== String(status)) throw new Error(`not ${status}: ${bytes.toString('latin1')}`)
  const length = LENGTH.exec(head)?.[1]
  if (length === undefined && CHUNKED.test(head)) {
    connection.chunksEnd = ''
    return tookChunks(connection, bytes.subarray(end + HEADER_END.length))
  }
  if (length === undefined) throw new Error(`an answer without its length: ${head}`)
  connection.bodyLeft = Number(length) - (bytes.length - end - HEADER_END.length)
  if (connection.bodyLeft < 0) throw new Error('more came than was announced')
  return connection.bodyLeft === 0
}

/** By the end of its last chunk alone: no page here has those bytes at a line's end. */
function tookChunks(connection: Connection, chunk: Buffer): boolean {
  const end = (connection.chunksEnd + chunk.toString('latin1', Math.max(0, chunk.length - LAST_CHUNK.length))).slice(
    -LAST_CHUNK.length,
  )
  connection.chunksEnd = end === LAST_CHUNK ? undefined : end
  return end === LAST_CHUNK
}
