// The frame of every page of the gateway: readable without style and without script, in light and dark, on a phone.

import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'
import { OWN_SCRIPT } from '#page/own-script.ts'
import { OWN_STYLE } from '#page/own-style.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'

export type Page = HtmlEscapedString | Promise<HtmlEscapedString>

const TAG_CHARS = 12

/** A file that may be kept for ever: another one has another address. */
function tagged(path: string, content: string): string {
  return `${path}?${hexFromBytes(sha256(new TextEncoder().encode(content))).slice(0, TAG_CHARS)}`
}

export const STYLE_ADDRESS = tagged('/-/style.css', OWN_STYLE)
export const SCRIPT_ADDRESS = tagged('/-/page.js', OWN_SCRIPT)
export const ICON_ADDRESS = '/-/icon.svg'

export type Layout = {
  readonly title: string
  readonly description: string
  readonly main: Page
  /** The gateway's own address, for a page that stands at another host; empty: this one. */
  readonly base?: string
  /** The page asks again by itself: after so many ms for what is new, or until it is answered otherwise. */
  readonly renews?: { readonly how: 'every' | 'again'; readonly ms: number }
}

export function layout({ title, description, main, base = '', renews }: Layout): Page {
  const script = renews === undefined ? '' : html`<script src="${base}${SCRIPT_ADDRESS}" defer></script>`
  const attribute = renews === undefined ? '' : html` data-${renews.how}="${renews.ms}"`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<meta name="description" content="${description}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="${base}${ICON_ADDRESS}" type="image/svg+xml">
<link rel="stylesheet" href="${base}${STYLE_ADDRESS}">
${script}
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header class="top"><a class="home" href="${base}/"><img src="${base}${ICON_ADDRESS}" alt="" width="28" height="28">Interpeer</a>
<nav aria-label="This gateway"><a href="${base}/#sites">Sites</a><a href="${base}/#publish">Publish</a><a href="${base}/#seed">Lend a machine</a></nav></header>
<main id="main"${attribute}>
${main}
</main>
<footer>This gateway points the way and checks what it carries. Sites belong to their authors and are run by the members of their groups.</footer>
</body>
</html>
`
}
