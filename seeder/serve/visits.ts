// What becomes of a visitor who asks for a site: it is answered here, or waits until the state is here or it is its turn, or is sent on to the member that has the site now.
//
//   left, or about to stop ──> another member ──> none there: here, or not ready
//   no state yet ────────────> waits ──> here, or another member
//   bandwidth is owed ───────> waits for its turn
//   else ────────────────────> read or write, at once

import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import { sourceOf } from '#protocol/bounds/share.ts'
import type { AssetFinder } from '#seeder/serve/assets.ts'
import type { Bandwidth } from '#seeder/serve/bandwidth.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import { sendOn, type Whereabouts } from '#seeder/serve/moved.ts'
import type { HostedSite } from '#seeder/serve/port.ts'
import type { AnswerRead } from '#seeder/serve/read-answers.ts'
import { readRequest } from '#seeder/serve/reads.ts'
import type { Refusal } from '#seeder/serve/refusal.ts'
import { type RequestHead, sentPairs } from '#seeder/serve/request-head.ts'
import type { WriteAnswers } from '#seeder/serve/write-answers.ts'

const AWAY_PAUSE_MS = 200

export type VisitsOptions = {
  readonly assets: AssetFinder
  readonly bandwidth: Bandwidth
  readonly limits: Pick<ServeLimits, 'readyMs'>
  /** Where a site is hosted that is not served here; undefined: nobody can be sent anywhere. */
  readonly whereabouts: Whereabouts | undefined
  readonly answerRead: AnswerRead
  readonly answerWrite: WriteAnswers['answer']
  /** This edge closes: nobody waits any more. */
  readonly isStopping: () => boolean
  /** This edge closes soon: whoever can go elsewhere does. */
  readonly isDraining: () => boolean
  /** Who asks would rather wait than hear that somebody else has to be asked. */
  readonly isPatient: (request: RequestHead, message: IncomingMessage) => boolean
  /** `close`: the rest of what is asked is not read. */
  readonly say: (response: ServerResponse, head: RequestHead, refusal: Refusal, options?: { close: boolean }) => void
  readonly linger: (response: ServerResponse) => void
}

/** As what a request is counted, and what is under way for it; undefined: it was answered at once. */
export type Visit = { readonly kind: 'read' | 'write' | 'refused'; readonly sending: Promise<void> | undefined }

export type Visits = {
  begin(response: ServerResponse, request: RequestHead, site: HostedSite): Visit
  /** Sends a visitor to where the site is now, or says that it is not ready; false: this seeder knows no other members. */
  away(response: ServerResponse, request: RequestHead, site: HostedSite): false | Promise<void>
}

export function createVisits(options: VisitsOptions): Visits {
  const { assets, bandwidth, limits, whereabouts, isStopping, isPatient, say, linger } = options

  async function away(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    others: Whereabouts,
    isRead = !request.hasBody,
  ): Promise<void> {
    // In the midst of a hand-over nobody may be there for a moment.
    const until = performance.now() + (isPatient(request, response.req) ? limits.readyMs : 0)
    for (;;) {
      if (await sendOn(response, site.name, request.target, others)) {
        // What was not read stays where it is: the visitor sends it again to whom it is sent on.
        if (!isRead) linger(response)
        return
      }
      if (performance.now() > until || isStopping() || response.destroyed) break
      await pass(AWAY_PAUSE_MS)
    }
    say(response, request, { code: 'not_ready' }, { close: !isRead })
  }

  /** The state is on its way here. When it takes too long another member is the better one. */
  async function hereSoon(response: ServerResponse, request: RequestHead, site: HostedSite): Promise<void> {
    const until = performance.now() + limits.readyMs
    while (site.head() === undefined && performance.now() < until) {
      await pass(AWAY_PAUSE_MS)
      if (isStopping() || response.destroyed) break
    }
    if (response.destroyed) return
    if (site.head() !== undefined || whereabouts === undefined) await visit(response, request, site)
    else await elsewhere(response, request, site, whereabouts)
  }

  /** What a visitor asks of a site, answered here. */
  function visit(response: ServerResponse, request: RequestHead, site: HostedSite): undefined | Promise<void> {
    const source = sourceOf(response.req.socket.remoteAddress)
    const head = site.head()
    if (head === undefined) return void say(response, request, { code: 'not_ready' }, { close: request.hasBody })
    const { origin } = request
    const more = assets.listed(site, head)
    const pairs = more.length === 0 ? request.listed : sentPairs(request.raw)
    const asked = readRequest(site, request.method, request.target, pairs, origin, more)
    if (!request.reads) return options.answerWrite(response, request, asked, site, source)
    return options.answerRead(
      response,
      request,
      asked,
      { site, head, target: request.target, origin, client: request.client },
      source,
    )
  }

  /** As `visit`, when the bandwidth that visitors may use allows. */
  async function inTurn(response: ServerResponse, request: RequestHead, site: HostedSite): Promise<void> {
    const isTurn = await bandwidth.turn()
    if (response.destroyed) return
    if (isTurn) await visit(response, request, site)
    else say(response, request, { code: 'overloaded' }, { close: request.hasBody })
  }

  /** This seeder is about to stop: another member is the better one, and where there is none, this one still is. */
  async function elsewhere(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    others: Whereabouts,
  ): Promise<void> {
    if (await sendOn(response, site.name, request.target, others)) {
      if (request.hasBody) linger(response)
    } else await visit(response, request, site)
  }

  return {
    begin(response, request, site) {
      if (whereabouts !== undefined) {
        if (site.hasLeft?.() === true) return { kind: 'refused', sending: away(response, request, site, whereabouts) }
        if (options.isDraining()) return { kind: 'refused', sending: elsewhere(response, request, site, whereabouts) }
      }
      const kind = request.reads ? 'read' : 'write'
      if (site.head() === undefined) {
        if (site.isComing?.() === true && isPatient(request, response.req))
          return { kind, sending: hereSoon(response, request, site) }
        say(response, request, { code: 'not_ready' }, { close: request.hasBody })
        return { kind: 'refused', sending: undefined }
      }
      return { kind, sending: bandwidth.free() ? visit(response, request, site) : inTurn(response, request, site) }
    },
    // What was not read was kept: a write that has its body is not cut off.
    away: (response, request, site) => whereabouts !== undefined && away(response, request, site, whereabouts, true),
  }
}
