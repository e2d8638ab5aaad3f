// Streams of events at the HTTP edge: they go on as heights pass, and who checks answers waits for each.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startEdge } from '#test/support/edge.ts'
import { eventApp, listen } from '#test/support/events.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { until } from '#test/support/until.ts'

const group = hostedGroup('demo', {
  app(request, context) {
    if (request.target === '/few') {
      const all = eventApp({ ...request, target: '/events' }, context)
      const [first, second] = Buffer.from(all.body)
        .toString()
        .split(/(?<=\n\n)/)
      return eventStream(`${first ?? ''}${second ?? ''}`)
    }
    if (request.target === '/same') return eventStream('data: again\n\n')
    if (request.target === '/until' && context.state.get('lines')?.endsWith('"stop"]') === true)
      return textResponse(200, 'over')
    return eventApp(request, context)
  },
})
const eventStream = (text: string) => ({
  status: 200,
  headers: [['content-type', 'text/event-stream']] as const,
  body: Buffer.from(text),
})
const edge = await startEdge(group, { limits: { eventStreamsMax: 4, eventCommentMs: 200 } })
after(() => edge[Symbol.asyncDispose]())
const post = (line: string) => edge.ask('/', { method: 'POST', body: Buffer.from(line) })
/** How many events there are by now. */
const count = async (): Promise<number> => (await edge.ask('/events')).body.toString().split('id: ').length - 1

test('a stream goes on as heights pass: every event once, in order, after the one that was asked for', async () => {
  const first = await count()
  await post('one')
  const all = await listen(`${edge.origin}/events`)
  assert.equal(all.status, 200)
  assert.equal(all.headers['content-length'], undefined)
  assert.equal(all.headers.etag, undefined)
  assert.equal(all.headers['cache-control'], 'no-cache')
  await until('the first event', () => all.lines().length === first + 1)
  const late = await listen(`${edge.origin}/events`, { 'last-event-id': String(first + 1) })
  for (const line of ['two', 'three', 'four']) await post(line)
  await until('the others', () => late.lines().length === 3 && all.lines().length === first + 4)
  assert.deepEqual(late.lines(), ['two', 'three', 'four'])
  assert.deepEqual(all.lines().slice(-4), ['one', 'two', 'three', 'four'])
  await until('a comment that shows that it lives', () => late.text().endsWith('\n\n:\n\n'))
  all.leave()
  late.leave()
})

test('who does not ask for a stream, and who asks in parts or for the head, gets an answer that ends', async () => {
  await post('one')
  const plain = await edge.askVerified('/events')
  assert.equal(plain.answer.status, 200)
  const accept = { accept: 'text/event-stream' }
  assert.equal((await edge.ask('/events', { headers: { ...accept, range: 'bytes=0-3' } })).status, 206)
  assert.equal((await edge.ask('/events', { method: 'HEAD', headers: accept })).status, 200)
  assert.equal((await edge.ask('/events', { headers: { ...accept, 'interpeer-client': '1' } })).status, 200)
})

test('who checks answers waits for an event, and is answered without one when the time is over', async () => {
  await post('before')
  const id = String(await count())
  const headers = { 'interpeer-client': '1', prefer: 'wait=20', 'last-event-id': id }
  const waiting = edge.askVerified('/events', { headers })
  await until('the wait', async () => /interpeer_event_streams 1\b/.test(await edge.registry.text()))
  await post('at last')
  const { answer } = await waiting
  assert.equal(answer.body.toString(), `id: ${Number(id) + 1}\ndata: at last\n\n`)
  const nothing = await edge.askVerified('/events', {
    headers: { ...headers, prefer: 'wait=1', 'last-event-id': '99' },
  })
  assert.equal(nothing.answer.body.length, 0)
  const known = await edge.askVerified('/events', { headers: { ...headers, 'last-event-id': '0' } })
  assert.ok(known.answer.body.length > 0, 'an event that is there is not waited for')
})

test('a stream ends where it cannot be followed: without ids, and when the script answers otherwise', async () => {
  const same = await listen(`${edge.origin}/same`)
  await same.ended
  assert.deepEqual(same.lines(), ['again'])
  const turning = await listen(`${edge.origin}/until`)
  await post('goes on')
  await until('the event', () => turning.lines().at(-1) === 'goes on')
  await post('stop')
  await turning.ended
  assert.ok(!turning.text().includes('over'))
})

test('a script that gives a few events at a time is asked again at once', async () => {
  for (const line of ['one', 'two', 'three', 'four', 'five']) await post(line)
  const from = (await count()) - 5
  const few = await listen(`${edge.origin}/few`, { 'last-event-id': String(from) })
  await until('all of them', () => few.lines().length === 5)
  assert.deepEqual(few.lines(), ['one', 'two', 'three', 'four', 'five'])
  few.leave()
})

test('of more streams than fit those that come last get an answer that ends', async () => {
  await post('one')
  const id = String(await count())
  const streams = [await listen(`${edge.origin}/events`), await listen(`${edge.origin}/events`)]
  const last = await listen(`${edge.origin}/events`, { 'last-event-id': id })
  await last.ended
  assert.ok(streams.every((stream) => !stream.isOver()))
  for (const stream of streams) stream.leave()
  await until('their places', async () => /interpeer_event_streams 0\b/.test(await edge.registry.text()))
})

test('F28 a member that stops ends its streams, so that browsers come again elsewhere', async () => {
  const other = await startEdge(group)
  const stream = await listen(`${other.origin}/events`)
  await other.server.drain(5_000)
  await stream.ended
  await other[Symbol.asyncDispose]()
})
