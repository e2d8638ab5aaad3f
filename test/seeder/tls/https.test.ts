// HTTPS at a seeder's own name: one host a site, a certificate that the operator brings, and what happens when it is none.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { signStatement, statementHash } from '#protocol/message/domain.ts'
import { signedShape } from '#protocol/message/statement.ts'
import { createLog } from '#seeder/config/log.ts'
import { verify } from '#seeder/identity/keys.ts'
import { watchCertificateFiles } from '#seeder/tls/certificate-files.ts'
import { type Authority, createAuthority, type Given } from '#test/support/authority.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { refusedAt, visitorAt } from '#test/support/sockets.ts'
import { askSecurely, shakeHands } from '#test/support/tls.ts'
import { until } from '#test/support/until.ts'

const NAME = 's1.example.org'
const HOST = `demo.${NAME}`
const GATEWAY = 'https://gateway.example'

let directory: string
let authority: Authority
let group: HostedGroup
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'interpeer-tls-'))
  authority = await createAuthority()
  group = hostedGroup('demo', {
    app: ({ target, headers, method }) =>
      target === '/events' && method === 'GET'
        ? { status: 200, headers: [['content-type', 'text/event-stream']], body: Buffer.from('id: 1\ndata: one\n\n') }
        : textResponse(200, `${target} ${new Map(headers).get('origin') ?? ''}`),
  })
})
after(() => rmSync(directory, { recursive: true, force: true }))

type Place = ReturnType<typeof watchCertificateFiles> & { write(given: Partial<Given>): void; readonly lines: string[] }
let made = 0

function certificatesOf(first: Partial<Given>, now: () => number = Date.now): Place {
  const [certificate, key] = [join(directory, `${++made}.pem`), join(directory, `${made}.key`)]
  const write = (given: Partial<Given>): void => {
    if (given.certificate !== undefined) writeFileSync(certificate, given.certificate)
    if (given.key !== undefined) writeFileSync(key, given.key)
  }
  write(first)
  const lines: string[] = []
  const log = createLog({ level: 'info', form: 'json', sink: (line) => lines.push(line) })
  const kept = watchCertificateFiles({ certificate, key, hosts: () => [HOST], onChange: () => {}, now, log })
  return { ...kept, write, lines }
}

async function edgeWith(certificates: Place): Promise<Edge> {
  const { signer } = group.member(0)
  return startEdge(group, {
    secure: {
      name: NAME,
      port: 0,
      certificates,
      reach: (origin, gateway, challenge) =>
        cborFromValue(signStatement(group.network.domain, 'reach', signer, { origin, gateway, challenge })),
    },
  })
}

test('a site is at a host of its own under the name of the seeder, with its evidence', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const { securePort: port = 0 } = edge.server
  assert.equal(edge.server.secureOriginOf('demo'), `https://${HOST}:${port}`)
  assert.equal(edge.server.secureOriginOf('other'), undefined)
  const answer = await askSecurely({ port, host: HOST, authority: authority.certificate, path: '/page' })
  assert.deepEqual([answer.status, answer.body.toString()], [200, '/page '])
  assert.ok(answer.headers['interpeer-receipt'])
  const origin = `https://${HOST}:${port}`
  const posted = await askSecurely({
    ...{ port, host: HOST, authority: authority.certificate, method: 'POST' },
    headers: { origin, 'content-length': '0' },
  })
  assert.equal(posted.body.toString(), '/ http://demo.peer', 'the site knows its own origin by the one name it has')
})

test('F38 a WebSocket over TLS: of the origin there, and of no other', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const { securePort = 0 } = edge.server
  const origin = `https://${HOST}:${securePort}`
  const lookup: LookupFunction = (_, { all }, found) => {
    if (all === true) found(null, [{ address: '127.0.0.1', family: 4 }])
    else found(null, '127.0.0.1', 4)
  }
  const how = { lookup, ca: authority.certificate }
  const visitor = await visitorAt(`${origin}/events`, { ...how, origin })
  visitor.say('hello')
  await until('event and answer', () => visitor.told.length === 2)
  assert.deepEqual(visitor.told.toSorted(), ['/events http://demo.peer', 'one'])
  visitor.socket.close()
  const refused = await refusedAt(`${origin}/events`, { ...how, origin: edge.origin })
  assert.equal(refused.status, 403)
})

test('other hosts have no site there, and hosts without a certificate no handshake', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const { securePort: port = 0 } = edge.server
  const other = await askSecurely({ port, host: `other.${NAME}`, authority: authority.certificate })
  assert.equal(other.status, 404)
  const local = await askSecurely({
    ...{ port, host: HOST, authority: authority.certificate, hostHeader: 'demo.s0.localhost' },
  })
  assert.equal(local.status, 404, 'the name of its plain origin is none here')
  await assert.rejects(shakeHands(port, 'elsewhere.example', authority.certificate))
  await assert.rejects(shakeHands(port, '', authority.certificate), 'who names no host gets none')
  await assert.rejects(shakeHands(port, HOST, authority.certificate, ['h2']), 'HTTP/1.1 is spoken alone')
  const agreed = await shakeHands(port, HOST, authority.certificate, ['h2', 'http/1.1'])
  assert.equal(agreed.alpnProtocol, 'http/1.1')
  agreed.destroy()
})

test('over plain HTTP the name leads to HTTPS, with path and query', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const answer = await edge.raw(`GET /a?b=c HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 308 /)
  assert.match(answer, new RegExp(`Location: https://${HOST}:${edge.server.securePort}/a\\?b=c\r\n`))
})

test('§5.2 the origin says whose it is, to the gateway that asks, for its challenge alone', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const { securePort: port = 0 } = edge.server
  const challenge = new Uint8Array(32).fill(7)
  const path = `/.well-known/interpeer/reach?gateway=${encodeURIComponent(GATEWAY)}&challenge=${'07'.repeat(32)}`
  const at = { port, host: HOST, authority: authority.certificate }
  const answer = await askSecurely({ ...at, path })
  assert.equal(answer.status, 200)
  const read = readCbor(signedShape('reach'), new Uint8Array(answer.body), 2_048)
  assert(read.ok)
  const { from, body, signature } = read.value
  assert.deepEqual(body, { gateway: GATEWAY, origin: `https://${HOST}:${port}`, challenge })
  assert.equal(peerName(from), peerName(group.member(0).signer.publicKey))
  assert(verify(from, statementHash(group.network.domain, 'reach', body), signature))
  for (const wrong of ['', '?challenge=00', `?gateway=x&challenge=${'07'.repeat(31)}`, `?challenge=${'07'.repeat(32)}`])
    assert.equal((await askSecurely({ ...at, path: `/.well-known/interpeer/reach${wrong}` })).status, 404, wrong)
})

test('a certificate that is none is said to be none, and why', async () => {
  const good = await authority.give([`*.${NAME}`])
  const other = await authority.give([`*.${NAME}`])
  const day = 86_400_000
  for (const [given, code] of [
    [{ certificate: good.certificate, key: other.key }, 'other_key'],
    [{ certificate: 'garbage', key: good.key }, 'no_certificate'],
    [{ certificate: good.certificate, key: 'garbage' }, 'no_key'],
    [{ key: good.key }, 'unreadable'],
    [await authority.give([`*.${NAME}`], { notAfter: Date.now() - 1_000 }), 'expired'],
    [await authority.give([`*.${NAME}`], { notBefore: Date.now() + day }), 'not_yet_valid'],
    [await authority.give(['*.elsewhere.example']), 'does_not_cover'],
  ] as const) {
    using certificates = certificatesOf(given)
    assert.deepEqual(
      certificates.problems().map((problem) => problem.code),
      [code],
    )
    assert.equal(certificates.contextOf(HOST), undefined, code)
    assert(certificates.lines.some((line) => line.includes('certificate_refused') && line.includes(code)))
    await using edge = await edgeWith(certificates)
    assert.equal(edge.server.secureOriginOf('demo'), undefined, code)
    await assert.rejects(shakeHands(edge.server.securePort ?? 0, HOST, authority.certificate), code)
  }
})

test('new files are taken while it runs, a half-written pair changes nothing', async () => {
  const first = await authority.give([`*.${NAME}`])
  const second = await authority.give([`*.${NAME}`])
  using certificates = certificatesOf(first)
  await using edge = await edgeWith(certificates)
  const { securePort: port = 0 } = edge.server
  const shown = async (): Promise<string> => {
    const socket = await shakeHands(port, HOST, authority.certificate)
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }
  const before = await shown()
  certificates.write({ certificate: second.certificate })
  certificates.check()
  assert.equal(await shown(), before)
  assert.deepEqual(
    certificates.problems().map(({ code }) => code),
    ['other_key'],
  )
  certificates.write({ key: second.key })
  await until('the new one is shown without a word', async () => (await shown()) !== before, 60_000)
  assert.deepEqual(certificates.problems(), [])
})

test('one that ends while it runs is shown no more, and no visitor is sent to it', async () => {
  let now = Date.now()
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]), () => now)
  await using edge = await edgeWith(certificates)
  assert.ok(edge.server.secureOriginOf('demo'))
  now += 20 * 86_400_000
  assert.equal(edge.server.secureOriginOf('demo'), undefined)
  await assert.rejects(shakeHands(edge.server.securePort ?? 0, HOST, authority.certificate))
  assert.deepEqual(
    certificates.problems().map(({ code }) => code),
    ['expired'],
  )
})

test('whoever begins handshakes and ends none takes no place of others', async () => {
  using certificates = certificatesOf(await authority.give([`*.${NAME}`]))
  await using edge = await edgeWith(certificates)
  const { securePort: port = 0 } = edge.server
  const { connect } = await import('node:net')
  const silent = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await until('half of the places are taken', () => /interpeer_tls_handshakes 256/.test(edge.registry.text()), 20_000)
  for (const socket of silent) socket.destroy()
  await until('they are given back', () => /interpeer_tls_handshakes 0/.test(edge.registry.text()), 20_000)
  assert.equal((await askSecurely({ port, host: HOST, authority: authority.certificate })).status, 200)
})
