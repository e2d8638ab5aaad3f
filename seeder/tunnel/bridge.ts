// The seeder's end of a tunnel: each stream becomes a connection of the HTTP edge, in memory, with one request on it. So what comes
// through a tunnel meets the same limits, checks and answers as what comes over a socket, and HTTP is read and written by Node's own
// parser on both sides.
//
//   socket ──OPEN──> http client ══ pair of streams ══> seeder/serve        seeder/serve ══> http client ──ANSWER, DATA…──> socket
//
// Invariant: what lies in the socket unsent is bounded, and what is on the way is what the way carries (pace.ts), so that a small answer never waits
// behind more than that of large ones.

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { assert, type Result } from '#protocol/codec/result.ts'
import { type AnswerHead, CANCEL, type CancelReason, INLINE_BYTES_MAX, type OpenHead } from '#protocol/tunnel/frame.ts'
import { Pace } from '#protocol/tunnel/pace.ts'
import { CONNECTION_WINDOW_BYTES, type TunnelError, type TunnelEvent, TunnelStreams } from '#protocol/tunnel/streams.ts'
import { PairedConnection } from '#seeder/tunnel/connection-pair.ts'

/** The HTTP edge: takes a connection that no listener accepted. `site` undefined: the seeder itself is asked. */
export type Carry = (
  connection: PairedConnection,
  entrance: { readonly site: string | undefined; readonly scheme: 'http' | 'https' },
) => void

export type BridgeSocket = {
  send(message: Uint8Array): void
  /** More may be sent now; call `pump` when that changes to true. */
  hasRoom(): boolean
}

type Passing = { readonly request: ClientRequest; answer: IncomingMessage | undefined }

export class TunnelBridge {
  readonly #streams = new TunnelStreams('seeder')
  readonly #pace = new Pace(CONNECTION_WINDOW_BYTES)
  readonly #passing = new Map<number, Passing>()
  readonly #socket: BridgeSocket
  readonly #carry: Carry

  constructor(socket: BridgeSocket, carry: Carry) {
    this.#socket = socket
    this.#carry = carry
  }

  get underWay(): number {
    return this.#passing.size
  }

  /** After an error the socket is to be closed. */
  receive(message: Uint8Array): Result<void, TunnelError> {
    const given = this.#streams.givenBytes
    const events = this.#streams.receive(message)
    if (!events.ok) return events
    if (this.#streams.givenBytes !== given) this.#pace.given(this.#streams.givenBytes, performance.now())
    for (const event of events.value) this.#happened(event)
    this.pump()
    return { ok: true, value: undefined }
  }

  pump(): void {
    const events: TunnelEvent[] = []
    while (this.#socket.hasRoom()) {
      const sent = this.#streams.sentBytes
      this.#streams.allowedBytes = this.#pace.allowedBytes
      const message = this.#streams.next(events)
      if (message === undefined) break
      this.#socket.send(message)
      if (this.#streams.sentBytes !== sent) this.#pace.sent(this.#streams.sentBytes, performance.now())
    }
    for (const event of events) this.#happened(event)
  }

  /** The socket is gone: nobody waits for any answer. */
  close(): void {
    for (const event of this.#streams.abandon()) this.#happened(event)
  }

  #happened(event: TunnelEvent): void {
    if (event.type === 'opened') {
      this.#open(event.stream, event.head)
      return
    }
    const passing = this.#passing.get(event.stream)
    if (passing === undefined) return
    switch (event.type) {
      case 'data':
        passing.request.write(event.bytes, () => {
          this.#streams.consumed(event.stream, event.bytes.length)
          this.pump()
        })
        return
      case 'ended':
        passing.request.end()
        return
      case 'cancelled':
        this.#passing.delete(event.stream)
        passing.request.destroy()
        return
      case 'writable':
        passing.answer?.resume()
        return
      case 'answered':
        assert(false, 'a seeder is asked and not answered')
    }
  }

  #open(stream: number, { site, scheme, method, target, host, headers, source, body }: OpenHead): void {
    const [near, far] = PairedConnection.pair(source)
    this.#carry(far, { site: site ?? undefined, scheme })
    const fields = ['Host', host]
    for (const [name, value] of headers) {
      const isMadeHere = name === 'host' || (body !== null && name === 'content-length')
      if (isMadeHere || HOP_FIELDS.has(name)) continue
      fields.push(name, value)
    }
    if (body !== null && (body.length > 0 || (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS')))
      fields.push('Content-Length', String(body.length))
    const request = httpRequest({
      createConnection: () => near,
      method,
      path: target,
      headers: fields,
      setHost: false,
      insecureHTTPParser: false,
      maxHeaderSize: INLINE_BYTES_MAX,
    })
    const passing: Passing = { request, answer: undefined }
    this.#passing.set(stream, passing)
    request.on('error', () => this.#drop(stream, CANCEL.failed))
    request.on('response', (answer) => {
      passing.answer = answer
      this.#pass(stream, passing, answer)
    })
    if (body === null) request.flushHeaders()
    else request.end(body)
  }

  #pass(stream: number, passing: Passing, answer: IncomingMessage): void {
    const headers: (readonly [string, string])[] = []
    for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
      const [name = '', value = ''] = [answer.rawHeaders[at], answer.rawHeaders[at + 1]]
      if (!HOP_FIELDS.has(name.toLowerCase())) headers.push([name, value])
    }
    const status = answer.statusCode ?? 500
    const length = Number(answer.headers['content-length'] ?? Number.NaN)
    const isSmall = passing.request.method === 'HEAD' || status === 304 || status === 204 || length <= INLINE_BYTES_MAX
    answer.on('error', () => this.#drop(stream, CANCEL.failed))
    // Cut off in the midst: whoever reads it must not take it for the whole.
    answer.on('close', () => {
      if (!answer.complete) this.#drop(stream, CANCEL.failed)
    })
    if (isSmall) {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => this.#answer(stream, { status, headers, body: Buffer.concat(chunks) }))
      return
    }
    if (!this.#answer(stream, { status, headers, body: null })) return
    answer.on('data', (chunk: Buffer) => {
      if (!this.#streams.write(stream, chunk)) answer.pause()
      this.pump()
    })
    answer.on('end', () => {
      this.#streams.end(stream)
      this.#finished(stream)
      this.pump()
    })
  }

  /** False: it was not said. */
  #answer(stream: number, head: AnswerHead): boolean {
    if (!this.#passing.has(stream)) return false
    const said = this.#streams.answer(stream, head)
    if (!said.ok) {
      this.#drop(stream, CANCEL.failed)
      return false
    }
    if (head.body !== null) this.#finished(stream)
    this.pump()
    return true
  }

  /** The answer is whole. What is left of the request is not waited for. */
  #finished(stream: number): void {
    const passing = this.#passing.get(stream)
    this.#passing.delete(stream)
    if (passing?.request.writableEnded === false) passing.request.destroy()
  }

  #drop(stream: number, reason: CancelReason): void {
    const passing = this.#passing.get(stream)
    if (passing === undefined) return
    this.#passing.delete(stream)
    passing.request.destroy()
    this.#streams.cancel(stream, reason)
    this.pump()
  }
}
