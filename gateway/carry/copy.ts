// No living host: what the sites domain shows then is the last certified copy of an address, said to be one (decision 0043).
//
//   visit ──> members ── answered ──> visitor         └─ behind it, once a minute an address: the gateway's own question ──> copies
//                     └─ nobody, for as long as a visitor waits ──> copy: Age, Interpeer-Copy, the bar with its age ──> visitor
//
// Invariant: a copy is an answer to a question of nobody's: `GET target` with `Accept: */*`, no cookie, no language, no page that led there. So
// it holds nothing that was for one visitor, and anybody can compute the request that its receipt is of.

import type { Carried } from '#gateway/carry/carry.ts'
import type { Copies, Copy } from '#gateway/carry/copies.ts'
import type { Question } from '#gateway/carry/question.ts'
import { WHOLE_BYTES_MAX } from '#gateway/carry/read.ts'
import type { Room } from '#gateway/carry/room.ts'
import { COPY_ASK_MS_MAX, COPY_RENEW_MS } from '#gateway/settings.ts'
import { isEventStream } from '#protocol/answer/event-stream.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import type { Result } from '#protocol/codec/result.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

const NO_BODY = new Uint8Array(0)
const COPY_HEADERS: Headers = [
  ['accept', '*/*'],
  ['interpeer-client', '1'],
]
/** Whether there can be a copy for this question: of an address alone. What was typed into a query is somebody's own, and has no end. */
export function isOfAnybody({ method, target }: Pick<Question, 'method' | 'target'>): boolean {
  return (method === 'GET' || method === 'HEAD') && !target.includes('?') && !target.startsWith(WELL_KNOWN)
}

function valuesOf(headers: Headers, name: string): string {
  return headers
    .filter(([key]) => key.toLowerCase() === name)
    .map(([, value]) => value.toLowerCase())
    .join(', ')
}

/**
 * By its head: public, and the same whoever asks. `no-cache` and `must-revalidate`, which every file of a site has, say that its host is to be asked
 * first: it was.
 */
function isForAnybody(headers: Headers): boolean {
  const vary = valuesOf(headers, 'vary').split(/\s*,\s*/)
  return (
    !/\b(?:no-store|private)\b/.test(valuesOf(headers, 'cache-control')) &&
    !vary.includes('*') &&
    !vary.includes('accept') &&
    valuesOf(headers, 'set-cookie') === '' &&
    !isEventStream(200, valuesOf(headers, 'content-type'))
  )
}

function copyFrom(answer: Carried, checkedAt: number): Copy | undefined {
  const { status, headers, body, height } = answer
  const isKept = status === 200 && body instanceof Uint8Array && body.length <= WHOLE_BYTES_MAX && isForAnybody(headers)
  return isKept && height !== undefined ? { headers, body, height, checkedAt } : undefined
}

export type Renewal = {
  readonly copies: Copies
  readonly job: string
  readonly question: Question
  /** A place of its own; undefined: there is none now. */
  readonly enter: () => Room | undefined
  /** Asks whoever is there, once. */
  readonly ask: (question: Question, room: Room) => Promise<Result<Carried, unknown>>
  readonly now: () => number
  /** The network file has the site still. */
  readonly isThere: () => boolean
}

/** Whether a copy is to be made, or made anew, behind the answer to this visitor. */
export function isDue(
  { copies, job, question, now }: Pick<Renewal, 'copies' | 'job' | 'question' | 'now'>,
  { status, headers, length = 0 }: Carried,
): boolean {
  if (!isOfAnybody(question) || status >= 500) return false
  const askedAt = copies.askedAt(job, question.target)
  if (askedAt !== undefined && now() - askedAt < COPY_RENEW_MS) return false
  if (copies.find(job, question.target, now()) !== undefined) return true
  return (status === 200 || status === 304) && length <= WHOLE_BYTES_MAX && isForAnybody(headers)
}

/** Asks on nobody's behalf, and keeps what comes. Does not reject. */
export async function renew({ copies, job, question, enter, ask, now, isThere }: Renewal): Promise<void> {
  if (!copies.begin()) return
  const room = enter()
  const { promise: late, resolve: isLate } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => isLate(undefined), COPY_ASK_MS_MAX)
  const { target } = question
  const known = copies.find(job, target, now())
  try {
    if (room === undefined || !isThere()) return
    // Who comes meanwhile does not ask as well.
    copies.put(job, target, now(), known)
    const asked = ask({ ...question, method: 'GET', headers: COPY_HEADERS, body: NO_BODY }, room)
    const answer = await Promise.race([asked, late])
    if (answer === undefined) asked.then(letGo).catch(() => {})
    if (!answer?.ok) return
    await letGo(answer)
    const { status, height = 0 } = answer.value
    const isEarlier = known !== undefined && height < known.height
    if (status < 500 && !isEarlier && isThere()) copies.put(job, target, now(), copyFrom(answer.value, now()))
  } catch {
    // It broke off on its way: a later visitor's turn.
  } finally {
    clearTimeout(timer)
    room?.leave()
    copies.end()
  }
}

async function letGo(answer: Result<Carried, unknown>): Promise<void> {
  const body = answer.ok ? answer.value.body : undefined
  if (body instanceof ReadableStream) await body.cancel()
}

export function ageSecondsOf({ checkedAt }: Copy, now: number): number {
  return Math.max(0, Math.round((now - checkedAt) / 1_000))
}

/** As a member's answer to the question would be. */
export function carriedCopy({ headers, body, height }: Copy, method: string): Carried {
  return { status: 200, headers, body: method === 'HEAD' ? undefined : body, length: body.length, height }
}

/**
 * That it is a copy, how old, and that nobody is to keep it. Who checks gets `Cache-Control` as it is certified; `Vary: *` says the same to caches
 * (RFC 9111 §4.1).
 */
export function copyFields(copy: Copy, now: number, isClient: boolean): Headers {
  return [
    ...(isClient ? [] : [['Cache-Control', 'no-store'] as const]),
    ['Vary', '*'],
    ['Age', String(ageSecondsOf(copy, now))],
    ['Interpeer-Copy', String(copy.checkedAt)],
  ]
}
