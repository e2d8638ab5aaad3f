import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atob as guestAtob, btoa as guestBtoa } from '#seeder/execute/guest/base64.ts'
import { TextDecoder as GuestDecoder, TextEncoder as GuestEncoder } from '#seeder/execute/guest/encoding.ts'
import { installGuestHost } from '#test/support/guest-host.ts'

installGuestHost()

// Long enough for the host's loop as well as the library's own.
const text = fc.string({ unit: 'binary', maxLength: 90 })
const bytes = fc.uint8Array({ maxLength: 90 })
/** Bytes that look like UTF-8 more often than chance would have it. */
const nearUtf8 = fc
  .array(
    fc.constantFrom(0x41, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0, 0xff, 0xef, 0xbb, 0xbf, 0),
    { maxLength: 70 },
  )
  .map((list) => Uint8Array.from(list))

test('TextEncoder: any text gives the bytes that Node gives', () => {
  const property = fc.property(text, (value) => {
    assert.deepEqual(new GuestEncoder().encode(value), new TextEncoder().encode(value))
  })
  fc.assert(property, { numRuns: 300 })
  assert.deepEqual(
    new GuestEncoder().encode('a\ud800b'.padEnd(60, 'x')),
    new TextEncoder().encode('a\ud800b'.padEnd(60, 'x')),
  )
})

test('TextEncoder: encodeInto stops before a character that does not fit', () => {
  const into = new Uint8Array(4)
  assert.deepEqual(new GuestEncoder().encodeInto('aé€', into), { read: 2, written: 3 })
  assert.deepEqual([...into], [0x61, 0xc3, 0xa9, 0])
})

test('TextDecoder: any bytes give the text that Node gives, with any options', () => {
  const options = fc.record({ fatal: fc.boolean(), ignoreBOM: fc.boolean() })
  const label = fc.constantFrom('utf-8', 'UTF8', 'utf-16le')
  const property = fc.property(fc.oneof(bytes, nearUtf8), options, label, (input, choice, name) => {
    const attempt = (make: () => { decode(input: Uint8Array): string }): string => {
      try {
        return make().decode(input)
      } catch (error) {
        return (error as Error).name
      }
    }
    assert.equal(
      attempt(() => new GuestDecoder(name, choice)),
      attempt(() => new TextDecoder(name, choice)),
    )
  })
  fc.assert(property, { numRuns: 1000 })
})

test('TextDecoder: any division of the bytes into chunks gives the same text', () => {
  const property = fc.property(
    nearUtf8,
    fc.array(fc.nat(70)),
    fc.constantFrom('utf-8', 'utf-16le'),
    (input, cuts, label) => {
      const ends = [...cuts.map((cut) => Math.min(cut, input.length)), input.length].sort((a, b) => a - b)
      const decoder = new GuestDecoder(label)
      let joined = ''
      let start = 0
      for (const end of ends) {
        joined += decoder.decode(input.subarray(start, end), { stream: true })
        start = end
      }
      assert.equal(joined + decoder.decode(), new TextDecoder(label).decode(input))
    },
  )
  fc.assert(property, { numRuns: 500 })
})

test('TextDecoder: latin1 is windows-1252', () => {
  assert.equal(new GuestDecoder('latin1').decode(Uint8Array.of(0x41, 0xe9, 0x80, 0x93)), 'Aé€“')
  assert.throws(() => new GuestDecoder('klingon'), RangeError)
})

test('atob and btoa: any bytes survive, and what Node refuses is refused', () => {
  const property = fc.property(
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }),
    (value) => {
      assert.equal(guestBtoa(value), btoa(value))
      assert.equal(guestAtob(guestBtoa(value)), value)
    },
  )
  fc.assert(property)
  for (const input of ['', 'YQ', 'YQ==', 'Y Q =\n=', 'YWI=', 'YWI', 'A', 'YQ=', 'YQ===', '****', 'YWJj=', 'AB']) {
    const attempt = (decode: (value: string) => string): string => {
      try {
        return decode(input)
      } catch {
        return 'refused'
      }
    }
    assert.equal(attempt(guestAtob), attempt(atob), input)
  }
  assert.throws(() => guestBtoa('€'))
})
