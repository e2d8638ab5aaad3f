// The messages of circuit relay v2, against bytes by hand; the library's side of them is in relay.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { err, ok } from '#protocol/codec/result.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { nameOfMultihash, peerIdOfName } from '#seeder/network/identity.ts'
import { placesOf, relayAddress } from '#seeder/network/relay-address.ts'
import {
  hopRequestFromBytes,
  hopStatusToBytes,
  RELAY_STATUS,
  stopConnectToBytes,
  stopStatusFromBytes,
} from '#seeder/network/relay-message.ts'
import { signerNamed } from '#test/support/network.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('requests are read, and what is none is refused by its kind', () => {
  assert.deepEqual(hopRequestFromBytes(hex('08 00')), ok({ type: 'reserve' }))
  assert.deepEqual(hopRequestFromBytes(hex('08 01 12 04 0a 02 ab cd')), ok({ type: 'connect', peer: hex('ab cd') }))
  // Fields that are not known, of each wire type, and a field twice: the last one counts.
  const unknown = '48 07 51 0102030405060708 5a 01 ff 65 01020304'
  assert.deepEqual(hopRequestFromBytes(hex(`08 01 ${unknown} 08 00`)), ok({ type: 'reserve' }))
  assert.deepEqual(hopRequestFromBytes(hex('08 02')), err({ code: 'unexpected' }))
  for (const malformed of [
    '',
    '08',
    '12 00',
    '08 01',
    '08 01 12 00',
    '08 01 12 05 0a 02 ab cd',
    '0b 00',
    'ff'.repeat(11),
    // A key of 33 bits, whose last 32 are those of the type.
    '88 80 80 80 10 00',
  ])
    assert.deepEqual(hopRequestFromBytes(hex(malformed)), err({ code: 'malformed' }), malformed)
})

test('answers are the bytes that the specification wants', () => {
  assert.deepEqual(Buffer.from(hopStatusToBytes(RELAY_STATUS.noReservation)), hex('08 02 28 cc 01'))
  const reservation = { expire: 300, addresses: [hex('aa'), hex('bb cc')] }
  assert.deepEqual(
    Buffer.from(hopStatusToBytes(RELAY_STATUS.ok, reservation)),
    hex('08 02 1a 0a 08 ac 02 12 01 aa 12 02 bb cc 28 64'),
  )
  assert.deepEqual(Buffer.from(stopConnectToBytes(hex('ab cd'))), hex('08 00 12 04 0a 02 ab cd'))
  assert.equal(stopStatusFromBytes(hex('08 01 20 64')), RELAY_STATUS.ok)
  for (const other of ['', '08 00 20 64', '08 01', '20 64', '08 01 20'])
    assert.equal(stopStatusFromBytes(hex(other)), undefined, other)
})

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
      hopRequestFromBytes(bytes)
      stopStatusFromBytes(bytes)
      nameOfMultihash(bytes)
    }),
  )
})

test('a peer is named by the multihash of its id, and by nothing else', () => {
  const name = peerName(signerNamed('one').publicKey)
  const bytes = peerIdOfName(name).toMultihash().bytes
  assert.equal(nameOfMultihash(bytes), name)
  for (const other of [bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)]), hex('12 20')])
    assert.equal(nameOfMultihash(other), undefined)
})

test('addresses of a record are direct, through a relay, or passed over', () => {
  const relay = peerName(signerNamed('relay').publicKey)
  const id = peerIdOfName(relay).toString()
  const given = [
    '/ip4/192.0.2.7/tcp/4001',
    relayAddress(relay),
    `/ip4/192.0.2.8/tcp/1/p2p/${id}/p2p-circuit`,
    '/p2p-circuit',
    '/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N/p2p-circuit',
    `/p2p/${id}`,
    'nonsense',
    '',
  ]
  const { direct, relays } = placesOf(given)
  assert.deepEqual(
    direct.map((address) => address.toString()),
    ['/ip4/192.0.2.7/tcp/4001'],
  )
  assert.deepEqual(relays, [relay])
})
