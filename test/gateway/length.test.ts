// How long a body is, as the gateway tells it: what a member says of it, and what it can show.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LengthAsked, Lengths, leavesAt, shownLength } from '#gateway/carry/length.ts'
import { createRooms } from '#gateway/carry/room.ts'
import { LENGTHS_MAX } from '#gateway/settings.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { merkleLeaf } from '#protocol/codec/merkle.ts'
import { assert as must, ok } from '#protocol/codec/result.ts'
import { BODY_CHUNK_BYTES, bodyRoot } from '#protocol/site/response-hash.ts'

const TAIL = 100
/** Three chunks, the last one short. */
const file = new Uint8Array(2 * BODY_CHUNK_BYTES + TAIL).map((_, at) => (at * 2654435761) >>> 11)
const root = bodyRoot(file)
const leaves = [0, 1, 2].map((index) =>
  merkleLeaf(file.subarray(index * BODY_CHUNK_BYTES, (index + 1) * BODY_CHUNK_BYTES)),
)

/** A member that has `body`, says so many bytes and tells these leaves of it. */
function member(body: Uint8Array, said: number, told: readonly Digest[]): LengthAsked & { readonly asks: string[] } {
  const rooms = createRooms(16 * 1024 * 1024)
  const room = rooms.enter('one')
  must(room !== undefined, 'there is room')
  const asks: string[] = []
  const ask: LengthAsked['ask'] = async ({ target, headers }) => {
    asks.push(target)
    if (target.includes('/chunks/')) return ok({ status: 200, headers: [], body: bytesConcat(...told) })
    const [, from = 0, to = 0] = /^bytes=([0-9]+)-([0-9]+)$/.exec(headers.at(-1)?.[1] ?? '') ?? []
    return ok({ status: 206, headers: [], body: body.slice(Number(from), Number(to) + 1) })
  }
  const question = { method: 'GET', target: '/file', scheme: 'https', host: 'a', headers: [], source: '' } as const
  return { ask, asks, question: { ...question, body: new Uint8Array(0) }, room, root, said }
}

async function told(asked: LengthAsked, lengths = new Lengths()): Promise<number | undefined> {
  const found = await leavesAt(asked)
  return found === undefined ? undefined : shownLength(lengths, asked, found)
}

test('what a member says of its body is put right by what it shows', async () => {
  for (const said of [file.length, file.length - 1, 2 * BODY_CHUNK_BYTES + 1, 3 * BODY_CHUNK_BYTES])
    assert.equal(await told(member(file, said, leaves)), file.length, `${said}`)
  for (const said of [0, 1, BODY_CHUNK_BYTES, 2 * BODY_CHUNK_BYTES, 3 * BODY_CHUNK_BYTES + 1, Number.MAX_SAFE_INTEGER])
    assert.equal(await told(member(file, said, leaves)), undefined, `${said}`)
})

test('a list with a node above two leaves in their place gives the same root, and shows no length', async () => {
  const [first, second, last] = leaves
  must(first !== undefined && second !== undefined && last !== undefined, 'there are three')
  const above = sha256(bytesConcat(Uint8Array.of(1), first, second))
  const short = member(file, BODY_CHUNK_BYTES + TAIL, [above, last])
  assert.ok(await leavesAt(short), 'it gives the root')
  assert.equal(await told(short), undefined)
  // Whatever it sends in the place of the first chunk.
  const cut = bytesConcat(new Uint8Array(BODY_CHUNK_BYTES), file.subarray(2 * BODY_CHUNK_BYTES))
  assert.equal(await told(member(cut, BODY_CHUNK_BYTES + TAIL, [above, last])), undefined)
})

test('a body that is another one by now shows none', async () => {
  const other = file.slice()
  other[0] = (other[0] ?? 0) ^ 1
  assert.equal(await told(member(other, file.length, leaves)), undefined)
  assert.equal(await told(member(file.subarray(0, -1), file.length, leaves)), undefined)
})

test('of a body of one chunk, or of none, nobody has to tell the leaves', async () => {
  for (const bytes of [0, 1, BODY_CHUNK_BYTES]) {
    const body = file.subarray(0, bytes)
    const one = { ...member(body, bytes, []), root: bodyRoot(body) }
    assert.equal(await told(one), bytes)
    assert.ok(!one.asks.some((target) => target.includes('/chunks/')))
  }
  assert.equal(await told(member(file, 0, [])), undefined)
})

test('it is shown once, and kept by root, of so many bodies at the most', async () => {
  const lengths = new Lengths()
  await told(member(file, file.length, leaves), lengths)
  const again = member(file, file.length, leaves)
  assert.equal(await told(again, lengths), file.length)
  assert.deepEqual(
    again.asks.filter((target) => target === '/file'),
    [],
  )
  for (let at = 0; at < LENGTHS_MAX; at++) lengths.put(sha256(Uint8Array.of(at >> 8, at & 255)), at)
  assert.equal(lengths.find(root), undefined)
})
