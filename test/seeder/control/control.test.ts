import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { createRegistry, SERIES_MAX } from '#protocol/metrics/registry.ts'
import { silentLog } from '#seeder/config/log.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { SAMPLE_MS, startLoadMeter } from '#seeder/control/load.ts'
import { LINES_KEPT, recentLog } from '#seeder/control/recent-log.ts'
import { type ControlOptions, startControl } from '#seeder/control/server.ts'
import type { LinkStatus } from '#seeder/network/port.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

const STATS = {
  fileBytes: 4096,
  walBytes: 100,
  blocks: 3,
  blockBytes: 900,
  orphans: 0,
  missing: 0,
  jobs: 1,
  commits: 1,
}

const LINK: LinkStatus = {
  connected: false,
  gone: false,
  heardAt: 1_000,
  roundTripMs: 2.5,
  clockAheadMs: -40,
  sentBytes: 2_000,
  receivedBytes: 3_000,
  droppedFrames: 0,
  offences: {},
}

async function start(empty = false, more: Partial<ControlOptions> = {}) {
  const group = hostedGroup('demo')
  const { sites } = group.member(0)
  const peer = group.network.peer('ann')
  const control = await startControl({
    sites: empty ? { byName: () => undefined, all: () => [], onChange: () => () => {} } : sites,
    registry: createRegistry(),
    peer,
    store: { stats: () => STATS },
    network: {
      addresses: () => ['/ip4/127.0.0.1/tcp/1'],
      connected: () => [group.network.peer('ben')],
      link: (of) => ({ ...LINK, connected: of === group.network.peer('ben'), relay: group.network.peer('ann') }),
      relays: () => ({}),
    },
    holder: { file: () => group.network.file },
    log: silentLog,
    steady: () => 2_000,
    room: () => ({ freeBytes: 5_000_000_000, totalBytes: 10_000_000_000 }),
    port: 0,
    ...more,
  })
  const get = (path: string, headers: Record<string, string> = {}) => exchange(control.url + path, { headers })
  return { control, get, peer, [Symbol.asyncDispose]: () => control.close() }
}

test('§4 metrics are in the Prometheus text format', async () => {
  await using seeder = await start()
  const answer = await seeder.get('/metrics')
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const text = String(answer.body)
  assert.match(text, /^# TYPE interpeer_site_height gauge\ninterpeer_site_height\{site="demo"\} 1$/m)
  assert.match(text, /^interpeer_site_state\{site="demo",state="agreeing"\} 1$/m)
  assert.match(text, /^interpeer_store_bytes\{part="file"\} 4096$/m)
  assert.match(text, /^# TYPE process_cpu_seconds_total counter$/m)
  for (const line of text.trimEnd().split('\n'))
    assert.match(
      line,
      /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (-?[0-9.e+-]+|\+Inf))$/,
    )
})

test('§4 status is JSON and a page for people', async () => {
  await using seeder = await start()
  const facts = JSON.parse(String((await seeder.get('/status')).body)) as SeederFacts
  assert.equal(facts.peer, seeder.peer)
  assert.equal(facts.sites[0]?.name, 'demo')
  assert.equal(facts.disk.fileBytes, 4096)
  const page = await seeder.get('/')
  assert.match(String(page.headers['content-type']), /text\/html/)
  assert.match(String(page.body), /demo.*agreeing/s)
  await using empty = await start(true)
  assert.match(String((await empty.get('/')).body), /No sites yet/)
})

test('§4 status says how the seeder is linked, how far its clock is off, and what is free on the disk', async () => {
  await using seeder = await start()
  const facts = JSON.parse(String((await seeder.get('/status')).body)) as SeederFacts
  assert.deepEqual(
    facts.peers.map(({ connected, heardAgoMs, sites }) => [connected, heardAgoMs, sites]),
    [
      [true, 1_000, ['demo']],
      [false, 1_000, ['demo']],
      [false, 1_000, ['demo']],
    ],
  )
  assert.deepEqual(facts.clock, { aheadMs: -40, compared: 3 })
  assert.equal(facts.disk.freeBytes, 5_000_000_000)
})

test('§4 the page says what is wrong, and what to do about it', async () => {
  await using seeder = await start(false, {
    room: () => ({ freeBytes: 1_000_000, totalBytes: 10_000_000_000 }),
    reach: () => ({
      mode: 'tunnel',
      http: 'http://127.0.0.1:1',
      gateways: [{ gateway: 'http://gateway.example', taken: false, problem: '403 <not_a_member>', tunnel: false }],
      rungs: { demo: 'none' },
    }),
  })
  const page = String((await seeder.get('/')).body)
  assert.match(page, /The disk has 977 KiB left/)
  assert.match(page, /No gateway takes the registration of this seeder.*403 &lt;not_a_member&gt;/s)
  assert.match(page, /No tunnel to a gateway is open/)
  assert.match(page, /not announced/)
  assert.doesNotMatch(page, /All is well/)
})

test('§4 the page says what is wrong with HTTPS, and through whom peers come', async () => {
  await using seeder = await start(false, {
    reach: () => ({ mode: 'direct', http: 'http://127.0.0.1:1', gateways: [], rungs: {} }),
    https: () => ({
      name: 'seeder.example',
      port: 443,
      certificates: [{ names: ['demo.seeder.example'], notAfter: Date.now() + 40.5 * 86_400_000 }],
      problems: [{ host: 'other.seeder.example', code: 'refused', message: 'The authority says <no>.', at: 0 }],
      unproven: [{ gateway: 'https://gateway.example', reason: 'it answers with a certificate of another name' }],
    }),
  })
  const page = String((await seeder.get('/')).body)
  assert.match(page, /no certificate that holds for other\.seeder\.example.*The authority says &lt;no&gt;/s)
  assert.match(page, /https:\/\/gateway\.example sends nobody to the HTTPS of this seeder/)
  assert.match(page, /<code>demo\.seeder\.example<\/code> for 40 d 1[12] h/)
  assert.match(page, /through <code title="[0-9a-f]{64}">/)
})

test('§4 what the log said last is on the page, without what visitors asked for, as text', async () => {
  const recent = recentLog(silentLog)
  recent.log.warn('script_answer', {
    site: 'demo',
    target: '/find?q=secret&x=<b>',
    cause: new Error('first line\nsecond'),
  })
  recent.log.debug('not_kept')
  for (let index = 0; index < LINES_KEPT + 5; index++) recent.log.info('<i>again</i>', { index })
  assert.equal(recent.lines().length, LINES_KEPT)
  recent.log.warn('script_answer', { site: 'demo', target: '/find?q=secret&x=<b>' })
  await using seeder = await start(false, { recent: recent.lines })
  const page = String((await seeder.get('/')).body)
  assert.match(page, /script_answer.*target=\/find\?…/s)
  assert.doesNotMatch(page, /secret|<i>|not_kept/)
  const lines = String((await seeder.get('/log')).body)
    .trimEnd()
    .split('\n')
  assert.equal(lines.length, LINES_KEPT)
  const { event, level, facts } = JSON.parse(lines.at(-1) ?? '') as Record<string, string>
  assert.deepEqual([event, level, facts], ['script_answer', 'warn', 'site=demo target=/find?…'], 'the newest last')
})

test('§4 a browser that another page sends gets nothing, a person who follows a link gets the page', async () => {
  await using seeder = await start()
  const from = (site: string, mode: string, dest: string) => ({
    'sec-fetch-site': site,
    'sec-fetch-mode': mode,
    'sec-fetch-dest': dest,
  })
  for (const wrong of [
    from('cross-site', 'no-cors', 'script'),
    from('same-site', 'cors', 'empty'),
    from('cross-site', 'navigate', 'iframe'),
  ])
    assert.equal((await seeder.get('/status', wrong)).status, 403)
  assert.equal((await seeder.get('/', from('cross-site', 'navigate', 'document'))).status, 200)
  assert.equal((await seeder.get('/page.js', from('same-origin', 'no-cors', 'script'))).status, 200)
  const { headers } = await seeder.get('/')
  assert.match(
    String(headers['content-security-policy']),
    /default-src 'none'; script-src 'self';.*frame-ancestors 'none'/,
  )
  assert.equal(headers['cross-origin-resource-policy'], 'same-origin')
  assert.equal(headers['access-control-allow-origin'], undefined)
})

test('§4 requests a second are those of the last samples, and a site that begins anew counts from there', (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  let at = 0
  let visits = 0
  using meter = startLoadMeter({
    visits: () => new Map([['demo', visits]]),
    now: () => at,
    cpuMicros: () => at * 500,
  })
  const pass = (more: number): void => {
    at += SAMPLE_MS
    visits += more
    context.mock.timers.tick(SAMPLE_MS)
  }
  assert.equal(meter.facts().requestsPerSecond, 0)
  for (let index = 0; index < 10; index++) pass(20)
  const { requestsPerSecond, requestsPerSecondBySite, cpuShare, history } = meter.facts()
  assert.deepEqual([requestsPerSecond, requestsPerSecondBySite, cpuShare], [10, { demo: 10 }, 0.5])
  assert.equal(history.requestsPerSecond.length, 10)
  for (let index = 0; index < 100; index++) pass(0)
  assert.equal(meter.facts().history.cpuShare.length, 60)
  visits = 0
  pass(4)
  assert.equal(meter.facts().requestsPerSecond, 0)
})

test('§4 health: the process lives, and it is ready when every site has something to show', async () => {
  await using seeder = await start()
  assert.equal((await seeder.get('/healthz')).status, 200)
  assert.equal((await seeder.get('/readyz')).status, 200)
})

test('§4 the control port answers to loopback names only, and can only be read', async () => {
  await using seeder = await start()
  assert.equal((await seeder.get('/status', { host: 'evil.example' })).status, 421)
  assert.equal((await seeder.get('/status', { host: 'localhost:1' })).status, 200)
  assert.equal((await seeder.get('/nothing')).status, 404)
  assert.equal((await exchange(`${seeder.control.url}/status`, { method: 'POST', body: Buffer.from('x') })).status, 405)
})

test('a histogram counts each value once in every bucket above it; labels are escaped and bounded', () => {
  const registry = createRegistry()
  const seconds = registry.histogram('x_seconds', 'Help.', ['kind'], [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 5]) seconds.observe(value, ['a"b\n'])
  const lines = registry.text().split('\n')
  assert.ok(lines.includes('x_seconds_bucket{kind="a\\"b\\n",le="0.1"} 2'))
  assert.ok(lines.includes('x_seconds_bucket{kind="a\\"b\\n",le="1"} 3'))
  assert.ok(lines.includes('x_seconds_bucket{kind="a\\"b\\n",le="+Inf"} 4'))
  assert.ok(lines.includes('x_seconds_count{kind="a\\"b\\n"} 4'))
  const counter = registry.counter('y_total', 'Help.', ['k'])
  for (let index = 0; index < SERIES_MAX + 10; index++) counter.inc([String(index)])
  assert.equal(
    registry
      .text()
      .split('\n')
      .filter((line) => line.startsWith('y_total')).length,
    SERIES_MAX,
  )
})
