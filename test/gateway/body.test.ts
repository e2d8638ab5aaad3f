// Bodies that come to the gateway: bounded each, and together.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBodies } from '#gateway/http/body.ts'

const NEVER_MS = 2 ** 30

type Sent = { readonly request: Request; send(bytes: number): void; end(): void; readonly cancelled: Promise<void> }

function coming(): Sent {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const { promise: cancelled, resolve } = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    start(made) {
      controller = made
    },
    cancel: () => resolve(),
  })
  return {
    request: new Request('http://gateway/register', { method: 'POST', body, duplex: 'half' } as RequestInit),
    send: (bytes) => controller?.enqueue(new Uint8Array(bytes)),
    end: () => controller?.close(),
    cancelled,
  }
}

test('a body within its bounds is read whole, one that is longer is not', async () => {
  const bodies = createBodies({ bytesMax: 1_000, msMax: NEVER_MS })
  const [fits, long] = [coming(), coming()]
  const read = [bodies.read(fits.request, 300), bodies.read(long.request, 300)] as const
  for (const each of [fits, long]) for (let count = 0; count < 3; count++) each.send(100)
  fits.end()
  long.send(1)
  const whole = await read[0]
  assert.equal(whole.ok && whole.value.length, 300)
  assert.deepEqual(await read[1], { ok: false, error: { code: 'body_too_large', maxBytes: 300 } })
  await long.cancelled
  assert.equal(bodies.held, 0)
})

test('a body that does not end in time is given up', async () => {
  const bodies = createBodies({ bytesMax: 1_000, msMax: 20 })
  const slow = coming()
  slow.send(10)
  assert.deepEqual(await bodies.read(slow.request, 300), { ok: false, error: { code: 'body_too_slow', maxMs: 20 } })
  await slow.cancelled
  assert.equal(bodies.held, 0)
})

test('where bodies do not fit together, the one that has been coming for longest is given up, and a newcomer is read', async () => {
  const bodies = createBodies({ bytesMax: 1_000, msMax: NEVER_MS })
  const tricklers = Array.from({ length: 3 }, coming)
  const read = tricklers.map(({ request }) => bodies.read(request, 400))
  for (const { send } of tricklers) send(300)
  const [first] = read
  const newcomer = coming()
  newcomer.send(400)
  newcomer.end()
  const taken = await bodies.read(newcomer.request, 400)
  assert.equal(taken.ok && taken.value.length, 400)
  assert.deepEqual(await first, { ok: false, error: { code: 'body_too_slow', maxMs: NEVER_MS } })
  assert.ok(bodies.held <= 600)
  for (const { end } of tricklers.slice(1)) end()
  for (const each of read.slice(1)) assert.ok((await each).ok)
  assert.equal(bodies.held, 0)
})
