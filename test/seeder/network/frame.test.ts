import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FRAME_KIND, type Frame, FrameReader, frameToBytes } from '#seeder/network/frame.ts'

function readAll(reader: FrameReader): Frame[] {
  const frames: Frame[] = []
  for (;;) {
    const next = reader.next()
    assert.ok(next.ok)
    if (next.value === undefined) return frames
    frames.push(next.value)
  }
}

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.uint8Array({ maxLength: 300 })), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 20 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap(([kind, payload]) => frameToBytes(kind as Frame['kind'], payload)))
        const reader = new FrameReader(300)
        const out: Frame[] = []
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1
          reader.push(bytes.subarray(at, at + length))
          at += length
          out.push(...readAll(reader))
        }
        assert.deepEqual(
          out.map((frame) => [frame.kind, Buffer.from(frame.payload).toString('hex')]),
          frames.map(([kind, payload]) => [kind, Buffer.from(payload).toString('hex')]),
        )
        assert.equal(reader.heldBytes, 0)
      },
    ),
  )
})

test('a frame at the limit passes and one byte more is refused before its payload arrives', () => {
  const within = new FrameReader(8)
  within.push(Buffer.concat(frameToBytes(FRAME_KIND.data, new Uint8Array(8))))
  assert.equal(readAll(within).length, 1)
  const over = new FrameReader(8)
  over.push(Uint8Array.of(0, 0, 0, 10))
  assert.deepEqual(over.next(), { ok: false, error: { code: 'frame_too_large', actualBytes: 9, maxBytes: 8 } })
})

test('an unknown kind and an empty frame end the reading', () => {
  const unknown = new FrameReader(8)
  unknown.push(Uint8Array.of(0, 0, 0, 1, 6))
  assert.deepEqual(unknown.next(), { ok: false, error: { code: 'frame_kind', kind: 6 } })
  const empty = new FrameReader(8)
  empty.push(Uint8Array.of(0, 0, 0, 0))
  assert.deepEqual(empty.next(), { ok: false, error: { code: 'frame_empty' } })
})
