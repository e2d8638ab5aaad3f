import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { tailOf, tailOfStream } from '#cli/support/bundle.ts'
import { createRedactor, REDACTED } from '#cli/support/redact.ts'
import { tarOf } from '#cli/support/tar.ts'

test('§6 the archive is one that tar reads', () => {
  const files = [
    { name: 'a.txt', bytes: Buffer.from('one') },
    { name: 'logs/b', bytes: Buffer.alloc(512, 'x') },
    { name: 'empty', bytes: Buffer.alloc(0) },
  ]
  const archive = tarOf(files, 1_700_000_000_000)
  const listed = spawnSync('tar', ['-tvf', '-'], { input: archive, encoding: 'utf8' })
  assert.equal(listed.status, 0, listed.stderr)
  assert.match(listed.stdout, /-rw------- 0\/0 +3 .* a\.txt\n.* 512 .* logs\/b\n.* 0 .* empty\n$/)
  const content = spawnSync('tar', ['-xOf', '-', 'a.txt'], { input: archive, encoding: 'utf8' })
  assert.equal(content.stdout, 'one')
})

const pem = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
/** A secret and a line that holds it. */
const HIDDEN: readonly (readonly [secret: string, line: string])[] = [
  ['hunter2', 'Authorization: Basic hunter2'],
  ['hunter2', 'GET / {"authorization":"Bearer hunter2"}'],
  ['s3ss10n', '{"event":"x","headers":[["cookie","sid=s3ss10n; b=2"],["accept","*/*"]]}'],
  ['s3ss10n', '{"event":"x","headers":{"Set-Cookie":"sid=s3ss10n"}}'],
  ['s3ss10n', '10:00:00.000 warn  script_answer site=wiki cookie=sid=s3ss10n; more'],
  ['k-1234', '{"event":"x","cause":"Error: no\\n  idempotency-key: k-1234\\n  at f"}'],
  ['k-1234', '{"event":"x","idempotencyKey":"k-1234"}'],
  ['my letter', '{"event":"x","body":"my letter"}'],
  ['my letter', 'event=x body="my letter, long" other=1'],
  ['pw', 'event=x gateway=https://joe:pw@gateway.example/'],
  ['abc', '{"event":"x","target":"/reset?code=abc"}'],
  ['Zm9vYmFyQmF6MTIzNDU2Nzg5MGFiYw', 'event=x note=Zm9vYmFyQmF6MTIzNDU2Nzg5MGFiYw=='],
  [pem.split('\n')[1] ?? '', `{"event":"x","note":${JSON.stringify(pem)}}`],
  [pem.split('\n')[1] ?? '', `before\n${pem}after`],
  ['deep', '{"a":[{"b":{"password":"deep"}}]}'],
  ['half', '{"a":"cut off, token=half'],
]

for (const [secret, line] of HIDDEN)
  test(`§6 a secret does not leave in ${line.slice(0, 40).replaceAll('\n', ' ')}…`, () => {
    const clean = createRedactor([])(line)
    assert.ok(!clean.includes(secret), clean)
    assert.ok(clean.includes(REDACTED))
  })

test('§6 what helps stays: peers, hashes, CIDs, places in the source, times', () => {
  const redact = createRedactor([])
  for (const line of [
    `{"time":"2026-11-20T11:30:09.120Z","level":"info","event":"link_up","peer":"${'ab12'.repeat(16)}"}`,
    '{"event":"block_damaged","cid":"bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"}',
    '{"event":"x","cause":"Error: no\\n    at file:///opt/interpeer/seeder/serve/server.ts:12:3"}',
    'interpeer_site_height{site="demo"} 1',
  ])
    assert.equal(redact(line), line)
})

test('§6 a line that a stranger wrote holds nobody up', () => {
  const redact = createRedactor([])
  for (const piece of ['a-', 'a.', 'passw', 'session', 'token-', 'Bearer ', 'http://a', '-----BEGIN A', 'body=', 'aA1'])
    assert.ok(redact(piece.repeat(100_000)).length > 0)
})

test('§6 of what is piped in the end is packed, from the beginning of a line on', async () => {
  async function* pieces(...texts: readonly string[]) {
    for (const text of texts) yield Buffer.from(text)
  }
  assert.equal(await tailOfStream(pieces('on', 'e\ntwo\nth', 'ree\n'), 8), 'three\n')
  assert.equal(await tailOfStream(pieces('one\n', 'two\n'), 8), 'one\ntwo\n')
  assert.equal(await tailOfStream(pieces(), 8), '')
})

test('§6 of a link or a pipe in the place of a log nothing is packed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'support-'))
  try {
    writeFileSync(join(directory, 'secret'), 'not yours\n')
    symlinkSync(join(directory, 'secret'), join(directory, 'log'))
    assert.equal(spawnSync('mkfifo', [join(directory, 'log.1')]).status, 0)
    for (const name of ['log', 'log.1', '.']) assert.throws(() => tailOf(join(directory, name), 100), name)
    writeFileSync(join(directory, 'stderr.log'), 'one\ntwo\nthree\n')
    assert.equal(tailOf(join(directory, 'stderr.log'), 8), 'three\n')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
