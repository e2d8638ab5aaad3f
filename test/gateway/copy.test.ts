// No living host: what the sites domain shows of a site then, and what it never shows (decision 0043). In this process, in front of the real
// HTTP edge of a member, with a tunnel that the test cuts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Copies, type Copy } from '#gateway/carry/copies.ts'
import { visitSite } from '#gateway/carry/site-host.ts'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import { carryNetwork } from '#gateway/network/carry.ts'
import { checkAnswer } from '#protocol/answer/check.ts'
import { evidenceFromHeaders } from '#protocol/answer/evidence.ts'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, assert as must } from '#protocol/codec/result.ts'
import { signDenyList } from '#protocol/directory/deny-list.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import { NO_BODY } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { rulesOf } from '#test/support/answers.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { joinTunnel } from '#test/support/joined-tunnel.ts'
import { signerNamed } from '#test/support/network.ts'
import { scene } from './scene.ts'

const ORIGIN = 'https://wiki.sites.example'
const PAGE = '<!doctype html><html lang="en"><head><title>A page</title></head><body><p>of state</p></body></html>'
const issuer = signerNamed('issuer')
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** What the script answers with at some addresses. */
const HEADERS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  '/private': [['cache-control', 'private']],
  '/no-store': [['cache-control', 'public, No-Store']],
  '/cookie': [['set-cookie', 'session=1']],
  '/accept': [['vary', 'Accept']],
  '/any': [['vary', '*']],
  '/events': [['content-type', 'text/event-stream']],
  '/no-cache': [['cache-control', 'no-cache']],
  '/must-revalidate': [['cache-control', 'public, max-age=0, must-revalidate']],
}

/** A gateway in front of one member of the wiki. */
async function opened() {
  const stack = new AsyncDisposableStack()
  const at = await scene({
    clock: { now: Date.now() },
    judge: evidenceJudge(async (...check) => verify(...check)),
    config: { denyKeys: [hexFromBytes(issuer.publicKey)], sitesDomain: 'sites.example' },
  })
  const asked: string[] = []
  const said = { status: 200, isPrivate: false }
  const group = hostedGroup('wiki', {
    network: at.network,
    members: ['ana', 'ben', 'cleo', 'dan'],
    now: () => at.clock.now,
    assets: { '/style.css': 'p { color: green }', '/large.bin': new Uint8Array(1024 * 1024 + 1) },
    app: ({ method, target, headers }, { time }) => {
      // No answer of then for now.
      time()
      asked.push(`${method} ${target}`)
      if (method === 'POST') return textResponse(201, 'written')
      if (target === '/seen') return textResponse(200, headers.map((pair) => pair.join('=')).join('\n'))
      if (target === '/changing')
        return textResponse(said.status, 'changing', said.isPrivate ? [['cache-control', 'private']] : [])
      if (target !== '/') return { ...textResponse(200, target), headers: HEADERS[target] ?? [] }
      return { status: 200, headers: [['content-type', 'text/html; charset=utf-8']], body: bytesFromText(PAGE) }
    },
  })
  const edge = stack.use(await startEdge(group))
  const heard = async (): Promise<void> => {
    assert.equal((await at.register('ana', { sites: { wiki: null }, tunnel: true })).status, 200)
  }
  await heard()
  const tunnel = joinTunnel(edge.server.carry)
  /** `away`: nobody answers, and each question takes four seconds of a visitor's patience. */
  const member = { isAway: false, lies: false, asks: 0 }
  const { gateway } = at
  const tunnels: NonNullable<typeof gateway.ports.tunnels> = {
    accept: async () => new Response(null),
    ask: async (_, head, body, options) => {
      member.asks++
      if (!member.isAway) {
        const answer = await tunnel.gateway.ask(head, body, options)
        if (!answer.ok || !member.lies) return answer
        return { ok: true, value: { ...answer.value, headers: [...answer.value.headers, ['x-lie', '1']] } }
      }
      at.clock.now += 4_000
      return err({ code: 'gone' })
    },
  }
  Object.assign(gateway.ports, { tunnels })
  let behind: Promise<void>[] = []
  const visit = async (path: string, init: RequestInit = {}): Promise<Response | string> => {
    const answered = await visitSite(gateway, new Request(ORIGIN + path, init), 'wiki', '192.0.2.1', (work) => {
      behind.push(work)
    })
    return answered.ok ? answered.value : answered.error.code
  }
  return {
    ...{ at, gateway, group, member, asked, said, heard, visit },
    /** A visit, and what is done behind its answer. */
    seen: async (path: string, init: RequestInit = {}): Promise<string> => {
      const answer = await visit(path, init)
      const text = answer instanceof Response ? await answer.text() : answer
      await Promise.all(behind)
      behind = []
      return text
    },
    /** The clock goes on, and member and group with it. */
    async later(ms: number): Promise<void> {
      at.clock.now += ms
      group.heartbeat()
      await heard()
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

type Opened = Awaited<ReturnType<typeof opened>>

async function copyOf(at: Opened, path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await at.visit(path, init)
  must(answer instanceof Response, `a copy of ${path}: ${answer}`)
  assert.ok(answer.headers.has('interpeer-copy'), path)
  return answer
}

test('when nobody answers any more, what was visited is shown as a copy that says so and is kept by nobody', async () => {
  await using at = await opened()
  await at.seen('/')
  await at.seen('/style.css')
  const checkedAt = at.at.clock.now
  at.member.isAway = true
  at.at.clock.now += 5 * MINUTE
  const page = await copyOf(at, '/')
  const age = Number(page.headers.get('age'))
  assert.ok(age >= 300 && age <= 330, `${age} s`)
  assert.equal(page.status, 200)
  assert.equal(page.headers.get('interpeer-copy'), String(checkedAt))
  assert.equal(page.headers.get('cache-control'), 'no-store')
  assert.equal(page.headers.get('vary'), '*')
  assert.equal(page.headers.get('warning'), null)
  assert.equal(page.headers.get('interpeer-body'), 'barred')
  const text = await page.text()
  assert.match(text, new RegExp(`data-quorum="3" data-members="4" data-age="${age}"`))
  assert.equal(text.replace(/<script async="".*?<\/script>/, ''), PAGE)
  const style = await copyOf(at, '/style.css', { headers: { range: 'bytes=0-1', 'if-none-match': '*' } })
  assert.deepEqual([style.status, await style.text()], [200, 'p { color: green }'])
  const head = await copyOf(at, '/style.css', { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text(), head.headers.get('content-length')], [200, '', '18'])
  assert.equal(at.gateway.rooms.held, 0)
})

test('who checks answers gets it as it was certified, with evidence that holds for then, and no longer for now', async () => {
  await using at = await opened()
  await at.seen('/style.css', { headers: { accept: 'text/css', referer: `${ORIGIN}/`, cookie: 'a=b' } })
  at.member.isAway = true
  at.at.clock.now += 10 * MINUTE
  const answer = await copyOf(at, '/style.css', { headers: { 'interpeer-client': '1', accept: 'text/css' } })
  assert.match(answer.headers.get('cache-control') ?? '', /must-revalidate/)
  assert.equal(answer.headers.get('vary'), '*')
  const headers = [...answer.headers]
  const evidence = evidenceFromHeaders(headers)
  must(evidence.ok, 'it has evidence')
  const asked = {
    ...{ job: at.group.group.job, method: 'GET', target: '/style.css', bodyHash: NO_BODY },
    headers: [['accept', '*/*'] as const],
  }
  const shown = {
    ...{ form: 'whole' as const, status: answer.status, headers, at: { origin: ORIGIN, siteName: 'wiki' } },
    body: new Uint8Array(await answer.arrayBuffer()),
  }
  const verdictAt = (now: number): string => {
    const checked = checkAnswer(rulesOf(at.group, { now }), asked, shown, evidence.value, verify)
    return checked.ok ? 'holds' : checked.error.code
  }
  assert.equal(verdictAt(Number(answer.headers.get('interpeer-copy'))), 'holds')
  assert.equal(verdictAt(at.at.clock.now), 'stale')
})

test('kept is what anybody may see at an address alone, and nothing else', async () => {
  await using at = await opened()
  const never = [
    ...['/private', '/no-store', '/cookie', '/accept', '/any', '/events', '/large.bin', '/?q=mine', '/x?'],
    '/.well-known/interpeer/status',
  ]
  const kept = ['/', '/no-cache', '/must-revalidate', '/style.css', '/plain']
  for (const path of [...never, ...kept]) await at.seen(path)
  at.member.isAway = true
  for (const path of never) assert.equal(await at.seen(path), 'no_living_member', path)
  for (const path of kept) await (await copyOf(at, path)).text()
  assert.equal(await at.seen('/', { method: 'POST', body: 'x' }), 'no_living_member')
  assert.equal(await at.seen('/', { method: 'OPTIONS' }), 'no_living_member')
  assert.equal(await at.seen('/never-visited'), 'no_living_member')
})

test('nothing of a visitor is in it: what was asked, who was logged in and where they came from', async () => {
  await using at = await opened()
  const mine = {
    cookie: 'session=secret',
    authorization: 'Bearer x',
    referer: `${ORIGIN}/?token=y`,
    'accept-language': 'de',
  }
  assert.match(await at.seen('/seen', { headers: mine }), /secret/)
  at.member.isAway = true
  assert.equal(await (await copyOf(at, '/seen')).text(), 'accept=*/*')
  assert.equal(await (await copyOf(at, '/seen', { headers: mine })).text(), 'accept=*/*')
})

test('while a host answers there is none, however late it comes back; and a visitor who can have one waits once', async () => {
  await using at = await opened()
  await at.seen('/')
  at.member.isAway = true
  await (await copyOf(at, '/')).text()
  const waited = at.member.asks
  at.member.asks = 0
  await at.heard()
  await (await copyOf(at, '/')).text()
  assert.ok(waited > 3 && at.member.asks === 1, `${waited}, then ${at.member.asks} questions`)
  at.member.isAway = false
  await at.heard()
  const fresh = await at.visit('/')
  must(fresh instanceof Response, `it is answered: ${fresh}`)
  assert.equal(fresh.headers.get('interpeer-copy'), null)
  await fresh.text()
  // Who has none to get waits as ever.
  at.member.isAway = true
  at.member.asks = 0
  assert.equal(await at.seen('/never-visited'), 'no_living_member')
  assert.ok(at.member.asks > 3)
})

test('what is no longer public, or no longer there, is forgotten; an error of the script forgets nothing', async () => {
  await using at = await opened()
  for (const [change, isKept] of [
    [{ status: 500 }, true],
    [{ isPrivate: true }, false],
    [{ status: 404 }, false],
    [{ status: 410 }, false],
  ] as const) {
    Object.assign(at.said, { status: 200, isPrivate: false })
    await at.later(MINUTE + 1)
    await at.seen('/changing')
    Object.assign(at.said, change)
    await at.later(MINUTE + 1)
    await at.seen('/changing')
    at.member.isAway = true
    const shown = await at.visit('/changing')
    assert.equal(shown instanceof Response, isKept, JSON.stringify(change))
    at.member.isAway = false
  }
})

test('a copy is asked for once a minute, however many come, and by few at a time', async () => {
  await using at = await opened()
  const count = (): number => at.asked.filter((each) => each === 'GET /plain').length
  for (let visits = 0; visits < 3; visits++) await at.seen('/plain', { headers: { 'accept-language': `x-${visits}` } })
  assert.equal(count(), 4)
  await at.later(MINUTE + 1)
  for (let visits = 0; visits < 3; visits++) await at.seen('/plain', { headers: { 'accept-language': `y-${visits}` } })
  assert.equal(count(), 8)
  while (at.gateway.copies.begin());
  await at.later(MINUTE + 1)
  await at.seen('/plain', { headers: { 'accept-language': 'z' } })
  assert.equal(count(), 9)
})

test('who wrote is shown none from before; a liar’s site none at all; one that is too old neither', async () => {
  await using at = await opened()
  await at.seen('/')
  const height = at.group.head().height
  at.member.lies = true
  assert.equal(await at.seen('/'), 'no_honest_member')
  at.member.lies = false
  at.member.isAway = true
  await (await copyOf(at, '/', { headers: { cookie: `interpeer-floor=${height}` } })).text()
  assert.equal(await at.seen('/', { headers: { cookie: `interpeer-floor=${height + 1}` } }), 'no_living_member')
  at.at.clock.now += DAY + 1
  assert.equal(await at.seen('/'), 'no_living_member')
})

test('of a site that is denied there is none, and of one that was taken off the network nothing is kept', async () => {
  await using at = await opened()
  await at.seen('/')
  at.member.isAway = true
  const { file, networkSigner } = at.at.network
  const list = (version: number, lifted: object): string =>
    JSON.stringify(
      signDenyList(
        {
          ...{ version, title: 'Example e. V.', appeal: 'https://example.org/appeal', time: at.at.clock.now },
          issuer: hexFromBytes(issuer.publicKey),
          entries: [
            {
              ...{ number: 1, job: file.jobs[0]?.job ?? '', reason: 'law' as const, text: 'A court ordered it.' },
              ...{ places: [], since: at.at.clock.now, ...lifted },
            },
          ],
        },
        issuer,
      ),
    )
  const put = (body: string): Promise<Response> =>
    at.at.ask(`/deny/${hexFromBytes(issuer.publicKey)}`, { method: 'PUT', body })
  const followed = await put(list(1, {}))
  assert.equal(followed.status, 200, await followed.text())
  assert.equal(await at.seen('/'), 'denied')
  assert.equal((await put(list(2, { lifted: at.at.clock.now }))).status, 200)
  await (await copyOf(at, '/')).text()
  assert.ok(at.gateway.copies.held > 0)
  const { signature: _, ...unsigned } = file
  const [job] = file.jobs
  const ended = [{ job: job?.job ?? '', name: 'wiki', time: unsigned.time }]
  const next = signNetworkFile({ ...unsigned, version: unsigned.version + 1, jobs: [], ended }, networkSigner)
  const taken = await carryNetwork(at.gateway, JSON.stringify(next))
  must(taken.ok, `the file is taken: ${JSON.stringify(taken)}`)
  assert.equal(await at.seen('/'), 'gone_name')
  assert.equal(at.gateway.copies.held, 0)
})

function copyWith(bytes: number, checkedAt = 0): Copy {
  return { headers: [['a', 'b']], body: new Uint8Array(bytes), height: 1, checkedAt }
}

test('all copies together are bounded, and those of one site: over it the oldest of the site that has the most goes', () => {
  const copies = new Copies({ bytesMax: 100_000, siteBytesMax: 60_000 })
  for (let at = 0; at < 100; at++) {
    copies.put('large', `/${at}`, at, copyWith(5_000))
    assert.ok(copies.held <= 60_000)
  }
  assert.equal(copies.find('large', '/0', 0), undefined)
  assert.ok(copies.find('large', '/99', 0))
  for (let at = 0; at < 8; at++) copies.put('small', `/${at}`, at, copyWith(5_000))
  assert.ok(copies.held <= 100_000)
  assert.ok(copies.find('small', '/0', 0), 'the smaller one keeps all of it')
  copies.put('small', '/0', 1, copyWith(60_001))
  assert.equal(copies.find('small', '/0', 0), undefined, 'larger than a site may have')
  // What is not kept is remembered in as many bytes.
  for (let at = 0; at < 1_000; at++) copies.put('small', `/none/${at}`, at, undefined)
  assert.ok(copies.held <= 100_000)
  copies.put('large', '/99', 1, undefined)
  assert.equal(copies.find('large', '/99', 0), undefined)
  copies.retain((job) => job === 'large')
  assert.equal(copies.askedAt('small', '/none/999'), undefined)
  copies.retain(() => false)
  assert.equal(copies.held, 0)
})

test('a copy is shown for a day', () => {
  const copies = new Copies()
  copies.put('job', '/', 0, copyWith(10, 1_000))
  assert.ok(copies.find('job', '/', 1_000 + DAY))
  assert.equal(copies.find('job', '/', 1_001 + DAY), undefined)
  assert.equal(copies.held, 0)
})
