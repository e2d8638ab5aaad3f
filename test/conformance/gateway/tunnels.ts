// F38 Tunnels at any gateway: who is let in, what a visitor of the sites domain is answered, and what no visitor or seeder can break for others.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { CLOSE } from '#gateway/tunnel/connection.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { assert as must } from '#protocol/codec/result.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import {
  CANCEL,
  DATA_BYTES_MAX,
  FRAME_BYTES_MAX,
  type Frame,
  frameFromBytes,
  frameToBytes,
  type OutgoingFrame,
} from '#protocol/tunnel/frame.ts'
import { CONNECTION_WINDOW_BYTES } from '#protocol/tunnel/streams.ts'
import { TunnelBridge } from '#seeder/tunnel/bridge.ts'
import { type SeederTunnel, startTunnel, TUNNEL_PATH } from '#seeder/tunnel/tunnel.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'
import type { GatewayHost, RunningGateway } from './hosts.ts'

const NAME = 'demo'
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const OPENED = {
  site: NAME,
  scheme: 'http',
  method: 'GET',
  target: '/',
  host: 'demo.localhost',
  headers: [],
  source: '203.0.113.7',
  body: new Uint8Array(0),
}
const FORM = '<!doctype html><title>form</title><form method="post" action="/"><input name="text"></form>'
const PAGE = '<!doctype html><title>page</title><p>text'
/** One after the other until one was long enough: workerd forgets ten seconds after the last event, and the alarm of the proof is one. */
const SILENCES_MS = [25_000, 45_000, 90_000]
const BAR =
  /<script async="" src="([^"]*)" data-site="demo" data-gateway="([^"]*)" data-quorum="3" data-members="4"><\/script>/

/** `forgets`: what holds a tunnel is put out of memory while nobody asks. */
export function tunnelsSuite(kind: string, host: GatewayHost, { forgets }: { readonly forgets: boolean }): void {
  const network: TestNetwork = testNetwork({ sites: [{ name: NAME, members: MEMBERS }], peers: ['eve'] })
  const directory = mkdtempSync(join(tmpdir(), 'gateway-tunnel-'))
  let gateway: RunningGateway
  let group: HostedGroup
  let edge: Edge
  let tunnel: SeederTunnel
  let changes = 0
  let lastTime = 0
  /** Idempotency keys of the writes that ran. */
  const keys: (string | undefined)[] = []

  const domain = network.domain
  const signer = (name: string): Signer => network.signer(name)
  const origin = (): string => `http://${NAME}.sites.localhost:${new URL(gateway.url).port}`
  /** As a visitor, while the member is registered. */
  async function ask(path: string, options: HttpOptions = {}): Promise<HttpAnswer> {
    await register('ana', true)
    return exchange(origin() + path, options)
  }

  async function register(peer: string, hasTunnel: boolean): Promise<void> {
    const send = async (): Promise<[status: number, told: { readonly tunnels?: boolean; readonly last?: number }]> => {
      lastTime = Math.max(Date.now(), lastTime + 1)
      const statement = signRegistration(network, peer, {
        gateway: gateway.url,
        time: lastTime,
        sites: { [NAME]: null },
        tunnel: hasTunnel,
        sees: MEMBERS.filter((other) => other !== peer),
      })
      const body = registrationBytes(statement) as Uint8Array<ArrayBuffer>
      const answer = await fetch(`${gateway.url}/register`, { method: 'POST', body })
      return [answer.status, (await answer.json()) as { tunnels?: boolean; last?: number }]
    }
    let [status, told] = await send()
    // One that was restarted bars a little more than it took, and says how much.
    if (status === 409) {
      lastTime = told.last ?? lastTime
      ;[status, told] = await send()
    }
    assert.deepEqual([status, told.tunnels], [200, true])
  }

  async function start(port: number): Promise<void> {
    gateway = await host({ port, directory, networkKey: network.file.network_key, networkFile: network.text })
  }

  before(async () => {
    await start(0)
    group = hostedGroup(NAME, {
      network,
      members: MEMBERS,
      app(request, context) {
        const headers = [['set-cookie', `a=1; Domain=.localhost; Path=/`]] as const
        if (request.target === '/form')
          return { status: 200, headers: [['content-type', 'text/html; charset=utf-8']], body: Buffer.from(FORM) }
        if (request.target.startsWith('/page')) {
          const policy =
            request.target === '/page-locked' ? [['content-security-policy', "script-src 'none'"] as const] : []
          return { status: 200, headers: [['content-type', 'text/html'], ...policy], body: Buffer.from(PAGE) }
        }
        if (request.method === 'POST') {
          keys.push(request.headers.find(([name]) => name === 'idempotency-key')?.[1])
          context.state.set('body', Buffer.from(request.body).toString())
          return textResponse(200, `got ${Buffer.from(request.body)}`)
        }
        return textResponse(200, `hello ${request.target}`, headers)
      },
    })
    edge = await startEdge(group)
    tunnel = startTunnel({
      gateway: gateway.url,
      signer: signer('ana'),
      domain,
      carry: edge.server.carry,
      chance: Math.random,
      onChange: () => changes++,
    })
    await until('the tunnel', () => tunnel.isOpen, 30_000)
  })
  after(async () => {
    await tunnel?.[Symbol.asyncDispose]()
    await edge?.[Symbol.asyncDispose]()
    await gateway?.dispose()
    rmSync(directory, { recursive: true, force: true })
  })

  /** A socket that says nothing by itself. */
  type Bare = {
    readonly socket: WebSocket
    readonly got: (Buffer | string)[]
    readonly closed: Promise<number>
    readonly reason: Promise<string>
  }
  function dial(peer: string): Bare {
    const key = Buffer.from(signer(peer).publicKey).toString('hex')
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}${TUNNEL_PATH}/${key}`)
    const got: (Buffer | string)[] = []
    socket.on('message', (data: Buffer, isBinary) => got.push(isBinary ? data : data.toString()))
    socket.on('error', () => {})
    const ended = new Promise<[number, string]>((resolve) =>
      socket.once('close', (code, reason) => resolve([code, reason.toString()])),
    )
    return { socket, got, closed: ended.then(([code]) => code), reason: ended.then(([, reason]) => reason) }
  }

  async function challengeOf({ got }: Bare): Promise<Uint8Array> {
    const [challenge] = await until('the challenge', () => got.length > 0 && got, 20_000)
    must(challenge instanceof Buffer, 'the challenge is bytes')
    return new Uint8Array(challenge)
  }

  function proof(by: string, challenge: Uint8Array, of = gateway.url): Uint8Array {
    return cborFromValue(signStatement(domain, 'tunnel', signer(by), { gateway: of, challenge }))
  }

  test(`${kind}: a tunnel is for a WebSocket of a member of some group`, async () => {
    const key = Buffer.from(signer('ana').publicKey).toString('hex')
    assert.equal((await fetch(`${gateway.url}${TUNNEL_PATH}/${key}`)).status, 426)
    const stranger = dial('eve')
    const refused = new Promise((resolve) =>
      stranger.socket.once('unexpected-response', (_, answer) => resolve(answer.statusCode)),
    )
    assert.equal(await refused, 403)
  })

  test(`${kind}: only who signs this very challenge for this very gateway is let in`, async () => {
    for (const wrong of [
      (challenge: Uint8Array) => proof('cleo', challenge),
      () => proof('ben', new Uint8Array(32)),
      (challenge: Uint8Array) => proof('ben', challenge, 'http://another.example'),
      (challenge: Uint8Array) => proof('ben', challenge).subarray(1),
      (challenge: Uint8Array) => {
        const bytes = proof('ben', challenge)
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        return bytes
      },
    ]) {
      const bare = dial('ben')
      bare.socket.send(wrong(await challengeOf(bare)))
      assert.equal(await bare.closed, CLOSE.unproven)
    }
  })

  /** A tunnel of cleo's, whose seeder is this test. */
  async function open(): Promise<Bare> {
    const bare = dial('cleo')
    bare.socket.send(proof('cleo', await challengeOf(bare)))
    await until('it is open', () => bare.got.includes('open'), 20_000)
    return bare
  }

  test(`${kind}: a newer tunnel of the same peer takes the place of the older one, and garbage ends its own alone`, async () => {
    const first = await open()
    const second = await open()
    assert.equal(await first.closed, CLOSE.replaced)
    second.socket.send('ping')
    await until('the answer', () => second.got.includes('pong'), 20_000)
    second.socket.send(Buffer.from('garbage'))
    assert.equal(await second.closed, CLOSE.protocol)
    assert.ok(tunnel.isOpen)
  })

  test(`${kind}: whatever a seeder floods its tunnel with, others are served, and what breaks a bound ends it with a reason`, async () => {
    const bytes = new Uint8Array(DATA_BYTES_MAX)
    const floods: Readonly<Record<string, readonly [reason: string | undefined, frames: readonly OutgoingFrame[]]>> = {
      // Nobody waits for it, and none of it is kept: a tunnel's window is given back as it comes.
      'bytes for nobody': [undefined, Array.from({ length: 128 }, () => ({ type: 'data', stream: 9, bytes }))],
      'ends and cancels of what never was': [
        undefined,
        Array.from({ length: 2_000 }, (_, stream) =>
          stream % 2 === 0 ? { type: 'end', stream } : { type: 'cancel', stream, reason: CANCEL.gone },
        ),
      ],
      'more credit than there is': ['over_credit', [{ type: 'credit', stream: 0, bytes: CONNECTION_WINDOW_BYTES }]],
      'a stream of its own': ['out_of_order', [{ type: 'open', stream: 7, head: cborFromValue(OPENED) }]],
    }
    for (const [what, [reason, frames]] of Object.entries(floods)) {
      const bare = await open()
      for (const frame of frames) bare.socket.send(frameToBytes(frame))
      assert.equal((await ask('/meanwhile')).body.toString(), 'hello /meanwhile', what)
      if (reason !== undefined) assert.deepEqual([await bare.closed, await bare.reason], [CLOSE.protocol, reason])
      else {
        bare.socket.send('ping')
        await until('the answer', () => bare.got.includes('pong'), 60_000)
        bare.socket.close()
        await bare.closed
      }
    }
    const large = await open()
    large.socket.send(Buffer.alloc(FRAME_BYTES_MAX + 1))
    await large.closed
    assert.ok(tunnel.isOpen)
  })

  test(`${kind}: who says nothing is closed, and more of them than a few displace each other`, async () => {
    const silent = Array.from({ length: 5 }, () => dial('dan'))
    for (const bare of silent) await challengeOf(bare)
    assert.ok(silent[0])
    assert.equal(await silent[0].closed, CLOSE.unproven)
    for (const { closed } of silent) assert.equal(await closed, CLOSE.unproven)
  })

  test(`${kind}: a visitor gets the certified answer, and no cookie of it is for the whole domain`, async () => {
    const answer = await ask('/a?b=c')
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'hello /a?b=c'])
    assert.deepEqual(answer.headers['set-cookie'], ['a=1; Path=/'])
    assert.ok(answer.headers['interpeer-certificate'])
  })

  test(`${kind}: a page has a bar that says what the gateway checked, and a tag of its own; whoever checks answers gets what is certified`, async () => {
    const page = await ask('/page')
    const [, script = '', at] = BAR.exec(page.body.toString()) ?? []
    assert.equal(page.body.toString().replace(BAR, ''), PAGE)
    assert.deepEqual([page.headers['interpeer-body'], at], ['barred', gateway.url])
    const client = { 'interpeer-client': '1' }
    const certified = await ask('/page', { headers: client })
    assert.deepEqual([certified.body.toString(), certified.headers['interpeer-body']], [PAGE, 'certified'])
    assert.equal(page.headers['interpeer-receipt'], certified.headers['interpeer-receipt'])
    assert.notEqual(page.headers.etag, certified.headers.etag)
    for (const [tag, headers, status] of [
      [page.headers.etag, {}, 304],
      [certified.headers.etag, client, 304],
      [certified.headers.etag, {}, 200],
      [page.headers.etag, client, 200],
    ] as const) {
      const answer = await ask('/page', { headers: { ...headers, 'if-none-match': String(tag) } })
      assert.equal(answer.status, status)
      if (status === 304) assert.equal(answer.headers.etag, tag)
    }
    const head = await ask('/page', { method: 'HEAD' })
    assert.deepEqual([head.headers.etag, head.headers['content-length']], [page.headers.etag, undefined])
    const fetched = await ask('/page', { headers: { 'sec-fetch-dest': 'empty' } })
    assert.deepEqual([fetched.body.toString(), fetched.headers.etag], [PAGE, certified.headers.etag])
    assert.equal((await ask('/page', { headers: { range: 'bytes=0-8' } })).status, 200)
    const locked = await ask('/page-locked')
    assert.equal(locked.headers['content-security-policy'], `script-src 'none'; script-src-elem ${origin()}${script}`)
    const answer = await ask(script)
    assert.match(String(answer.headers['content-type']), /^text\/javascript/)
    assert.ok(answer.body.includes('interpeer-bar'))
  })

  test(`${kind}: R9 a form has a key, and sent twice it runs once; whoever checks answers gets the page as it was certified`, async () => {
    const page = await ask('/form')
    const [, key] = /name="interpeer-key" value="([A-Za-z0-9_-]{22})"/.exec(page.body.toString()) ?? []
    assert.ok(key, page.body.toString())
    assert.deepEqual([page.headers['interpeer-body'], page.headers.etag], ['barred, edited', undefined])
    const certified = await ask('/form', { headers: { 'interpeer-client': '1' } })
    assert.equal(certified.body.toString(), FORM)
    const post = (): Promise<HttpAnswer> =>
      ask('/', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: Buffer.from(`interpeer-key=${key}&text=once`),
      })
    const [one, two] = [await post(), await post()]
    assert.deepEqual([one.status, one.body.toString()], [200, 'got text=once'])
    assert.equal(two.body.toString(), one.body.toString())
    const [first, second] = keys.slice(-2)
    assert.ok(first !== undefined && first === second, 'both are one request to the group')
    await ask('/', { method: 'POST', body: Buffer.from('without a form') })
    assert.equal(keys.at(-1)?.length, 22)
  })

  test(`${kind}: more headers than a tunnel carries are refused, and the tunnel stands`, async () => {
    const seen = changes
    const headers = Object.fromEntries(Array.from({ length: 140 }, (_, at) => [`x-${at}`, 'y']))
    assert.equal((await ask('/', { headers })).status, 400)
    assert.equal((await ask('/', { headers: { 'x-wide': 'ü'.repeat(6_000) } })).status, 400)
    assert.equal((await ask('/still')).body.toString(), 'hello /still')
    assert.equal(changes, seen)
  })

  if (forgets)
    test(`${kind}: a gateway that lost its memory under a silent tunnel says so before anything else, and the visitor is answered`, async () => {
      await using own = await startEdge(group, { member: MEMBERS.indexOf('cleo') })
      const bare = await open()
      const said: Frame['type'][] = []
      const send = (message: Uint8Array): void => bare.socket.send(message)
      const bridge = new TunnelBridge({ send, hasRoom: () => true }, own.server.carry)
      bare.socket.on('message', (data: Buffer) => {
        const bytes = new Uint8Array(data)
        const frame = frameFromBytes(bytes)
        must(frame.ok && bridge.receive(bytes).ok, 'the gateway keeps the rules')
        said.push(frame.value.type)
      })
      /** What the gateway said, from the first on. */
      const visit = async (path: string): Promise<readonly Frame['type'][]> => {
        // After a silence the certificate would be too old.
        group.heartbeat()
        await register('ana', false)
        await register('cleo', true)
        said.length = 0
        assert.equal((await exchange(origin() + path)).body.toString(), `hello ${path}`)
        return [...said]
      }
      assert.equal((await visit('/before'))[0], 'open')
      let first: readonly Frame['type'][] = []
      for (const ms of SILENCES_MS) {
        await new Promise((resolve) => setTimeout(resolve, ms))
        first = (await visit(`/after-${ms}`)).slice(0, 2)
        if (first[0] === 'reset') break
      }
      assert.deepEqual(first, ['reset', 'open'])
      assert.equal((await visit('/then'))[0], 'open')
      bridge.close()
      bare.socket.close()
      await bare.closed
    })

  test(`${kind}: a seeder's tunnel comes back by itself to a gateway that ended and is there again, and its visitors with it`, async () => {
    const port = Number(new URL(gateway.url).port)
    assert.equal((await ask('/before-the-end')).body.toString(), 'hello /before-the-end')
    await gateway.dispose()
    await until('the seeder sees it', () => !tunnel.isOpen)
    await start(port)
    await until('the tunnel', () => tunnel.isOpen)
    group.heartbeat()
    assert.equal((await ask('/after-the-end')).body.toString(), 'hello /after-the-end')
  })

  test(`${kind}: without any tunnel left the visitor is told to come again`, async () => {
    await tunnel[Symbol.asyncDispose]()
    const answer = await ask('/gone')
    assert.equal(answer.status, 503)
    assert.ok(answer.headers['retry-after'])
  })
}
