// The frame of every page of the gateway: readable without style, in light and dark, on a phone.

import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

export type Page = HtmlEscapedString | Promise<HtmlEscapedString>

export function layout(title: string, description: string, main: Page): Page {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<meta name="description" content="${description}">
<link rel="icon" href="/-/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/-/style.css">
</head>
<body>
<header><a href="/"><img src="/-/icon.svg" alt="" width="28" height="28">Interpeer</a></header>
<main>
${main}
</main>
<footer>This gateway only points the way: sites are served by the members of their own groups.</footer>
</body>
</html>
`
}
