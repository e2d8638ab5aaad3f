// DNS messages (RFC 1035 §4, RFC 6891): a query read, an answer written, and an answer of our own kind read again.
//
//   header (id, flags, four counts) · question · records (owner, type, class, ttl, length, data)
//
// Invariants: a query has exactly one question (RFC 9619) and no byte that is not accounted for; an answer begins with the question byte for
// byte as it came, is never longer than its reader takes, and owners in it are pointers into that question.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { CLASS_IN, DNS_MESSAGE_BYTES_MAX, RCODE, type Rcode, TYPE, UDP_PAYLOAD_BYTES } from '#protocol/dns/constants.ts'
import { endOfName, readWholeName } from '#protocol/dns/name.ts'

const HEADER_BYTES = 12
/** Behind a record's owner: type, class, ttl, length. */
const RECORD_HEAD_BYTES = 10
/** A query has OPT, perhaps a signature; more are nobody's. */
const QUERY_RECORDS_MAX = 4
/** What a gateway's answer has at most: eight addresses, or nine texts, or SOA; and OPT. */
const ANSWER_RECORDS_MAX = 32
/** RFC 7830, and RFC 8467 §4.1 for the size of blocks. */
const OPTION_PADDING = 12
const OPTION_HEAD_BYTES = 4
const PADDED_BYTES = 468

const FLAG = { answer: 0x8000, authoritative: 0x0400, truncated: 0x0200, desired: 0x0100, unchecked: 0x0010 } as const
const OPCODE = 0x7800
const DNSSEC_OK = 0x8000

export type Question = {
  /** Lower case, without the root. */
  readonly labels: readonly string[]
  readonly type: number
  readonly class: number
  /** Name, type and class as they were sent. */
  readonly bytes: Uint8Array
}

export type Edns = {
  readonly payloadBytes: number
  readonly version: number
  readonly dnssecOk: boolean
  /** The asker pads its questions and wants answers padded. */
  readonly pads: boolean
}

export type Query = {
  readonly id: number
  /** Those that an answer repeats. */
  readonly flags: number
  readonly question: Question
  readonly edns: Edns | undefined
}

export type QueryError =
  /** Nothing that could be answered: shorter than a header, or itself an answer. */
  | { readonly code: 'no_query' }
  | { readonly code: 'too_long'; readonly actualBytes: number }
  /** `answer` says so to whoever asked. */
  | { readonly code: 'bad_query'; readonly rcode: Rcode; readonly detail: string; readonly answer: Uint8Array }

/** Type and data of a record; whose it is stands where it is used. */
export type RecordData = { readonly type: number; readonly data: Uint8Array }
export type DnsRecord = RecordData & {
  /** Seconds. */
  readonly ttl: number
}

export type Answer = {
  readonly rcode: Rcode
  /** Of the name that was asked. */
  readonly answers: readonly DnsRecord[]
  /** Of the name's last label: the apex of its zone. */
  readonly authority: readonly DnsRecord[]
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2)
}

export function queryFromBytes(bytes: Uint8Array): Result<Query, QueryError> {
  if (bytes.length > DNS_MESSAGE_BYTES_MAX) return err({ code: 'too_long', actualBytes: bytes.length })
  const id = u16(bytes, 0)
  const word = u16(bytes, 2)
  if (bytes.length < HEADER_BYTES || (word & FLAG.answer) !== 0) return err({ code: 'no_query' })
  const flags = word & (OPCODE | FLAG.desired | FLAG.unchecked)
  const no = (detail: string, rcode: Rcode = RCODE.FORMERR): Result<never, QueryError> =>
    err({ code: 'bad_query', rcode, detail, answer: headerToBytes(id, FLAG.answer | flags | rcode) })
  if ((word & OPCODE) !== 0) return no('another opcode than QUERY', RCODE.NOTIMP)
  if (u16(bytes, 4) !== 1) return no('not one question')
  if (u16(bytes, 6) !== 0 || u16(bytes, 8) !== 0) return no('answers in a query')
  const extra = u16(bytes, 10)
  if (extra > QUERY_RECORDS_MAX) return no('too many records')
  const name = readWholeName(bytes, HEADER_BYTES)
  if (name === undefined || name.end + 4 > bytes.length) return no('the question breaks off or is too long')
  const question: Question = {
    labels: name.labels,
    type: u16(bytes, name.end),
    class: u16(bytes, name.end + 2),
    bytes: bytes.slice(HEADER_BYTES, name.end + 4),
  }
  let edns: Edns | undefined
  let at = name.end + 4
  for (let index = 0; index < extra; index++) {
    const record = recordAt(bytes, at)
    if (record === undefined) return no('a record breaks off')
    if (record.type === TYPE.OPT) {
      if (edns !== undefined || bytes[at] !== 0) return no('OPT twice, or not of the root')
      edns = ednsOf(record)
      if (edns === undefined) return no('an option breaks off')
    }
    at = record.end
  }
  if (at !== bytes.length) return no('bytes behind the end')
  return ok({ id, flags, question, edns })
}

type ReadRecord = DnsRecord & { readonly class: number; readonly end: number }

function recordAt(bytes: Uint8Array, start: number): ReadRecord | undefined {
  const head = endOfName(bytes, start)
  if (head === undefined || head + RECORD_HEAD_BYTES > bytes.length) return undefined
  const end = head + RECORD_HEAD_BYTES + u16(bytes, head + 8)
  if (end > bytes.length) return undefined
  return {
    type: u16(bytes, head),
    class: u16(bytes, head + 2),
    ttl: u32(bytes, head + 4),
    data: bytes.slice(head + RECORD_HEAD_BYTES, end),
    end,
  }
}

/** RFC 6891 §6.1.2–3: the class is the payload, the ttl has extended rcode, version and flags. */
function ednsOf({ class: payloadBytes, ttl, data }: ReadRecord): Edns | undefined {
  let pads = false
  let at = 0
  while (at + 4 <= data.length) {
    pads ||= u16(data, at) === OPTION_PADDING
    at += 4 + u16(data, at + 2)
  }
  if (at !== data.length) return undefined
  return { payloadBytes, version: Math.floor(ttl / 0x1_0000) & 255, dnssecOk: (ttl & DNSSEC_OK) !== 0, pads }
}

/** Writes into bytes of a known length. */
class Writer {
  readonly bytes: Uint8Array
  #at = 0

  constructor(length: number) {
    this.bytes = new Uint8Array(length)
  }

  u16(...words: readonly number[]): void {
    for (const word of words) {
      this.bytes[this.#at++] = word >> 8
      this.bytes[this.#at++] = word
    }
  }

  put(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** Its owner stands in the question, at `offset` of the message. */
  record(offset: number, { type, ttl, data }: DnsRecord): void {
    this.u16(0xc000 | offset, type, CLASS_IN, Math.floor(ttl / 0x1_0000), ttl & 0xffff, data.length)
    this.put(data)
  }

  opt(ttl: number, data: Uint8Array): void {
    this.put(ROOT)
    this.u16(TYPE.OPT, UDP_PAYLOAD_BYTES, Math.floor(ttl / 0x1_0000), ttl & 0xffff, data.length)
    this.put(data)
  }
}

const ROOT = Uint8Array.of(0)
const NOTHING = new Uint8Array(0)
const OWNER_BYTES = 2
const OPT_BYTES = 1 + RECORD_HEAD_BYTES

function headerToBytes(id: number, flags: number): Uint8Array {
  const writer = new Writer(HEADER_BYTES)
  writer.u16(id, flags, 0, 0, 0, 0)
  return writer.bytes
}

/** Where the last label of the question begins in a message. */
function apexOf({ labels, bytes }: Question): number {
  const last = labels.at(-1)?.length ?? 0
  // Behind it: the root, type, class.
  return HEADER_BYTES + bytes.length - 4 - 1 - last - 1
}

export type Written = {
  /** What the asker takes; answers that are longer are left out, and the message says so. */
  readonly maxBytes: number
  /** Nobody on the way can read it, so that its length is worth hiding. */
  readonly isPrivate: boolean
}

/** How long an answer over UDP may be: what the asker says, and never more than crosses every path. */
export function udpBytesMax({ edns }: Query, plainBytes: number): number {
  return edns === undefined ? plainBytes : Math.max(plainBytes, Math.min(edns.payloadBytes, UDP_PAYLOAD_BYTES))
}

export function answerToBytes(query: Query, answer: Answer, { maxBytes, isPrivate }: Written): Uint8Array {
  const { id, question, edns } = query
  const { rcode } = answer
  const bare = HEADER_BYTES + question.bytes.length + (edns === undefined ? 0 : OPT_BYTES)
  let whole = bare
  for (const { data } of answer.answers) whole += OWNER_BYTES + RECORD_HEAD_BYTES + data.length
  for (const { data } of answer.authority) whole += OWNER_BYTES + RECORD_HEAD_BYTES + data.length
  const isCut = whole > maxBytes
  const { answers, authority } = isCut ? { answers: [], authority: [] } : answer
  const length = isCut ? bare : whole
  const filled = Math.ceil((length + OPTION_HEAD_BYTES) / PADDED_BYTES) * PADDED_BYTES
  const padding = isPrivate && edns?.pads === true && filled <= maxBytes ? filled - length : 0

  const writer = new Writer(length + padding)
  const isOurs = rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN
  const flags =
    FLAG.answer | query.flags | (isOurs ? FLAG.authoritative : 0) | (isCut ? FLAG.truncated : 0) | (rcode & 15)
  writer.u16(id, flags, 1, answers.length, authority.length, edns === undefined ? 0 : 1)
  writer.put(question.bytes)
  for (const record of answers) writer.record(HEADER_BYTES, record)
  for (const record of authority) writer.record(apexOf(question), record)
  if (edns !== undefined) writer.opt((rcode >> 4) * 0x100_0000 + (edns.dnssecOk ? DNSSEC_OK : 0), paddingOf(padding))
  return writer.bytes
}

/** The option that is so many bytes long in all. */
function paddingOf(bytes: number): Uint8Array {
  if (bytes === 0) return NOTHING
  const writer = new Writer(bytes)
  writer.u16(OPTION_PADDING, bytes - OPTION_HEAD_BYTES)
  return writer.bytes
}

/** Of seconds: until when all of it may be kept; undefined: it is not to be kept (RFC 8484 §5.1, RFC 2308 §5). */
export function lifeOf({ rcode, answers, authority }: Answer): number | undefined {
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return undefined
  const lives = (answers.length > 0 ? answers : authority).map(({ ttl }) => ttl)
  return lives.length === 0 ? undefined : Math.min(...lives)
}

/** A query for one name and type, with EDNS; its id is 0, so that equal ones are kept as one (RFC 8484 §4.1). */
export function queryToBytes(question: Uint8Array): Uint8Array {
  const writer = new Writer(HEADER_BYTES + question.length + OPT_BYTES)
  writer.u16(0, FLAG.desired, 1, 0, 0, 1)
  writer.put(question)
  writer.opt(0, NOTHING)
  return writer.bytes
}

export type AnswerError = { readonly code: 'bad_answer'; readonly detail: string }

export type ReadAnswer = {
  readonly rcode: number
  readonly isTruncated: boolean
  readonly answers: readonly DnsRecord[]
  /** Life of the zone's SOA, when there is one: how long a "no" may be kept. */
  readonly noTtl: number | undefined
}

/** What a gateway answered to `question`; records of other names than the question's are passed over. */
export function answerFromBytes(bytes: Uint8Array, question: Uint8Array): Result<ReadAnswer, AnswerError> {
  const no = (detail: string): Result<never, AnswerError> => err({ code: 'bad_answer', detail })
  if (bytes.length > DNS_MESSAGE_BYTES_MAX || bytes.length < HEADER_BYTES) return no('its length')
  const flags = u16(bytes, 2)
  if ((flags & (FLAG.answer | OPCODE)) !== FLAG.answer) return no('no answer')
  const end = HEADER_BYTES + question.length
  if (u16(bytes, 4) !== 1 || !bytesEqual(bytes.subarray(HEADER_BYTES, end), question)) return no('another question')
  const [answered, authority, extra] = [u16(bytes, 6), u16(bytes, 8), u16(bytes, 10)]
  if (answered + authority + extra > ANSWER_RECORDS_MAX) return no('too many records')
  const answers: DnsRecord[] = []
  let noTtl: number | undefined
  let rcode = flags & 15
  let at = end
  for (let index = 0; index < answered + authority + extra; index++) {
    const record = recordAt(bytes, at)
    if (record === undefined) return no('a record breaks off')
    const { type, ttl, data } = record
    if (index < answered && u16(bytes, at) === (0xc000 | HEADER_BYTES) && record.class === CLASS_IN)
      answers.push({ type, ttl, data })
    if (index >= answered && index < answered + authority && type === TYPE.SOA) noTtl = ttl
    if (index >= answered + authority && type === TYPE.OPT) rcode |= Math.floor(ttl / 0x100_0000) << 4
    at = record.end
  }
  if (at !== bytes.length) return no('bytes behind the end')
  return ok({ rcode, isTruncated: (flags & FLAG.truncated) !== 0, answers, noTtl })
}
