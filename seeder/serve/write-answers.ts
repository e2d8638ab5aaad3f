// How a write is answered: its body whole, then ordered, agreed and executed, and what came of it with its certificate.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { takeFormKey } from '#page/form-request.ts'
import type { Share } from '#protocol/bounds/share.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Bandwidth } from '#seeder/serve/bandwidth.ts'
import { barredRepresentation } from '#seeder/serve/barred-page.ts'
import { bodyRefusal, readBody } from '#seeder/serve/body.ts'
import { wantedCoding } from '#seeder/serve/coding.ts'
import type { FieldMaker } from '#seeder/serve/evidence-fields.ts'
import { keyedPage } from '#seeder/serve/keyed-page.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { Committed, HostedSite } from '#seeder/serve/port.ts'
import type { ReadRequest } from '#seeder/serve/reads.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import { nativeSha256, representationOf, select } from '#seeder/serve/representation.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'
import { isKeyed, type Writes } from '#seeder/serve/writes.ts'

export type WriteAnswersOptions = {
  readonly writes: Writes
  readonly fields: FieldMaker
  /** Of bodies, by source. */
  readonly budget: Share
  readonly bandwidth: Bandwidth
  readonly limits: ServeLimits
  readonly gateway: () => string | undefined
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
  /** While true no script is run for a visitor. */
  readonly sheds: () => boolean
  /** Who asks would rather wait than hear that somebody else has to be asked. */
  readonly isPatient: (request: RequestHead, message: IncomingMessage) => boolean
  /** `close`: the rest of what is asked is not read. */
  readonly say: (response: ServerResponse, head: RequestHead, refusal: Refusal, options?: { close: boolean }) => void
  /** Sends who asks to where the site is now. False: nobody can be sent anywhere from here. */
  readonly away: (response: ServerResponse, request: RequestHead, site: HostedSite) => false | Promise<void>
}

export type WriteAnswers = {
  answer(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    site: HostedSite,
    source: string,
  ): Promise<void>
  /** Answers what was agreed already. */
  ordered(response: ServerResponse, request: RequestHead, site: HostedSite, committed: Committed): Promise<void>
}

export function createWriteAnswers(options: WriteAnswersOptions): WriteAnswers {
  const { writes, fields, budget, bandwidth, limits, gateway, random, log, say } = options

  async function ordered(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    committed: Committed,
  ): Promise<void> {
    const representation = representationOf(committed.response, false)
    if (!representation.ok) {
      log.warn('script_answer', { site: site.name, target: request.target, status: committed.response.status })
      return say(response, request, { code: representation.error })
    }
    const certified = representation.value
    const page = barredRepresentation(certified, request, site.name, gateway()) ?? certified
    const keyed = await keyedPage({ random, page, request, siteName: site.name })
    const selected = keyed ?? (await select(page, wantedCoding(request.acceptEncoding)))
    const sent = { kind: keyed === undefined ? 'whole' : 'edited', selected } as const
    const { target, origin, client } = request
    const place = { site, target, origin, client }
    response.writeHead(page.status, fields.write(place, committed, page, sent))
    response.end(request.method === 'HEAD' ? undefined : selected.bytes)
  }

  async function answer(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    site: HostedSite,
    source: string,
  ): Promise<void> {
    const { req } = response
    const refused = options.sheds() ? 'overloaded' : bodyRefusal(request.contentLength, budget, source)
    if (refused !== undefined) return say(response, request, { code: refused }, { close: true })
    if (req.headers.expect !== undefined) response.writeContinue()
    // What is declared counts while it comes: many that begin at once are bounded too.
    const declared = request.contentLength ?? 0
    bandwidth.spend(declared)
    const body = await readBody(req, budget, source, limits.requestTimeoutMs)
    bandwidth.spend(-declared)
    bandwidth.meter(req.socket)
    if (body === undefined) return
    if (!body.ok) return say(response, request, { code: body.error }, { close: true })
    try {
      const sent = { headers: asked.headers, body: body.value.bytes }
      const { headers, body: filled } = (request.client ? undefined : takeFormKey(sent, nativeSha256)) ?? sent
      const write = { ...asked, headers }
      const isPatient = () => options.isPatient(request, req) && !response.destroyed
      const committed = await writes.submit(site, write, filled, source, isPatient)
      if (committed.ok) return await ordered(response, request, site, committed.value)
      // It left in the midst of it: whoever is there now is asked for the same, which runs once (R9).
      const isSentOn = committed.error.code === 'not_ready' && site.hasLeft?.() === true && isKeyed(write)
      const sending = isSentOn && options.away(response, request, site)
      if (sending === false) say(response, request, committed.error)
      else await sending
    } finally {
      body.value.release()
    }
  }

  return { answer, ordered }
}
