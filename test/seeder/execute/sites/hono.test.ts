// F3: Hono with its own helpers, unchanged from npm, on the real engine.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openSite, siteProject } from '#test/support/site-project.ts'

const CONFIG = '{ "name": "hono", "main": "src/app.tsx", "kv_namespaces": [{ "binding": "KV" }] }'

const APP = `
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bodyLimit } from 'hono/body-limit'
import { getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { html, raw } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import { jsxRenderer } from 'hono/jsx-renderer'
import { jwt, sign } from 'hono/jwt'
import { logger } from 'hono/logger'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamText } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { trimTrailingSlash } from 'hono/trailing-slash'
import { validator } from 'hono/validator'

const app = new Hono()
app.get('/text', (c) => c.text('plain'))
app.get('/html', (c) => c.html(html\`<p title="\${'"'}">\${'<b>'} \${raw('<i>')} \${[1, 2].map((n) => html\`<u>\${n}</u>\`)}</p>\`))
const Item = ({ children, late }) => <li class={late ? 'late' : undefined}>{children}</li>
const Slow = async () => { await new Promise((done) => setTimeout(done, 50)); return <em>slow</em> }
app.get('/jsx', (c) => c.html(<ul><Item>{'a & b'}</Item><Item late><Slow /></Item><input disabled value={'"'} /></ul>))
app.use('/page/*', jsxRenderer(({ children, title }) => <html><head><title>{title}</title></head><body>{children}</body></html>))
app.get('/page/x', (c) => c.render(<h1>Hi</h1>, { title: 'T' }))
app.get('/cookie', async (c) => {
  setCookie(c, 'plain', 'v w', { path: '/', httpOnly: true, secure: true, sameSite: 'Lax', maxAge: 60 })
  await setSignedCookie(c, 'signed', 'value', 'secret')
  return c.json({ plain: getCookie(c, 'plain') ?? null, signed: (await getSignedCookie(c, 'secret', 'signed')) ?? null })
})
app.post('/valid', validator('form', (value, c) => (typeof value.name === 'string' && value.name !== '' ? { name: value.name } : c.json({ bad: 'name' }, 422))), (c) => c.json(c.req.valid('form')))
app.post('/json', validator('json', (value) => value), (c) => c.json({ got: c.req.valid('json') }))
app.use('/auth/*', basicAuth({ username: 'user', password: 'pässword' }))
app.get('/auth/x', (c) => c.text('inside'))
app.get('/token', async (c) => c.text(await sign({ sub: 'me', exp: Math.floor(Date.now() / 1000) + 60 }, 'key')))
app.use('/jwt/*', jwt({ secret: 'key', alg: 'HS256' }))
app.get('/jwt/x', (c) => c.json(c.get('jwtPayload').sub))
app.use('/etag/*', etag())
app.get('/etag/x', (c) => c.text('tagged'))
app.post('/limit', bodyLimit({ maxSize: 10, onError: (c) => c.text('too large', 413) }), async (c) => c.text(await c.req.text()))
app.use('/csrf/*', csrf())
app.post('/csrf/x', (c) => c.text('posted'))
app.use('/secure/*', secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"] } }))
app.get('/secure/x', (c) => c.text('secure'))
app.use('/cors/*', cors({ origin: 'https://other.example' }))
app.get('/cors/x', (c) => c.text('cors'))
app.use('/id/*', requestId())
app.use('/log/*', logger(console.log))
app.get('/log/x', (c) => c.text('logged'))
app.get('/id/x', (c) => c.text(c.get('requestId')))
app.post('/upload', async (c) => { const body = await c.req.parseBody({ all: true }); const file = body.file; return c.json({ name: file.name, type: file.type, size: file.size, tags: body.tag, text: await file.text() }) })
app.get('/query/:id{[0-9]+}', (c) => c.json({ id: c.req.param('id'), q: c.req.query('q'), all: c.req.queries('t'), ua: c.req.header('user-agent') ?? null }))
app.get('/stream', (c) => streamText(c, async (out) => { for (const part of ['one', 'two']) { await out.writeln(part); await out.sleep(20) } }))
app.get('/pipe', (c) => stream(c, async (out) => { await out.pipe(new Response('piped').body) }))
app.use('/timeout/*', timeout(1000))
app.get('/timeout/x', (c) => c.text('in time'))
app.get('/redirect', (c) => c.redirect('/text?a=é'))
app.get('/wait', (c) => { c.executionCtx.waitUntil(c.env.KV.get('x').then(() => console.log('waited'))); return c.text('now') })
app.get('/forbidden', () => { throw new HTTPException(403, { message: 'no' }) })
app.get('/broken', () => { undefined.x })
app.get('/binary', (c) => c.body(Uint8Array.of(0, 255, 10)))
app.notFound((c) => c.text('nothing at ' + c.req.path, 404))
app.route('/sub', new Hono().get('/a', (c) => c.text('sub ' + new URL(c.req.url).host)))
export default app
`

const project = await siteProject({ 'interpeer.jsonc': CONFIG, 'src/app.tsx': APP })
after(() => project[Symbol.asyncDispose]())
const { visit } = await openSite(project.directory)

test('F3 Hono: text, html, JSX with asynchronous components, and layouts', () => {
  assert.equal(visit('/text').text, 'plain')
  const page = visit('/html')
  assert.equal(page.headers['content-type'], 'text/html; charset=UTF-8')
  assert.equal(page.text, '<p title="&quot;">&lt;b&gt; <i> <u>1</u><u>2</u></p>')
  assert.equal(
    visit('/jsx').text,
    '<ul><li>a &amp; b</li><li class="late"><em>slow</em></li><input disabled="" value="&quot;"/></ul>',
  )
  assert.match(visit('/page/x').text, /<title>T<\/title><\/head><body><h1>Hi<\/h1>/)
})

test('F3 Hono: cookies, plain and signed', () => {
  const first = visit('/cookie')
  assert.deepEqual(JSON.parse(first.text), { plain: null, signed: null })
  assert.equal(first.cookies[0], 'plain=v%20w; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax')
  const cookie = first.cookies.map((line) => line.split(';')[0]).join('; ')
  assert.deepEqual(JSON.parse(visit('/cookie', { headers: { cookie } }).text), { plain: 'v w', signed: 'value' })
  const forged = cookie.replace('signed=value', 'signed=other')
  assert.equal(JSON.parse(visit('/cookie', { headers: { cookie: forged } }).text).signed, false)
})

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

test('F3 Hono: validators of forms and JSON', () => {
  assert.deepEqual(JSON.parse(visit('/valid', { method: 'POST', headers: FORM, body: 'name=%C3%A9+x' }).text), {
    name: 'é x',
  })
  assert.equal(visit('/valid', { method: 'POST', headers: FORM, body: 'name=' }).status, 422)
  const json = { 'content-type': 'application/json' }
  assert.equal(visit('/json', { method: 'POST', headers: json, body: '{"a":[1]}' }).text, '{"got":{"a":[1]}}')
  assert.equal(visit('/json', { method: 'POST', headers: json, body: '{' }).status, 400)
})

test('F3 Hono: basic authentication and JSON web tokens', () => {
  assert.equal(visit('/auth/x').status, 401)
  assert.match(visit('/auth/x').headers['www-authenticate'] ?? '', /^Basic/)
  const authorization = `Basic ${Buffer.from('user:pässword').toString('base64')}`
  assert.equal(visit('/auth/x', { headers: { authorization } }).text, 'inside')
  const token = visit('/token').text
  assert.equal(visit('/jwt/x').status, 401)
  assert.equal(visit('/jwt/x', { headers: { authorization: `Bearer ${token}` } }).text, '"me"')
  assert.equal(visit('/jwt/x', { headers: { authorization: `Bearer ${token}x` } }).status, 401)
  const later = Date.UTC(2030, 0, 1)
  assert.equal(visit('/jwt/x', { headers: { authorization: `Bearer ${token}` }, time: later }).status, 401)
})

test('F3 Hono: ETag, body limit, CSRF, secure headers, CORS, request ids and the logger', () => {
  const tagged = visit('/etag/x')
  assert.equal(visit('/etag/x', { headers: { 'if-none-match': tagged.headers.etag ?? '' } }).status, 304)
  assert.equal(
    visit('/limit', { method: 'POST', body: '0123456789', headers: { 'content-length': '10' } }).text,
    '0123456789',
  )
  assert.equal(visit('/limit', { method: 'POST', body: '0123456789a' }).status, 413)
  assert.equal(
    visit('/csrf/x', { method: 'POST', headers: { ...FORM, origin: 'https://evil.example' }, body: 'a=1' }).status,
    403,
  )
  assert.equal(
    visit('/csrf/x', { method: 'POST', headers: { ...FORM, origin: 'https://hono.example' }, body: 'a=1' }).text,
    'posted',
  )
  assert.equal(visit('/secure/x').headers['content-security-policy'], "default-src 'self'")
  assert.equal(
    visit('/cors/x', { headers: { origin: 'https://other.example' } }).headers['access-control-allow-origin'],
    'https://other.example',
  )
  const id = visit('/id/x')
  assert.equal(id.headers['x-request-id'], id.text)
  assert.match(visit('/log/x').result.logs[1]?.text ?? '', /--> GET \/log\/x/)
})

test('F3 Hono: multipart uploads, parameters and queries', () => {
  const form = [
    '--B',
    'Content-Disposition: form-data; name="file"; filename="ü.txt"',
    'Content-Type: text/plain',
    '',
    'héllo',
    '--B',
  ]
  for (const tag of ['x', 'y']) form.push('Content-Disposition: form-data; name="tag"', '', tag, '--B')
  const body = `${form.join('\r\n')}--\r\n`
  const upload = visit('/upload', {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=B' },
    body,
  })
  assert.deepEqual(JSON.parse(upload.text), {
    name: 'ü.txt',
    type: 'text/plain',
    size: 6,
    tags: ['x', 'y'],
    text: 'héllo',
  })
  assert.deepEqual(JSON.parse(visit('/query/12?q=a%20b&t=1&t=2').text), {
    id: '12',
    q: 'a b',
    all: ['1', '2'],
    ua: null,
  })
  assert.equal(visit('/query/xx').text, 'nothing at /query/xx')
  assert.equal(visit('/sub/a').text, 'sub hono.example')
})

test('F3 Hono: streams end, timers only order, waitUntil is awaited', () => {
  assert.equal(visit('/stream').text, 'one\ntwo\n')
  assert.equal(visit('/pipe').text, 'piped')
  assert.equal(visit('/timeout/x').text, 'in time')
  const wait = visit('/wait')
  assert.deepEqual([wait.text, wait.result.logs.map(({ text }) => text)], ['now', ['waited']])
  assert.deepEqual(
    [
      ...Buffer.from(
        visit('/binary').result.ok ? (visit('/binary').result as { response: { body: Uint8Array } }).response.body : [],
      ),
    ],
    [0, 255, 10],
  )
})

test('F3 Hono: redirects, exceptions and errors', () => {
  const redirect = visit('/redirect')
  assert.deepEqual([redirect.status, redirect.headers.location], [302, '/text?a=é'])
  assert.deepEqual([visit('/forbidden').status, visit('/forbidden').text], [403, 'no'])
  const broken = visit('/broken')
  assert.equal(broken.status, 500)
  assert.match(broken.result.logs[0]?.text ?? '', /TypeError: .*undefined.*\n.*script\.js:\d+/)
})

test('a page that asked for neither time nor chance says so, and costs the same every time', () => {
  const first = visit('/jsx')
  const second = visit('/jsx')
  assert.deepEqual(first.result.asked, { time: false, chance: false })
  assert.equal(first.result.fuel, second.result.fuel)
  assert.deepEqual(visit('/token').result.asked, { time: true, chance: false })
  assert.deepEqual(visit('/id/x').result.asked, { time: false, chance: true })
})
