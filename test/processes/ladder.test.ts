// The ladder with real processes: seeders of which one has HTTPS at its own name, a gateway that tries it, and visitors who are sent there; when its
// certificate ends to be one, they come another way.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Finding } from '#cli/doctor/finding.ts'
import { exchange } from '#cli/network/http.ts'
import { type NodeGateway, startNodeGateway } from '#gateway/node/start.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { type Authority, createAuthority } from '#test/support/authority.ts'
import { interpeer } from '#test/support/command.ts'
import { isKnown, replaceMember } from '#test/support/hand-over.ts'
import { LINES } from '#test/support/lines.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { askSecurely } from '#test/support/tls.ts'
import { until } from '#test/support/until.ts'

const NAME = 'secure.localhost'
const HOST = `lines.${NAME}`
const SITE_MS = 120_000
const EPOCH_MS = 120_000

let directory: string
let authority: Authority
let seeders: Seeders
let gateway: NodeGateway
let own: SeederProcess
let port: number
const [certificate, key] = ['certificate.pem', 'key.pem']

before(
  async () => {
    directory = mkdtempSync(join(tmpdir(), 'interpeer-ladder-'))
    authority = await createAuthority()
    await bring([`*.${NAME}`])
    seeders = await startSeeders({
      count: 3,
      arguments: {
        s1: [
          ...['--https-name', NAME, '--https-port', '0', '--location', 'DE'],
          ...['--certificate', join(directory, certificate), '--certificate-key', join(directory, key)],
        ],
      },
    })
    const { admission } = seeders
    gateway = await startNodeGateway({
      port: 0,
      directory: join(directory, 'gateway'),
      networkKey: admission.file().network_key,
      networkFile: JSON.stringify(admission.file()),
      authorities: [authority.certificate],
      positionHeader: 'x-place',
      log: () => {},
    })
    admission.change({ gateways: [gateway.url] })
    await seeders.publish(LINES)
    const [first] = seeders.all
    assert.ok(first)
    own = first
    const at = await until('its port', async () => (await facts()).https?.port)
    port = at
  },
  { timeout: 300_000 },
)
after(async () => {
  await seeders?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function bring(names: readonly string[]): Promise<void> {
  const given = await authority.give(names)
  writeFileSync(join(directory, key), given.key)
  writeFileSync(join(directory, certificate), given.certificate)
}

async function facts(): Promise<SeederFacts> {
  return JSON.parse((await exchange(`${own.ready.control}/status`)).body.toString()) as SeederFacts
}

async function sentTo(headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await exchange(`${gateway.url}/lines/?a=b`, { headers })
  return String(answer.headers.location ?? answer.status)
}

test('§6 visitors are sent to the member that has HTTPS, and are answered there', async () => {
  const location = await until(
    'a redirect to it',
    async () => {
      const to = await sentTo()
      return to.startsWith('https:') && to
    },
    SITE_MS,
  )
  assert.equal(location, `https://${HOST}:${port}/?a=b`)
  const answer = await askSecurely({ port, host: HOST, authority: authority.certificate, path: '/?a=b' })
  assert.equal(answer.status, 200)
  assert.ok(answer.headers['interpeer-certificate'])
  assert.equal(await sentTo({ 'x-place': '-33.9,151.2' }), location, 'a rung goes before a place')
  const { https, sites } = await facts()
  assert.deepEqual([https?.name, https?.problems, https?.unproven], [NAME, [], []])
  assert.equal(sites[0]?.announced, `https://${HOST}:${port}`)
})

test('a certificate for something else: the seeder says so, the doctor too, and visitors come another way at once', async () => {
  await bring(['*.elsewhere.example'])
  own.kill('SIGHUP')
  await until('another way', async () => (await sentTo()).startsWith('http:'))
  const { https } = await facts()
  assert.deepEqual(
    https?.problems.map(({ host, code }) => [host, code]),
    [[HOST, 'does_not_cover']],
  )
  const { code, lines } = await interpeer(['doctor', '--json', '--dir', own.ready.dir])
  const finding = (lines as unknown as Finding[]).find(({ subject }) => subject === 'certificate')
  assert.deepEqual([code, finding?.verdict], [1, 'bad'])
  assert.match(finding?.found ?? '', /it is for \*\.elsewhere\.example, and not for lines\.secure\.localhost/)
  await bring([`*.${NAME}`])
  own.kill('SIGHUP')
  await until('the way to it again', async () => (await sentTo()).startsWith('https:'))
})

test('a name that leads to somebody else is no rung: the gateway says why, and the operator reads it', async () => {
  // Trusted by nobody here: what a visitor's browser would say no to.
  const other = await createAuthority()
  const given = await other.give([`*.${NAME}`])
  own.kill('SIGTERM')
  await own.exited
  writeFileSync(join(directory, key), given.key)
  writeFileSync(join(directory, certificate), given.certificate)
  own = await seeders.restart(
    own,
    ...['--https-name', NAME, '--https-port', '0'],
    ...['--certificate', join(directory, certificate), '--certificate-key', join(directory, key)],
  )
  const { reason } = await until('what the gateway says of it', async () => (await facts()).https?.unproven[0], SITE_MS)
  assert.match(reason, /https:\/\/lines\.secure\.localhost:\d+: /)
  assert.match(await sentTo(), /^http:/)
})

test('§6 a member that left answers at its own HTTPS name for two hand-overs: 307 to the gateway, with method, path and query, which leads to a present one', async () => {
  await bring([`*.${NAME}`])
  own.kill('SIGHUP')
  const at = await until('its certificate', async () => {
    const { https } = await facts()
    return https?.problems.length === 0 && https.port
  })
  const rest = '/page?x=1&y=%2F'
  const secure = { port: at, host: HOST, authority: authority.certificate, path: rest }
  let present = seeders.all.filter((seeder) => seeder !== own)
  let out = own
  for (const epoch of [1, 2]) {
    const next = await seeders.start(`t${epoch}`)
    await isKnown(seeders, next)
    await replaceMember(seeders, 'lines', out, next)
    present = [...present.filter((seeder) => seeder !== out), next]
    await until(
      `epoch ${epoch} at every member`,
      async () => {
        const sites = await Promise.all(present.map((seeder) => seeder.site('lines')))
        return sites.every((site) => site?.epoch === epoch && site.state === 'agreeing')
      },
      EPOCH_MS,
    )
    for (const method of ['GET', 'POST']) {
      const sent = await until(
        `${method} is sent on`,
        async () => {
          const answer = await askSecurely({ ...secure, method })
          return answer.status === 307 && answer
        },
        SITE_MS,
      )
      assert.equal(sent.headers.location, `${gateway.url}/lines${rest}`)
      assert.equal(sent.headers['cache-control'], 'no-store')
    }
    const led = await until('a present member', async () => {
      const { status, headers } = await exchange(`${gateway.url}/lines${rest}`)
      return status === 307 && String(headers.location).startsWith('http:') && String(headers.location)
    })
    assert.ok(led.endsWith(rest) && !led.includes(NAME), led)
    ;[out] = present as [SeederProcess]
  }
})
