import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDoor, verifyWire } from '#protocol/agreement/door.ts'
import { evidenceFromBytes, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { recordFromBytes, recordToBytes } from '#protocol/agreement/record.ts'
import { type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { DOMAIN, JOB, requestAt, verify } from './cluster.ts'
import { Lone, START } from './lone.ts'

const lone = new Lone()
const requests = [requestAt(START)]
const block = lone.block(requests)
const [a = 0] = lone.others()

const signed: readonly WireMessage[] = [
  lone.propose(block, requests, { view: 1, tc: lone.tc(0), qc1s: [lone.qc1(block)] }),
  lone.vote1(a, block, 1, 0, [lone.qc1(block)]),
  lone.vote2(a, block),
  { type: 'cert', cert: lone.cert(block) },
  { type: 'timeout', timeout: lone.timeout(a, 3), qc1s: [] },
  { type: 'tc', timeouts: lone.tc(3), qc1s: [] },
]
const persisted = new Lone()
const [persist] = persisted.execute(persisted.hear(persisted.propose(persisted.block([]), [])))
assert.ok(persist?.type === 'persist')

const decoders: readonly [string, Uint8Array, (bytes: Uint8Array) => Uint8Array | undefined][] = [
  ...signed.map((message): (typeof decoders)[number] => [
    message.type,
    wireToBytes(message),
    (bytes) => {
      const read = wireFromBytes(bytes)
      return read.ok ? wireToBytes(read.value) : undefined
    },
  ]),
  [
    'blocks',
    contentToBytes({ type: 'blocks', job: JOB, blocks: [{ cert: lone.cert(block), requests, bodies: [] }] }),
    (bytes) => {
      const read = contentFromBytes(bytes)
      return read.ok ? contentToBytes(read.value) : undefined
    },
  ],
  [
    'the record',
    persist.record,
    (bytes) => {
      const read = recordFromBytes(bytes)
      return read.ok ? recordToBytes(read.value) : undefined
    },
  ],
  [
    'evidence',
    evidenceToBytes({ kind: 'double_vote2', first: lone.vote2(a, block).vote, second: lone.vote2(a, block, 1).vote }),
    (bytes) => {
      const read = evidenceFromBytes(bytes)
      return read.ok ? evidenceToBytes(read.value) : undefined
    },
  ],
]

/** One byte changed, some cut off, or some put in. */
const damaged = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.constantFrom('flip', 'cut', 'put'))
    .map(([at, by, how]) => {
      if (how === 'cut') return bytes.slice(0, at)
      if (how === 'put') return Uint8Array.from([...bytes.subarray(0, at), by, ...bytes.subarray(at)])
      const copy = bytes.slice()
      copy[at] = (copy[at] ?? 0) ^ by
      return copy
    })

for (const [name, bytes, again] of decoders)
  test(`${name}: whatever bytes come, what is read writes the very same bytes`, () => {
    assert.deepEqual(again(bytes), bytes)
    const inputs = fc.oneof({ weight: 4, arbitrary: damaged(bytes) }, { weight: 1, arbitrary: fc.uint8Array() })
    fc.assert(
      fc.property(inputs, (input) => {
        const written = again(input)
        if (written !== undefined) assert.deepEqual(written, input)
      }),
      { numRuns: 300 },
    )
  })

for (const message of signed)
  test(`${message.type}: no byte of a signed message can be changed without being refused`, () => {
    const bytes = wireToBytes(message)
    fc.assert(
      fc.property(damaged(bytes), (input) => {
        const read = wireFromBytes(input)
        if (read.ok) assert.equal(verifyWire(createDoor(DOMAIN, lone.group), read.value, verify).ok, false)
      }),
      { numRuns: 300 },
    )
  })
