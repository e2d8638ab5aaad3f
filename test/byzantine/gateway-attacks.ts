// What a hostile client does to the gateway, as a process of its own; `attacks.ts` says how it is started.

import {
  registrationBytes,
  signerNamed,
  signRegistration,
  type TestNetwork,
  testNetwork,
} from '#test/support/network.ts'
import { type Attack, count, drip, flood, open, runAttack } from './attacks.ts'

/** Derived from these names: the attacker's members are the victim's. */
export const GATEWAY_SITE = 'wiki'
export const GATEWAY_MEMBERS = ['ana', 'ben', 'cleo', 'dan']
/** Its key is the attacker's too. */
const TAKEN = 'dan'
const STRANGERS = 300
const NETWORK_BYTES = 4 * 1024 * 1024

export function gatewayNetwork(): TestNetwork {
  return testNetwork({ sites: [{ name: GATEWAY_SITE, members: GATEWAY_MEMBERS }] })
}

const site = (turn: number): string => `GET /${GATEWAY_SITE}/a?flood=${turn} HTTP/1.1\r\nHost: HOST\r\n\r\n`
const page = (turn: number): string =>
  `GET ${['/', '/bootstrap', '/network', `/lookup/name/${GATEWAY_SITE}`, `/nobody${turn}/`][turn % 5]} HTTP/1.1\r\nHost: HOST\r\n\r\n`

function posted(path: string, body: Uint8Array): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

/** Registrations, made when the attack begins, in turn. */
function registrations(clients: number, make: (gateway: string) => readonly Uint8Array[]): Attack {
  return async (aim, tally, over) => {
    const all = make(`http://${aim.host}`).map((bytes) => posted('/register', bytes))
    await flood(clients, 1, (turn) => all[turn % all.length] ?? '')(aim, tally, over)
  }
}

const origin = (peer: string): string => `http://${GATEWAY_SITE}.${peer}.localhost:8080`

const strangers = (gateway: string): readonly Uint8Array[] =>
  Array.from({ length: STRANGERS }, (_, index) => {
    const facts = { gateway, time: Date.now(), sites: { [GATEWAY_SITE]: origin('evil') } }
    return registrationBytes(signRegistration(gatewayNetwork(), signerNamed(`stranger ${index}`), facts))
  })

/** A member's name below, and not its signature. */
const forged = (gateway: string): readonly Uint8Array[] =>
  Array.from({ length: STRANGERS }, (_, index) => {
    const by = GATEWAY_MEMBERS[index % GATEWAY_MEMBERS.length] ?? ''
    const facts = { gateway, time: Date.now() + 10_000 + index, sites: { [GATEWAY_SITE]: origin('evil') } }
    const signed = signRegistration(gatewayNetwork(), by, facts)
    const bytes = registrationBytes(signed)
    const last = bytes.length - 1
    bytes[last] = (bytes[last] ?? 0) ^ 1
    return bytes
  })

/** What was true once, from whoever heard it. */
const replayed = (gateway: string): readonly Uint8Array[] => [
  registrationBytes(
    signRegistration(gatewayNetwork(), TAKEN, { gateway, time: Date.now(), sites: { [GATEWAY_SITE]: origin(TAKEN) } }),
  ),
]

/** As many as fit into the skew that is allowed, each true and newer than the one before. */
const rising = (gateway: string): readonly Uint8Array[] => {
  const time = Date.now()
  return Array.from({ length: STRANGERS * 4 }, (_, index) =>
    registrationBytes(
      signRegistration(gatewayNetwork(), TAKEN, {
        gateway,
        time: time + index,
        sites: { [GATEWAY_SITE]: origin(TAKEN) },
      }),
    ),
  )
}

const slow = (first: string | Buffer, more: string, connections = 1_000): Attack =>
  drip({ connections, addresses: 1, first: () => first, more, pauseMs: 200, reads: true })

const slowBody = (method: string, path: string, bytes: number): string =>
  `${method} ${path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: ${bytes}\r\n\r\n`

/** None of these is HTTP, or none that a gateway should answer with more than a refusal. */
const MALFORMED: readonly (string | Buffer)[] = [
  `GET /${'a'.repeat(1024 * 1024)} HTTP/1.1\r\nHost: HOST\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: HOST\r\nX: ${'a'.repeat(1024 * 1024)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: HOST\r\n${'X: a\r\n'.repeat(100_000)}\r\n`,
  'GET / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc',
  'POST /register HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n',
  'POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Length: -1\r\n\r\n',
  'POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999999999999999\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET http://else.where/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
  'GET //evil.example/%2e%2e/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
  '\0\0\0\0',
  Buffer.alloc(256 * 1024, 0xff),
  Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
]

const malformed: Attack = async (aim, tally, over) => {
  for (let turn = 0; !over() && turn < Number.MAX_SAFE_INTEGER; turn++) {
    if (turn * 10 > aim.ms) return
    const bytes = MALFORMED[turn % MALFORMED.length] ?? ''
    const socket = open(aim, tally, '127.0.0.2', () =>
      socket.write(typeof bytes === 'string' ? bytes.replaceAll('HOST', aim.host) : bytes, 'latin1'),
    )
    socket.on('data', (chunk) => count(tally, /^HTTP\/1\.1 \d{3}/.exec(chunk.toString('latin1'))?.[0] ?? 'more'))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const GATEWAY_ATTACKS: Readonly<Record<string, Attack>> = {
  'gateway: redirects and pages': flood(400, 1, (turn) => (turn % 2 === 0 ? site(turn) : page(turn >> 1))),
  'gateway: registrations of strangers': registrations(100, strangers),
  'gateway: registrations with forged signatures': registrations(100, forged),
  'gateway: one registration again and again': registrations(100, replayed),
  'gateway: a member that registers as fast as it can': registrations(100, rising),
  'gateway: proofs that prove nothing': flood(100, 1, (turn) => posted('/evidence', Buffer.alloc(1024, turn & 0xff))),
  'gateway: heads byte by byte': slow(`GET /${GATEWAY_SITE}/ HTTP/1.1\r\nHost: gateway\r\nX: `, 'x'),
  'gateway: registrations byte by byte': slow(slowBody('POST', '/register', 100_000), 'x'),
  'gateway: registrations that never end': slow(
    Buffer.concat([Buffer.from(slowBody('POST', '/register', 120_000)), Buffer.alloc(119_000)]),
    '',
  ),
  'gateway: network files that never end': slow(
    Buffer.concat([Buffer.from(slowBody('PUT', '/network', NETWORK_BYTES)), Buffer.alloc(NETWORK_BYTES - 1024, 0x20)]),
    '',
    80,
  ),
  'gateway: huge and malformed HTTP': malformed,
  'gateway: pipelined, nothing taken': drip({
    connections: 300,
    addresses: 1,
    first: () => `GET /network HTTP/1.1\r\nHost: gateway\r\n\r\n`.repeat(1_000),
    more: '',
    pauseMs: 1_000,
    reads: false,
  }),
  'gateway: connections that rest': drip({
    connections: 2_500,
    addresses: 1,
    first: () => '',
    more: '',
    pauseMs: 1_000,
    reads: true,
  }),
  'gateway: half-open sockets': async (aim, tally, over) => {
    const halves = [site(0), slowBody('POST', '/register', 1_000), site(0).slice(0, 20)]
    for (let turn = 0; turn < 2_000 && !over(); turn++) {
      // Its side ends in the midst; it never takes what comes, and never ends the other side.
      const socket = open(aim, tally, '127.0.0.2', () =>
        socket.end(halves[turn % 3]?.replaceAll('HOST', aim.host) ?? ''),
      )
      socket.pause()
      if (turn % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await new Promise((resolve) => setTimeout(resolve, aim.ms))
  },
}

if (import.meta.main) await runAttack(GATEWAY_ATTACKS)
