// Streams of events: one read answered again and again, each time after the last event that was sent, as heights pass.
//
//   first answer ──> sent ──> next height ──> asked again ──┬─ new events ──> sent ──> …
//                                                           ├─ none ──> …           a comment now and then, so that the connection is seen to live
//                                                           └─ no stream any more ──> ends, and the browser comes again by itself
//
// Who checks answers gets each as an answer of its own, and may wait for one that has an event (`Prefer: wait`, RFC 7240 §4.3).
//
// Invariant: what is sent is, piece by piece, what the script answered at some height, and no event is sent twice on one stream.

import type { ServerResponse } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import {
  acceptsEvents,
  isEventStream,
  LAST_EVENT_ID,
  preferredWait,
  readEvents,
} from '#protocol/answer/event-stream.ts'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { drained } from '#seeder/serve/drained.ts'
import type { ReadPlace } from '#seeder/serve/evidence-fields.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { Head, HostedSite } from '#seeder/serve/port.ts'
import type { FoundRead, ReadRequest } from '#seeder/serve/reads.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

/** Between two runs for one stream: heights may pass faster than anybody reads. */
const PACE_MS = 100
const COMMENT = ':\n\n'

export type EventQuestion = {
  readonly response: ServerResponse
  readonly request: RequestHead
  readonly place: ReadPlace
  readonly asked: ReadRequest
  /** Asked after this event, of the newest height; undefined: not now. */
  readonly ask: (lastId: string) => Promise<FoundRead | undefined>
}

export type EventStreams = {
  /** Whether this answer is one of events that its visitor wants to go on, or to wait for. */
  concerns(request: RequestHead, found: FoundRead): boolean
  /** Sends events until the visitor, the site or this seeder goes; `sendOne` sends an answer by itself. */
  answer(
    question: EventQuestion,
    found: FoundRead,
    sendOne: (found: FoundRead) => undefined | Promise<void>,
  ): Promise<void>
  /** Streams that go on or wait. */
  readonly count: number
  /** Ends those that are there, and takes no more. */
  end(): void
}

export type EventStreamOptions = {
  readonly limits: ServeLimits
  /** The head of a stream, its certified beginning being `found`. */
  readonly begin: (question: EventQuestion, found: FoundRead) => void
  /** Resolves when more may be sent. */
  readonly pace: ((response: ServerResponse) => Promise<void>) | undefined
}

export function createEventStreams({ limits, begin, pace }: EventStreamOptions): EventStreams {
  const share = new Share(limits.eventStreamsMax)
  const ending = new AbortController()

  function isPlain({ method, conditions, height, nonce }: RequestHead): boolean {
    return method === 'GET' && conditions === undefined && height === undefined && nonce === undefined
  }

  /** Until the visitor goes, or this seeder does. */
  async function within(question: EventQuestion, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const { response } = question
    const source = sourceOf(response.req.socket.remoteAddress)
    if (ending.signal.aborted || !share.take(source)) return false
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    response.once('close', onClose)
    try {
      await work(AbortSignal.any([ending.signal, gone.signal]))
    } finally {
      response.off('close', onClose)
      share.give(source)
    }
    return true
  }

  /** The next answer with an event; `nothing`: none came within `ms`, `over`: none will come here. */
  async function next(
    { place: { site }, ask }: EventQuestion,
    after: Point,
    ms: number,
    signal: AbortSignal,
  ): Promise<FoundRead | 'nothing' | 'over'> {
    const end = performance.now() + ms
    for (;;) {
      const head = after.hasMore
        ? after.head
        : await headAfter(site, after.head.height, end - performance.now(), signal)
      if (signal.aborted || site.hasLeft?.() === true) return 'over'
      if (head === undefined || performance.now() > end) return 'nothing'
      const isSame = bytesEqual(head.stateRoot, after.head.stateRoot) && !after.asksTime && !after.hasMore
      after.head = head
      if (isSame) continue
      await pass(Math.max(0, after.ranAt + PACE_MS - performance.now()), undefined, { signal }).catch(() => {})
      after.ranAt = performance.now()
      const found = await ask(after.lastId)
      if (found === undefined) continue
      after.head = found.head ?? head
      after.hasMore = false
      const body = eventsOf(found)
      if (body === undefined) return 'over'
      if (!readEvents(body, after.lastId).hasEvents) continue
      after.hasMore = true
      return found
    }
  }

  async function follow(question: EventQuestion, first: FoundRead, signal: AbortSignal): Promise<void> {
    const { response } = question
    begin(question, first)
    let body = eventsOf(first) ?? NONE
    let events = readEvents(body, idAsked(question.asked))
    const after = pointOf(question, first)
    while (await sent(response, body)) {
      after.lastId = events.lastId
      let more: FoundRead | 'nothing' | 'over' = events.goesOn ? 'nothing' : 'over'
      while (more === 'nothing') {
        more = await next(question, after, limits.eventCommentMs, signal)
        if (more === 'nothing' && !(await sent(response, COMMENT))) return
      }
      body = more === 'over' ? NONE : (eventsOf(more) ?? NONE)
      events = readEvents(body, after.lastId)
      // What cannot be followed by another answer is left to the browser, which comes again after the event it has.
      if (more === 'over' || !events.goesOn) return void response.end()
    }
  }

  /** False: the visitor is gone, or takes nothing. */
  async function sent(response: ServerResponse, piece: Uint8Array | string): Promise<boolean> {
    if (piece.length === 0) return !response.destroyed
    if (!response.write(piece) && !(await drained(response, limits.stallMs))) {
      response.destroy()
      return false
    }
    await pace?.(response)
    return !response.destroyed
  }

  return {
    concerns(request, { representation }) {
      if (!isPlain(request) || !isEventStream(representation.status, representation.contentType)) return false
      return request.client ? preferredWait(request.prefer) !== undefined : acceptsEvents(request.accept)
    },
    async answer(question, found, sendOne) {
      const { request, asked } = question
      const wait = request.client ? preferredWait(request.prefer) : undefined
      let answer = found
      const isFollowed = await within(question, async (signal) => {
        if (wait === undefined) return follow(question, found, signal)
        if (readEvents(eventsOf(found) ?? NONE, idAsked(asked)).hasEvents) return
        const more = await next(question, pointOf(question, found), wait * 1000, signal)
        if (typeof more === 'object') answer = more
      })
      if (!isFollowed || wait !== undefined) await sendOne(answer)
    },
    get count() {
      return share.total
    },
    end: () => ending.abort(),
  }
}

const NONE = new Uint8Array(0)

function idAsked({ headers }: ReadRequest): string {
  return headers.find(([name]) => name === LAST_EVENT_ID)?.[1] ?? ''
}

/** The events of an answer; undefined: it is none of events, or a file that streams. */
function eventsOf({ representation }: FoundRead): Uint8Array | undefined {
  const { status, contentType, plain } = representation
  return isEventStream(status, contentType) ? plain.bytes : undefined
}

/** Up to where a stream has come. */
type Point = {
  lastId: string
  head: Head
  ranAt: number
  readonly asksTime: boolean
  /** What was sent had events, and the script may have left some for the next answer, of the same state. */
  hasMore: boolean
}

function pointOf({ place, asked }: EventQuestion, found: FoundRead): Point {
  const { time } = found.entry.asked
  const lastId = idAsked(asked)
  const { hasEvents: hasMore } = readEvents(eventsOf(found) ?? NONE, lastId)
  return { lastId, head: found.head ?? place.head, ranAt: performance.now(), asksTime: time, hasMore }
}

/** The first head above a height; undefined: none within `ms`, or nobody waits any more. */
function headAfter(site: HostedSite, height: number, ms: number, signal: AbortSignal): Promise<Head | undefined> {
  const now = site.head()
  if (signal.aborted) return Promise.resolve(undefined)
  if (now !== undefined && now.height > height) return Promise.resolve(now)
  const { promise, resolve } = Promise.withResolvers<Head | undefined>()
  const done = (head?: Head): void => {
    stop()
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    resolve(head)
  }
  const onAbort = (): void => done()
  const stop = site.onHead((head) => done(head))
  const timer = setTimeout(done, Math.max(0, ms))
  signal.addEventListener('abort', onAbort, { once: true })
  return promise
}
