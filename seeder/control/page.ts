// The operator's page: one look tells whether all is well. Plain HTML, light and dark, no script; it asks again by itself.

import type { SeederFacts, SiteFacts } from '#seeder/control/facts.ts'

const REFRESH_SECONDS = 5
const STALE_MS = 30_000

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(0)} KiB`
  if (bytes < 1024 * 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
  return `${(bytes / 1024 / 1024 / 1024).toFixed(2)} GiB`
}

function spanText(ms: number): string {
  const seconds = Math.max(0, ms / 1000)
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

function short(text: string): string {
  return `<code title="${escaped(text)}">${escaped(text.slice(0, 10))}…</code>`
}

const STATE_TEXT: Readonly<Record<string, readonly [kind: 'good' | 'warn' | 'bad', text: string]>> = {
  agreeing: ['good', 'agreeing'],
  joining: ['warn', 'catching up'],
  disputed: ['bad', 'disputed'],
  degraded: ['bad', 'degraded'],
  self: ['good', 'this seeder'],
  connected: ['good', 'connected'],
  silent: ['bad', 'silent'],
  behind: ['warn', 'behind'],
}

function badge(state: string): string {
  const [kind, text] = STATE_TEXT[state] ?? (['warn', state] as const)
  return `<span class="badge ${kind}">${escaped(text)}</span>`
}

function siteSection(site: SiteFacts): string {
  const title =
    site.origin === undefined ? escaped(site.name) : `<a href="${escaped(site.origin)}/">${escaped(site.name)}</a>`
  const age =
    site.ageMs === undefined
      ? 'no certificate yet'
      : `<span${site.ageMs > STALE_MS ? ' class="stale"' : ''}>certified ${spanText(site.ageMs)} ago</span>`
  const members = site.members
    .map(
      ({ peer, state, height, relay }) =>
        `<tr><td>${short(peer)}${peer === site.leader ? ' <small>leads</small>' : ''}</td><td>${badge(state)}${relay === undefined ? '' : ` <small>through ${short(relay)}</small>`}</td><td class="number">${height}</td></tr>`,
    )
    .join('')
  const evidence = site.evidence
    .map(({ kind, accused, hash }) => `<li>${escaped(kind)} by ${short(accused)}, proof ${short(hash)}</li>`)
    .join('')
  const counts = Object.entries(site.counts)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => `${escaped(name.replace(/[0-9a-f]{64}/g, (key) => `${key.slice(0, 10)}…`))} ${value}`)
    .join(', ')
  return `<section>
<h2>${title} ${badge(site.state)}</h2>
${site.degraded === undefined ? '' : `<p class="stale">${escaped(site.degraded)}</p>`}
<p>Height <b>${site.height}</b>, view ${site.view}, epoch ${site.epoch}, ${age}. ${site.queued} waiting. State ${short(site.stateRoot)}</p>
<table><thead><tr><th>Member</th><th>State</th><th class="number">Height</th></tr></thead><tbody>${members}</tbody></table>
${evidence === '' ? '' : `<p>Proven lies:</p><ul>${evidence}</ul>`}
${counts === '' ? '' : `<p><small>Counted: ${counts}</small></p>`}
</section>`
}

const STYLE = `:root{color-scheme:light dark;--ink:#1c2330;--back:#f6f7f9;--card:#fff;--line:#dfe3ea;--good:#17794a;--warn:#9a6200;--bad:#b3261e;--link:#2458c5}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ef;--back:#14171c;--card:#1d2128;--line:#323842;--good:#5fd39a;--warn:#f0b95b;--bad:#ff8a80;--link:#8ab4ff}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:0 0 .5rem}
a{color:var(--link)}code{font-size:.9em}p{margin:.4rem 0}ul{margin:.3rem 0;padding-left:1.2rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0}
.facts div,section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.75rem 1rem}
.facts b{display:block;font-size:1.15rem}.facts span{opacity:.7;font-size:.85rem}section{margin:1rem 0;overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;font-size:.85rem;opacity:.7}.number{text-align:right;font-variant-numeric:tabular-nums}
.badge{font-size:.8rem;font-weight:600;border:1px solid;border-radius:1rem;padding:.05rem .55rem;white-space:nowrap}
.good{color:var(--good)}.warn{color:var(--warn)}.bad,.stale{color:var(--bad)}small{opacity:.75}`

export function statusPage(facts: SeederFacts): string {
  const { memory, disk, network } = facts
  const cell = (label: string, value: string): string => `<div><b>${value}</b><span>${label}</span></div>`
  const cells = [
    cell('sites', String(facts.sites.length)),
    cell('peers connected', String(network.connected.length)),
    cell('memory', bytesText(memory.residentBytes)),
    cell('disk', bytesText(disk.fileBytes + disk.walBytes)),
    cell('content blocks', String(disk.blocks)),
    cell('up for', spanText(facts.uptimeSeconds * 1000)),
    cell('network file', `version ${network.version}`),
  ]
  const { exceeded = [], refused = [] } = facts.quotas ?? {}
  const warning =
    exceeded.length + refused.length === 0
      ? ''
      : `<section><p class="bad"><b>Over its quota: ${exceeded.join(', ')}.</b> ${
          refused.length === 0
            ? ''
            : `Not taken: ${refused.map(({ site, reason }) => `${escaped(site)} (${reason})`).join(', ')}.`
        }</p></section>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Seeder ${escaped(facts.peer.slice(0, 10))}</title><style>${STYLE}</style></head>
<body><main><h1>Seeder ${short(facts.peer)}</h1>
<p><small>${new Date(facts.time).toISOString()} · process ${facts.pid} · ${escaped(network.profile)} network · <a href="/status">status</a> · <a href="/metrics">metrics</a></small></p>
<div class="facts">${cells.join('')}</div>
${warning}
${facts.sites.length === 0 ? '<section><p>No sites yet: the network file gives this seeder none.</p></section>' : facts.sites.map(siteSection).join('\n')}
</main></body></html>
`
}
