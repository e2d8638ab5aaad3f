// The home page: what this is, which sites there are, how to publish one and how to lend a machine.

import { html } from 'hono/html'
import { denied } from '#gateway/deny/denials.ts'
import type { Gateway, HeldNetwork } from '#gateway/gateway.ts'
import { targetsOf } from '#gateway/locate/living.ts'
import { layout, type Page } from '#gateway/pages/layout.ts'
import { counted } from '#gateway/pages/words.ts'
import { SITES_ON_HOME_PAGE_MAX } from '#gateway/settings.ts'

/** A site's name has no more. */
const SEARCH_CHARS_MAX = 63

export type Wanted = {
  /** Part of the name; empty: all. */
  readonly search: string
  /** From 1. */
  readonly page: number
}

/** What is asked for by `?q=…&page=…`; whatever else is asked, the first page of all. */
export function wantedOf(query: URLSearchParams): Wanted {
  const page = query.get('page') ?? '1'
  return {
    search: (query.get('q') ?? '').trim().toLowerCase().slice(0, SEARCH_CHARS_MAX),
    page: /^[1-9][0-9]{0,3}$/.test(page) ? Number(page) : 1,
  }
}

type SiteLine = { readonly name: string; readonly living: number; readonly members: number }
type Found = {
  readonly sites: readonly SiteLine[]
  readonly all: number
  readonly pages: number
  readonly page: number
}

const sortedOf = new WeakMap<HeldNetwork, readonly string[]>()

/** In the order of their names; sorted once for each network file. */
function namesOf({ network, locations }: Gateway): readonly string[] {
  if (network === undefined) return []
  const known = sortedOf.get(network)
  if (known !== undefined) return known
  const names = Array.from(locations.jobs(), ({ name }) => name).sort()
  sortedOf.set(network, names)
  return names
}

/** Names that begin with what is looked for come first. */
function find(gateway: Gateway, { search, page }: Wanted): Found {
  const { locations, ports } = gateway
  const now = ports.now()
  const fits = namesOf(gateway).filter(
    (name) => name.includes(search) && denied(gateway, name, undefined) === undefined,
  )
  const names =
    search === ''
      ? fits
      : [...fits.filter((name) => name.startsWith(search)), ...fits.filter((name) => !name.startsWith(search))]
  const pages = Math.max(1, Math.ceil(names.length / SITES_ON_HOME_PAGE_MAX))
  const at = Math.min(page, pages)
  const sites = names.slice((at - 1) * SITES_ON_HOME_PAGE_MAX, at * SITES_ON_HOME_PAGE_MAX).flatMap((name) => {
    const job = locations.jobByName(name)
    if (job === undefined) return []
    return { name, living: targetsOf(locations.members(job, now)).length, members: job.members.length }
  })
  return { sites, all: names.length, pages, page: at }
}

function siteItem({ name, living, members }: SiteLine): Page {
  const standing = living === 0 ? 'nobody answers' : `${living} of ${members} answer`
  return html`<li><a href="/${name}/"><b>${name}</b> <span class="state ${living === 0 ? 'bad' : 'good'}">${standing}</span></a><a href="/-/about/${name}" aria-label="About ${name}">About</a></li>
`
}

function pageAddress(search: string, page: number): string {
  const query = new URLSearchParams()
  if (search !== '') query.set('q', search)
  if (page > 1) query.set('page', String(page))
  return `/?${query}#sites`
}

function pager({ search }: Wanted, { page, pages }: Found): Page | string {
  if (pages === 1) return ''
  const back = page === 1 ? html`<span></span>` : html`<a href="${pageAddress(search, page - 1)}" rel="prev">Before</a>`
  const on = page === pages ? html`<span></span>` : html`<a href="${pageAddress(search, page + 1)}" rel="next">Next</a>`
  return html`<nav class="pages" aria-label="Pages of the list">${back}<span class="small">Page ${page} of ${pages}</span>${on}</nav>`
}

function siteList(wanted: Wanted, found: Found, isEmpty: boolean): Page {
  if (isEmpty) return html`<p>No site is published on this network yet. Yours could be the first.</p>`
  const { search } = wanted
  const form = html`<form class="search" role="search" action="/#sites" method="get"><input type="search" name="q" value="${search}" maxlength="${SEARCH_CHARS_MAX}" aria-label="Part of a site’s name" placeholder="Part of a name" autocomplete="off" autocapitalize="none" spellcheck="false"><button>Find</button></form>`
  const heading =
    search === ''
      ? ''
      : html`<p role="status">${found.all === 0 ? 'No site has' : counted(found.all, 'site has', 'sites have')} “${search}” in its name. <a href="/#sites">All sites</a></p>`
  return html`${form}${heading}<ul class="sites plain">
${found.sites.map(siteItem)}</ul>${pager(wanted, found)}`
}

export function homePage(gateway: Gateway, wanted: Wanted): Page {
  const found = find(gateway, wanted)
  const file = gateway.network?.file
  const all = file?.jobs.length ?? 0
  const { publicUrl } = gateway.config
  const main = html`<h1>Web sites that no single machine hosts</h1>
<p class="lead">Every site here runs on a small group of machines that belong to different people. They carry out each change together, and it counts only when enough of them came to the same result and signed it. So nobody, not one of them and not this gateway, can quietly change a site or take it down alone.</p>
<h2 id="sites">Sites</h2>
${siteList(wanted, found, all === 0)}
<h2>What happens when you follow a link</h2>
<ol class="steps">
<li>This gateway sends your browser to a member of the site’s group that is there right now, or carries the answer to you and checks it on the way.</li>
<li>The address to keep and to share is the one here, <code>${publicUrl}/name/</code>: members come and go, the name stays.</li>
<li>Your browser does not check what a member tells it, but anybody can: each answer comes with its signatures.</li>
</ol>
<pre tabindex="0">npx interpeer verify ${publicUrl}/name/ --network network.json</pre>
<h2 id="publish">Publish a site</h2>
<p>Write it as a Worker with a database and files, or as plain pages. Your key signs it, a group is drawn for it, and it is there once they agreed to run it. A new version goes out the same way and keeps the data.</p>
<pre tabindex="0">curl -o network.json ${publicUrl}/network
npx interpeer init my-site
npx interpeer publish my-site --network network.json</pre>
<h2 id="seed">Lend a machine</h2>
<p>A seeder keeps a share of other people’s sites on your machine, within the bounds that you set. It needs no screen, no root, and no address that others can dial: <code>--reach tunnel</code> is for machines behind a router. Without <code>--accept</code> it only says what it would do with this machine; nothing is stored and nobody is told before you accept.</p>
<pre tabindex="0">curl -o network.json ${publicUrl}/network
npx interpeer seed --dir my-seeder --network network.json
npx interpeer seed --dir my-seeder --network network.json --accept</pre>
<p>It needs Node 24 or newer. Its own page shows how it does: sites, load, disk, who reaches it.</p>
<h2>This network</h2>
<dl>
<dt>Network file</dt><dd>${file === undefined ? 'none yet' : html`<a href="/network">version ${file.version}</a>, of ${new Date(file.time).toISOString().slice(0, 10)}`}</dd>
<dt>Sites</dt><dd>${all}</dd>
<dt>Seeders</dt><dd>${file?.peers.length ?? 0}</dd>
<dt>For programs</dt><dd><a href="/network">network file</a>, <a href="/bootstrap">bootstrap</a>, <a href="/sitemap.xml">sitemap</a></dd>
<dt>Where it sends nobody</dt><dd><a href="/deny">deny-lists</a></dd>
</dl>`
  return layout({
    title: wanted.search === '' ? 'Interpeer' : `${wanted.search} · Interpeer`,
    description: 'Dynamic web sites hosted by groups of machines that agree on every change.',
    main,
  })
}
