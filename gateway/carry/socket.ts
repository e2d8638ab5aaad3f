// A WebSocket of a visitor at the sites domain (`protocol/socket/talk.ts`): the stream of events that this gateway follows, and a visit for each
// message. Any member may answer the next, so the socket outlives them.
//
//   handshake ──> visit, GET ──> a stream of events? ──> 101 ──┬─ its events, as members give them ──> messages down
//                                       │                     └─ message up ──> visit, POST, under a key of its own
//                                       └─ no ──> that answer
//
// Invariants: what a socket holds is taken from its source's room; no event is of a state before what this socket wrote (`floor.ts`).

import { type Floor, floorOf } from '#gateway/carry/floor.ts'
import { askedUrl, visitSite } from '#gateway/carry/site-host.ts'
import type { SocketListener, Sockets, VisitorSocket } from '#gateway/carry/socket-port.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { type GatewayError, statusOf } from '#gateway/http/errors.ts'
import { base64url } from '#page/form-request.ts'
import { isEventStream } from '#protocol/answer/event-stream.ts'
import { sourceOf } from '#protocol/bounds/share.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Headers as HeaderPairs } from '#protocol/site/response-hash.ts'
import { checkHandshake, readFields, writeFields } from '#protocol/socket/handshake.ts'
import {
  ANSWER_BYTES_MAX,
  type MessageAnswer,
  SOCKET_CLOSE,
  SocketTalk,
  type Step,
  take,
  UNSENT_BYTES_MAX,
} from '#protocol/socket/talk.ts'

/** R9. */
const KEY_BYTES = 16
const NONE = new Uint8Array(0)
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: false })

/** What a visitor who asks for a WebSocket of a site is answered. */
export async function visitSocket(
  gateway: Gateway,
  sockets: Sockets,
  request: Request,
  name: string,
  source: string,
): Promise<Result<Response, GatewayError>> {
  const { headers } = request
  const checked = checkHandshake(
    {
      version: headers.get('sec-websocket-version'),
      key: headers.get('sec-websocket-key'),
      origin: headers.get('origin'),
    },
    askedUrl(gateway, request).origin,
  )
  if (!checked.ok) return checked
  const floor: Floor = { height: floorOf(request) }
  const visit = (asked: Request): Promise<Result<Response, GatewayError>> =>
    visitSite(gateway, asked, name, source, undefined, floor)
  const answered = await visit(new Request(request, { headers: fieldsOf(readFields([...headers])) }))
  if (!answered.ok) return answered
  const { status, body } = answered.value
  const isStream = isEventStream(status, answered.value.headers.get('content-type') ?? undefined)
  if (!isStream || body === null) return answered
  const room = gateway.rooms.enter(sourceOf(source))
  if (room === undefined) {
    await body.cancel()
    return err({ code: 'overloaded' })
  }
  const ask = async (bytes: Uint8Array, isText: boolean): Promise<MessageAnswer> => {
    const key = base64url(gateway.ports.random(KEY_BYTES))
    const fields = fieldsOf(writeFields([...headers], isText, key))
    const message = new Request(request, { method: 'POST', headers: fields, body: bytes as Uint8Array<ArrayBuffer> })
    const written = await visit(message)
    return written.ok ? messageAnswer(written.value) : { ...UNANSWERED, status: statusOf(written.error) }
  }
  return ok(sockets.accept(request, (socket) => talk({ socket, ask, events: body.getReader(), hold: holder(room) })))
}

const UNANSWERED: MessageAnswer = { status: 502, contentType: undefined, body: NONE }

function fieldsOf(pairs: HeaderPairs): Headers {
  return new Headers(pairs.map(([name, value]): [string, string] => [name, value]))
}

type Talking = {
  readonly socket: VisitorSocket
  readonly ask: (bytes: Uint8Array, isText: boolean) => Promise<MessageAnswer>
  readonly events: ReadableStreamDefaultReader<Uint8Array>
  readonly hold: Holder
}

function talk({ socket, ask, events, hold }: Talking): SocketListener {
  const talk = new SocketTalk()
  const act = (steps: readonly Step[]): void => {
    take(steps, ports)
    if (socket.unsent() > UNSENT_BYTES_MAX) take(talk.close(SOCKET_CLOSE.tryAgain, 'too little is taken'), ports)
    if (!hold.now(talk.waitingBytes + socket.unsent()))
      take(talk.close(SOCKET_CLOSE.tryAgain, 'there is no room'), ports)
  }
  const ports = {
    say: (bytes: Uint8Array, isText: boolean) => socket.say(isText ? utf8.decode(bytes) : bytes),
    ask(bytes: Uint8Array, isText: boolean): void {
      void ask(bytes, isText)
        .catch(() => UNANSWERED)
        .then((answer) => act(talk.answered(answer)))
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close(code: number, reason: string): void {
      socket.close(code, reason)
      gone()
    },
  }

  const follow = async (): Promise<void> => {
    for (;;) {
      const next = await events.read().catch(() => undefined)
      if (next === undefined || next.done) return act(talk.ended(false))
      act(talk.came(next.value))
      await socket.drained()
    }
  }
  const gone = (): void => {
    talk.over()
    hold.leave()
    // Whoever gives the next event may take a while, for nobody.
    events.cancel().catch(() => {})
  }
  void follow()
  return { heard: (bytes, isText) => act(talk.heard(bytes, isText)), taken: () => act([]), gone }
}

type Holder = {
  /** So many bytes from now on; false: there is no room for them. */
  now(bytes: number): boolean
  leave(): void
}

function holder(room: { take(bytes: number): boolean; give(bytes: number): void; leave(): void }): Holder {
  let held = 0
  let isOver = false
  return {
    now(bytes) {
      if (isOver) return true
      if (bytes > held && !room.take(bytes - held)) return false
      if (bytes < held) room.give(held - bytes)
      held = bytes
      return true
    },
    leave() {
      isOver = true
      room.leave()
    },
  }
}

async function messageAnswer({ status, headers, body }: Response): Promise<MessageAnswer> {
  const contentType = headers.get('content-type') ?? undefined
  const parts: Uint8Array[] = []
  let length = 0
  const reader = body?.getReader()
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    length += next.value.length
    parts.push(next.value)
    if (length <= ANSWER_BYTES_MAX) continue
    await reader?.cancel()
    return { status, contentType, body: 'too_long' }
  }
  return { status, contentType, body: bytesConcat(...parts) }
}
