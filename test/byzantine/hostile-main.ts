// `npm run test:hostile [-- WORDS]`: every attack of `attacks.ts` and of `peer-attacks.ts` on the member that leads and of `gateway-attacks.ts` on a gateway, a line each; with
// words, those whose names have one of them.

import { startedWith } from '#test/support/program.ts'
import { ATTACKS } from './attacks.ts'
import { startGatewayVictim, sufferGateway } from './gateway.ts'
import { GATEWAY_ATTACKS } from './gateway-attacks.ts'
import { type Suffered, startVictims, suffer, sufferAtPeerPort, sufferMember, type Times } from './hostile.ts'
import { PEER_ATTACKS } from './peer-attacks.ts'
import { STREAM_GARBAGE, sufferStreams } from './streams.ts'

const ATTACK_MS = 8_000
const MIB = 1024 * 1024

const timesText = ({ asked, failed, failures, p50, p99 }: Times): string =>
  `${asked} (${failed} failed${failed > 0 ? `: ${JSON.stringify(failures)}` : ''}) p50 ${p50} p99 ${p99} ms`

function tell(found: Suffered): void {
  const memory = [found.rssBefore, found.rssMax, found.rssAfter].map((bytes) => Math.round(bytes / MIB)).join(' → ')
  const open = [found.descriptorsBefore, found.descriptorsMax, found.descriptorsAfter].join(' → ')
  const times = Object.entries(found.honest)
    .map(([what, of]) => `${what} ${timesText(of)}`)
    .join('; ')
  console.log(`${found.attack}: ${times}; memory ${memory} MiB; descriptors ${open}`)
  console.log(`   ${JSON.stringify(found.tally)}`)
}

const MEMBER = 'a member that shares all that it can'
const USAGE = `usage: npm run test:hostile [-- TEXT…]

  TEXT   attacks whose name has one of these (default: all)

Exit codes: 0 they were run, 2 usage.`

const { positionals: words } = startedWith(USAGE, { allowPositionals: true })
const chosen = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word))
const onGateway = Object.keys(GATEWAY_ATTACKS).filter(chosen)
if (onGateway.length > 0) {
  await using victim = await startGatewayVictim()
  for (const name of onGateway) tell(await sufferGateway(victim, name, ATTACK_MS))
}
const onMember = Object.keys(ATTACKS).filter(chosen)
const onPeerPort = Object.keys(PEER_ATTACKS).filter(chosen)
if (onMember.length > 0 || onPeerPort.length > 0 || chosen(STREAM_GARBAGE) || chosen(MEMBER)) {
  await using victims = await startVictims()
  for (const name of onMember) tell(await suffer(victims, name, ATTACK_MS))
  for (const name of onPeerPort) tell(await sufferAtPeerPort(victims, name, ATTACK_MS))
  if (chosen(STREAM_GARBAGE)) tell(await sufferStreams(victims, ATTACK_MS))
  // The last one: it costs the group a member.
  if (chosen(MEMBER)) tell(await sufferMember(victims, ATTACK_MS))
}
