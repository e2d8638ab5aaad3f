// The home page: what this is, which sites there are, how to publish one and how to host.

import { html } from 'hono/html'
import { denied } from '#gateway/deny/denials.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { targetsOf } from '#gateway/locate/living.ts'
import { layout, type Page } from '#gateway/pages/layout.ts'
import { SITES_ON_HOME_PAGE_MAX } from '#gateway/settings.ts'

type SiteLine = { readonly name: string; readonly living: number; readonly members: number }

function siteLines(gateway: Gateway): readonly SiteLine[] {
  const now = gateway.ports.now()
  const jobs = [...gateway.locations.jobs()]
    .filter(({ name }) => denied(gateway, name, undefined) === undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, SITES_ON_HOME_PAGE_MAX)
  return jobs.map((job) => ({
    name: job.name,
    living: targetsOf(gateway.locations.members(job, now)).length,
    members: job.members.length,
  }))
}

function siteItem({ name, living, members }: SiteLine): Page {
  const standing = living === 0 ? 'nobody answers' : `${living} of ${members} answer`
  return html`<li><a href="/${name}/"><b>${name}</b> <span class="${living === 0 ? 'bad' : 'good'}">${standing}</span></a></li>`
}

export function homePage(gateway: Gateway): Page {
  const sites = siteLines(gateway)
  const file = gateway.network?.file
  const all = file?.jobs.length ?? 0
  const list =
    sites.length === 0
      ? html`<p>No site is published on this network yet. Yours could be the first.</p>`
      : html`<ul class="sites">${sites.map(siteItem)}</ul>`
  const more = all > sites.length ? html`<p>…and ${all - sites.length} more.</p>` : ''
  const body = html`<h1>Web sites that no single machine hosts</h1>
<p class="lead">Every site here runs on a small group of machines that belong to different people. They carry out each change together, agree on the result, and sign it.</p>
<h2>Sites</h2>
${list}${more}
<h2>How a visit works</h2>
<p>Follow a link and this gateway sends your browser straight to a member of the site’s group that is there right now. The address to keep and to share is the one at this gateway, <code>${gateway.config.publicUrl}/name/</code>: members come and go, the name stays.</p>
<p>Your browser does not check what a member tells it. Anybody can: every answer carries a signed receipt, and this reads it.</p>
<pre>npx interpeer verify ADDRESS --network network.json</pre>
<h2>Publish a site</h2>
<p>Write it as a Worker with a database and files, or as plain pages. It keeps your code, its data and their history, and a new version goes out the same way.</p>
<pre>npx interpeer init my-site
npx interpeer publish</pre>
<h2>Host for others</h2>
<p>A seeder keeps a share of other people’s sites on your machine, in a box of its own, and needs neither a screen nor a fixed address.</p>
<pre>npx interpeer seed --dir my-seeder --network network.json --accept</pre>
<h2>This network</h2>
<dl>
<dt>Version</dt><dd>${file?.version ?? 'none yet'}</dd>
<dt>Sites</dt><dd>${all}</dd>
<dt>Peers</dt><dd>${file?.peers.length ?? 0}</dd>
<dt>For programs</dt><dd><a href="/network">network file</a>, <a href="/bootstrap">bootstrap</a></dd>
<dt>Where it sends nobody</dt><dd><a href="/deny">deny-lists</a></dd>
</dl>`
  return layout('Interpeer', 'Dynamic web sites hosted by groups of machines that agree on every change.', body)
}
