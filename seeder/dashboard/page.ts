// The operator's page: whether all is well in the first line, then sites, load, who reaches this seeder and how, peers, and the last lines of the log.
// Whole without JavaScript, which then loads anew; with it, live (page/own-script.ts).

import type { PeerFacts, SeederFacts, SiteFacts } from '#seeder/control/facts.ts'
import type { RecentLine } from '#seeder/control/recent-log.ts'
import { concernsOf, STALE_MS } from '#seeder/dashboard/concerns.ts'
import { bytesText, clockText, escaped, rateText, short, spanText, sparkline } from '#seeder/dashboard/words.ts'
import type { Rung } from '#seeder/register/reach.ts'

const RENEWED_MS = 2_000
const RELOADED_SECONDS = 10
const PEERS_SHOWN_MAX = 100

export const DASHBOARD_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#128577" stroke-width="2.5"><path d="M16 6 26 16 16 26 6 16Z"/></g><g fill="#128577"><circle cx="16" cy="6" r="4"/><circle cx="26" cy="16" r="4"/><circle cx="16" cy="26" r="4"/><circle cx="6" cy="16" r="4"/></g></svg>`

type Kind = 'good' | 'warn' | 'bad'

const STATE_TEXT: Readonly<Record<string, readonly [kind: Kind, text: string]>> = {
  agreeing: ['good', 'agreeing'],
  joining: ['warn', 'catching up'],
  disputed: ['bad', 'disputed'],
  degraded: ['bad', 'degraded'],
  self: ['good', 'this seeder'],
  connected: ['good', 'connected'],
  silent: ['bad', 'silent'],
  behind: ['warn', 'behind'],
}

const RUNG_TEXT: Readonly<Record<Rung, string>> = {
  https: 'own HTTPS',
  sites_domain: 'sites domain',
  tunnel: 'tunnel',
  http: 'plain HTTP',
  none: 'not announced',
}

const MODE_TEXT: Readonly<Record<string, string>> = {
  direct:
    'Visitors come to this machine by themselves where a gateway sends them here; each gateway chooses the best way that it has.',
  tunnel: 'Nobody dials this machine: visitors come through the tunnels below.',
  nat: 'Nobody dials this machine: visitors come through the tunnels below, and other members through relays.',
}

function badge(state: string): string {
  const [kind, text] = STATE_TEXT[state] ?? (['warn', state] as const)
  return `<span class="state ${kind}">${escaped(text)}</span>`
}

function verdict(facts: SeederFacts): string {
  const concerns = concernsOf(facts)
  if (concerns.length === 0)
    return facts.sites.length === 0
      ? '<p class="lead">No sites yet: the network file gives this seeder none. It is ready.</p>'
      : '<p class="lead"><span class="state good">All is well.</span></p>'
  const items = concerns.map(
    ({ kind, text, remedy }) => `<li><b class="${kind}">${escaped(text)}</b> ${escaped(remedy)}</li>`,
  )
  return `<div class="card"><ul class="concerns">${items.join('')}</ul></div>`
}

function figure(label: string, value: string, more = ''): string {
  return `<div><dt>${label}</dt><dd>${value}${more}</dd></div>`
}

function figures(facts: SeederFacts): string {
  const { memory, disk, network, quotas, load, clock } = facts
  const of = (max: number | null | undefined): string =>
    max === null || max === undefined ? '' : ` <small>of ${bytesText(max)}</small>`
  const minutes = load === undefined ? 0 : Math.round((load.history.cpuShare.length * load.history.sampleMs) / 60_000)
  const cells = [
    figure(
      'sites',
      String(facts.sites.length),
      quotas?.slots.max == null ? '' : ` <small>of ${quotas.slots.max}</small>`,
    ),
    ...(load === undefined
      ? []
      : [
          figure(
            'requests a second',
            rateText(load.requestsPerSecond),
            sparkline(load.history.requestsPerSecond, `Requests a second over the last ${minutes} minutes`),
          ),
          figure(
            `of ${load.processors === 1 ? 'one processor' : `${load.processors} processors`}`,
            `${Math.round(load.cpuShare * 100)} %`,
            sparkline(load.history.cpuShare, `Processor time over the last ${minutes} minutes`),
          ),
        ]),
    figure('memory', bytesText(memory.residentBytes), of(quotas?.memory.maxBytes)),
    figure('store', bytesText(disk.fileBytes + disk.walBytes), of(quotas?.disk.maxBytes)),
    ...(disk.freeBytes === undefined
      ? []
      : [figure('free on the disk', bytesText(disk.freeBytes), of(disk.totalBytes))]),
    figure('requests waiting', String(facts.sites.reduce((sum, { queued }) => sum + queued, 0))),
    figure('peers linked', String(network.connected.length), ` <small>of ${facts.peers.length}</small>`),
    ...(clock === undefined ? [] : [figure(`clock, against ${clock.compared} others`, clockText(clock.aheadMs))]),
    figure('up for', spanText(facts.uptimeSeconds * 1000)),
  ]
  return `<dl class="figures">${cells.join('')}</dl>`
}

function siteRow(site: SiteFacts, facts: SeederFacts): string {
  const name = escaped(site.name)
  const title = site.origin === undefined ? name : `<a href="${escaped(site.origin)}/">${name}</a>`
  const age =
    site.ageMs === undefined
      ? 'none yet'
      : `<span${site.ageMs > STALE_MS ? ' class="bad"' : ''}>${spanText(site.ageMs)} ago</span>`
  const answering = site.members.filter(({ state }) => state !== 'silent').length
  const rate = facts.load?.requestsPerSecondBySite[site.name] ?? 0
  const rung = facts.reach?.rungs[site.name]
  return `<tr><th scope="row">${title}</th><td>${badge(site.state)}</td><td class="number">${site.height}</td><td>${
    site.leader === facts.peer ? 'leads' : 'member'
  }</td><td>${answering} of ${site.members.length}</td><td class="number">${age}</td><td class="number">${rateText(rate)}</td><td class="number">${site.queued}</td><td>${
    rung === undefined ? '' : `<span class="nowrap">${RUNG_TEXT[rung]}</span>`
  }</td></tr>`
}

function siteDetails(site: SiteFacts): string {
  const members = site.members
    .map(
      ({ peer, state, height, relay }) =>
        `<li>${short(peer)} ${badge(state)}${relay === undefined ? '' : ` <span class="small">through ${short(relay)}</span>`} <span class="small">height ${height}${peer === site.leader ? ', leads' : ''}</span></li>`,
    )
    .join('')
  const evidence = site.evidence
    .map(({ kind, accused, hash }) => `<li>${escaped(kind)} by ${short(accused)}, proof ${short(hash)}</li>`)
    .join('')
  const counts = Object.entries(site.counts)
    .filter(([, value]) => value > 0)
    .map(([name, value]) => `${escaped(name.replace(/[0-9a-f]{64}/g, (key) => `${key.slice(0, 10)}…`))} ${value}`)
    .join(', ')
  return `<details id="site-${escaped(site.name)}"><summary>${escaped(site.name)}: members, view ${site.view}, epoch ${site.epoch}</summary>
<ul class="plain">${members}</ul>
${evidence === '' ? '' : `<p>Proven lies:</p><ul>${evidence}</ul>`}
<p class="small">State ${short(site.stateRoot)}, job ${short(site.job)}.${counts === '' ? '' : ` Counted: ${counts}.`}</p>
</details>`
}

function sites(facts: SeederFacts): string {
  if (facts.sites.length === 0) return '<p>No sites yet: the network file gives this seeder none.</p>'
  return `<div class="scroll" tabindex="0" role="region" aria-labelledby="sites"><table>
<thead><tr><th scope="col">Site</th><th scope="col">State</th><th scope="col" class="number">Height</th><th scope="col">Role</th><th scope="col">Members</th><th scope="col" class="number">Certificate</th><th scope="col" class="number">Requests/s</th><th scope="col" class="number">Waiting</th><th scope="col">Reached by</th></tr></thead>
<tbody>${facts.sites.map((site) => siteRow(site, facts)).join('\n')}</tbody></table></div>
${facts.sites.map(siteDetails).join('\n')}`
}

function https({ https: found, time }: SeederFacts): string {
  if (found === undefined) return ''
  const certificates = found.certificates.map(
    ({ names, notAfter }) =>
      `${names.map((name) => `<code>${escaped(name)}</code>`).join(', ')} for ${spanText(notAfter - time)}`,
  )
  return `<dt>HTTPS</dt><dd><code>${escaped(found.name)}</code>, port ${found.port}${
    certificates.length === 0 ? ', no certificate yet' : `; certificates: ${certificates.join('; ')}`
  }</dd>`
}

function relays({ network: { reservedAt, relaying } }: SeederFacts): string {
  const through =
    reservedAt === undefined
      ? ''
      : `<dt>Peers come through</dt><dd>${reservedAt.length === 0 ? 'nobody yet' : reservedAt.map(short).join(', ')}</dd>`
  if (relaying === undefined) return through
  const { reservations, reservationsMax, circuits, relayedBytes } = relaying
  return `${through}<dt>Relays for</dt><dd>${reservations} of ${reservationsMax} peers, ${circuits} circuits, ${bytesText(relayedBytes)} since the start</dd>`
}

function reach(facts: SeederFacts): string {
  const { reach: found, network, time } = facts
  if (found === undefined) return ''
  const rows = found.gateways.map(({ gateway, taken, problem, takenAt, tunnel, clockAheadMs }) => {
    const state =
      taken === undefined
        ? '<span class="state warn">not answered yet</span>'
        : taken
          ? '<span class="state good">registered</span>'
          : '<span class="state bad">not registered</span>'
    const last = takenAt === undefined ? 'never' : `${spanText(time - takenAt)} ago`
    return `<tr><th scope="row"><a href="${escaped(gateway)}/">${escaped(gateway.replace(/^https?:\/\//, ''))}</a></th><td>${state}${
      problem === undefined ? '' : `<br><span class="small">${escaped(problem)}</span>`
    }</td><td>${tunnel ? 'open' : 'none'}</td><td class="number">${last}</td><td class="number">${
      clockAheadMs === undefined ? '' : clockText(clockAheadMs)
    }</td></tr>`
  })
  const table =
    rows.length === 0
      ? '<p>The network file names no gateway.</p>'
      : `<div class="scroll" tabindex="0" role="region" aria-labelledby="reach"><table>
<thead><tr><th scope="col">Gateway</th><th scope="col">Registration</th><th scope="col">Tunnel</th><th scope="col" class="number">Last taken</th><th scope="col" class="number">This clock is</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
  return `<h2 id="reach">How it is reached</h2>
<div data-live="reach"><p>${MODE_TEXT[found.mode] ?? escaped(found.mode)}</p>
${table}
<dl><dt>Own address</dt><dd><a href="${escaped(found.http)}/">${escaped(found.http)}</a></dd>
<dt>For peers</dt><dd>${network.addresses.length === 0 ? 'none' : network.addresses.map((address) => `<code>${escaped(address)}</code>`).join(' ')}</dd>${https(facts)}${relays(facts)}</dl></div>`
}

function peerRow({
  peer,
  connected,
  heardAgoMs,
  roundTripMs,
  clockAheadMs,
  relay,
  sentBytes,
  receivedBytes,
  sites: shared,
}: PeerFacts): string {
  return `<tr><th scope="row">${short(peer)}</th><td>${badge(connected ? 'connected' : 'silent')}${
    relay === undefined ? '' : `<br><span class="small">through ${short(relay)}</span>`
  }</td><td class="number">${
    heardAgoMs === undefined ? 'never' : `${spanText(heardAgoMs)} ago`
  }</td><td class="number">${roundTripMs === undefined ? '' : `${roundTripMs.toFixed(1)} ms`}</td><td class="number">${
    clockAheadMs === undefined ? '' : clockText(clockAheadMs)
  }</td><td class="number">${bytesText(sentBytes)}</td><td class="number">${bytesText(receivedBytes)}</td><td>${shared.map(escaped).join(', ')}</td></tr>`
}

function peers(facts: SeederFacts): string {
  if (facts.peers.length === 0) return '<p>None yet.</p>'
  const shown = facts.peers.slice(0, PEERS_SHOWN_MAX)
  const more = facts.peers.length - shown.length
  return `<div class="scroll" tabindex="0" role="region" aria-labelledby="peers"><table>
<thead><tr><th scope="col">Peer</th><th scope="col">Link</th><th scope="col" class="number">Heard</th><th scope="col" class="number">Round trip</th><th scope="col" class="number">This clock is</th><th scope="col" class="number">Sent</th><th scope="col" class="number">Received</th><th scope="col">Shares</th></tr></thead>
<tbody>${shown.map(peerRow).join('\n')}</tbody></table></div>${more === 0 ? '' : `<p>…and ${more} more; all are in <a href="/status">status</a>.</p>`}`
}

const LEVEL_KIND: Readonly<Record<string, Kind>> = { warn: 'warn', error: 'bad' }

function logLines(lines: readonly RecentLine[]): string {
  if (lines.length === 0) return '<p>Nothing yet.</p>'
  const rows = lines.map(({ time, level, event, facts }) => {
    const at = Number.isNaN(time) ? '' : new Date(time).toISOString()
    return `<tr><td><time datetime="${at}">${at.slice(11, 19)}</time></td><td${LEVEL_KIND[level] === undefined ? '' : ` class="${LEVEL_KIND[level]}"`}>${escaped(level)}</td><td>${escaped(event)}</td><td class="small">${escaped(facts)}</td></tr>`
  })
  return `<div class="scroll log" tabindex="0" role="region" aria-labelledby="log"><table>
<thead><tr><th scope="col">UTC</th><th scope="col">Level</th><th scope="col">Event</th><th scope="col">Facts</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`
}

export function dashboardPage(facts: SeederFacts, recent: readonly RecentLine[]): string {
  const { network } = facts
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Seeder ${escaped(facts.peer.slice(0, 10))}</title>
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/style.css"><script src="/page.js" defer></script>
<noscript><meta http-equiv="refresh" content="${RELOADED_SECONDS}"></noscript></head>
<body class="wide"><a class="skip" href="#main">To the text</a>
<header class="top"><a class="home" href="/"><img src="/icon.svg" alt="" width="28" height="28">Interpeer</a>
<nav aria-label="This page"><a href="#sites">Sites</a><a href="#reach">Reach</a><a href="#peers">Peers</a><a href="#log">Log</a></nav></header>
<main id="main" data-every="${RENEWED_MS}"><h1>Seeder ${short(facts.peer)}</h1>
<p class="live" data-live-line hidden></p>
<div data-live="verdict">${verdict(facts)}</div>
<div data-live="figures">${figures(facts)}</div>
<h2 id="sites">Sites</h2>
<div data-live="sites">${sites(facts)}</div>
${reach(facts)}
<h2 id="peers">Peers</h2>
<div data-live="peers">${peers(facts)}</div>
<h2 id="log">Last lines of the log</h2>
<div data-live="log">${logLines(recent)}</div>
</main>
<footer data-live="foot">Process ${facts.pid}, Node ${escaped(facts.node)}, ${escaped(network.profile)} network, network file version ${network.version}. For programs: <a href="/status">status</a>, <a href="/metrics">metrics</a>.</footer>
</body></html>
`
}
