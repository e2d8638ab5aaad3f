// A site's own page: who runs it, how far it has come, and what its newest certificate means, for people who were never told. Everything on it is of
// `gateway/about`; what is merely said by a member is marked so.

import { html } from 'hono/html'
import type { About, AboutCertificate, AboutMember } from '#gateway/about/about.ts'
import { layout, type Page } from '#gateway/pages/layout.ts'
import { agoText, counted, short, shortSpanText, spanText } from '#gateway/pages/words.ts'
import { ABOUT_RENEWED_MS } from '#gateway/settings.ts'

type Kind = 'good' | 'warn' | 'bad'

const STATES: Readonly<Record<AboutMember['state'], readonly [kind: Kind, word: string, meaning: string]>> = {
  living: ['good', 'Answers', 'Visitors are sent here.'],
  leased: ['warn', 'Not heard lately', 'Visitors are sent here only while no other member answers.'],
  silent: ['bad', 'Silent', 'Most of the other members get no answer. No visitor is sent here.'],
  accused: [
    'bad',
    'Accused',
    'Most of the other members say that they hold a proof against it. No visitor is sent here.',
  ],
  absent: ['warn', 'Not registered', 'It has not told this gateway where it is. No visitor is sent here.'],
  proven_liar: [
    'bad',
    'Proven liar',
    'Its own signatures prove that it lied. It is left out: no visitor is sent here.',
  ],
}

const KINDS: Readonly<Record<AboutCertificate['kind'], string>> = {
  normal: 'It changed something: somebody wrote.',
  heartbeat: 'Nobody wrote just then: it shows that the group is there, and that nothing changed.',
  update: 'It brought a new version of the site’s own program, signed by its author.',
  reconfig: 'It was the last one of its group: another group goes on from it.',
}

function memberItem(member: AboutMember, at: About): Page {
  const [kind, word, meaning] = STATES[member.state]
  const heard = member.heard === null ? '' : html`<p class="small">Last heard ${agoText(member.heard, at.time)}</p>`
  const signed =
    at.certificate === null || !at.certificate.voters.includes(member.peer)
      ? ''
      : html`<p class="small">Signed the certificate below</p>`
  const wrong = member.wrong
    ? html`<p class="small bad">Gave a certificate that does not hold; it was not used.</p>`
    : ''
  const place =
    member.origin === null
      ? member.tunnel
        ? html`<p class="small">Reached through this gateway</p>`
        : ''
      : html`<p class="small">Says it is at ${originText(member.origin, member.state === 'living' || member.state === 'leased')}</p>`
  const stands =
    member.place === null
      ? ''
      : html`<p class="small">Says it stands near ${degreesText(member.place.north, 'N', 'S')}, ${degreesText(member.place.east, 'E', 'W')}</p>`
  return html`<li>
<p><span class="state ${kind}">${word}</span> ${short(member.peer)}</p>
<p class="small">${meaning}</p>
${heard}${place}${stands}${signed}${wrong}
</li>`
}

/** Nobody is led to a member to which this gateway sends nobody. */
function originText(origin: string, leads: boolean): Page {
  const text = origin.replace(/^https?:\/\//, '')
  return leads ? html`<a href="${origin}/" rel="nofollow">${text}</a>` : html`<code>${text}</code>`
}

function degreesText(degrees: number, above: string, below: string): string {
  return `${Math.abs(degrees).toFixed(1)}° ${degrees < 0 ? below : above}`
}

function rule({ members, needed, may_lie, quorum }: About): string {
  if (quorum === 'all')
    return `All ${members.length} members have to agree on every change: one that does not stops the site, and none can change it alone.`
  const lie = may_lie === 0 ? 'No member may lie' : `At most ${may_lie} may lie or be away`
  return `The group has ${counted(members.length, 'member', 'members')}. A change counts when ${needed} of them came to the same result by themselves and signed it. ${lie}: that is why ${needed} are enough.`
}

const NOT_ASKED: Readonly<Record<NonNullable<About['not_asked']>, string>> = {
  no_tunnels:
    'This gateway has no way to ask members by itself. Their own addresses stand above, and the command below asks them.',
  nobody_there: 'No member can be asked just now.',
  busy: 'This gateway is busy; what stands here may be some seconds old.',
}

function certificateSection(about: About): Page {
  const { certificate, not_asked } = about
  const why = not_asked === null ? '' : html`<p>${NOT_ASKED[not_asked]}</p>`
  if (certificate === null)
    return html`${why}${not_asked === null ? html`<p>No member gave a certificate that holds.</p>` : ''}`
  const { voters, needed, height, fresh } = certificate
  const stale = fresh
    ? ''
    : html`<p class="warn"><b>It is older than ${spanText(about.fresh_ms)}.</b> An answer under it would not count as present.</p>`
  return html`<div class="card">
<p><b>${counted(voters.length, 'member', 'members')} of ${about.members.length} ran the same program on the same requests, each by itself, and signed the same result.</b> ${needed} are enough${about.may_lie > 0 ? html`, because at most ${about.may_lie} may lie` : ''}. So it is not one machine’s word.</p>
<p>It is the ${height}${ordinal(height)} step of this site, agreed ${agoText(certificate.time, about.time)}. ${KINDS[certificate.kind]}</p>
${stale}
<p>This gateway got it from ${short(certificate.given_by)} ${agoText(certificate.checked, about.time)} and verified all ${certificate.signatures} signatures against the keys in the network file. Who handed it over does not matter.</p>
</div>
${why}
<details id="hashes"><summary>What exactly was signed</summary>
<dl>
<dt>Block</dt><dd><code>${certificate.block_hash}</code></dd>
<dt>State after it</dt><dd><code>${certificate.state_root}</code></dd>
<dt>Program</dt><dd><code>${certificate.code_root}</code></dd>
<dt>Answers given</dt><dd><code>${certificate.receipts_root}</code></dd>
<dt>Runtime</dt><dd><code>${certificate.image}</code></dd>
<dt>Epoch, view</dt><dd>${certificate.epoch}, ${certificate.view}</dd>
<dt>Time</dt><dd>${new Date(certificate.time).toISOString()}</dd>
</dl></details>`
}

function ordinal(count: number): string {
  const tens = count % 100
  if (tens >= 11 && tens <= 13) return 'th'
  return ['th', 'st', 'nd', 'rd'][count % 10] ?? 'th'
}

function figures(about: About): Page {
  const living = about.members.filter(({ state }) => state === 'living').length
  const { certificate } = about
  return html`<dl class="figures">
<div><dt>members answer</dt><dd>${living} of ${about.members.length}</dd></div>
<div><dt>have to agree</dt><dd>${about.needed}</dd></div>
<div><dt>height</dt><dd>${certificate === null ? 'not known' : certificate.height}</dd></div>
<div><dt>newest certificate</dt><dd>${certificate === null ? 'none' : html`${shortSpanText(certificate.age)} <small>ago</small>`}</dd></div>
</dl>`
}

/** `gateway`: its own address. */
export function sitePage(about: About, gateway: string): Page {
  const { name, members } = about
  const liars = members.filter(({ state }) => state === 'proven_liar').length
  const main = html`<h1>About ${name}</h1>
<p class="lead">Nobody runs this site alone. A group of machines does, and what you see of it counts because they agree.</p>
<p class="live" data-live-line hidden></p>
<p class="actions"><a class="button" href="/${name}/">Visit ${name}</a> <span class="mono">${about.address}</span></p>
<div data-live="figures">${figures(about)}</div>
<h2>The group</h2>
<p>${rule(about)}</p>
<div data-live="members"><ul class="members plain">${members.map((member) => memberItem(member, about))}</ul>
${liars === 0 ? '' : html`<p>${counted(liars, 'member is', 'members are')} left out for a lie that is proven. The others go on.</p>`}
${about.leaving.length === 0 ? '' : html`<p>Leaving, and sending visitors on to the members above: ${about.leaving.map((peer) => html`${short(peer)} `)}</p>`}</div>
<h2>The newest certificate</h2>
<div data-live="certificate">${certificateSection(about)}</div>
<h2>Check it yourself</h2>
<p>This page is this gateway’s word. Your own machine can ask the members, check every signature, and compare what they say:</p>
<pre tabindex="0">curl -o network.json ${gateway}/network
npx interpeer verify ${gateway}/${name}/ --network network.json</pre>
<h2>What you have to believe</h2>
<dl>
<dt>Checked here</dt><dd>The certificate: its signatures, and that they are those of the group in the network file.</dd>
<dt>Signed by the network</dt><dd>The name, the author’s key and who is in the group: <a href="/network">network file</a>, version ${about.network_version}.</dd>
<dt>This gateway’s word</dt><dd>Who answers, who is silent, when each was last heard.</dd>
<dt>Members’ own word</dt><dd>Where each of them says it is and stands.</dd>
</dl>
<p>For programs: <a href="/-/about/${name}.json">all of this</a> and <a href="/lookup/name/${name}">where its members are</a>. Author’s key ${short(about.uploader)}, job ${short(about.job)}.</p>`
  return layout({
    title: `About ${name} · Interpeer`,
    description: `Who runs ${name}, and what its newest certificate means.`,
    main,
    renews: { how: 'every', ms: ABOUT_RENEWED_MS },
  })
}
