// The deny-lists that this gateway follows, for people: whose they are, what they say, how to object. The signed lists are linked.

import { html } from 'hono/html'
import type { Gateway } from '#gateway/gateway.ts'
import { layout, type Page } from '#gateway/pages/layout.ts'
import type { DenyEntry, DenyList } from '#protocol/directory/deny-list.ts'

/** The newest first; all of them stand in the signed list. */
const ENTRIES_SHOWN_MAX = 200

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

function entryItem({ locations }: Gateway, entry: DenyEntry): Page {
  const name = locations.jobById(entry.job)?.name ?? `${entry.job.slice(0, 12)}…`
  const places = entry.places.length === 0 ? 'everywhere' : `in ${entry.places.join(', ')}`
  const until = entry.lifted === undefined ? '' : `, lifted ${day(entry.lifted)}`
  const reference = entry.reference === undefined ? '' : html` <a href="${entry.reference}" rel="nofollow">source</a>`
  return html`<li value="${entry.number}"><b>${name}</b>, ${entry.reason}, ${places}, since ${day(entry.since)}${until}: ${entry.text}${reference}</li>`
}

function listSection(gateway: Gateway, list: DenyList): Page {
  const entries = list.entries.slice(-ENTRIES_SHOWN_MAX).reverse()
  const shown =
    entries.length === 0
      ? html`<p>Nothing yet.</p>`
      : html`<ol reversed>${entries.map((entry) => entryItem(gateway, entry))}</ol>`
  return html`<h2>${list.title}</h2>
<p>Version ${list.version} of ${day(list.time)}, <a href="/deny/${list.issuer}">signed</a> by <code>${list.issuer}</code>. <a href="${list.appeal}" rel="nofollow">Object</a>.</p>
${shown}`
}

export function denyPage(gateway: Gateway): Page {
  const lists = [...gateway.denials.lists()].map(({ list }) => listSection(gateway, list))
  const body = html`<h1>What this gateway does not lead to</h1>
<p class="lead">The group of a site keeps it whatever stands here: these lists say only where this gateway sends nobody. Nothing is ever taken from them; what does not hold any more is lifted.</p>
${lists.length === 0 ? html`<p>This gateway follows no list.</p>` : lists}`
  return layout({
    title: 'Deny-lists · Interpeer',
    description: 'Where this gateway sends nobody, and why.',
    main: body,
  })
}
