// F35 F38 What `interpeer gateway` counts of sites that it carries: visits, bytes both ways, tunnels, WebSockets, and a member's lies that no visitor saw.
// The real process, real seeders behind tunnels, one of which forges in the end.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { askJson } from '#cli/network/peers.ts'
import type { MemberEntry } from '#test/byzantine/group.ts'
import { type Running, startCommand } from '#test/support/command.ts'
import { seriesOf } from '#test/support/metrics.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { visitorAt } from '#test/support/sockets.ts'
import { TUNNEL } from '#test/support/tunnelled.ts'
import { until } from '#test/support/until.ts'

const SITE = 'chat'
const LABELS = ['s1', 's2', 's3', 's4']
const READY_MS = 120_000
/** What a visitor asks for and no log is to hold. */
const SECRET = 'known-to-the-visitor-alone'

let seeders: Seeders
let gateway: Running
let url = ''
let control = ''
/** Of the site, at the gateway. */
let carried = ''

before(async () => {
  seeders = await startSeeders({ arguments: Object.fromEntries(LABELS.map((label) => [label, TUNNEL])) })
  const places = ['--dir', join(seeders.directory, 'own'), '--network', seeders.networkPath, '--port', '0']
  gateway = startCommand(['gateway', ...places])
  const ready = await gateway.event<{ url: string; control: string }>('ready')
  url = ready.url
  control = ready.control
  carried = `http://${SITE}.sites.localhost:${new URL(url).port}`
  seeders.admission.change({ gateways: [url] })
  await seeders.publish(join(import.meta.dirname, SITE))
  await until('tunnels to all', allTunnelled, READY_MS)
})
after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await seeders?.[Symbol.asyncDispose]()
})

async function allTunnelled(): Promise<boolean> {
  const found = await askJson<{ members: readonly MemberEntry[] }>(`${url}/lookup/name/${SITE}`)
  const members = found?.members ?? []
  return members.length === LABELS.length && members.every(({ tunnel, state }) => tunnel && state === 'living')
}

const ask = (path: string, options: HttpOptions = {}): Promise<HttpAnswer> =>
  exchange(carried + path, { timeoutMs: 40_000, ...options })

async function value(series: string): Promise<number> {
  const { body } = await exchange(`${control}/metrics`)
  return seriesOf(body.toString()).get(`interpeer_gateway_${series}`) ?? 0
}

test('visits of a carried site count, and the bytes of their bodies both ways', async () => {
  assert.equal(await value('tunnels'), LABELS.length)
  assert.equal(await value('sites{state="reached"}'), 1)
  const message = Buffer.from(JSON.stringify({ id: 'one', text: 'x'.repeat(5_000) }))
  const written = await ask('/talk', { method: 'POST', body: message })
  assert.equal(written.status, 200, written.body.toString())
  assert.equal(await value('carried_bytes_total{direction="received"}'), message.length)
  assert.equal(await value('carried_bytes_total{direction="sent"}'), written.body.length)
  const page = await ask('/')
  assert.equal(page.status, 200)
  assert.equal(await value('carried_bytes_total{direction="sent"}'), written.body.length + page.body.length)
  assert.equal(await value('requests_total{kind="carried",status="200"}'), 2)
  assert.equal(await value('request_duration_seconds_count{kind="carried"}'), 2)
  await until('nothing is held any more', async () => (await value('visits_held_bytes')) === 0)
})

test("a visitor's WebSocket counts while it is open, and what is said on it", async () => {
  const sent = await value('carried_bytes_total{direction="sent"}')
  const visitor = await visitorAt(`${carried}/talk?after=0`)
  await until('the line', () => visitor.told.length > 0)
  assert.equal(await value('websockets'), 1)
  assert.equal(await value('requests_total{kind="carried",status="101"}'), 1)
  assert.ok((await value('carried_bytes_total{direction="sent"}')) > sent + 5_000)
  visitor.socket.close()
  await until('its end', async () => (await value('websockets')) === 0)
})

test('answers that do not hold count by what they failed, and the log names the member and not what was asked', async () => {
  const [forger] = seeders.all.slice(-1)
  assert.ok(forger)
  forger.kill('SIGKILL')
  const again = await seeders.restart(forger, ...TUNNEL, '--byzantine', 'forge')
  const checks = ['state_root', 'cert_signature', 'receipt_signature', 'certificate']
  await until(
    'a lie',
    async () => {
      const page = await ask(`/?q=${SECRET}`)
      assert.equal(page.status, 200)
      const lies = await Promise.all(checks.map((check) => value(`lies_total{check="${check}"}`)))
      return lies.some((count) => count > 0)
    },
    READY_MS,
  )
  assert.ok(gateway.stderr.includes('"lie_not_shown"'))
  assert.ok(gateway.stderr.includes(again.ready.peer))
  assert.ok(!gateway.stderr.includes(SECRET))
})
