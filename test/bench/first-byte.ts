// How long a visitor without any connection waits for the first byte of a site's page, by each way that leads there: by the gateway's link and
// without, to a member's HTTPS name, to the sites domain, to a member's plain socket.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectSecurely } from 'node:tls'
import { exchange } from '#cli/network/http.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import type { Target } from '#test/bench/client.ts'
import { SITE, serving, startGroup } from '#test/bench/group.ts'
import { type Bench, compared } from '#test/bench/report.ts'
import { createAuthority } from '#test/support/authority.ts'
import { startGatewayOf } from '#test/support/gateway.ts'
import { until } from '#test/support/until.ts'

const ROUNDS = 40
const READY_MS = 60_000
const NAME = 'secure.localhost'
const PATH = '/page'

/** Where to connect, and what to ask for there; `authority`: by TLS, with a whole handshake each time. */
type Way = { readonly target: Target; readonly host: string; readonly path: string; readonly authority?: string }

function socketTo({ target, host, authority }: Way): Socket {
  if (authority === undefined) return connect(target.port, target.host)
  const servername = host.replace(/:\d+$/, '')
  return connectSecurely({ host: target.host, port: target.port, servername, ca: authority })
}

/** From the first connection to the first byte of the last answer, ms. */
async function firstByteMs(ways: readonly Way[]): Promise<number> {
  const began = performance.now()
  for (const way of ways) {
    const socket = socketTo(way)
    socket.setNoDelay(true)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    socket.once('error', reject)
    socket.once('data', () => resolve())
    socket.write(`GET ${way.path} HTTP/1.1\r\nHost: ${way.host}\r\nAccept: */*\r\nInterpeer-Client: 1\r\n\r\n`)
    await promise.finally(() => socket.destroy())
  }
  return performance.now() - began
}

export const firstByte: Bench = async () => {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-first-byte-'))
  const authority = await createAuthority()
  const given = await authority.give([`*.${NAME}`])
  const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  writeFileSync(certificate, given.certificate)
  writeFileSync(key, given.key)
  const https = ['--https-name', NAME, '--https-port', '0', '--certificate', certificate, '--certificate-key', key]
  const group = stack.use(await startGroup(['--reach', 'tunnel', ...https]))
  const gateway = stack.use(await startGatewayOf(group.seeders))
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')
  await serving(group.seeders, [SITE])
  const port = Number(new URL(gateway.url).port)
  const at = { host: '127.0.0.1', port }
  const sitesHost = `${SITE}.sites.localhost:${port}`
  await until(
    'the site through a tunnel',
    async () => (await exchange(`http://${sitesHost}${PATH}`)).status === 200,
    READY_MS,
  )
  const securePort = await until('the port of its HTTPS name', async () => {
    const { body } = await exchange(`${seeder.ready.control}/status`)
    return (JSON.parse(body.toString()) as SeederFacts).https?.port
  })

  const plain: Way = { target: group.target(seeder), host: group.host(seeder), path: PATH }
  const link: Way = { target: at, host: new URL(gateway.url).host, path: `/${SITE}${PATH}` }
  const sites: Way = { target: at, host: sitesHost, path: PATH }
  const secure: Way = {
    ...{ target: { host: '127.0.0.1', port: securePort }, host: `${SITE}.${NAME}:${securePort}`, path: PATH },
    authority: authority.certificate,
  }
  const byName: Readonly<Record<string, readonly Way[]>> = {
    'a member’s HTTPS name': [secure],
    'the sites domain': [sites],
    'link, then a member’s HTTPS name': [link, secure],
    'link, then the sites domain': [link, sites],
    'link, then a member’s plain socket': [link, plain],
  }
  const results = []
  for (const [name, ways] of Object.entries(byName)) {
    const rounds = []
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({ ours: await firstByteMs(ways), peer: await firstByteMs([plain]) })
    results.push(compared(`first byte, ${name}, against a member’s plain socket`, 'ms', rounds))
  }
  return results
}
