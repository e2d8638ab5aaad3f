// The page of a refusal: what happened, in a sentence, and the way back.

import { html } from 'hono/html'
import { layout, type Page } from '#gateway/pages/layout.ts'

const TITLES: Readonly<Record<number, string>> = {
  404: 'Not found',
  405: 'Not possible here',
  410: 'Gone',
  414: 'Address too long',
  429: 'Too many requests',
  500: 'Our fault',
  403: 'Not shown here',
  451: 'Unavailable for legal reasons',
  503: 'Nobody there just now',
}

/** A link under the sentence. */
export type Further = { readonly text: string; readonly url: string }

export function errorPage(status: number, message: string, further: readonly Further[] = []): Page {
  const title = TITLES[status] ?? 'Not accepted'
  const body = html`<p class="status">${status}</p>
<h1>${title}</h1>
<p class="lead">${message}</p>
${further.map(({ text, url }) => html`<p><a href="${url}" rel="nofollow">${text}</a></p>`)}
<p><a href="/">All sites of this network</a></p>`
  return layout(`${title} · Interpeer`, message, body)
}
