// Addresses of records, against Node's own reading of them.

import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressFromText, addressToText, isGlobal } from '#protocol/dns/address.ts'

test('every IPv4 address has one text', () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const address = addressFromText(text)
      assert(address?.length === 4)
      assert.equal(addressToText(address), text)
    }),
  )
  for (const text of [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.-4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    'a.b.c.d',
  ])
    assert.equal(addressFromText(text), undefined, text)
})

test('RFC 5952: an IPv6 address has the text that Node has', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 15 }), (bytes, zeros) => {
      bytes.fill(0, zeros, Math.min(16, zeros + 6))
      // Node writes addresses that carry one of IPv4 otherwise.
      if (bytes.subarray(0, 10).every((byte) => byte === 0)) return
      const words = Array.from({ length: 8 }, (_, index) =>
        (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
      )
      const { hostname } = new URL(`http://[${words.join(':')}]/`)
      assert.equal(`[${addressToText(bytes)}]`, hostname)
      assert.deepEqual(addressFromText(addressToText(bytes)), bytes)
    }),
  )
})

test('what Node takes for an IPv6 address is one here, and nothing else is', () => {
  const piece = fc.constantFrom(':', '::', '0', '1', 'ffff', 'g', '12345', '1.2.3.4', 'db8', '2001', '')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
      const text = pieces.join('')
      assert.equal(addressFromText(text) !== undefined, isIP(text) !== 0, text)
    }),
    { numRuns: 2_000 },
  )
  for (const text of [
    '::1',
    '1::',
    '::',
    '1:2:3:4:5:6:7:8',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:7::',
    '1:2:3:4:5:6:7:8:9',
    ':::',
    '1::2::3',
    '::1%lo',
  ])
    assert.equal(addressFromText(text) !== undefined, isIP(text) !== 0 && !text.includes('%'), text)
})

test('of the public network: neither this machine nor its neighbours, nor what is nobody’s', () => {
  for (const text of ['93.184.215.14', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1', '2001:4860:4860::8888'])
    assert.equal(isGlobal(addressFromText(text) ?? new Uint8Array(0)), true, text)
  for (const text of [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.1',
    '172.31.255.255',
    '100.64.0.1',
    '169.254.1.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '203.0.113.9',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
    '2002:a00:1::',
    '2001:db8::1',
    '2001::1',
  ])
    assert.equal(isGlobal(addressFromText(text) ?? new Uint8Array(0)), false, text)
})
