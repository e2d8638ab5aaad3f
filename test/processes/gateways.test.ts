// F34 F35 Two gateways on one network, one in workerd and one on Node: both know the same, one that starts empty is as good within seconds, and
// when one is gone the other goes on.

import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { askJson } from '#cli/network/peers.ts'
import { type LocalGateway, startGateway } from '#gateway/local/start.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'
import type { MemberEntry } from '#test/byzantine/group.ts'
import { interpeer, type Running, startCommand } from '#test/support/command.ts'
import { published, SITE } from '#test/support/lines.ts'
import type { Seeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

/** Far more than it takes to be sent to each member once. */
const VISITS_MAX = 400
let seeders: Seeders
let edge: LocalGateway
let own: Running
let ownUrl = ''
let signer: Signer
before(async () => {
  seeders = await published()
  const file = seeders.admission.file()
  edge = await startGateway({
    port: 0,
    directory: join(seeders.directory, 'edge'),
    networkKey: file.network_key,
    networkFile: JSON.stringify(file),
  })
  signer = loadOrCreateSigner(denyKey())
  own = startCommand(words('0'))
  ownUrl = (await own.event<{ url: string }>('ready')).url
  seeders.admission.change({ gateways: [edge.url, ownUrl] })
})
after(async () => {
  await own?.[Symbol.asyncDispose]()
  await edge?.dispose()
  await seeders?.[Symbol.asyncDispose]()
})

const denyKey = (): string => join(seeders.directory, 'deny.pem')
const ownDirectory = (): string => join(seeders.directory, 'own')
function words(port: string): string[] {
  const places = ['--dir', ownDirectory(), '--network', seeders.networkPath, '--port', port]
  return ['gateway', ...places, '--deny', hexFromBytes(signer.publicKey)]
}

async function knowsAll(gateway: string): Promise<boolean> {
  const members = (await askJson<{ members: MemberEntry[] }>(`${gateway}/lookup/name/${SITE}`))?.members ?? []
  return members.length === seeders.all.length && members.every(({ state }) => state === 'living')
}

/** Where links at this gateway lead: who is less loaded comes more often, nobody who lives is left out. */
async function linksOf(gateway: string): Promise<Set<string | undefined>> {
  const links = new Set<string | undefined>()
  for (let visit = 0; visit < VISITS_MAX && links.size < seeders.all.length; visit++) {
    const { status, headers } = await exchange(`${gateway}/${SITE}/`)
    assert.equal(status, 307)
    links.add(headers.location)
  }
  return links
}

test('F35 two gateways serve one network, and lead to the same members', async () => {
  for (const gateway of [edge.url, ownUrl]) await until(`all at ${gateway}`, () => knowsAll(gateway), 60_000)
  const [first, second] = [await linksOf(edge.url), await linksOf(ownUrl)]
  assert.equal(first.size, seeders.all.length)
  assert.deepEqual(second, first)
  const [atEdge, atOwn] = await Promise.all([edge.url, ownUrl].map((url) => exchange(`${url}/network`)))
  assert.equal(atOwn?.body.toString(), atEdge?.body.toString())
})

test('F34 a gateway that lost everything is as good within seconds', async () => {
  own.kill('SIGKILL')
  await own.exited
  rmSync(ownDirectory(), { recursive: true })
  own = startCommand(words(new URL(ownUrl).port))
  await own.event('ready')
  await until('all at the empty one', () => knowsAll(ownUrl), 30_000)
  assert.equal((await linksOf(ownUrl)).size, seeders.all.length)
})

test('a deny-list that `interpeer deny` signs and sends is followed by the gateway that chose its key, and by no other', async () => {
  const file = seeders.admission.file()
  writeFileSync(seeders.networkPath, JSON.stringify(file))
  const list = ['--list', join(seeders.directory, 'deny.json'), '--network', seeders.networkPath, '--key', denyKey()]
  const why = ['--title', 'Example e. V.', '--appeal', 'mailto:appeal@example.org', '--text', 'It is a test.']
  const denied = await interpeer(['deny', SITE, ...list, ...why, '--reason', 'abuse', '--send', '--json'])
  assert.equal(denied.code, 0, denied.stderr)
  assert.deepEqual(
    denied.lines.filter(({ event }) => event === 'sent').map(({ said }) => said),
    ['unknown_issuer', 'taken'],
  )
  const refused = await exchange(`${ownUrl}/${SITE}/`, { headers: { accept: 'text/html' } })
  assert.equal(refused.status, 403)
  assert.match(refused.body.toString(), /It is a test\.[\s\S]*mailto:appeal@example\.org/)
  assert.equal((await exchange(`${edge.url}/${SITE}/`)).status, 307)
  const lifted = await interpeer(['deny', '--lift', '1', ...list, '--send', '--json'])
  assert.equal(lifted.code, 0, lifted.stderr)
  assert.equal((await exchange(`${ownUrl}/${SITE}/`)).status, 307)
})

test('F35 when one gateway is gone, the other one goes on and hears of the members', async () => {
  await edge.dispose()
  const [gone] = seeders.all
  assert.ok(gone)
  const { origin } = (await gone.site(SITE)) ?? {}
  gone.kill('SIGKILL')
  await gone.exited
  await until('the member that ended is left out', async () => !(await linksOf(ownUrl)).has(`${origin}/`), 60_000)
  await seeders.restart(gone)
  await until('all again', () => knowsAll(ownUrl), 60_000)
})
