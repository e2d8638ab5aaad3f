import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { silentLog } from '#seeder/config/log.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { createRegistry, SERIES_MAX } from '#seeder/control/metrics.ts'
import { startControl } from '#seeder/control/server.ts'
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

const LINK = {
  connected: true,
  gone: false,
  heardAt: 0,
  sentBytes: 0,
  receivedBytes: 0,
  droppedFrames: 0,
  offences: {},
}

async function start(empty = false) {
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
      link: () => ({ ...LINK, relay: group.network.peer('ann') }),
      relays: () => ({}),
    },
    holder: { file: () => group.network.file },
    log: silentLog,
    port: 0,
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
