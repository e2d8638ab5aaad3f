// The doctor and the support bundle on a real network of four seeders, running and ended.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Finding } from '#cli/doctor/finding.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { loadSigner } from '#seeder/identity/keys.ts'
import { SCHEMA_VERSION } from '#seeder/store/schema.ts'
import { STORE_FILE } from '#seeder/store/store.ts'
import { interpeer, ROOT } from '#test/support/command.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

let seeders: Seeders
before(async () => {
  seeders = await startSeeders()
  seeders.admission.change({ image: hexFromBytes(runtimeImage()) })
  await seeders.publish(join(import.meta.dirname, '..', 'seeder', 'processes', 'lines'))
  await until('the site at every member', async () => {
    const sites = await Promise.all(seeders.all.map((seeder) => seeder.site('lines')))
    return sites.every((site) => site?.state === 'agreeing' && site.height > 0)
  })
})
after(() => seeders?.[Symbol.asyncDispose]())

const directoryOf = (label: string) => join(seeders.directory, label)

async function doctor(...words: string[]): Promise<{ code: number; findings: readonly Finding[]; stdout: string }> {
  const { code, lines, stdout } = await interpeer(['doctor', '--json', ...words])
  return { code, stdout, findings: lines.filter(({ event }) => event === 'finding') as unknown as Finding[] }
}

const of = (findings: readonly Finding[], subject: string) => findings.find((finding) => finding.subject === subject)

test('§6 beside a running seeder the doctor finds nothing bad, changes nothing, and says what it looked at', async () => {
  const before = readdirSync(directoryOf('s1')).sort()
  const { code, findings, stdout } = await doctor('--dir', directoryOf('s1'))
  assert.equal(code, 0, stdout)
  for (const subject of [
    'skew',
    'free_space',
    'fsync',
    'lock',
    'key',
    'own_http',
    'own_p2p',
    'links',
    'peers',
    'files',
    'memory',
    'program',
    'node',
    'runtime',
    'store',
    'signature',
    'newest',
  ])
    assert.equal(of(findings, subject)?.verdict, 'ok', `${subject}: ${stdout}`)
  assert.equal(of(findings, 'skew')?.facts?.compared, 3)
  assert.equal(of(findings, 'lock')?.facts?.pid, seeders.all[0]?.ready.pid)
  assert.equal(of(findings, 'store')?.facts?.found, SCHEMA_VERSION)
  for (const { verdict, remedy } of findings) assert.equal(remedy !== undefined, verdict !== 'ok')
  assert.deepEqual(readdirSync(directoryOf('s1')).sort(), before)
})

test('§6 a gateway that refuses, one that is 5 s off and one that is 45 s off are told apart', async () => {
  let skewMs = 0
  const server = createServer((_, response) => {
    response.end(JSON.stringify({ time: Date.now() + skewMs }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const file = join(seeders.directory, 'clock.json')
  const { signature: _, ...unsigned } = seeders.admission.file()
  const write = (gateways: readonly string[]) =>
    writeFileSync(
      file,
      JSON.stringify(signNetworkFile({ ...unsigned, gateways, peers: [], jobs: [] }, loadSigner(seeders.networkKey))),
    )
  write([url])
  for (const [skew, verdict, exit] of [
    [0, 'ok', 0],
    [5_000, 'warn', 0],
    [-45_000, 'bad', 1],
  ] as const) {
    skewMs = skew
    const { code, findings } = await doctor('--network', file)
    assert.equal(of(findings, 'skew')?.verdict, verdict)
    assert.equal(code, exit)
  }
  server.close()
  server.closeAllConnections()
  const { code, findings } = await doctor('--network', file)
  assert.equal(code, 3, 'nobody answers')
  assert.match(of(findings, 'gateway')?.found ?? '', /refused.*ECONNREFUSED/)
})

test('§6 a network file with a wrong signature, and a key that others may read, are bad', async () => {
  const file = join(seeders.directory, 'forged.json')
  writeFileSync(file, readFileSync(seeders.networkPath, 'utf8').replace('"version":', '"version": 1'))
  const forged = await doctor('--network', file)
  assert.equal(forged.code, 1)
  assert.equal(of(forged.findings, 'signature')?.verdict, 'bad')
  const key = join(directoryOf('s2'), 'key.pem')
  chmodSync(key, 0o644)
  const exposed = await doctor('--dir', directoryOf('s2'))
  chmodSync(key, 0o600)
  assert.equal(of(exposed.findings, 'key')?.verdict, 'bad')
  assert.equal(exposed.code, 1)
})

/** Started by a shell that has limits. */
async function doctorUnder(limits: string, ...words: string[]) {
  const through = ['/bin/sh', '-c', `${limits}; exec "$@"`, 'sh', process.execPath, join(ROOT, 'cli', 'interpeer.js')]
  const { code, lines, stdout } = await interpeer(['doctor', '--json', ...words], { through })
  return { code, stdout, findings: lines.filter(({ event }) => event === 'finding') as unknown as Finding[] }
}

test('§6 a disk that takes nothing and too few files are bad, and it is said what to do', async () => {
  const { code, findings, stdout } = await doctorUnder('ulimit -f 0; ulimit -n 256', '--network', seeders.networkPath)
  assert.equal(code, 1, stdout)
  assert.deepEqual([of(findings, 'files')?.verdict, of(findings, 'files')?.facts?.max], ['bad', 256])
  assert.match(of(findings, 'files')?.remedy ?? '', /LimitNOFILE/)
  const beside = await doctorUnder('ulimit -f 0', '--dir', directoryOf('s3'))
  assert.equal(beside.code, 1, beside.stdout)
  assert.deepEqual(
    [of(beside.findings, 'fsync')?.verdict, of(beside.findings, 'fsync')?.facts?.error],
    ['bad', 'EFBIG'],
  )
  assert.ok((of(beside.findings, 'fsync')?.remedy ?? '') !== '')
  assert.equal(of(beside.findings, 'files')?.verdict, 'ok', 'of the seeder that runs, not of this shell')
})

test('§6 another runtime than the network’s and a store of a newer program are bad, and it is said what to do', async () => {
  const directory = join(seeders.directory, 'newer')
  mkdirSync(join(directory, 'store'), { recursive: true })
  const store = new DatabaseSync(join(directory, 'store', STORE_FILE))
  store.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}; CREATE TABLE later (a)`)
  store.close()
  const file = join(seeders.directory, 'runtime.json')
  const { signature: _, ...unsigned } = seeders.admission.file()
  writeFileSync(
    file,
    JSON.stringify(signNetworkFile({ ...unsigned, image: 'ab'.repeat(32) }, loadSigner(seeders.networkKey))),
  )
  const { code, findings, stdout } = await doctor('--dir', directory, '--network', file)
  assert.equal(code, 1, stdout)
  for (const [subject, remedy] of [
    ['store', /install that version again/],
    ['runtime', /Install the version of interpeer/],
  ] as const) {
    assert.equal(of(findings, subject)?.verdict, 'bad', stdout)
    assert.match(of(findings, subject)?.remedy ?? '', remedy)
  }
})

test('§6 wrong words are a wrong usage', async () => {
  assert.equal((await interpeer(['doctor', '--dir', '/nowhere/at/all'])).code, 2)
  assert.equal((await interpeer(['support-bundle'])).code, 2)
})

test('§6 a support bundle has what helps and none of the secrets of the whole network, hidden in a log line or not', async () => {
  const keys = [seeders.networkKey, ...['s1', 's2', 's3', 's4'].map((label) => join(directoryOf(label), 'key.pem'))]
  const secrets = keys.flatMap((path) => {
    const pem = readFileSync(path, 'utf8')
    const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
    const seed = der.subarray(-32)
    return [
      pem.split('\n')[1] ?? '',
      seed.toString('hex'),
      seed.toString('hex').toUpperCase(),
      seed.toString('base64'),
      seed.toString('base64url'),
      der.toString('hex'),
    ]
  })
  const key = 'once-only-4711'
  const options = {
    method: 'POST',
    body: Buffer.from('a private line'),
    headers: { 'idempotency-key': key, cookie: 'sid=visitor-7', authorization: 'Bearer visitor-8' },
  }
  assert.equal((await seeders.all[0]?.ask('lines', '/?reset=visitor-9', options))?.status, 201)
  const log = join(directoryOf('s1'), 'stderr.log')
  for (const secret of secrets)
    appendFileSync(log, `{"level":"warn","event":"odd","note":"x ${secret} y"}\nplain ${secret}\n`)
  appendFileSync(
    log,
    `cookie: sid=visitor-7\n{"event":"odd","headers":[["Idempotency-Key","${key}"],["authorization","Bearer visitor-8"]]}\n`,
  )
  const hidden = [...secrets, key, 'visitor-7', 'visitor-8', 'visitor-9', 'a private line']

  const to = join(seeders.directory, 'bundle.tar.gz')
  const { code, lines } = await interpeer(['support-bundle', '--dir', directoryOf('s1'), '--to', to, '--json'])
  assert.equal(code, 0)
  const files = [
    'doctor.jsonl',
    'versions.json',
    'status.json',
    'metrics.txt',
    'network.json',
    'seeder.json',
    'logs/stderr.log',
    'logs/recent.jsonl',
  ]
  assert.deepEqual(lines[0]?.files, files)
  const text = gunzipSync(readFileSync(to)).toString('latin1')
  for (const secret of hidden) assert.ok(!text.includes(secret), `${secret} is in the bundle`)
  assert.match(text, /"event":"seeder_started"/)
  assert.match(text, /^interpeer_site_height\{site="lines"\}/m)
  assert.equal(spawnSync('tar', ['-tzf', to], { encoding: 'utf8' }).stdout.trim(), files.join('\n'))
  assert.equal(
    (await interpeer(['support-bundle', '--dir', directoryOf('s1'), '--to', to])).code,
    2,
    'it is not overwritten',
  )
})

test('§6 the bundle of a seeder whose log a service manager keeps has its newest lines, and what that one gives, without secrets', async () => {
  const directory = directoryOf('s2')
  const kept = join(seeders.directory, 's2.log')
  renameSync(join(directory, 'stderr.log'), kept)
  try {
    const to = join(seeders.directory, 'managed.tar.gz')
    const words = ['support-bundle', '--dir', directory, '--json', '--to']
    const alone = await interpeer(['support-bundle', '--dir', directory, '--to', to])
    assert.equal(alone.code, 0)
    assert.match(alone.stdout + alone.stderr, /No log lies in that directory.*--log/)
    const recent = spawnSync('tar', ['-xzOf', to, 'logs/recent.jsonl'], { encoding: 'utf8' }).stdout
    const lines = recent
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { time: string; event: string })
    assert.ok(lines.length > 1)
    assert.deepEqual(
      lines.map(({ time }) => time),
      lines.map(({ time }) => time).toSorted(),
      'oldest first',
    )
    assert.ok(lines.some(({ event }) => event === 'network_file'))
    const seed = createPrivateKey(readFileSync(join(directory, 'key.pem'), 'utf8'))
      .export({ type: 'pkcs8', format: 'der' })
      .subarray(-32)
    appendFileSync(kept, `cookie: sid=visitor-7\n{"event":"odd","note":"${seed.toString('hex')}"}\n`)
    for (const [given, name] of [
      [kept, 'given.tar.gz'],
      ['-', 'piped.tar.gz'],
    ] as const) {
      const path = join(seeders.directory, name)
      const shell = ['/bin/sh', '-c', 'cat "$0" | "$@"', kept, process.execPath, join(ROOT, 'cli', 'interpeer.js')]
      const { code, stderr } = await interpeer([...words, path, '--log', given], { through: shell })
      assert.deepEqual([code, stderr], [0, ''])
      const text = spawnSync('tar', ['-xzOf', path, 'logs/given'], { encoding: 'utf8' }).stdout
      assert.match(text, /"event":"seeder_started"/)
      assert.match(text, /"event":"odd"/)
      for (const secret of ['visitor-7', seed.toString('hex')]) assert.ok(!text.includes(secret), secret)
    }
    assert.equal((await interpeer([...words, join(seeders.directory, 'none.tar.gz'), '--log', 'no-such-log'])).code, 2)
  } finally {
    renameSync(kept, join(directory, 'stderr.log'))
  }
})

test('§6 of an ended seeder the doctor tells that it does not run, and the bundle is made all the same', async () => {
  const [seeder] = seeders.all
  assert.ok(seeder)
  seeder.kill('SIGKILL')
  await seeder.exited
  const { code, findings, stdout } = await doctor('--dir', directoryOf('s1'))
  assert.equal(code, 0, stdout)
  assert.equal(of(findings, 'lock')?.facts?.pid, null)
  assert.equal(of(findings, 'store')?.facts?.found, SCHEMA_VERSION, 'read past SQLite, log included')
  assert.match(of(findings, 'own')?.found ?? '', /no seeder runs/)
  const to = join(seeders.directory, 'ended.tar.gz')
  assert.equal((await interpeer(['support-bundle', '--dir', directoryOf('s1'), '--to', to])).code, 0)
})
