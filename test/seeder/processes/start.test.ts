// A whole seeder inside the test's own process: what it keeps across a restart, and how it publishes and serves.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { statementHash } from '#protocol/message/domain.ts'
import { signedShape } from '#protocol/message/statement.ts'
import type { Seeder, SeederOptions } from '#seeder/assembly.ts'
import { silentLog } from '#seeder/config/log.ts'
import { ephemeralSigner, verify } from '#seeder/identity/keys.ts'
import { startSeeder } from '#seeder/start.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { interpeer, startCommand } from '#test/support/command.ts'
import { startRecorder } from '#test/support/http-recorder.ts'
import { createLedgerRuntime, LEDGER_IMAGE } from '#test/support/ledger-runtime.ts'
import { testNetwork } from '#test/support/network.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'seeder-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

function start(directory: string, networkFile: string, more: Partial<SeederOptions> = {}): Promise<Seeder> {
  return startSeeder({
    directory,
    networkFile,
    log: silentLog,
    createRuntime: (store) => createLedgerRuntime(store.blocks.get),
    ...more,
  })
}

function emptyNetwork(admission: string) {
  const network = testNetwork({ sites: [], admission, gateways: [] })
  const { signature: _, ...file } = network.file
  return { network, file: signNetworkFile({ ...file, image: hexFromBytes(LEDGER_IMAGE) }, network.networkSigner) }
}

test('F45 a seeder whose operator has not accepted stores nothing and tells nobody; accepted once, it starts from then on', async () => {
  await using seeders = await startSeeders({ count: 0 })
  const { admission } = seeders
  const real = admission.url
  // The admission endpoint as the network file has it: what comes goes on to the real one.
  await using door = await startRecorder(async ({ method, path, body }) => {
    const { status, body: said } = await exchange(`${real}${path}`, { method, ...(method === 'GET' ? {} : { body }) })
    return { status, body: said.toString() }
  })
  await using gateway = await startRecorder()
  admission.change({ admission: door.url, gateways: [gateway.url] })
  /** The holder of the network's key puts its file at each gateway; whatever else comes there is a seeder's. */
  const told = () => [...door.requests, ...gateway.requests.filter(({ method }) => method !== 'PUT')]

  const directory = join(seeders.directory, 'mine')
  const words = ['--dir', directory, '--network', seeders.networkPath]
  const refused = await interpeer(['seed', ...words, '--disk', '1G', '--json'])
  assert.equal(refused.code, 2)
  assert.equal((JSON.parse(refused.stdout) as { code: string }).code, 'not_accepted')
  assert.match(refused.stderr + refused.stdout, /--disk 1G/)
  const entry = join(import.meta.dirname, '..', '..', '..', 'seeder', 'main.ts')
  const alone = await interpeer([...words, '--json'], { through: [process.execPath, entry] })
  assert.deepEqual([alone.code, (JSON.parse(alone.stdout) as { code: string }).code], [2, 'not_accepted'])
  assert.ok(!existsSync(directory))
  // Both processes have ended. Connections are taken in their order: whatever they had begun is there before these two.
  for (const { url } of [door, gateway]) await exchange(`${url}/network`)
  assert.deepEqual(
    told().map(({ method, path }) => `${method} ${path}`),
    ['GET /network', 'GET /network'],
  )
  assert.deepEqual(admission.file().peers, [])

  const before = told().length
  for (const more of [['--accept'], []]) {
    await using seed = startCommand(['seed', ...words, ...more])
    await seed.event('ready')
    if (more.length === 0) continue
    await until('it is in the network file', () => admission.file().peers.length === 1, 60_000)
    assert.ok(told().length > before)
  }
})

test('a restart keeps key, label and ports, and a directory is held by one seeder', async () => {
  using place = folder()
  await using admission = await startRecorder()
  const given = join(place.path, 'network.json')
  writeFileSync(given, JSON.stringify(emptyNetwork(admission.url).file))
  const directory = join(place.path, 'seeder')
  const first = await start(directory, given, { label: 's7' })
  const { peer, http, control } = first
  assert.match(http, /^http:\/\/s7\.localhost:\d+$/)
  await assert.rejects(
    start(directory, given),
    (cause) => cause instanceof StoreError && cause.reason.code === 'store_locked',
  )
  await first.stop()
  await using again = await start(directory, given)
  assert.deepEqual({ peer: again.peer, http: again.http, control: again.control }, { peer, http, control })
})

test('R1 a seeder that finds its key without its store signs nothing, however often it is started', async () => {
  using place = folder()
  await using admission = await startRecorder()
  const given = join(place.path, 'network.json')
  const { network, file } = emptyNetwork(admission.url)
  writeFileSync(given, JSON.stringify(file))
  const directory = join(place.path, 'seeder')
  const first = await start(directory, given)
  await first.stop()
  const others = Array.from({ length: 3 }, () => peerName(ephemeralSigner().publicKey))
  const job = {
    job: '01'.repeat(32),
    name: 'notes',
    uploader: first.peer,
    account: 'peer:x',
    epoch: 0,
    quorum: 'bft' as const,
    members: [first.peer, ...others],
  }
  const { signature: _, ...unsigned } = file
  writeFileSync(given, JSON.stringify(signNetworkFile({ ...unsigned, version: 2, jobs: [job] }, network.networkSigner)))
  const degraded = async (): Promise<string | undefined> => {
    await using seeder = await start(directory, given)
    return seeder.sites.byName('notes')?.status().degraded
  }
  assert.equal(await degraded(), undefined)
  rmSync(join(directory, 'store'), { recursive: true })
  assert.equal(await degraded(), 'votes_lost')
  assert.equal(await degraded(), 'votes_lost')
})

test('§5.2 a seeder tells the admission endpoint where it is, signed, until the network file says so', async () => {
  using place = folder()
  let refusals = 1
  await using admission = await startRecorder(({ path }) => ({
    status: path === '/peers' && refusals-- > 0 ? 500 : 200,
  }))
  const { network, file } = emptyNetwork(admission.url)
  const given = join(place.path, 'network.json')
  writeFileSync(given, JSON.stringify(file))
  await using seeder = await start(join(place.path, 'seeder'), given)
  const posts = () => admission.requests.filter(({ path }) => path === '/peers')
  await until('a second try', () => posts().length >= 2)
  const records = posts().map(({ body }) => {
    const read = readCbor(signedShape('peer_record'), body, 64 * 1024)
    assert.ok(read.ok)
    return read.value
  })
  const [first, second] = records
  assert.ok(first && second)
  assert.equal(peerName(first.from), seeder.peer)
  assert.equal(first.body.http, seeder.http)
  assert.match(first.body.addresses[0] ?? '', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
  assert.ok(second.body.sequence > first.body.sequence)
  assert.ok(verify(first.from, statementHash(network.domain, 'peer_record', first.body), first.signature))
  const { signature: _, ...unsigned } = file
  const { addresses, sequence, time } = second.body
  const entry = {
    peer: seeder.peer,
    addresses,
    http: seeder.http,
    sequence,
    time,
    proof: hexFromBytes(second.signature),
  }
  writeFileSync(
    given,
    JSON.stringify(signNetworkFile({ ...unsigned, version: 2, peers: [entry] }, network.networkSigner)),
  )
  await until('the new file', () => seeder.networkVersion() === 2)
  const told = posts().length
  await until('the admission endpoint is asked for news', () =>
    admission.requests.some(({ method, path }) => method === 'GET' && path === '/network'),
  )
  assert.equal(posts().length, told)
})

test('a network file from the admission endpoint is taken when it is higher', async () => {
  using place = folder()
  let text = ''
  await using admission = await startRecorder(() => ({ status: 200, body: text }))
  const { network, file } = emptyNetwork(admission.url)
  const { signature: _, ...unsigned } = file
  text = JSON.stringify(signNetworkFile({ ...unsigned, version: 5 }, network.networkSigner))
  const given = join(place.path, 'network.json')
  writeFileSync(given, JSON.stringify(file))
  await using seeder = await start(join(place.path, 'seeder'), given)
  await until('version 5', () => seeder.networkVersion() === 5)
})

test('a seeder whose key the disk changed does not start as a stranger: it says so, and its backup heals it', async () => {
  await using seeders = await startSeeders({ count: 1 })
  const [first] = seeders.all
  assert.ok(first)
  first.kill('SIGTERM')
  await first.exited
  const path = join(first.ready.dir, 'key.pem')
  const sound = readFileSync(path, 'utf8')
  const at = sound.indexOf('-----END') - 20
  writeFileSync(path, sound.slice(0, at) + (sound[at] === 'A' ? 'B' : 'A') + sound.slice(at + 1))
  await assert.rejects(seeders.restart(first), /key\.pem is not as it was written/)
  writeFileSync(path, sound)
  assert.equal((await seeders.restart(first)).ready.peer, first.ready.peer)
})
