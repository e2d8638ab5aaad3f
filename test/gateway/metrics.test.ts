// F35 What `interpeer gateway` tells whoever runs it: metrics by Prometheus' conventions that move with what they count, health, and a log by level. The
// real process; its seeders are keys that this test holds.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { exchange } from '#cli/network/http.ts'
import { PROVEN } from '#gateway/tunnel/proof.ts'
import { evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { TYPE } from '#protocol/dns/constants.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { Vote1 } from '#protocol/message/statement.ts'
import { TUNNEL_PATH } from '#seeder/tunnel/tunnel.ts'
import { type Running, startCommand } from '#test/support/command.ts'
import { base64url, queryOf } from '#test/support/dns.ts'
import { assertConventions, assertKnown, familiesOf, namedIn, queries, seriesOf } from '#test/support/metrics.ts'
import { registrationBytes, signRegistration, type TestRegistration, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const ORIGIN = 'http://wiki.ana.localhost:8080'
/** Far more than one address may write in ten seconds. */
const WRITES_MAX = 10_000
const REFUSED = 7
const SECRET = 'whoever-reads-this-knows-too-much'
const network = testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }], peers: ['eve'] })
const folder = mkdtempSync(join(tmpdir(), 'gateway-metrics-'))
const file = join(folder, 'network.json')
writeFileSync(file, network.text)

type Ready = { readonly url: string; readonly control: string }
let gateway: Running
let url = ''
let control = ''

function start(name: string, ...more: readonly string[]): Running {
  const places = ['--dir', join(folder, name), '--network', file, '--port', '0']
  return startCommand(['gateway', ...places, ...more])
}

before(async () => {
  gateway = start('first', '--log-level', 'debug')
  const ready = await gateway.event<Ready>('ready')
  url = ready.url
  control = ready.control
})
after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function text(): Promise<string> {
  const answer = await exchange(`${control}/metrics`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  return answer.body.toString()
}

/** What these series are now; one that is not there is 0. */
async function values(...series: readonly string[]): Promise<readonly number[]> {
  const all = seriesOf(await text())
  return series.map((each) => all.get(`interpeer_gateway_${each}`) ?? 0)
}

/** How much each of the series grows by what `act` does. */
async function growth(act: () => Promise<void>, ...series: readonly string[]): Promise<readonly number[]> {
  const before = await values(...series)
  await act()
  const after = await values(...series)
  return after.map((value, index) => value - (before[index] ?? 0))
}

async function status(path: string, options: Parameters<typeof exchange>[1] = {}): Promise<number> {
  return (await exchange(url + path, options)).status
}

function register(by: string, changes: Partial<TestRegistration> = {}): Promise<number> {
  const registration = signRegistration(network, by, {
    ...{ gateway: url, time: Date.now(), sites: { wiki: ORIGIN }, sees: MEMBERS.filter((other) => other !== by) },
    ...changes,
  })
  return status('/register', { method: 'POST', body: Buffer.from(registrationBytes(registration)) })
}

test('every metric has help, a base unit and a name by the conventions, and none in the sources is missing', async () => {
  const families = familiesOf(await text())
  assertConventions(families)
  const known = new Set(families.map(({ name }) => name))
  const named = namedIn('gateway')
  assert.ok(new Set(named).size > 20, String(named.length))
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )
  for (const name of ['process_start_time_seconds', 'interpeer_gateway_build_info']) assert.ok(known.has(name), name)
})

test('the dashboard and the alerts ask gateways for what they have, for counters by their rate', async () => {
  const asked = queries().gateways
  assert.ok(asked.length >= 12, String(asked.length))
  const families = familiesOf(await text())
  for (const query of asked) assertKnown(query, families)
})

test('requests count by their kind and status, refusals by their code; who comes and where it goes does not', async () => {
  const grown = await growth(
    async () => {
      assert.equal(await status('/'), 200)
      assert.equal(await status('/bootstrap'), 200)
      assert.equal(await status('/lookup/name/nobody'), 404)
      assert.equal(await status('/nobody/x'), 404)
      assert.equal(await status('/deny', { headers: { accept: 'text/html' } }), 200)
      assert.equal(await status('/tunnel/abc'), 426)
    },
    'requests_total{kind="page",status="200"}',
    'requests_total{kind="api",status="200"}',
    'requests_total{kind="api",status="404"}',
    'requests_total{kind="redirect",status="404"}',
    'requests_total{kind="tunnel",status="426"}',
    'refusals_total{code="unknown_name"}',
    'refusals_total{code="upgrade_required"}',
    'request_duration_seconds_count{kind="page"}',
  )
  assert.deepEqual(grown, [2, 1, 1, 1, 1, 2, 1, 2])
})

test('registrations count by what came of them, seeders and sites by how they are', async () => {
  assert.deepEqual(
    await values('seeders{state="living"}', 'sites{state="reached"}', 'sites{state="unreached"}'),
    [0, 0, 1],
  )
  const grown = await growth(
    async () => {
      const time = Date.now()
      assert.equal(await register('ana', { time }), 200)
      assert.equal(await register('ana', { time }), 409)
      assert.equal(await register('ana', { time: 1 }), 400)
      assert.equal(await register('eve', { sites: {} }), 403)
      assert.equal(await status('/register', { method: 'POST', body: Buffer.from('x') }), 400)
    },
    'registrations_total{outcome="taken"}',
    'registrations_total{outcome="replay"}',
    'registrations_total{outcome="clock_skew"}',
    'registrations_total{outcome="not_a_member"}',
    'registrations_total{outcome="malformed"}',
  )
  assert.deepEqual(grown, [1, 1, 1, 1, 1])
  assert.deepEqual(
    await values('seeders{state="living"}', 'sites{state="reached"}', 'sites{state="unreached"}'),
    [1, 1, 0],
  )
})

test('a redirect counts from memory as by the router, and from memory nothing is timed', async () => {
  await until('a registration that lasts for all of them', async () => {
    await register('ana')
    // The first makes what the others are answered from.
    assert.equal(await status('/wiki/'), 307)
    const [counted, timed] = await growth(
      async () => {
        for (let visit = 0; visit < 3; visit++) assert.equal(await status('/wiki/page?a=b'), 307)
      },
      'requests_total{kind="redirect",status="307"}',
      'request_duration_seconds_count{kind="redirect"}',
    )
    assert.equal(counted, 3)
    return timed === 0
  })
})

test('DNS counts by what it answered, in each form', async () => {
  const asked = (name: string): string => `/dns-query?dns=${base64url(queryOf(name, TYPE.A))}`
  const grown = await growth(
    async () => {
      assert.equal(await status(asked('wiki.peer')), 200)
      assert.equal(await status(asked('nobody.peer')), 200)
      assert.equal(await status('/dns-query?name=nobody.peer'), 200)
      assert.equal(await status(asked('example.org')), 200)
      assert.equal(await status('/dns-query'), 400)
    },
    'dns_answers_total{rcode="NOERROR"}',
    'dns_answers_total{rcode="NXDOMAIN"}',
    'dns_answers_total{rcode="REFUSED"}',
    'requests_total{kind="names",status="200"}',
    'refusals_total{code="bad_dns_query"}',
  )
  assert.deepEqual(grown, [1, 2, 1, 4, 1])
})

test('proofs count by what they were, and who is proven a liar with them', async () => {
  const vote = (by: string, blockHash: Digest): Signed<Vote1> => {
    const place = { job: network.job('wiki'), epoch: 1, height: 5, view: 2, jview: null }
    return signStatement(network.domain, 'vote1', network.signer(by), { ...place, block_hash: blockHash })
  }
  const first = vote('dan', taggedHash('x'))
  const post = (second: Signed<Vote1>): Promise<number> =>
    status('/evidence', {
      method: 'POST',
      body: Buffer.from(evidenceToBytes({ kind: 'double_vote1', first, second })),
    })
  const grown = await growth(
    async () => {
      assert.equal(await post(first), 400)
      assert.equal(await post(vote('dan', taggedHash('y'))), 200)
      assert.equal(await post(vote('dan', taggedHash('z'))), 200)
    },
    'evidence_total{outcome="bad_evidence"}',
    'evidence_total{outcome="proven"}',
    'evidence_total{outcome="known"}',
    'liars',
  )
  assert.deepEqual(grown, [1, 1, 1, 1])
})

test('a tunnel is counted while it is open', async () => {
  const signer = network.signer('ben')
  const path = `${TUNNEL_PATH}/${Buffer.from(signer.publicKey).toString('hex')}`
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`)
  try {
    let isOpen = false
    socket.on('error', () => {})
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) isOpen ||= data.toString() === PROVEN
      else {
        const body = { gateway: url, challenge: new Uint8Array(data) }
        socket.send(cborFromValue(signStatement(network.domain, 'tunnel', signer, body)))
      }
    })
    await until('it is open', () => isOpen)
    assert.deepEqual(await values('tunnels', 'requests_total{kind="tunnel",status="101"}'), [1, 1])
  } finally {
    socket.terminate()
  }
  await until('it is closed', async () => (await values('tunnels'))[0] === 0)
})

test('whoever writes too often is counted at the limit that stops it', async () => {
  let refused = 0
  const grown = await growth(
    async () => {
      for (let asked = 0; asked < WRITES_MAX && refused < REFUSED; asked++)
        if ((await status('/network', { method: 'PUT', body: Buffer.from('{}') })) === 429) refused++
    },
    'limited_total{limit="carry"}',
    'refusals_total{code="rate_limited"}',
    'requests_total{kind="api",status="429"}',
    'limited_total{limit="register"}',
  )
  assert.deepEqual([refused, ...grown], [REFUSED, REFUSED, REFUSED, REFUSED, 0])
})

test('strangers make no new series: neither names, addresses, paths nor hosts are labels', async () => {
  const visits = async (turn: string): Promise<void> => {
    await register('ana')
    assert.equal(await status(`/${SECRET}-${turn}/`), 404)
    assert.equal(await status(`/wiki/${SECRET}-${turn}?q=${SECRET}`), 307)
    assert.equal(await status(`/-/about/${SECRET}-${turn}`), 404)
    assert.equal(await status(`/lookup/peer/${SECRET}-${turn}`), 404)
    assert.equal(await status(`/dns-query?name=${SECRET}-${turn}.peer`), 200)
    assert.equal(await status('/', { headers: { host: `${SECRET}-${turn}.peer` } }), 404)
    assert.equal(await status('/', { headers: { host: `%41${turn}.example` } }), 400)
  }
  await visits('first')
  const known = [...seriesOf(await text()).keys()]
  for (let turn = 0; turn < 20; turn++) await visits(String(turn))
  const now = await text()
  assert.deepEqual([...seriesOf(now).keys()], known)
  assert.ok(!now.includes(SECRET) && !now.includes('wiki') && !now.includes(network.peer('ana')))
  assert.ok(((await values('requests_total{kind="unread",status="400"}'))[0] ?? 0) >= 20)
})

test('a database that does not take what it is given counts, and visitors see nothing of it', async () => {
  const database = new DatabaseSync(join(folder, 'first', 'gateway.sqlite'))
  database.exec('PRAGMA busy_timeout = 20000; ALTER TABLE registrations RENAME TO elsewhere')
  const [failures = 0] = await growth(async () => {
    assert.equal(await register('cleo', { sites: { wiki: 'http://wiki.cleo.localhost:8080' } }), 200)
  }, 'store_failures_total')
  database.exec('ALTER TABLE elsewhere RENAME TO registrations')
  database.close()
  assert.ok(failures > 0)
  assert.equal(await status('/wiki/'), 307)
})

test('the control port says that it lives and is ready, on loopback names alone, and can only be read', async () => {
  assert.equal(new URL(control).hostname, '127.0.0.1')
  for (const path of ['/healthz', '/readyz']) assert.equal((await exchange(control + path)).status, 200)
  assert.equal((await exchange(`${control}/`)).status, 404)
  assert.equal((await exchange(`${control}/metrics`, { headers: { host: 'rebound.example' } })).status, 421)
  assert.equal((await exchange(`${control}/metrics`, { method: 'POST' })).status, 405)
  assert.equal(await status('/metrics'), 404, 'visitors see none of it')
})

test('a control port that somebody has is said, and nothing runs on', async () => {
  const second = start('second', '--control-port', new URL(control).port)
  assert.equal(await second.exited, 1)
  assert.equal(second.events.at(-1)?.code, 'not_started')
})

type Line = { readonly level: string; readonly event: string; readonly [fact: string]: unknown }

function lines({ stderr }: Running): readonly Line[] {
  return stderr.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))
}

test('the log says each thing at its level, and nowhere who asked, or for what', async () => {
  await until('what is refused', () => lines(gateway).some(({ event }) => event === 'registration_refused'))
  const levels = new Map(lines(gateway).map(({ event, level }) => [event, level]))
  for (const [event, level] of [
    ['gateway_started', 'info'],
    ['network_taken', 'info'],
    ['registration_refused', 'debug'],
    ['refused', 'debug'],
    ['tunnel_open', 'debug'],
    ['tunnel_closed', 'debug'],
    ['liar_proven', 'warn'],
    ['store_failed', 'warn'],
  ] as const)
    assert.equal(levels.get(event), level, event)
  const early = lines(gateway).find(({ event, code }) => event === 'registration_refused' && code === 'clock_skew')
  assert.equal(early?.claimed, network.peer('ana'))
  assert.ok(!gateway.stderr.includes(SECRET))
})

test('a level leaves out what is below it, text is for people, and an end is said', async () => {
  await using quiet = start('quiet', '--log-level', 'warn')
  await quiet.event('ready')
  await using plain = start('plain', '--log-form', 'text')
  const ready = await plain.event<Ready>('ready')
  const refused = { method: 'POST', body: Buffer.from('x') }
  assert.equal((await exchange(`${ready.url}/register`, refused)).status, 400)
  for (const each of [quiet, plain]) each.kill('SIGINT')
  for (const each of [quiet, plain]) assert.equal(await each.exited, 130)
  assert.equal(quiet.stderr, '')
  assert.match(plain.stderr, /^[\d:.]+ info {2}gateway_started url=http/m)
  assert.match(plain.stderr, /^[\d:.]+ info {2}gateway_stopped$/m)
  assert.doesNotMatch(plain.stderr, /registration_refused/)
})
