// The same as `acme.test.ts` against Pebble, which Let's Encrypt tests clients with: another reading of RFC 8555 than ours. Where it is missing, and
// nobody may install it, the tests of our own authority stand alone.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import acme from 'acme-client'
import { createRegistry } from '#protocol/metrics/registry.ts'
import { createLog } from '#seeder/config/log.ts'
import { keepAcmeCertificates } from '#seeder/tls/acme.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { hasPebble, startPebble } from '#test/support/pebble.ts'
import { askSecurely } from '#test/support/tls.ts'
import { until } from '#test/support/until.ts'

const NAME = 's1.example.org'
const root = mkdtempSync(join(tmpdir(), 'interpeer-pebble-'))
after(() => rmSync(root, { recursive: true, force: true }))

for (const type of ['tls-alpn-01', 'http-01'] as const)
  test(`Let's Encrypt's test server gives a certificate by ${type}`, async (context) => {
    if (!hasPebble()) {
      context.diagnostic('there is no pebble on this machine: asked is our own authority alone')
      return
    }
    await using stack = new AsyncDisposableStack()
    const late: { hosts: readonly string[] } = { hosts: [] }
    const server: { directory: string } = { directory: '' }
    const make = () =>
      keepAcmeCertificates({
        directoryUrl: server.directory,
        directory: join(root, type),
        challenges: type === 'http-01' ? ['http-01'] : ['tls-alpn-01'],
        hosts: () => late.hosts,
        onChange: () => {},
        registry: createRegistry(),
        now: Date.now,
        chance: Math.random,
        log: createLog({ level: 'error', form: 'json', sink: () => {} }),
        pace: { retryMs: 1_000, pollMs: 50 },
      })
    let kept: ReturnType<typeof make> | undefined
    const edge = stack.use(
      await startEdge(hostedGroup('demo', { assets: { '/index.html': 'hello' } }), {
        secure: {
          name: NAME,
          port: 0,
          reach: () => new Uint8Array(0),
          certificates: {
            contextOf: (host) => kept?.contextOf(host),
            challengeContextOf: (host) => kept?.challengeContextOf(host),
            challengeAnswer: (token) => kept?.challengeAnswer(token),
            certificates: () => [],
            problems: () => [],
            check: () => {},
          },
        },
      }),
    )
    const port = edge.server.securePort ?? 0
    const pebble = stack.use(await startPebble(root, { http: edge.port, tls: port }))
    server.directory = pebble.directory
    acme.axios.defaults.httpsAgent = pebble.agent
    const certificates = stack.use(make())
    kept = certificates
    late.hosts = [`demo.${NAME}`]
    certificates.check()
    await until('the certificate', () => edge.server.secureOriginOf('demo') !== undefined)
    const answer = await askSecurely({ port, host: `demo.${NAME}`, authority: await pebble.authority() })
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'hello'])
    assert.deepEqual(certificates.problems(), [])
  })
