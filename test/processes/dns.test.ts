// F32 `wiki.peer` from end to end: real seeders, the real Worker, a seeder's own DNS, and the DNS clients that people have.
//
// Every point is shown by bytes of our own; `dig`, `kdig` and `curl` are asked beside where they are installed, and where one is not, the test says so.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { RCODE, TYPE } from '#protocol/dns/constants.ts'
import { type LyingGroup, startGroup } from '#test/byzantine/group.ts'
import { askTcp, askUdp, base64url, type Decoded, decoded, framed, optOf, queryOf, rcodeOf } from '#test/support/dns.ts'
import { type DnsFront, startDnsFront } from '#test/support/dns-front.ts'
import { LINES } from '#test/support/lines.ts'
import { until } from '#test/support/until.ts'

const SITE = 'lines'
const CLIENT_MS = 30_000

let directory: string
let group: LyingGroup
let front: DnsFront
let own: { readonly address: string; readonly port: number }
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dns-'))
  group = await startGroup([], { site: { name: SITE, folder: LINES }, arguments: { s1: ['--dns', '0'] } })
  front = await startDnsFront(directory, group.gateway)
  const dns = group.seeders.all[0]?.ready.dns
  assert.ok(dns, 'it says where its DNS listens')
  const at = new URL(`dns://${dns}`)
  own = { address: at.hostname, port: Number(at.port) }
})
after(async () => {
  await front?.[Symbol.asyncDispose]()
  await group?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function overHttps(name: string, type: number): Promise<Uint8Array> {
  const answer = await exchange(`${group.gateway}/dns-query?dns=${base64url(queryOf(name, type, optOf()))}`)
  assert.equal(answer.status, 200)
  return Uint8Array.from(answer.body)
}

async function overUdp(name: string, type: number): Promise<Uint8Array> {
  const bytes = await askUdp(own, queryOf(name, type, optOf()))
  assert.ok(bytes, 'the seeder answers')
  return bytes
}

async function overTcp(name: string, type: number): Promise<Uint8Array> {
  const [bytes] = await askTcp(own, framed(queryOf(name, type)))
  assert.ok(bytes, 'the seeder answers')
  return bytes
}

const dataOf = ({ answers }: Decoded): readonly unknown[] =>
  (answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined))

/** Standard output; undefined: it is not installed, which is said. */
async function client(context: TestContext, command: string, ...words: readonly string[]): Promise<string | undefined> {
  if (spawnSync(command, ['-V']).error !== undefined) {
    context.diagnostic(`${command} is not installed: this was shown by our own bytes alone`)
    return undefined
  }
  return new Promise((resolve, reject) =>
    execFile(command, [...words], { timeout: CLIENT_MS }, (cause, stdout, stderr) =>
      cause === null ? resolve(stdout) : reject(new Error(`${command} ${words.join(' ')}: ${stdout}${stderr}`)),
    ),
  )
}

test('F32 the gateway and a seeder give the same: the members’ address, who they are, and that there is nothing else', async () => {
  for (const ask of [overHttps, overUdp, overTcp]) {
    assert.deepEqual(dataOf(decoded(await ask(`${SITE}.peer`, TYPE.A))), ['127.0.0.1'])
    assert.deepEqual(dataOf(decoded(await ask(`${SITE}.ipn`, TYPE.A))), ['127.0.0.1'])
    assert.equal(rcodeOf(await ask('nobody.peer', TYPE.A)), RCODE.NXDOMAIN)
    assert.equal(rcodeOf(await ask('example.org', TYPE.A)), RCODE.REFUSED)
    assert.deepEqual(dataOf(decoded(await ask(`${SITE}.peer`, TYPE.AAAA))), [])
    // One that was slow to register for a moment comes back.
    await until('all members', async () => {
      const text = Buffer.from(await ask(`${SITE}.peer`, TYPE.TXT)).toString('latin1')
      return group.seeders.all.every(({ ready }) => text.includes(`peer=${ready.peer}; origin=http://`))
    })
  }
})

test('dig and kdig over HTTPS, by GET and by POST', async (context) => {
  const place = ['-p', String(front.port), '@127.0.0.1', `${SITE}.peer`]
  for (const way of ['+https', '+https-get']) {
    const said = await client(context, 'dig', way, ...place, 'A')
    if (said === undefined) break
    assert.match(said, /status: NOERROR/)
    assert.match(said, new RegExp(`${SITE}\\.peer\\.\\s+\\d+\\s+IN\\s+A\\s+127\\.0\\.0\\.1`))
    assert.doesNotMatch(said, /malformed|bad/i)
  }
  for (const way of [['+https'], ['+https', '+https-get']]) {
    const said = await client(context, 'kdig', ...way, '+tls', ...place, 'TXT')
    if (said === undefined) break
    assert.match(said, /status: NOERROR/)
    assert.match(said, /v=interpeer1; job=[0-9a-f]{64}; epoch=\d+/)
  }
})

test('dig and kdig ask a seeder over UDP and TCP; of another zone they get REFUSED', async (context) => {
  for (const command of ['dig', 'kdig'])
    for (const way of [[], ['+tcp']]) {
      const place = ['-p', String(own.port), '@127.0.0.1', ...way]
      const said = await client(context, command, ...place, `${SITE}.PEER`, 'A')
      if (said === undefined) break
      assert.match(said, /status: NOERROR/)
      assert.match(said, /\sA\s+127\.0\.0\.1/)
      assert.match((await client(context, command, ...place, 'nobody.ipn', 'A')) ?? '', /status: NXDOMAIN[\s\S]*SOA/)
      assert.match((await client(context, command, ...place, 'example.org', 'A')) ?? '', /status: REFUSED/)
    }
})

test('F32 curl with DNS over HTTPS opens http://<site>.peer, at the gateway, which sends it on, and at a member, which serves it', async (context) => {
  const { port } = new URL(group.gateway)
  const doh = ['--silent', '--show-error', '--doh-insecure', '--doh-url', `${front.url}/dns-query`]
  const page = await client(context, 'curl', ...doh, '--location', `http://${SITE}.peer:${port}/`)
  const [member] = group.seeders.all
  assert.ok(member)
  const at = new URL(member.ready.http).port
  const direct = await client(context, 'curl', ...doh, '--include', `http://${SITE}.ipn:${at}/`)
  if (page !== undefined) assert.equal(page, '[]')
  if (direct !== undefined) assert.match(direct, /^HTTP\/1\.1 200 [\s\S]*interpeer-receipt[\s\S]*\[\]$/i)
  // The same by hand.
  const sent = await exchange(`${group.gateway}/a?b`, { headers: { host: `${SITE}.peer` } })
  assert.equal(sent.status, 307)
  assert.match(String(sent.headers.location), /^http:\/\/lines\.s\d\.localhost:\d+\/a\?b$/)
  const served = await exchange(`http://127.0.0.1:${at}/`, { headers: { host: `${SITE}.peer` } })
  assert.deepEqual([served.status, served.body.toString()], [200, '[]'])
  assert.ok(served.headers['interpeer-receipt'])
  assert.equal((await exchange(`http://127.0.0.1:${at}/`, { headers: { host: 'nobody.peer' } })).status, 404)
})

test('each name is an origin of its own: a write at one host is the site’s, and no other host reads it', async () => {
  const [member] = group.seeders.all
  assert.ok(member)
  const base = `http://127.0.0.1:${new URL(member.ready.http).port}/`
  const host = `${SITE}.peer`
  const written = await exchange(base, {
    method: 'POST',
    body: Buffer.from('by its name'),
    headers: { host },
    timeoutMs: 40_000,
  })
  assert.equal(written.status, 201, written.body.toString())
  const read = await exchange(base, { headers: { host } })
  assert.equal(read.body.toString(), '["by its name"]')
  for (const other of ['peer', 'ipn', 'x.lines.peer', 'lines.example', 'linespeer'])
    assert.equal((await exchange(base, { headers: { host: other } })).status, 404, other)
})

test('a member that ends is out of the gateway’s answer and of the seeder’s within the life that they told', async () => {
  const gone = group.seeders.all[3]
  assert.ok(gone)
  const named = async (ask: typeof overUdp): Promise<boolean> =>
    Buffer.from(await ask(`${SITE}.peer`, TYPE.TXT))
      .toString('latin1')
      .includes(gone.ready.peer)
  await until('in the seeder’s answer', () => named(overUdp))
  gone.kill('SIGKILL')
  await gone.exited
  await until('out at the gateway', async () => !(await named(overHttps)))
  await until('out at the seeder', async () => !(await named(overUdp)))
})

test('without its gateway a seeder names itself', async () => {
  const { admission } = group.seeders
  const before = admission.file().version
  admission.change({ gateways: [] })
  await until('the file without gateways', async () => {
    const [soa] = decoded(await overUdp('peer', TYPE.SOA)).answers ?? []
    return soa?.type === 'SOA' && (soa.data.serial ?? 0) > before
  })
  await until('itself', async () => {
    const texts = Buffer.from(await overUdp(`${SITE}.peer`, TYPE.TXT)).toString('latin1')
    return texts.split('peer=').length === 2 && texts.includes(group.seeders.all[0]?.ready.peer ?? '?')
  })
  assert.deepEqual(dataOf(decoded(await overUdp(`${SITE}.peer`, TYPE.A))), ['127.0.0.1'])
})
