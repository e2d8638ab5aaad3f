// Who reaches whom: this seeder's own ports as the network file has them, the gateways, other members. What is refused is said with why.

import { type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import { type Answer, ask, jsonOf, type MemberView, type Scene } from '#cli/doctor/scene.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'

function httpProblem(answer: Answer): string | undefined {
  if (answer.problem !== undefined) return answer.problem
  return answer.status === 200 ? undefined : `answered ${answer.status}`
}

function ownPorts(scene: Scene): readonly Finding[] {
  const { own, running, self, file } = scene
  if (self === undefined || file === undefined) return []
  if (own === undefined) {
    const remedy = `A running seeder tells the admission endpoint (${file.admission}) by itself within seconds: see its log for peer_record.`
    return [trouble('warn', 'reach', 'own', 'the network file does not know this seeder yet', remedy)]
  }
  if (running === undefined)
    return [
      trouble(
        'warn',
        'reach',
        'own',
        'no seeder runs in this directory',
        "Start it: 'interpeer seed --dir DIR --network FILE'.",
      ),
    ]
  const findings: Finding[] = []
  const open = 'Open the port in the firewall or forward it; --port, --p2p-port and --address choose where it listens.'
  const web = httpProblem(own.http)
  const said = jsonOf(own.http)?.peer
  if (web !== undefined) findings.push(trouble('bad', 'reach', 'own_http', `${own.http.url}: ${web}`, open))
  else if (said !== self) {
    const remedy = 'Another seeder answers under this address: give each a port or a --label of its own.'
    findings.push(
      trouble('bad', 'reach', 'own_http', `${own.http.url} is answered by ${String(said).slice(0, 12)}…`, remedy),
    )
  } else findings.push(fine('reach', 'own_http', `${new URL(own.http.url).origin} answers`))
  if (own.p2p === '') findings.push(fine('reach', 'own_p2p', 'the libp2p port takes connections'))
  else if (own.p2p !== undefined) findings.push(trouble('bad', 'reach', 'own_p2p', `the libp2p port: ${own.p2p}`, open))
  findings.push(...relays(running.network))
  const connected = running.network.connected.length
  const mates = new Set(
    file.jobs
      .filter(({ members }) => members.includes(self))
      .flatMap(({ members }) => members.filter((peer) => peer !== self)),
  )
  const facts = { connected, wanted: mates.size }
  if (mates.size > 0 && connected === 0)
    findings.push(
      trouble(
        'bad',
        'reach',
        'links',
        `linked to none of ${mates.size} members of its groups`,
        'See which of them answer below, and the log for link_down.',
        facts,
      ),
    )
  else {
    const { relayed } = running.network
    const through = relayed.length === 0 ? '' : `, ${relayed.length} of them through a relay`
    findings.push(fine('reach', 'links', `${connected} peers linked${through}, ${mates.size} in its groups`, facts))
  }
  for (const site of running.sites) {
    if (site.state === 'agreeing') continue
    const remedy =
      site.state === 'joining'
        ? 'It catches up by itself; look again in a minute.'
        : 'See docs/OPERATE.md, and the log around that time.'
    const verdict = site.state === 'degraded' ? 'bad' : 'warn'
    findings.push(
      trouble(
        verdict,
        'reach',
        'site',
        `${site.name} is ${site.state}${site.degraded === undefined ? '' : `: ${site.degraded}`}`,
        remedy,
      ),
    )
  }
  return findings
}

/** Through whom this seeder is reached when nobody can dial it, and for whom it relays. */
function relays({ reservedAt, relaying }: SeederFacts['network']): readonly Finding[] {
  if (reservedAt !== undefined && reservedAt.length > 0) {
    const names = reservedAt.map((peer) => `${peer.slice(0, 12)}…`).join(', ')
    const seeders = reservedAt.length === 1 ? 'public seeder' : 'public seeders'
    const facts = { relays: reservedAt.length }
    return [fine('reach', 'relays', `reached through ${reservedAt.length} ${seeders}: ${names}`, facts)]
  }
  if (reservedAt !== undefined) {
    const remedy =
      'It goes on asking. Public seeders relay unless told not to (--relay); see whether this machine reaches any, and the log for relay_failed.'
    return [trouble('bad', 'reach', 'relays', 'no public seeder relays for this one', remedy)]
  }
  if (relaying === undefined || relaying.reservations === 0) return []
  const { reservations, reservationsMax, circuits } = relaying
  const text = `relays for ${reservations} of at most ${reservationsMax} seeders behind NAT, ${circuits} circuits`
  return [fine('reach', 'relaying', text, { reservations, circuits })]
}

async function atGateway(scene: Scene, url: string, answer: Answer): Promise<readonly Finding[]> {
  const problem = httpProblem(answer)
  if (problem !== undefined)
    return [
      trouble(
        'bad',
        'reach',
        'gateway',
        `${url}: ${problem}`,
        'Visitors come through it: see whether it is up, and whether this machine may reach it.',
      ),
    ]
  const findings = [fine('reach', 'gateway', `${url} answers`, { roundTripMs: answer.answeredAt - answer.sentAt })]
  const { self, running } = scene
  if (self === undefined || running === undefined || running.sites.length === 0) return findings
  const jobs = (jsonOf(await ask(`${url}/lookup/peer/${self}`))?.jobs ?? []) as readonly {
    name?: unknown
    state?: unknown
  }[]
  const away = jobs.filter(({ state }) => state !== 'living')
  const states = away.map(({ name, state }) => `${String(name)} ${String(state)}`).join(', ')
  if (jobs.length === 0)
    findings.push(
      trouble(
        'warn',
        'reach',
        'registration',
        `${url} does not list this seeder`,
        'It registers each 5 s: see its log for registration_failed, which says why it was refused.',
      ),
    )
  else if (away.length > 0)
    findings.push(
      trouble(
        'warn',
        'reach',
        'registration',
        `${url} sends nobody here for: ${states}`,
        '`silent` and `absent` are no registration or no member that sees it; `accused` means a proof: see docs/OPERATE.md.',
      ),
    )
  else findings.push(fine('reach', 'registration', `${url} sends visitors here for ${jobs.length} sites`))
  return findings
}

function others(members: readonly MemberView[]): readonly Finding[] {
  if (members.length === 0)
    return [
      trouble(
        'warn',
        'reach',
        'peers',
        'the network file names no other seeder',
        'Nothing to do while the network is new.',
      ),
    ]
  const asked = members.filter(({ isRelayed }) => !isRelayed)
  const relayed = members.length - asked.length
  const behind = fine(
    'reach',
    'relayed_peers',
    `${relayed} ${relayed === 1 ? 'peer is' : 'peers are'} behind NAT and reached through others`,
    {
      relayed,
    },
  )
  if (asked.length === 0) return [behind]
  const answering = asked.filter(({ http, p2p }) => httpProblem(http) === undefined && (p2p ?? '') === '')
  const facts = { asked: asked.length, answering: answering.length }
  const findings: Finding[] = relayed === 0 ? [] : [behind]
  const all = `${answering.length} of ${asked.length} peers answer`
  if (answering.length * 2 > asked.length) findings.push(fine('reach', 'peers', all, facts))
  else {
    const remedy = 'When most are silent, look at this side first: its route, its firewall, its name server.'
    findings.push(trouble(answering.length === 0 ? 'bad' : 'warn', 'reach', 'peers', all, remedy, facts))
  }
  for (const { peer, http, p2p } of asked) {
    const web = httpProblem(http)
    const problem = web === undefined ? (p2p === undefined || p2p === '' ? undefined : `libp2p ${p2p}`) : `HTTP ${web}`
    if (problem === undefined) continue
    findings.push(
      trouble(
        'warn',
        'reach',
        'peer',
        `peer ${peer.slice(0, 12)}…: ${problem}`,
        'One that is away for a while harms nobody; its operator may not know.',
        { peer },
      ),
    )
  }
  return findings
}

/** Nobody of the network answered anything. */
export function nobodyAnswers({ gateways, members }: Scene): boolean {
  return (
    gateways.length + members.length > 0 &&
    [...gateways.map(({ answer }) => answer), ...members.map(({ http }) => http)].every(
      ({ status }) => status === undefined,
    )
  )
}

export async function checkReach(scene: Scene): Promise<readonly Finding[]> {
  if (scene.file === undefined) return []
  const gateways = await Promise.all(scene.gateways.map(({ url, answer }) => atGateway(scene, url, answer)))
  const none = trouble(
    'warn',
    'reach',
    'gateway',
    'the network file names no gateway',
    'Visitors need one: whoever holds the network key adds it.',
  )
  return [...ownPorts(scene), ...(gateways.length === 0 ? [none] : gateways.flat()), ...others(scene.members)]
}
