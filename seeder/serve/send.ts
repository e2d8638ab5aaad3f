// The last step of a read: conditions, ranges and codings of one certified answer, and its bytes on the wire.

import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { type ByteRange, evaluate, rangesOf } from '#protocol/answer/condition.ts'
import { contentDigest } from '#protocol/answer/http-signature.ts'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { barredRepresentation } from '#seeder/serve/barred-page.ts'
import { wantedCoding } from '#seeder/serve/coding.ts'
import { placedFile } from '#seeder/serve/crawl.ts'
import { drained } from '#seeder/serve/drained.ts'
import type { FieldMaker, ReadPlace, SentContent } from '#seeder/serve/evidence-fields.ts'
import { keyedPage } from '#seeder/serve/keyed-page.ts'
import { CODED_FILE_BYTES_MAX, type ServeLimits, STREAM_CHUNK_BYTES } from '#seeder/serve/limits.ts'
import type { FoundRead } from '#seeder/serve/reads.ts'
import { type Refusal, refuse } from '#seeder/serve/refusal.ts'
import { bodyBytes, type Representation, type Selected, select } from '#seeder/serve/representation.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

export type Sender = {
  /** Resolves when the answer is on its way; large files stream until then. Nothing is awaited when all is in memory. */
  read(response: ServerResponse, request: RequestHead, place: ReadPlace, found: FoundRead): undefined | Promise<void>
  /** The head of a stream of events that begins with this answer. */
  beginEvents(response: ServerResponse, place: ReadPlace, found: FoundRead): void
}

export type SenderOptions = {
  readonly fields: FieldMaker
  readonly limits: ServeLimits
  readonly random: (bytes: number) => Uint8Array
  /** By whose address sites are to be known. */
  readonly gateway: () => string | undefined
  /** Between the parts of a stream: resolves when more may go. Absent: at once. */
  readonly pace?: (response: ServerResponse) => Promise<void>
}

export function createSender(options: SenderOptions): Sender {
  const { fields: maker, limits, random } = options
  const streams = new Share(limits.streamsMax)

  function receiptOf(place: ReadPlace, found: FoundRead): string {
    const { entry, representation } = found
    if (entry.receipt?.height === place.head.height) return entry.receipt.text
    const { requestHash, nonce } = entry
    const text = maker.receipt(place.site, place.head, requestHash, representation.responseHash, nonce)
    entry.receipt = { height: place.head.height, text }
    return text
  }

  /** The head of an answer, from memory when this very one was sent at this height before. */
  function remembered(
    place: ReadPlace,
    found: FoundRead,
    way: 'plain' | 'br' | 'gzip' | '304',
    sent: SentContent,
  ): string[] {
    // Who checks answers and who does not get different cookies: rare enough to be made each time.
    if (found.representation.wideCookies) return maker.read(place, found.representation, receiptOf(place, found), sent)
    const { sent: heads } = found.entry
    const { bar } = found.representation
    const kind = bar === undefined ? way : (`${way} ${bar}` as const)
    const before = heads.get(kind)
    if (before?.height === place.head.height) return before.fields
    const fields = maker.read(place, found.representation, receiptOf(place, found), sent)
    heads.set(kind, { height: place.head.height, fields })
    return fields
  }

  async function stream(response: ServerResponse, body: Representation, { start, end }: ByteRange): Promise<void> {
    const source = sourceOf(response.req.socket.remoteAddress)
    const isPlace = streams.take(source)
    try {
      // Whoever found room a moment ago and finds none now is cut, as a slow one is: its head has gone.
      if (!isPlace) throw new Error('too many files stream')
      for (let offset = start; offset <= end; ) {
        const chunk = bodyBytes(body, offset, Math.min(STREAM_CHUNK_BYTES, end + 1 - offset))
        if (chunk.length === 0) throw new Error('the file ended before its size')
        offset += chunk.length
        if (!response.write(chunk) && !(await drained(response, limits.stallMs))) {
          response.destroy()
          return
        }
        if (options.pace !== undefined && offset <= end) await options.pace(response)
      }
      response.end()
    } catch (cause) {
      // Cut short: the visitor sees that bytes are missing, and never another file's end.
      response.destroy(cause as Error)
    } finally {
      if (isPlace) streams.give(source)
    }
  }

  function sendBody(
    response: ServerResponse,
    representation: Representation,
    range: ByteRange,
  ): undefined | Promise<void> {
    const { bytes } = representation.plain
    if (bytes !== undefined) {
      response.end(bytes.subarray(range.start, range.end + 1))
      return
    }
    return stream(response, representation, range)
  }

  function sendWhole(
    response: ServerResponse,
    request: RequestHead,
    place: ReadPlace,
    found: FoundRead,
    selected: Selected,
  ): undefined | Promise<void> {
    const { representation } = found
    response.writeHead(
      representation.status,
      remembered(place, found, selected.coding ?? 'plain', { kind: 'whole', selected }),
    )
    if (request.method === 'HEAD' || selected.length === 0) response.end()
    else if (selected.bytes !== undefined) response.end(selected.bytes)
    else return stream(response, representation, { start: 0, end: selected.length - 1 })
  }

  function sendParts(
    response: ServerResponse,
    place: ReadPlace,
    found: FoundRead,
    ranges: readonly ByteRange[],
  ): undefined | Promise<void> {
    const { representation } = found
    const size = representation.plain.length
    const receipt = receiptOf(place, found)
    const [only] = ranges
    if (only !== undefined && ranges.length === 1) {
      const length = only.end + 1 - only.start
      const digest =
        length <= CODED_FILE_BYTES_MAX
          ? contentDigest(hash('sha256', bodyBytes(representation, only.start, length), 'buffer'))
          : undefined
      const contentRange = `bytes ${only.start}-${only.end}/${size}`
      const sent: SentContent = { kind: 'part', length, contentRange, contentType: undefined, digest }
      response.writeHead(206, maker.read(place, representation, receipt, sent))
      return sendBody(response, representation, only)
    }
    const boundary = hexFromBytes(
      hash('sha256', `${representation.rootText} ${JSON.stringify(ranges)}`, 'buffer'),
    ).slice(0, 32)
    const pieces: Buffer[] = []
    for (const { start, end } of ranges) {
      const type = representation.contentType === undefined ? '' : `Content-Type: ${representation.contentType}\r\n`
      pieces.push(
        Buffer.from(`\r\n--${boundary}\r\n${type}Content-Range: bytes ${start}-${end}/${size}\r\n\r\n`, 'latin1'),
        bodyBytes(representation, start, end + 1 - start),
      )
    }
    pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'))
    const whole = Buffer.concat(pieces)
    response.writeHead(
      206,
      maker.read(place, representation, receipt, {
        kind: 'part',
        length: whole.length,
        contentRange: undefined,
        contentType: `multipart/byteranges; boundary=${boundary}`,
        digest: contentDigest(hash('sha256', whole, 'buffer')),
      }),
    )
    response.end(whole)
  }

  function sendSelected(
    response: ServerResponse,
    request: RequestHead,
    place: ReadPlace,
    found: FoundRead,
    selected: Selected,
  ): undefined | Promise<void> {
    const { representation } = found
    const { conditions } = request
    if (
      representation.file !== undefined &&
      request.method !== 'HEAD' &&
      !streams.fits(sourceOf(response.req.socket.remoteAddress))
    )
      return refused(response, request, { code: 'overloaded' })
    if (conditions !== undefined && representation.status === 200 && request.method !== 'OPTIONS') {
      const validators = { etag: selected.etag, modified: representation.modified }
      const verdict = evaluate(conditions, validators)
      if (verdict === 'failed') return refused(response, request, { code: 'precondition_failed' })
      if (verdict === 'not_modified') {
        response.writeHead(304, remembered304(place, found, selected))
        response.end()
        return
      }
      // Parts are of the certified body alone.
      if (request.method === 'GET' && representation.bar === undefined) {
        const ranges = rangesOf(conditions, representation.plain.length, validators)
        if (ranges === 'unsatisfiable') {
          const headers = [['Content-Range', `bytes */${representation.plain.length}`]] as const
          return refused(response, request, { code: 'range_not_satisfiable', headers })
        }
        const total = ranges === 'whole' ? 0 : ranges.reduce((sum, { start, end }) => sum + end + 1 - start, 0)
        if (ranges !== 'whole' && (ranges.length === 1 || total <= CODED_FILE_BYTES_MAX))
          return sendParts(response, place, found, ranges)
      }
    }
    return sendWhole(response, request, place, found, selected)
  }

  function remembered304(place: ReadPlace, found: FoundRead, selected: Selected): string[] {
    const sent: SentContent = { kind: 'not_modified', etag: selected.etag }
    if (selected.coding === undefined) return remembered(place, found, '304', sent)
    return maker.read(place, found.representation, receiptOf(place, found), sent)
  }

  return {
    beginEvents(response, place, found) {
      const { representation } = found
      response.writeHead(
        representation.status,
        maker.read(place, representation, receiptOf(place, found), { kind: 'going_on' }),
      )
      response.flushHeaders()
    },
    read(response, request, place, certified) {
      const { name } = place.site
      const gateway = options.gateway()
      const barred = barredRepresentation(certified.representation, request, name, gateway)
      const found = barred === undefined ? certified : { ...certified, representation: barred }
      const { representation } = found
      const keyed =
        keyedPage({ random, page: representation, request, siteName: name }) ??
        placedFile(representation, request, name, gateway)
      if (keyed !== undefined)
        return keyed.then((selected) => {
          const sent: SentContent = { kind: 'edited', selected }
          response.writeHead(representation.status, maker.read(place, representation, receiptOf(place, found), sent))
          response.end(request.method === 'HEAD' ? undefined : selected.bytes)
        })
      // A range is of the identity body, so that If-Range and the tag mean the same bytes.
      const coding = request.conditions?.range === undefined ? wantedCoding(request.acceptEncoding) : undefined
      const selected = select(representation, coding)
      if (selected instanceof Promise)
        return selected.then((made) => sendSelected(response, request, place, found, made))
      return sendSelected(response, request, place, found, selected)
    },
  }
}

function refused(response: ServerResponse, request: RequestHead, refusal: Refusal): undefined {
  refuse(response, refusal, { accept: request.accept, head: request.method === 'HEAD' })
}
