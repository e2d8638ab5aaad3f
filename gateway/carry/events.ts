// A stream of events at the sites domain: one read, asked of the members again and again after the last event that the visitor got
// (`protocol/answer/event-stream.ts`). Each answer is checked as any other, and any member may give the next: the stream outlives them.

import type { Carried } from '#gateway/carry/carry.ts'
import type { Question } from '#gateway/carry/question.ts'
import type { Room } from '#gateway/carry/room.ts'
import { EVENT_RETRY_MS, EVENT_TRIES_MS, EVENT_WAIT_SECONDS } from '#gateway/settings.ts'
import { acceptsEvents, isEventStream, LAST_EVENT_ID, readEvents } from '#protocol/answer/event-stream.ts'
import type { Result } from '#protocol/codec/result.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

const COMMENT = new Uint8Array([0x3a, 0x0a, 0x0a])

export type Following = {
  readonly question: Question
  readonly room: Room
  /** Asks whoever is in the group by then, who may take so long until an event is there. */
  readonly ask: (question: Question, waitMs: number) => Promise<Result<Carried, unknown>>
  readonly now: () => number
}

/** Whether the visitor wants events and got some; then its answer is whole, and checked. */
export function isFollowed({ method, headers }: Question, answer: Carried): answer is Carried & { body: Uint8Array } {
  const accept = headers.find(([name]) => name === 'accept')?.[1]
  return method === 'GET' && acceptsEvents(accept) && eventsOf(answer) !== undefined
}

function eventsOf({ status, headers, body }: Carried): Uint8Array | undefined {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  return body instanceof Uint8Array && isEventStream(status, type) ? body : undefined
}

/** The events of the first answer and of those after it, until no member has given one for a while or the script answers otherwise. */
export async function* followed(
  { question, room, ask, now }: Following,
  first: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  let { lastId, goesOn } = readEvents(first, idOf(question.headers))
  if (first.length > 0) yield first
  room.give(first.length)
  let answeredAt = now()
  while (goesOn) {
    const askedAt = now()
    const answer = await ask(after(question, lastId), EVENT_WAIT_SECONDS * 1000)
    const body = answer.ok ? eventsOf(answer.value) : undefined
    if (answer.ok && body === undefined) return
    if (body !== undefined) answeredAt = now()
    else if (now() - answeredAt > EVENT_TRIES_MS) return
    const events = readEvents(body ?? COMMENT, lastId)
    if (body !== undefined && events.hasEvents) {
      // What cannot be followed is left to the browser, which comes again after the event it has.
      if (!events.goesOn) return
      yield body
      ;({ lastId, goesOn } = events)
    } else {
      yield COMMENT
      // Nobody is asked in a hurry: a member that does not wait, or one after the other that is gone.
      await pause(askedAt + EVENT_RETRY_MS - now())
    }
    if (body !== undefined) room.give(body.length)
  }
}

function idOf(headers: Headers): string {
  return headers.find(([name]) => name === LAST_EVENT_ID)?.[1] ?? ''
}

function after(question: Question, lastId: string): Question {
  const headers = question.headers.filter(([name]) => name !== LAST_EVENT_ID)
  const last = lastId === '' ? [] : [[LAST_EVENT_ID, lastId] as const]
  return { ...question, headers: [...headers, ...last, ['prefer', `wait=${EVENT_WAIT_SECONDS}`]] }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
