// A visitor at `<name>.<sites domain>`: the gateway asks a member, holds what it says against the site's certificate, and hands on
// what held. A member that cannot be reached, refuses or lies is passed over for the next.
//
//   question ──> member A ✗ ──> member B ──> head checked ──> conditions, ranges ──> body checked chunk by chunk ──> visitor
//
// Invariant: nothing that a member said reaches a visitor before it was checked; a write is asked of a second member only under the
// same key (R9), so it runs once.

import {
  type AskMember,
  answerOf,
  type CarriedSite,
  type CertifiedAnswer,
  type NoAnswer,
} from '#gateway/carry/answer.ts'
import { checkedBody, type Span } from '#gateway/carry/body.ts'
import { BEHIND_PAUSES_MS, type Floor } from '#gateway/carry/floor.ts'
import { type LengthAsked, leavesAt, shownLength } from '#gateway/carry/length.ts'
import { isSafe, type Question } from '#gateway/carry/question.ts'
import { discard, streamed, wholeOf } from '#gateway/carry/read.ts'
import type { Room } from '#gateway/carry/room.ts'
import { takeEvidence } from '#gateway/evidence/evidence.ts'
import type { Gateway } from '#gateway/gateway.ts'
import type { Host } from '#gateway/locate/locations.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { sha256Native } from '#gateway/web-crypto.ts'
import { type Conditions, evaluate, rangesOf } from '#protocol/answer/condition.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import { BODY_CHUNK_BYTES, bodyRootAsync, type Headers } from '#protocol/site/response-hash.ts'

/** How long a member may take to begin its answer: a write waits for the agreement of its group. */
const READ_HEAD_MS = 10_000
const WRITE_HEAD_MS = 35_000
/** How long a visitor waits for members none of which can answer now: as long as those that ended are taken to live, and a hand-over. */
const READ_PATIENCE_MS = 15_000
const WRITE_PATIENCE_MS = 30_000
const AGAIN_PAUSE_MS = 300
/** How long a body that has begun waits for a member that has the rest: a hand-over, or a restart of the last one. */
const REST_PATIENCE_MS = 60_000
const REST_PAUSE_MS = 500
/** RFC 6585 §5. */
const HEADERS_TOO_LARGE = 431

export type Carried = {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined
  /** Of the body that is sent, when it is known. */
  readonly length: number | undefined
  /** Of the state that it is of; undefined: nothing of that state is in it. */
  readonly height?: number
  /** The height that the group agreed on it in, when it is the answer of a write. */
  readonly wrote?: number
}

/** Nobody gave an answer that holds. */
export type NotCarried = {
  /** What the members refused with, when they agree about it. */
  readonly status: number | undefined
  readonly reasons: readonly NoAnswer[]
}

export type Visit = {
  readonly gateway: Gateway
  readonly tunnels: Tunnels
  readonly site: CarriedSite
  readonly question: Question
  readonly conditions: Conditions
  /** Whom to ask now, best first. */
  readonly hosts: () => readonly Host[]
  /** What it may hold here; left by whoever began the visit. */
  readonly room: Room
  /** The tag that this visitor knows an answer by; absent: its own. */
  readonly tagOf?: (headers: Headers) => string | undefined
  /** No state before this height is shown while a member has a later one; 0: any. */
  readonly floor: Readonly<Floor>
  /** Beside what an answer takes, a member may wait so long with it, ms. */
  readonly waitMs?: number
  /** Each member is asked once, and nobody waits for those that cannot answer now. */
  readonly isHasty?: boolean
}

/** What a visit has learnt of its members. */
type Course = Visit & {
  /** Peers that gave no answer to this visit. */
  readonly failed: Set<string>
  /** Of those, the ones whose answer did not hold. */
  readonly liars: Set<string>
  /** Whose body had not the length that it said, once: it may have gone on meanwhile. */
  readonly unshown: Set<string>
  readonly reasons: NoAnswer[]
  /** Nobody comes up to the floor: what they have is shown. */
  isSunk: boolean
}

export async function carry(visit: Visit): Promise<Result<Carried, NotCarried>> {
  const course: Course = {
    ...visit,
    ...{ failed: new Set(), liars: new Set(), unshown: new Set(), reasons: [], isSunk: false },
  }
  const { question, conditions } = visit
  const isConditional = question.method === 'GET' && Object.keys(conditions).length > 0
  if (isConditional) {
    const head = await askInTurn(course, { ...question, method: 'HEAD' })
    if (!head.ok) return head
    const answered = await answeredByConditions(course, head.value)
    if (answered !== undefined) return answered
  }
  const answer = await askInTurn(course, question)
  if (!answer.ok) return answer
  return whole(course, answer.value)
}

type Answered = { readonly answer: CertifiedAnswer; readonly host: Host }

/**
 * The first answer that holds. Members that cannot answer just now are asked again while the visitor may wait, a write under the same key (R9);
 * those that are behind are asked again a few times.
 */
async function askInTurn(course: Course, question: Question): Promise<Result<Answered, NotCarried>> {
  const { now } = course.gateway.ports
  const until = now() + (isSafe(question.method) ? READ_PATIENCE_MS : WRITE_PATIENCE_MS)
  const pauses = BEHIND_PAUSES_MS[Symbol.iterator]()
  for (;;) {
    const before = course.reasons.length
    const round = await askEach(course, question)
    if (round.ok) return round
    if (round.error.reasons.some(({ code }) => code === 'behind')) {
      const pause = pauses.next()
      if (pause.done === true) course.isSunk = true
      else await pass(pause.value)
      continue
    }
    const isPassing = course.reasons.slice(before).some(passes)
    if (!isPassing || course.isHasty === true || course.room.isOver() || now() > until || course.hosts().length === 0)
      return round
    await pass(AGAIN_PAUSE_MS)
    course.failed.clear()
    for (const liar of course.liars) course.failed.add(liar)
    course.reasons.splice(0, course.reasons.length, ...course.reasons.filter((reason) => !passes(reason)))
  }
}

/** It may be otherwise in a moment: a member ended, starts, catches up or hands over. */
function passes(reason: NoAnswer): boolean {
  if (reason.code === 'unreachable') return reason.why !== 'no_room' && reason.why !== 'too_long'
  return reason.code === 'refused' && reason.status >= 502 && reason.status <= 504
}

async function askEach(course: Course, question: Question): Promise<Result<Answered, NotCarried>> {
  const { known } = course.gateway
  const behind: NoAnswer[] = []
  for (const host of course.hosts()) {
    if (course.failed.has(host.peer)) continue
    const answer = await answerOf(course.site, question, askerOf(course, host), known, course.room)
    if (answer.ok && isSafe(question.method) && isBehind(course, answer.value)) {
      behind.push({ code: 'behind', height: answer.value.verified.height })
      await letGo(course, answer.value)
      continue
    }
    if (answer.ok) return ok({ answer: answer.value, host })
    // The visitor's own doing, and no member's.
    if (answer.error.code === 'unreachable' && answer.error.why === 'head_refused')
      return err({ status: HEADERS_TOO_LARGE, reasons: [] })
    noted(course, host, answer.error)
    await kept(course, answer.error)
  }
  const refusals = course.reasons.flatMap((reason) => (reason.code === 'refused' ? [reason.status] : []))
  const agreed = refusals.length > 0 && refusals.every((status) => status === refusals[0])
  return err({ status: agreed ? refusals[0] : undefined, reasons: [...course.reasons, ...behind] })
}

function isBehind({ floor, isSunk }: Course, { verified }: CertifiedAnswer): boolean {
  return !isSunk && verified.height < floor.height
}

async function letGo({ room }: Course, answer: CertifiedAnswer): Promise<void> {
  if (answer.kind === 'whole') room.give(answer.body.length)
  else if (answer.body !== undefined) await discard(answer.body)
}

function noted(course: Course, host: Host, reason: NoAnswer): void {
  course.reasons.push(reason)
  if (reason.code === 'unshown' && !course.unshown.has(host.peer)) {
    course.unshown.add(host.peer)
    return
  }
  course.failed.add(host.peer)
  if (reason.code === 'unshown') course.liars.add(host.peer)
  if (reason.code !== 'lie') return
  course.liars.add(host.peer)
  course.gateway.ports.counts?.lied(reason.check)
  course.gateway.ports.log('warn', 'lie_not_shown', {
    peer: host.peer,
    site: course.site.name,
    path: course.question.target.split('?', 1)[0],
    check: reason.check,
  })
}

/** A proof is kept before the next member is asked: from then on nobody is led to who is proven a liar. */
async function kept({ gateway }: Course, reason: NoAnswer): Promise<void> {
  if (reason.code === 'lie' && reason.proof !== undefined) await takeEvidence(gateway, reason.proof)
}

function askerOf({ tunnels, site, question, waitMs = 0 }: Visit, host: Host): AskMember {
  const { scheme, host: name, source } = question
  const headMs = isSafe(question.method) ? READ_HEAD_MS : WRITE_HEAD_MS
  return ({ method, target, headers }, body) =>
    tunnels.ask(
      host.peer,
      { site: site.name, scheme, host: name, source, method, target, headers },
      body === undefined ? undefined : new Blob([body as Uint8Array<ArrayBuffer>]).stream(),
      { headMs: headMs + waitMs },
    )
}

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const header = (headers: Headers, name: string): string | undefined =>
  headers.find(([key]) => key.toLowerCase() === name)?.[1]

/** 304, 412, 416 or 206 by a head that was checked; undefined: as if nothing had been asked. */
async function answeredByConditions(
  course: Course,
  { answer, host }: Answered,
): Promise<Result<Carried, NotCarried> | undefined> {
  const { status, headers } = answer
  if (status !== 200) return undefined
  const modified = Date.parse(header(headers, 'last-modified') ?? '')
  const own = header(headers, 'etag')
  const etag = course.tagOf === undefined ? own : course.tagOf(headers)
  const validators = { etag, modified: Number.isNaN(modified) ? undefined : modified }
  const verdict = evaluate(course.conditions, validators)
  const bare = headers
    .filter(([name]) => !/^(content-(length|type|digest)|repr-digest|signature(-input)?)$/i.test(name))
    .map(([name, value]) => [name, name.toLowerCase() === 'etag' ? (etag ?? value) : value] as const)
  if (verdict === 'not_modified') return ok({ status: 304, headers: bare, body: undefined, length: undefined })
  if (verdict === 'failed') return ok({ status: 412, headers: [], body: undefined, length: 0 })
  // Parts are of the certified body alone.
  if (course.conditions.range === undefined || answer.kind !== 'rooted' || etag !== own) return undefined
  const asked = lengthAsked(course, host, answer)
  const leaves = asked === undefined ? undefined : await leavesAt(asked)
  const size =
    asked === undefined || leaves === undefined ? undefined : await shownLength(course.gateway.lengths, asked, leaves)
  if (leaves === undefined || size === undefined) return undefined
  const ranges = rangesOf(course.conditions, size, validators)
  if (ranges === 'unsatisfiable')
    return ok({ status: 416, headers: [['Content-Range', `bytes */${size}`]], body: undefined, length: 0 })
  const [span] = ranges
  if (ranges === 'whole' || span === undefined || typeof span === 'string' || ranges.length > 1) return undefined
  const body = partOf(course, host, { leaves, span, first: undefined })
  const length = span.end + 1 - span.start
  const fields = headers.filter(([name]) => !/^(content-length|content-digest|signature(-input)?)$/i.test(name))
  return ok({
    status: 206,
    headers: [...fields, ['Content-Range', `bytes ${span.start}-${span.end}/${size}`]],
    body,
    length,
  })
}

async function whole(course: Course, { answer, host }: Answered): Promise<Result<Carried, NotCarried>> {
  const { status, headers, verified } = answer
  const { height } = verified
  const of = verified.kind === 'write' ? { height, wrote: height } : { height }
  if (answer.kind === 'whole') return ok({ status, headers, body: answer.body, length: answer.body.length, ...of })
  const { lengths } = course.gateway
  const asked = lengthAsked(course, host, answer)
  if (answer.body === undefined) {
    // Whoever gets the page otherwise than it was certified is told no length of it.
    const isChanged = course.tagOf !== undefined && course.tagOf(headers) !== header(headers, 'etag')
    const leaves = asked === undefined || isChanged ? undefined : await leavesAt(asked)
    const length = asked === undefined || leaves === undefined ? undefined : await shownLength(lengths, asked, leaves)
    return ok({ status, headers, body: undefined, length, ...of })
  }
  const leaves = asked === undefined ? undefined : await leavesAt(asked)
  if (asked !== undefined && leaves !== undefined) {
    const length = await shownLength(lengths, asked, leaves)
    if (length !== undefined) {
      const span = { start: 0, end: length - 1 }
      return ok({ status, headers, body: partOf(course, host, { leaves, span, first: answer.body }), length, ...of })
    }
    // Before the body gives back what it holds: that may be what was missing.
    const hasRoom = course.room.take(BODY_CHUNK_BYTES)
    if (hasRoom) course.room.give(BODY_CHUNK_BYTES)
    await discard(answer.body)
    return other(course, host, hasRoom ? { code: 'unshown' } : { code: 'unreachable', why: 'no_room' })
  }
  // Without leaves: a script's answer, which fits in memory.
  const bytes = await wholeOf(answer.body, BODY_BYTES_MAX, course.room)
  if (bytes.ok && bytesEqual(await bodyRootAsync(bytes.value, sha256Native), answer.root))
    return ok({ status, headers, body: bytes.value, length: bytes.value.length, ...of })
  if (bytes.ok) course.room.give(bytes.value.length)
  return other(course, host, bytes.ok ? { code: 'lie', check: 'body_root' } : { code: 'unreachable', why: bytes.error })
}

/** From another member than this one. */
async function other(course: Course, host: Host, reason: NoAnswer): Promise<Result<Carried, NotCarried>> {
  noted(course, host, reason)
  const again = await askInTurn(course, course.question)
  return again.ok ? whole(course, again.value) : again
}

/** Undefined: it says no length, or the body is at hand. */
function lengthAsked(course: Course, host: Host, answer: CertifiedAnswer): LengthAsked | undefined {
  const said = Number(header(answer.headers, 'content-length') ?? Number.NaN)
  if (answer.kind !== 'rooted' || !Number.isSafeInteger(said) || said < 0) return undefined
  const { question, room } = course
  return { ask: askerOf(course, host), question, room, root: answer.root, said }
}

type Part = {
  /** Of the whole body. */
  readonly leaves: readonly Digest[]
  readonly span: Span
  /** All of the body, on its way. */
  readonly first: ReadableStream<Uint8Array> | undefined
}

/** A part of a body, checked as it goes. */
function partOf(course: Course, host: Host, { leaves, span, first }: Part): ReadableStream<Uint8Array> {
  let from = first === undefined ? undefined : host
  /** Where the body stands, since when, and who gave nothing from there on. */
  let at = -1
  let since = 0
  const tried = new Set<string>()
  const { now } = course.gateway.ports
  return checkedBody({
    leaves,
    span,
    first,
    onLie: () => {
      if (from !== undefined) noted(course, from, { code: 'lie', check: 'chunk' })
    },
    next: async (start) => {
      if (start !== at) {
        at = start
        since = now()
        tried.clear()
        if (from !== undefined) tried.add(from.peer)
      }
      for (;;) {
        for (const next of course.hosts()) {
          if (tried.has(next.peer) || course.liars.has(next.peer)) continue
          tried.add(next.peer)
          const source = await restAt(course, next, start)
          if (source === undefined) continue
          from = next
          return source
        }
        if (course.room.isOver() || now() - since > REST_PATIENCE_MS) return undefined
        await pass(REST_PAUSE_MS)
        tried.clear()
      }
    },
  })
}

/** The body from `start` on as another member sends it; each of its chunks is held against the leaves, so its head need not be. */
async function restAt(course: Course, host: Host, start: number): Promise<ReadableStream<Uint8Array> | undefined> {
  const headers: Headers = [...course.question.headers, ['range', `bytes=${start}-`]]
  const found = await askerOf(course, host)({ method: 'GET', target: course.question.target, headers }, undefined)
  if (!found.ok) return undefined
  const { status, body } = found.value
  const begins = status === 206 || (status === 200 && start === 0)
  if (!begins) {
    await discard(body)
    return undefined
  }
  const rest = streamed(body, course.room)
  if (rest === undefined) await discard(body)
  return rest
}
