// What a hostile client does to the gateway, as a process of its own; `attacks.ts` says how it is started.

import { createHash } from 'node:crypto'
import { setTimeout as pass } from 'node:timers/promises'
import { DNS_MESSAGE_BYTES_MAX, TYPE } from '#protocol/dns/constants.ts'
import { base64url, messageOf, optOf, queryOf, questionOf } from '#test/support/dns.ts'
import {
  registrationBytes,
  signerNamed,
  signRegistration,
  type TestNetwork,
  testNetwork,
} from '#test/support/network.ts'
import { type Attack, count, drip, flood, halfOpen, malformed, open, runAttack } from './attacks.ts'

/** Derived from these names: the attacker's members are the victim's. */
export const GATEWAY_SITE = 'wiki'
export const GATEWAY_MEMBERS = ['ana', 'ben', 'cleo', 'dan']
/** Its key is the attacker's too. */
const TAKEN = 'dan'
const STRANGERS = 300
export const ATTACKER = '127.0.0.2'
/** A file of the site. */
export const LARGE_PATH = '/large.bin'
const NETWORK_BYTES = 4 * 1024 * 1024

export function gatewayNetwork(): TestNetwork {
  return testNetwork({ sites: [{ name: GATEWAY_SITE, members: GATEWAY_MEMBERS }] })
}

/** Where the gateway of this host carries the site. */
export function carriedHost(gatewayHost: string): string {
  return `${GATEWAY_SITE}.sites.localhost:${gatewayHost.split(':')[1]}`
}

const site = (turn: number): string => `GET /${GATEWAY_SITE}/a?flood=${turn} HTTP/1.1\r\nHost: HOST\r\n\r\n`
const page = (turn: number): string =>
  `GET ${['/', '/bootstrap', '/network', `/lookup/name/${GATEWAY_SITE}`, `/nobody${turn}/`][turn % 5]} HTTP/1.1\r\nHost: HOST\r\n\r\n`

function posted(path: string, body: Uint8Array, type = 'application/octet-stream'): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`
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

const DNS_GARBAGE_BYTES = 400
/** Messages, or nearly, that nobody's resolver sends. */
const ODD_DNS: readonly Uint8Array[] = [
  messageOf({ counts: [0xffff, 0xffff, 0xffff, 0xffff], rest: questionOf('wiki.peer', TYPE.A) }),
  // A name that points to itself, one that points to what follows, and one of labels without an end.
  messageOf({ rest: Uint8Array.of(0xc0, 12, 0, 1, 0, 1) }),
  messageOf({ rest: Uint8Array.of(0xc0, 14, 0xc0, 12, 0, 1, 0, 1) }),
  messageOf({ rest: new Uint8Array(DNS_GARBAGE_BYTES).fill(1) }),
  messageOf({
    counts: [256, 0, 0, 0],
    rest: Buffer.concat(Array.from({ length: 256 }, () => questionOf('wiki.peer', 255))),
  }),
  messageOf({ flags: 0x7900, rest: questionOf('wiki.peer', TYPE.A) }),
  messageOf({ flags: 0x8180, rest: questionOf('wiki.peer', TYPE.A) }),
  queryOf('wiki.peer', 252),
  queryOf(
    'wiki.peer',
    TYPE.A,
    optOf(
      0xffff,
      0x00ff_8000,
      Array.from({ length: DNS_GARBAGE_BYTES }, () => 0xff),
    ),
  ),
  queryOf('wiki.peer', TYPE.A, Uint8Array.from([...optOf(), ...optOf()])),
  queryOf('www.example.com', TYPE.A),
  new Uint8Array(0),
  new Uint8Array(DNS_MESSAGE_BYTES_MAX),
  new Uint8Array(DNS_MESSAGE_BYTES_MAX + 1),
]
const ODD_DNS_JSON: readonly string[] = [
  'name=wiki.peer&type=ANY',
  'name=wiki.peer&type=65536',
  'name=wiki.peer&type=-1&cd=true',
  'name=wiki.peer&name=wiki.ipn',
  'name=',
  `name=${'a.'.repeat(100)}peer`,
  `name=${'a'.repeat(64)}.peer`,
  `name=${'a'.repeat(4096)}`,
  'name=%00%ff.peer',
  'name=%E2%98%83.peer',
  'name=..peer',
  'dns=%%%',
  'dns=AAAA====',
  '',
]

/** Bytes that are nothing, odd messages by both methods, and odd names in JSON, in turn; the same ones by the same turn. */
function dnsQuestion(turn: number): string | Buffer {
  const at = turn >> 2
  const garbage = createHash('shake256', { outputLength: 1 + (at % DNS_GARBAGE_BYTES) })
    .update(String(turn))
    .digest()
  const odd = ODD_DNS[at % ODD_DNS.length] ?? garbage
  const get = (query: string): string => `GET /dns-query?${query} HTTP/1.1\r\nHost: gateway\r\n\r\n`
  switch (turn % 4) {
    case 0:
      return posted('/dns-query', at % 2 === 0 ? garbage : odd, 'application/dns-message')
    case 1:
      return get(`dns=${base64url(at % 2 === 0 ? garbage : odd.subarray(0, DNS_GARBAGE_BYTES))}`)
    case 2:
      return get(`name=x${turn}.peer&type=TXT`)
    default:
      return get(ODD_DNS_JSON[at % ODD_DNS_JSON.length] ?? '')
  }
}

const FIRST_BYTE_MS_MAX = 30_000
const BYTE_PAUSE_MS = 200
/** `HTTP/1.1 200`: taken at once, to be counted. */
const STATUS_BYTES = 12

/** Readers of a large file of a site that the gateway carries, each of which takes one byte and then waits. */
const byteByByte =
  (connections: number): Attack =>
  async (aim, tally, over) => {
    const request = `GET ${LARGE_PATH} HTTP/1.1\r\nHost: ${carriedHost(aim.host)}\r\nCF-Connecting-IP: ${ATTACKER}\r\n\r\n`
    const start = (): void => {
      const socket = open(aim, tally, ATTACKER, () => socket.write(request))
      socket.pause()
      let isCounted = false
      const timer = setInterval(() => {
        const taken = socket.read(isCounted ? 1 : STATUS_BYTES) as Buffer | null
        if (taken === null) return
        count(tally, isCounted ? 'bytes' : taken.toString('latin1').slice(-3))
        isCounted = true
      }, BYTE_PAUSE_MS)
      socket.once('close', () => {
        clearInterval(timer)
        if (!over()) setTimeout(start, 100)
      })
    }
    for (let index = 0; index < connections; index++) start()
    await pass(aim.ms)
    // On a busy machine the first byte may come late: an attack that took none was none.
    for (let waitedMs = 0; tally.bytes === undefined && waitedMs < FIRST_BYTE_MS_MAX; waitedMs += BYTE_PAUSE_MS)
      await pass(BYTE_PAUSE_MS)
  }

export const GATEWAY_ATTACKS: Readonly<Record<string, Attack>> = {
  'gateway: redirects and pages': flood(400, 1, (turn) => (turn % 2 === 0 ? site(turn) : page(turn >> 1))),
  'gateway: registrations of strangers': registrations(100, strangers),
  'gateway: registrations with forged signatures': registrations(100, forged),
  'gateway: one registration again and again': registrations(100, replayed),
  'gateway: a member that registers as fast as it can': registrations(100, rising),
  'gateway: proofs that prove nothing': flood(100, 1, (turn) => posted('/evidence', Buffer.alloc(1024, turn & 0xff))),
  'gateway: DNS garbage and odd questions': flood(100, 1, dnsQuestion),
  'gateway: a carried file taken byte by byte': byteByByte(300),
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
  'gateway: huge and malformed HTTP': malformed('/register'),
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
  'gateway: half-open sockets': halfOpen([site(0), slowBody('POST', '/register', 1_000), site(0).slice(0, 20)]),
}

if (import.meta.main) await runAttack(GATEWAY_ATTACKS)
