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
  503: 'Nobody there just now',
}

export function errorPage(status: number, message: string): Page {
  const title = TITLES[status] ?? 'Not accepted'
  const body = html`<p class="status">${status}</p>
<h1>${title}</h1>
<p class="lead">${message}</p>
<p><a href="/">All sites of this network</a></p>`
  return layout(`${title} · Interpeer`, message, body)
}
