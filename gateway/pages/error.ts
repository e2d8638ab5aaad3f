// The page of a refusal: what happened, in a sentence, what to do about it, and the way back.

import { html } from 'hono/html'
import { type GatewayError, messageOf, statusOf } from '#gateway/http/errors.ts'
import { layout, type Page } from '#gateway/pages/layout.ts'
import { RETRY_AFTER_SECONDS } from '#gateway/settings.ts'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Not understood',
  401: 'Not signed as it should be',
  403: 'Not allowed here',
  404: 'Not found',
  405: 'Not possible here',
  408: 'Too slow',
  409: 'Known already',
  410: 'Gone',
  413: 'Too large',
  414: 'Address too long',
  415: 'Of another kind than expected',
  421: 'For another gateway',
  426: 'Not for browsers',
  429: 'Too many requests',
  451: 'Unavailable for legal reasons',
  500: 'Our fault',
  501: 'Not offered here',
  502: 'No answer that holds',
  503: 'Not just now',
}

/** A link under the sentence; `rel`: what is said of it. */
type Further = { readonly text: string; readonly url: string; readonly rel?: string }

/** What the visitor can do about it. */
function adviceOf(error: GatewayError): string {
  switch (error.code) {
    case 'unknown_name':
    case 'not_found':
    case 'unknown_peer':
    case 'unknown_issuer':
      return 'Look whether the address is spelt right, or look for the site by its name.'
    case 'gone_name':
      return 'Nothing of it is shown any more, and its name may be taken by somebody else. Whoever published it can tell you why.'
    case 'denied':
      return error.reason === 'law'
        ? 'The group keeps the site; only this gateway leads nobody there, because of a law. If you think that this is wrong, object to it.'
        : 'The group keeps the site; only this gateway leads nobody there. If you think that this is wrong, object to it.'
    case 'no_living_member':
      return 'Wait a little. The site itself is not lost: its members keep it, and the first one that is back answers.'
    case 'no_honest_member':
      return 'Try again in a while. You were spared what they said; the gateway’s operator has it in the log.'
    case 'site_refuses':
      return 'Go back and try it otherwise: the site does not take what was asked or sent, however often.'
    case 'rate_limited':
    case 'overloaded':
    case 'no_network':
    case 'store_unavailable':
      return `Wait ${RETRY_AFTER_SECONDS} seconds, then try again.`
    case 'body_too_slow':
      return 'Send it again, over a faster connection or in smaller parts.'
    case 'target_too_long':
      return 'Shorten the address: most often it is what follows the question mark that is too long.'
    case 'body_too_large':
      return 'Send less at once.'
    case 'internal':
      return 'Nothing that you did is wrong. Try again, or come back later.'
    default:
      return 'This address is for programs; there is nothing for people to do here.'
  }
}

/** `base`: the gateway's own address, when the page stands at another host; `again`: this was asked for in a way that may be repeated. */
export function errorPage(error: GatewayError, at: { readonly base: string; readonly again: boolean }): Page {
  const status = statusOf(error)
  const title = TITLES[status] ?? 'Not accepted'
  const message = messageOf(error)
  const waits = status === 503 && at.again
  const further = furtherOf(error, at.base)
  const main = html`<p class="status">${status}</p>
<h1>${title}</h1>
<p class="lead">${message}</p>
<p>${adviceOf(error)}</p>
${waits ? html`<p class="small" data-again-line hidden>This page goes on by itself as soon as there is an answer.</p>` : ''}
<p class="actions">${at.again && (status === 502 || status === 503 || status === 429) ? html`<a class="button" href="">Try again</a>` : ''}
${further.map(({ text, url, rel }) => html`<a href="${url}"${rel === undefined ? '' : html` rel="${rel}"`}>${text}</a>`)}
<a href="${at.base}/">All sites of this network</a></p>`
  return layout({
    title: `${title} · Interpeer`,
    description: message,
    main,
    base: at.base,
    ...(waits ? { renews: { how: 'again', ms: RETRY_AFTER_SECONDS * 1000 } } : {}),
  })
}

function furtherOf(error: GatewayError, base: string): readonly Further[] {
  switch (error.code) {
    case 'denied':
      return [
        { text: 'Object to this', url: error.appeal, rel: 'nofollow' },
        ...(error.reference === undefined ? [] : [{ text: 'What it rests on', url: error.reference, rel: 'nofollow' }]),
        { text: 'All that this gateway denies', url: `${base}/deny` },
      ]
    case 'no_living_member':
    case 'no_honest_member':
    case 'site_refuses':
      return [{ text: `About ${error.name} and its members`, url: `${base}/-/about/${encodeURIComponent(error.name)}` }]
    case 'unknown_name':
      return [{ text: 'Sites with a name like it', url: `${base}/?q=${encodeURIComponent(error.name.slice(0, 63))}` }]
    default:
      return []
  }
}
