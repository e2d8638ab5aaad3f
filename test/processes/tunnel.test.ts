// F38 A site whose every member cannot be dialled: visitors come to the sites domain, the gateway asks a member through its tunnel and
// checks what it says. Real seeders, the real Worker with its Durable Objects.

import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { listen } from '#test/support/events.ts'
import { LINES, SITE } from '#test/support/lines.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { type SiteCopy, siteWithFiles } from '#test/support/site-copy.ts'
import { allTunnelled, startTunnelled, TUNNEL, type TunnelledGroup } from '#test/support/tunnelled.ts'
import { until } from '#test/support/until.ts'

const FILE_BYTES = 24 * 1024 * 1024 + 4321
const file = randomBytes(FILE_BYTES)
/** What is written, in this order. */
const FIRST = 'through the tunnel'
const BEFORE = 'before it is killed'
const AFTER = ['after', 'and again']
const ALL_LINES = [FIRST, BEFORE, ...AFTER]

let copy: SiteCopy
let group: TunnelledGroup
let origin: string
before(async () => {
  copy = siteWithFiles(LINES, { 'file.bin': file })
  group = await startTunnelled({ name: SITE, folder: copy.folder })
  origin = group.carried
})
after(async () => {
  await group?.[Symbol.asyncDispose]()
  copy?.[Symbol.dispose]()
})

const ask = (path: string, options: HttpOptions = {}): Promise<HttpAnswer> =>
  exchange(origin + path, { timeoutMs: 40_000, maxBytes: 2 * FILE_BYTES, ...options })

test('F38 the gateway sends visitors of a site that nobody can dial to the sites domain, and carries them', async () => {
  for (const { origin: own } of await group.located()) assert.equal(own, null)
  const redirect = await exchange(`${group.gateway}/${SITE}/?a=b`)
  assert.equal(redirect.status, 307)
  assert.equal(redirect.headers.location, `${origin}/?a=b`)
  const empty = await ask('/')
  assert.equal(empty.status, 200, empty.body.toString())
  assert.equal(empty.body.toString(), '[]')
  assert.ok(empty.headers['interpeer-receipt'])
  const written = await ask('/', { method: 'POST', body: Buffer.from(FIRST) })
  assert.equal(written.status, 201, written.body.toString())
  assert.ok(written.headers['interpeer-path'])
  assert.equal((await ask('/')).body.toString(), '["through the tunnel"]')
})

test('a large file comes whole and checked, in parts, by its tag, and its head alone', async () => {
  const whole = await ask('/file.bin')
  assert.ok(bytesEqual(whole.body, file))
  const part = await ask('/file.bin', { headers: { range: 'bytes=100000-5000000' } })
  assert.equal(part.status, 206)
  assert.equal(part.headers['content-range'], `bytes 100000-5000000/${FILE_BYTES}`)
  assert.ok(bytesEqual(part.body, file.subarray(100_000, 5_000_001)))
  const end = await ask('/file.bin', { headers: { range: 'bytes=-10' } })
  assert.ok(bytesEqual(end.body, file.subarray(-10)))
  assert.equal((await ask('/file.bin', { headers: { range: `bytes=${FILE_BYTES}-` } })).status, 416)
  const same = await ask('/file.bin', { headers: { 'if-none-match': String(whole.headers.etag) } })
  assert.deepEqual([same.status, same.body.length], [304, 0])
  const head = await ask('/file.bin', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, String(FILE_BYTES), 0])
})

test('what is no site, too long or too large is told, and nothing of the gateway itself answers there', async () => {
  const other = origin.replace(SITE, 'nobody')
  assert.equal((await exchange(`${other}/`)).status, 404)
  assert.equal((await exchange(`${origin}/${'a'.repeat(9_000)}`)).status, 414)
  assert.equal(await declared(9 * 1024 * 1024), 413)
  const bootstrap = await ask('/bootstrap')
  assert.ok(bootstrap.headers['interpeer-receipt'], 'the site itself answers')
})

/** The status that a body of so many bytes is answered with before any of them is sent. */
async function declared(bytes: number): Promise<number | undefined> {
  const { port, host } = new URL(origin)
  const headers = { host, 'content-length': bytes }
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const asked = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: '/', headers, agent: false })
  asked.on('response', ({ statusCode }) => resolve(statusCode))
  asked.on('error', reject)
  asked.flushHeaders()
  return promise.finally(() => asked.destroy())
}

/** A download that its reader takes slowly until `go`. */
async function slowly(path: string): Promise<{ readonly go: () => Promise<Buffer>; readonly head: IncomingMessage }> {
  const url = new URL(origin + path)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = { host: '127.0.0.1', port: url.port, path: url.pathname, headers: { host: url.host }, agent: false }
  httpRequest(options, resolve).on('error', reject).end()
  const head = await promise
  const chunks: Buffer[] = []
  return {
    head,
    go: async () => {
      for await (const chunk of head) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks)
    },
  }
}

/** A member that answers through its tunnel just now. */
async function underWay(): Promise<SeederProcess | undefined> {
  for (const seeder of group.seeders.all)
    if (/interpeer_tunnel_requests_under_way [1-9]/.test(await seeder.metrics())) return seeder
  return undefined
}

async function backAgain(killed: SeederProcess): Promise<void> {
  await group.seeders.restart(killed, ...TUNNEL)
  await until('its tunnel again', () => allTunnelled(group))
}

test('a download goes on through the kill of the member that sends it', async () => {
  const { head, go } = await slowly('/file.bin')
  assert.equal(head.statusCode, 200)
  const sending = await until('who sends it', underWay, 20_000)
  sending.kill('SIGKILL')
  await sending.exited
  const got = await go()
  assert.equal(hash('sha256', got, 'hex'), hash('sha256', file, 'hex'))
  await backAgain(sending)
})

test('a stream of events goes on through the kill of the member that is asked: none is missed, none comes twice', async () => {
  const listener = await listen(`${origin}/events`)
  assert.equal(listener.status, 200)
  await until('what was there', () => listener.lines().length > 0)
  const before = listener.lines().length
  const asked = await until('who is asked', underWay, 20_000)
  const wrote: string[] = []
  const write = async (line: string): Promise<void> => {
    const answer = await ask('/', { method: 'POST', body: Buffer.from(line) })
    assert.equal(answer.status, 201, answer.body.toString())
    wrote.push(line)
  }
  await write(BEFORE)
  asked.kill('SIGKILL')
  await asked.exited
  for (const line of AFTER) await write(line)
  await until('all of them', () => listener.lines().length >= before + wrote.length, 60_000)
  assert.deepEqual(listener.lines().slice(before), wrote)
  assert.ok(!listener.isOver())
  listener.leave()
  await backAgain(asked)
})

test('F31 §7.4 a member that forges is passed over: nothing of what it says is shown', async () => {
  const [liar] = group.seeders.all
  assert.ok(liar)
  liar.kill('SIGKILL')
  await liar.exited
  await group.seeders.restart(liar, ...TUNNEL, '--byzantine', 'forge')
  for (let turn = 0; turn < 12; turn++) {
    const answer = await ask(`/?turn=${turn}`)
    assert.equal(answer.status, 200, answer.body.toString())
    // A member that was away may answer of a height before; what it says was certified all the same.
    const told = JSON.parse(answer.body.toString()) as string[]
    assert.ok(told.length > 0)
    assert.deepEqual(told, ALL_LINES.slice(0, told.length))
  }
})
