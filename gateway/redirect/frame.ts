// The paper's frame [§6]: a page of the gateway's own with the bar above and the site, at its present host, below. It is for whoever asks for it with
// `frame=1` as the last thing of a query; links, titles and logins work better without.
//
// Invariant: what is in the frame is of this site's origins, or on its way there through this gateway: the policy of the page says so.

import { html, raw } from 'hono/html'
import type { Page } from '#gateway/pages/layout.ts'
import { frameWordsIn } from '#gateway/redirect/frame-words.ts'
import { languageOf, wordsIn } from '#page/bar/words.ts'

/** So many of the origins that the site may move to within the frame. */
const ORIGINS_MAX = 8
const MARK = /[?&]frame=1$/
/** All that a site may do by itself, but lead the whole window away. The frame is of another origin, so that its own origin is no way out. */
const ALLOWED =
  'allow-downloads allow-forms allow-modals allow-pointer-lock allow-popups allow-popups-to-escape-sandbox allow-same-origin allow-scripts'

/** Whether an address asks for the frame: for the hot path. */
export function wantsFrame(url: string): boolean {
  return url.endsWith('frame=1') && MARK.test(url)
}

/** Path and query as the site gets them. */
export function withoutFrame(rest: string): string {
  return rest.replace(MARK, '')
}

/** Languages of `Accept-Language`, best first (RFC 9110 §12.5.4). */
export function languagesOf(field: string | undefined): readonly string[] {
  return (field ?? '')
    .slice(0, 1024)
    .split(',')
    .map((item) => {
      const [tag = '', ...parameters] = item.split(';').map((part) => part.trim())
      const q = parameters.find((parameter) => parameter.startsWith('q='))
      const weight = q === undefined ? 1 : Number(q.slice(2))
      return { tag, weight: Number.isFinite(weight) ? weight : 0 }
    })
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => tag)
}

export type Framed = {
  readonly siteName: string
  /** Where the site is now, the one to show first. */
  readonly origins: readonly string[]
  /** Path and query at the site. */
  readonly rest: string
  /** Of the gateway: an `https:` page frames no `http:` one. */
  readonly publicUrl: string
  /** The gateway carries the site and checks what members say; absent: a member answers by itself. */
  readonly checked: { readonly quorum: number; readonly members: number } | undefined
  readonly acceptLanguage: string | undefined
}

export function framePolicy({ origins }: Framed): string {
  const sources = ["'self'", ...origins.slice(0, ORIGINS_MAX)].join(' ')
  return `default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src ${sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

export function framePage({ siteName, origins, rest, publicUrl, checked, acceptLanguage }: Framed): Page {
  const language = languageOf(languagesOf(acceptLanguage))
  const words = wordsIn(language)
  const own = frameWordsIn(language)
  const address = `${origins[0]}${rest}`
  const isPlain = publicUrl.startsWith('https:') && address.startsWith('http:')
  const sentence = (checked === undefined ? own.member : own.gateway)
    .replace('{quorum}', String(checked?.quorum))
    .replace('{members}', String(checked?.members))
  const more = html`<a href="/-/about/${siteName}">${words.more}</a>`
  const alone = html`<a href="${address}" rel="nofollow">${own.alone}</a>`
  const body = isPlain
    ? html`<main class="plain"><h1>${siteName}</h1>
<p>${named(own.plain, siteName)}</p>
<p>${alone} · ${more}</p></main>`
    : html`<header>
<p>${named(sentence, siteName)} ${more}</p>
<p>${own.empty} ${alone}</p>
</header>
<main><h1>${siteName}</h1><iframe src="${address}" title="${siteName}" sandbox="${ALLOWED}" allow="fullscreen"></iframe></main>`
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${siteName} · Interpeer</title>
<link rel="icon" href="/-/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/-/frame.css">
</head>
<body>
${body}
</body>
</html>
`
}

function named(sentence: string, siteName: string): Page {
  const [before = '', after = ''] = sentence.split('{site}')
  return html`${before}${raw('<b>')}${siteName}${raw('</b>')}${after}`
}

export const FRAME_STYLE = `
:root { color-scheme: light dark; --ground: #fffdf6; --ink: #1d2326; --line: #b9b19a; --link: #0b5f56 }
@media (prefers-color-scheme: dark) { :root { --ground: #1b2023; --ink: #eceae4; --line: #545e63; --link: #7ad9c9 } }
* { box-sizing: border-box }
body { display: flex; flex-direction: column; height: 100vh; height: 100dvh; margin: 0; background: var(--ground); color: var(--ink); font: .875rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere }
header { display: flex; flex-wrap: wrap; gap: .1rem 2rem; justify-content: space-between; padding: .5rem 1rem; border-bottom: 1px solid var(--line) }
header p { margin: 0 }
a { color: var(--link); text-underline-offset: .2em; white-space: nowrap }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px }
main { flex: 1; display: flex; min-height: 0 }
.plain { display: block; width: 100%; max-width: 44rem; margin: 0 auto; padding: 1.5rem 1.25rem; font-size: 1.0625rem; line-height: 1.6 }
.plain h1 { margin: 1rem 0; font-size: 2rem; line-height: 1.15 }
main:not(.plain) h1 { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
iframe { flex: 1; width: 100%; border: 0; background: #fff }
`
