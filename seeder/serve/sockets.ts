// WebSockets of visitors at a member: a stream of events that comes down, a write for each message that goes up (`protocol/socket/talk.ts`).
//
//   upgrade ──> handshake checked ──> GET on a connection in memory ──> events? ──> 101 ──┬─ data of each event ──> message down
//                                            │                                           └─ message up ──> POST on another one
//                                            └─ any other answer ──> as it is
//
// So what a socket asks meets the limits, checks and answers of any request. Until it is answered the visitor's connection is read no further.
//
// Invariants: what a socket holds is bounded: messages that wait are counted to its source, what its visitor has not taken is watched with all
// connections (connections.ts). Whatever ends one ends nothing else.

import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { base64url } from '#page/form-request.ts'
import { isEventStream } from '#protocol/answer/event-stream.ts'
import { HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { type Share, sourceOf } from '#protocol/bounds/share.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { checkHandshake, readFields, SOCKET_VERSION, writeFields } from '#protocol/socket/handshake.ts'
import {
  ANSWER_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_PARTS_MAX,
  type MessageAnswer,
  SOCKET_CLOSE,
  SOCKET_CLOSE_MS,
  SocketTalk,
  type Step,
  take,
  UNSENT_BYTES_MAX,
  UNSENT_BYTES_PAUSE,
} from '#protocol/socket/talk.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import { type RequestHead, readHead, sentPairs } from '#seeder/serve/request-head.ts'
import { PairedConnection } from '#seeder/tunnel/connection-pair.ts'

/** R9. */
const KEY_BYTES = 16
/** What a message gets that no answer came to. */
const UNANSWERED: MessageAnswer = { status: 502, contentType: undefined, body: new Uint8Array(0) }

export type SocketEntrance = {
  readonly scheme: 'http' | 'https'
  /** Serves a connection as this visitor's own. */
  readonly carry: (connection: PairedConnection) => void
  /** This seeder stops, or the site has left it. */
  readonly isLeaving: (request: RequestHead) => boolean
}

export type Sockets = {
  /** Goes on with an upgrade that `asksForSocket`; `response` is of its connection, on which nothing else is under way. */
  open(response: ServerResponse<IncomingMessage>, head: Buffer, entrance: SocketEntrance): void
  readonly count: number
}

export type SocketsOptions = {
  readonly limits: Pick<ServeLimits, 'socketPingMs' | 'socketSilenceMs'>
  /** Bytes of bodies in memory: messages that wait are some. */
  readonly bodies: Share
  readonly random: (bytes: number) => Uint8Array
  readonly say: (response: ServerResponse, request: RequestHead | undefined, refusal: Refusal) => void
}

type Visit = {
  readonly request: RequestHead
  readonly entrance: SocketEntrance
  /** Every header of the handshake. */
  readonly sent: Headers
  readonly address: string
}

export function createSockets({ limits, bodies, random, say }: SocketsOptions): Sockets {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    maxFragments: MESSAGE_PARTS_MAX,
    maxBufferedChunks: MESSAGE_PARTS_MAX,
    // None of those that a page offers: a site is told of none.
    handleProtocols: () => false,
  })
  let count = 0

  function open(response: ServerResponse<IncomingMessage>, head: Buffer, entrance: SocketEntrance): void {
    const { req } = response
    const { socket } = req
    socket.on('error', () => socket.destroy())
    response.shouldKeepAlive = false
    response.once('finish', () => {
      // As Node does for requests of its own: the connection is at rest, and may have to go for others.
      response.detachSocket(socket)
      response.emit('close')
      leave(socket)
    })
    const read = readHead(req, entrance.scheme)
    if (!read.ok) return say(response, undefined, { code: read.error })
    const request = read.value
    const { 'sec-websocket-version': version, 'sec-websocket-key': key, origin } = req.headers
    const checked = checkHandshake({ version, key, origin }, request.origin)
    if (!checked.ok) return say(response, request, { ...checked.error, headers: [VERSION_FIELD] })
    const visit: Visit = { request, entrance, sent: sentPairs(req.rawHeaders), address: socket.remoteAddress ?? '' }
    const asked = ask(visit, 'GET', readFields(visit.sent))
    const onGone = (): void => void asked.destroy()
    socket.once('close', onGone)
    let isAnswered = false
    asked.on('error', () => {
      if (!isAnswered) say(response, request, { code: 'internal' })
    })
    asked.on('response', (events) => {
      isAnswered = true
      if (!isEventStream(events.statusCode ?? 0, events.headers['content-type'])) return sendOn(events, response)
      response.detachSocket(socket)
      let isOpen = false
      server.handleUpgrade(req, socket, head, (webSocket) => {
        isOpen = true
        socket.off('close', onGone)
        talk(webSocket, visit, asked, events)
      })
      // The visitor had gone.
      if (!isOpen) asked.destroy()
    })
    asked.end()
  }

  function talk(webSocket: WebSocket, visit: Visit, asked: ClientRequest, events: IncomingMessage): void {
    const talk = new SocketTalk()
    const source = sourceOf(visit.address)
    let held = 0
    let heardAt = performance.now()
    let closing: NodeJS.Timeout | undefined
    count++

    const end = (): void => {
      closing ??= setTimeout(() => webSocket.terminate(), SOCKET_CLOSE_MS)
    }
    const act = (steps: readonly Step[]): void => {
      take(steps, ports)
      if (webSocket.bufferedAmount > UNSENT_BYTES_MAX)
        take(talk.close(SOCKET_CLOSE.tryAgain, 'too little is taken'), ports)
      const more = talk.waitingBytes - held
      if (more > 0 && !bodies.take(source, more)) {
        take(talk.close(SOCKET_CLOSE.tryAgain, 'too many messages wait'), ports)
        bodies.give(source, held)
        held = 0
        return
      }
      if (more < 0) bodies.give(source, -more)
      held += more
    }
    const sent = (): void => {
      if (events.isPaused() && webSocket.bufferedAmount <= UNSENT_BYTES_PAUSE) events.resume()
    }
    const ports = {
      say(bytes: Uint8Array, isText: boolean): void {
        webSocket.send(isText ? utf8.decode(bytes) : bytes, sent)
      },
      ask(bytes: Uint8Array, isText: boolean): void {
        const key = base64url(random(KEY_BYTES))
        const fields = writeFields(visit.sent, isText, key)
        const message = ask(visit, 'POST', [...fields, ['content-length', String(bytes.length)]])
        void answerTo(message).then((answer) => act(talk.answered(answer)))
        message.end(bytes)
      },
      pause: () => webSocket.pause(),
      resume: () => webSocket.resume(),
      close(code: number, reason: string): void {
        // The end of a socket that is not read would never be seen.
        webSocket.resume()
        webSocket.close(code, reason)
        end()
      },
    }

    const beat = setInterval(() => {
      // Whom nobody reads is not heard; that it is gone shows when it is written to.
      if (webSocket.isPaused) heardAt = performance.now()
      if (performance.now() - heardAt > limits.socketSilenceMs) webSocket.terminate()
      else webSocket.ping()
    }, limits.socketPingMs)
    beat.unref()
    const heard = (): void => {
      heardAt = performance.now()
    }
    webSocket.on('ping', heard)
    webSocket.on('pong', heard)
    webSocket.on('message', (data: Buffer, isBinary) => {
      heard()
      act(talk.heard(data, !isBinary))
    })
    // Frames that are none: it ends by itself, and its peer may not answer.
    webSocket.on('error', end)
    webSocket.once('close', () => {
      count--
      clearInterval(beat)
      clearTimeout(closing)
      talk.over()
      act([])
      asked.destroy()
    })

    events.on('data', (chunk: Buffer) => {
      act(talk.came(chunk))
      if (webSocket.bufferedAmount > UNSENT_BYTES_PAUSE) events.pause()
    })
    const over = (): void => act(talk.ended(visit.entrance.isLeaving(visit.request)))
    events.once('end', over)
    events.once('close', over)
    events.on('error', () => {})
  }

  /** A request of the visitor's, served as any other. */
  function ask({ request, entrance, address }: Visit, method: 'GET' | 'POST', fields: Headers): ClientRequest {
    const [near, far] = PairedConnection.pair(address)
    entrance.carry(far)
    return httpRequest({
      createConnection: () => near,
      method,
      path: request.target,
      headers: ['Host', request.host, ...fields.flat()],
      setHost: false,
    })
  }

  return {
    open,
    get count() {
      return count
    },
  }
}

const VERSION_FIELD = ['Sec-WebSocket-Version', SOCKET_VERSION] as const
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** What a message was answered; it is asked once, whatever happens to the visitor. */
function answerTo(message: ClientRequest): Promise<MessageAnswer> {
  const { promise, resolve } = Promise.withResolvers<MessageAnswer>()
  message.on('error', () => resolve(UNANSWERED))
  message.on('response', (answer) => {
    const status = answer.statusCode ?? UNANSWERED.status
    const contentType = answer.headers['content-type']
    const chunks: Buffer[] = []
    let length = 0
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length <= ANSWER_BYTES_MAX) return
      resolve({ status, contentType, body: 'too_long' })
      answer.destroy()
    })
    answer.on('end', () => resolve({ status, contentType, body: Buffer.concat(chunks) }))
    answer.on('error', () => resolve(UNANSWERED))
    answer.on('close', () => resolve(UNANSWERED))
  })
  return promise
}

/** The answer that is no stream of events, as whoever asks by HTTP gets it. */
function sendOn(answer: IncomingMessage, response: ServerResponse): void {
  const fields: string[] = ['Connection', 'close']
  for (const [name, value] of sentPairs(answer.rawHeaders))
    if (!HOP_FIELDS.has(name.toLowerCase())) fields.push(name, value)
  response.writeHead(answer.statusCode ?? UNANSWERED.status, fields)
  answer.on('error', () => {})
  answer.on('close', () => {
    if (!answer.complete) response.destroy()
  })
  answer.pipe(response)
}

/** What a visitor sent behind a handshake that was not taken is drained for a moment: a reset would take the answer with it. */
function leave(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), SOCKET_CLOSE_MS)
  timer.unref()
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
  socket.end()
  socket.resume()
}
