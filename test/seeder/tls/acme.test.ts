// Certificates that an authority gives (RFC 8555), against a small one of the tests; `pebble.test.ts` asks Let's Encrypt's own test server.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createRegistry } from '#protocol/metrics/registry.ts'
import { createLog } from '#seeder/config/log.ts'
import { type AcmeOptions, keepAcmeCertificates } from '#seeder/tls/acme.ts'
import { pemOfSealed } from '#seeder/tls/sealed.ts'
import { type AcmeServer, startAcmeServer } from '#test/support/acme-server.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { askSecurely, shakeHands } from '#test/support/tls.ts'
import { until } from '#test/support/until.ts'

const NAME = 's1.example.org'
const HOST = `demo.${NAME}`
const DAY_MS = 86_400_000
/** From the end of a file. */
const IN_THE_KEY = 60
const root = mkdtempSync(join(tmpdir(), 'interpeer-acme-'))
after(() => rmSync(root, { recursive: true, force: true }))
let made = 0

type Running = AsyncDisposable & {
  readonly edge: Edge
  readonly certificates: ReturnType<typeof keepAcmeCertificates>
  readonly directory: string
  readonly changes: () => number
  readonly metrics: () => string
}

async function seeder(
  server: { readonly directory: string },
  ports: { http: number; tls: number },
  options: Partial<AcmeOptions> = {},
): Promise<Running> {
  const registry = createRegistry()
  let changes = 0
  const directory = options.directory ?? join(root, String(++made))
  const hosts = options.hosts ?? (() => [HOST])
  let isListening = false
  const certificates = keepAcmeCertificates({
    directoryUrl: server.directory,
    challenges: ['tls-alpn-01', 'http-01'],
    onChange: () => changes++,
    registry,
    now: Date.now,
    chance: () => 0.5,
    log: createLog({ level: 'error', form: 'json', sink: () => {} }),
    pace: { retryMs: 200, pollMs: 20 },
    ...options,
    // The authority comes as soon as it is asked.
    hosts: () => (isListening ? hosts() : []),
    directory,
  })
  const edge = await startEdge(hostedGroup('demo', { assets: { '/index.html': 'hello' } }), {
    secure: { name: NAME, port: 0, certificates, reach: () => new Uint8Array(0) },
  })
  ports.http = edge.port
  ports.tls = edge.server.securePort ?? 0
  isListening = true
  certificates.check()
  return {
    edge,
    certificates,
    directory,
    changes: () => changes,
    metrics: () => registry.text(),
    async [Symbol.asyncDispose]() {
      certificates[Symbol.dispose]()
      await edge[Symbol.asyncDispose]()
    },
  }
}

async function start(): Promise<{ server: AcmeServer; ports: { http: number; tls: number } }> {
  const ports = { http: 0, tls: 0 }
  return { server: await startAcmeServer({ http: () => ports.http, tls: () => ports.tls }), ports }
}

function serialAt(port: number, authority: string): Promise<string> {
  return shakeHands(port, HOST, authority).then((socket) => {
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  })
}

for (const type of ['tls-alpn-01', 'http-01'] as const)
  test(`a host gets a certificate by ${type}, and is served by it`, async () => {
    const { server, ports } = await start()
    await using _ = server
    const options: Partial<AcmeOptions> = type === 'http-01' ? { challenges: ['http-01', 'tls-alpn-01'] } : {}
    await using running = await seeder(server, ports, options)
    await until('the certificate', () => running.edge.server.secureOriginOf('demo') !== undefined)
    assert.deepEqual(server.tried, [{ type, host: HOST, isValid: true }])
    assert.equal(running.changes(), 1)
    const answer = await askSecurely({ port: ports.tls, host: HOST, authority: server.authority.certificate })
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'hello'])
    await assert.rejects(shakeHands(ports.tls, HOST, server.authority.certificate, ['acme-tls/1']))
    assert.deepEqual(running.certificates.problems(), [])
    assert.match(running.metrics(), /interpeer_acme_orders_total\{outcome="given"\} 1/)
    for (const file of ['account.pem', join('hosts', `${HOST}.pem`)])
      assert.equal(statSync(join(running.directory, file)).mode & 0o777, 0o600, file)
  })

test('a start takes what the one before was given, and asks for nothing; the account stays one', async () => {
  const { server, ports } = await start()
  await using _ = server
  let directory = ''
  {
    await using first = await seeder(server, ports)
    ;({ directory } = first)
    await until('the certificate', () => first.edge.server.secureOriginOf('demo') !== undefined)
  }
  await using second = await seeder(server, ports, { directory })
  assert.ok(second.edge.server.secureOriginOf('demo'))
  assert.equal(server.orders.length, 1)
  const file = join(directory, 'hosts', `${HOST}.pem`)
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 400))
  await using third = await seeder(server, ports, { directory })
  await until('a new one for what is none', () => third.edge.server.secureOriginOf('demo') !== undefined)
  assert.deepEqual([server.orders.length, server.accounts], [2, 1])
})

test('a certificate or an account of which the disk has changed a byte, any byte, is asked for anew and never shown', async () => {
  const { server, ports } = await start()
  await using _ = server
  let directory = ''
  {
    await using first = await seeder(server, ports)
    ;({ directory } = first)
    await until('the certificate', () => first.edge.server.secureOriginOf('demo') !== undefined)
  }
  const files = [join(directory, 'hosts', `${HOST}.pem`), join(directory, 'account.pem')]
  for (const file of files) {
    const sound = readFileSync(file, 'utf8')
    for (let at = 0; at < sound.length; at++) {
      const changed = sound.slice(0, at) + (sound[at] === 'x' ? 'y' : 'x') + sound.slice(at + 1)
      const pem = pemOfSealed(changed)
      // Of a line with a sum that is none any more the rest is as it was.
      assert.ok(pem === undefined || pem.endsWith(sound.slice(sound.indexOf('\n') + 1)), `${file} ${at}`)
    }
    const at = sound.length - IN_THE_KEY
    writeFileSync(file, sound.slice(0, at) + (sound[at] === 'A' ? 'B' : 'A') + sound.slice(at + 1))
  }
  await using second = await seeder(server, ports, { directory })
  assert.equal(second.edge.server.secureOriginOf('demo'), undefined)
  await until('a new one', () => second.edge.server.secureOriginOf('demo') !== undefined)
  assert.deepEqual([server.orders.length, server.accounts], [2, 2])
  assert.notEqual(await serialAt(ports.tls, server.authority.certificate), '')
})

test('it is renewed after two thirds of its life, and the old one is shown until the new one is there', async () => {
  const { server, ports } = await start()
  await using _ = server
  const begun = Date.now()
  let now = begun
  server.life = () => ({ notBefore: begun - DAY_MS, notAfter: begun + 9 * DAY_MS })
  await using running = await seeder(server, ports, { now: () => now })
  await until('the certificate', () => running.changes() === 1)
  const first = await serialAt(ports.tls, server.authority.certificate)
  const [{ renewAt = 0 } = {}] = running.certificates.certificates()
  assert(renewAt > begun + 4 * DAY_MS && renewAt <= begun + (5 + 2 / 3) * DAY_MS, String(renewAt - begun))
  server.refusal = { status: 400, type: 'rejectedIdentifier', detail: 'not today' }
  now = renewAt + 1_000
  running.certificates.check()
  await until('it failed', () => running.certificates.problems().length === 1)
  const [problem] = running.certificates.problems()
  assert.equal(problem?.code, 'acme')
  assert.match(problem?.message ?? '', /not today/)
  assert.equal(problem?.host, HOST)
  assert(problem !== undefined && problem.againAt !== undefined && problem.againAt > now)
  assert.equal(await serialAt(ports.tls, server.authority.certificate), first)
  server.refusal = undefined
  server.offered = ['tls-alpn-01']
  server.life = () => ({ notBefore: begun, notAfter: begun + 20 * DAY_MS })
  now = problem.againAt + 1
  running.certificates.check()
  await until('the new one', () => running.changes() === 2)
  assert.notEqual(await serialAt(ports.tls, server.authority.certificate), first)
  assert.deepEqual(running.certificates.problems(), [])
  assert.match(running.metrics(), /interpeer_acme_orders_total\{outcome="failed"\} 1/)
})

test('failures are tried again, later each time', async () => {
  const { server, ports } = await start()
  await using _ = server
  let now = Date.now()
  server.refusal = { status: 400, type: 'rejectedIdentifier', detail: 'never' }
  await using running = await seeder(server, ports, { now: () => now, pace: { retryMs: 1_000, pollMs: 20 } })
  const pauses: number[] = []
  for (let failure = 1; failure <= 4; failure++) {
    const again = await until('it failed again', () => {
      const [problem] = running.certificates.problems()
      return problem?.code === 'acme' && problem.at === now && problem.againAt
    })
    pauses.push(again - now)
    now = again + 1
    running.certificates.check()
  }
  assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000])
})

test('an authority that has given enough is left alone for an hour', async () => {
  const { server, ports } = await start()
  await using _ = server
  let now = Date.now()
  server.refusal = { status: 400, type: 'rateLimited', detail: 'too many certificates already issued' }
  await using running = await seeder(server, ports, { now: () => now })
  const failures = (): string | undefined => /outcome="failed"\} (\d+)/.exec(running.metrics())?.[1]
  await until('it failed', () => failures() === '1')
  server.refusal = undefined
  now += 3_599_000
  running.certificates.check()
  // Whoever would ask would have asked by the time that another exchange with this authority is over.
  await fetch(server.directory)
  assert.deepEqual([failures(), server.orders.length], ['1', 0])
  now += 2_000
  running.certificates.check()
  await until('the certificate', () => running.edge.server.secureOriginOf('demo') !== undefined)
})

test('a challenge that the host does not answer is a failure, and nothing of it stays', async () => {
  const { server, ports } = await start()
  await using _ = server
  await using running = await seeder(server, ports)
  ports.tls = 1
  await until('it failed', () => running.certificates.problems()[0]?.code === 'acme')
  assert.equal(server.tried[0]?.isValid, false)
  assert.deepEqual(readdirSync(join(running.directory, 'hosts')), [])
  assert.equal(running.certificates.challengeContextOf(HOST), undefined)
  assert.equal(running.edge.server.secureOriginOf('demo'), undefined)
})

test('sites that come and go ask for no more certificates than an authority bears', async () => {
  const { server, ports } = await start()
  await using _ = server
  server.refusal = { status: 400, type: 'rejectedIdentifier', detail: 'never' }
  const hosts = Array.from({ length: 30 }, (_, index) => `site-${index}.${NAME}`)
  await using running = await seeder(server, ports, { hosts: () => hosts, pace: { retryMs: 3_600_000, pollMs: 20 } })
  await until('twenty were tried', () => /outcome="failed"\} 20/.test(running.metrics()))
  running.certificates.check()
  assert.equal(running.certificates.problems().filter(({ code }) => code === 'no_certificate_yet').length, 10)
})
