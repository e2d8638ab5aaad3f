// How a read is answered: from memory, by a run, in order when it turned out to write, or as events that go on.

import type { ServerResponse } from 'node:http'
import { askedAfter } from '#protocol/answer/event-stream.ts'
import type { EventStreams } from '#seeder/serve/event-streams.ts'
import type { ReadPlace } from '#seeder/serve/evidence-fields.ts'
import type { Head, HostedSite } from '#seeder/serve/port.ts'
import { type FoundRead, type ReadRequest, type Reads, withHeaders } from '#seeder/serve/reads.ts'
import type { RecentHeads } from '#seeder/serve/recent-heads.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'
import type { Sender } from '#seeder/serve/send.ts'

export type ReadAnswersOptions = {
  readonly reads: Reads
  readonly sender: Sender
  readonly events: EventStreams
  readonly heads: RecentHeads
  /** While true no script is run for a visitor. */
  readonly sheds: () => boolean
  /** It is asked for a WebSocket, which takes events that go on or nothing. */
  readonly isForSocket: (response: ServerResponse) => boolean
  readonly say: (response: ServerResponse, head: RequestHead, refusal: Refusal) => void
  /** A read that writes is ordered, and answered then. */
  readonly order: (
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    site: HostedSite,
    source: string,
  ) => Promise<void>
}

/** Undefined: it was answered from memory. */
export type AnswerRead = (
  response: ServerResponse,
  request: RequestHead,
  asked: ReadRequest,
  place: ReadPlace,
  source: string,
) => undefined | Promise<void>

export function createReadAnswers(options: ReadAnswersOptions): AnswerRead {
  const { reads, sender, events, heads, sheds, isForSocket, say, order } = options

  function answerRead(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    place: ReadPlace,
    source: string,
  ): undefined | Promise<void> {
    const { site, head: newest } = place
    const head = headAt(site, newest, request.height)
    if (head === undefined) {
      say(response, request, { code: 'height_gone' })
      return undefined
    }
    // Members that look at each other ask for a height: while nothing changes that costs no run either.
    if (request.nonce === undefined) {
      const found = reads.find(asked, head)
      if (found !== undefined)
        return sendRead(response, request, asked, head === newest ? place : { ...place, head }, found, source)
    }
    return answerFresh(response, request, asked, site, head, newest, source)
  }

  /** The head that a read is to be answered from; undefined when that height is no longer at hand. */
  function headAt(site: HostedSite, newest: Head, height: number | undefined): Head | undefined {
    if (height === undefined || height === newest.height) return newest
    return heads.at(site, height)
  }

  /** An answer by itself, or events that go on. */
  function sendRead(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    place: ReadPlace,
    found: FoundRead,
    source: string,
  ): undefined | Promise<void> {
    if (!events.concerns(request, found)) return sender.read(response, request, place, found)
    const { site } = place
    const ask = async (lastId: string): Promise<FoundRead | undefined> => {
      const head = site.head()
      if (head === undefined || sheds()) return undefined
      const again = withHeaders(asked, askedAfter(asked.headers, lastId))
      const known = reads.find(again, head)
      if (known !== undefined) return { ...known, head }
      const outcome = await reads.run(site, again, head, source)
      return outcome.ok && outcome.value !== 'writes' ? outcome.value : undefined
    }
    return events.answer({ response, request, place, asked, ask }, found, (one) => {
      if (!isForSocket(response)) return sender.read(response, request, { ...place, head: one.head ?? place.head }, one)
      say(response, request, { code: 'overloaded' })
      return undefined
    })
  }

  async function answerFresh(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    site: HostedSite,
    head: Head,
    newest: Head,
    source: string,
  ): Promise<void> {
    if (sheds()) return say(response, request, { code: 'overloaded' })
    const alone = request.nonce !== undefined || head !== newest
    const outcome = alone
      ? await reads.runAlone(site, asked, head, source, request.nonce)
      : await reads.run(site, asked, head, source)
    if (!outcome.ok) {
      const gone = head !== newest && outcome.error.code === 'runtime_unavailable'
      return say(response, request, gone ? { code: 'height_gone' } : outcome.error)
    }
    if (outcome.value !== 'writes')
      return sendRead(
        response,
        request,
        asked,
        {
          ...{ site, head: outcome.value.head ?? head, target: request.target },
          ...{ origin: request.origin, client: request.client },
        },
        outcome.value,
        source,
      )
    return order(response, request, asked, site, source)
  }

  return answerRead
}
