// Headers, Request, Response, Blob, FormData: Node's own as the oracle where it has the same rule.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Blob as GuestBlob, File as GuestFile } from '#seeder/execute/guest/blob.ts'
import { FormData as GuestForm } from '#seeder/execute/guest/form-data.ts'
import { Headers as GuestHeaders } from '#seeder/execute/guest/headers.ts'
import { Request as GuestRequest } from '#seeder/execute/guest/request.ts'
import { Response as GuestResponse } from '#seeder/execute/guest/response.ts'
import { ReadableStream } from '#seeder/execute/guest/streams.ts'
import { installGuestHost } from '#test/support/guest-host.ts'

installGuestHost()

test('Headers: any sequence of changes leaves what Node has after it', () => {
  const name = fc.constantFrom('a', 'A', 'Set-Cookie', 'set-cookie', 'x-b', 'Content-Type', 'no good', '')
  const value = fc.constantFrom('1', ' 2 ', 'a, b', '', 'é', 'x\ny', '€', '\t\u007f')
  const change = fc.tuple(fc.constantFrom('append', 'set', 'delete'), name, value)
  const property = fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
    const [ours, theirs] = [new GuestHeaders(), new Headers()]
    for (const [method, key, text] of changes) {
      const apply = (headers: GuestHeaders | Headers): string => {
        try {
          if (method === 'delete') headers.delete(key)
          else headers[method as 'append' | 'set'](key, text)
          return 'done'
        } catch {
          return 'refused'
        }
      }
      assert.equal(apply(ours), apply(theirs), `${method} ${key} ${JSON.stringify(text)}`)
    }
    assert.deepEqual([...ours], [...theirs])
    assert.deepEqual(ours.getSetCookie(), theirs.getSetCookie())
  })
  fc.assert(property, { numRuns: 500 })
})

test('Headers: built from pairs, an object and other headers', () => {
  assert.deepEqual(
    [
      ...new GuestHeaders([
        ['B', '2'],
        ['a', '1'],
        ['b', '3'],
      ]),
    ],
    [
      ['a', '1'],
      ['b', '2, 3'],
    ],
  )
  assert.equal(new GuestHeaders({ 'X-Y': 'z' }).get('x-y'), 'z')
  assert.deepEqual([...new GuestHeaders(new GuestHeaders({ a: '1' }))], [['a', '1']])
  assert.throws(() => new GuestHeaders([['a']] as unknown as [string, string][]), TypeError)
})

const BODIES: readonly (readonly [body: unknown, text: string, type: string | null])[] = [
  [null, '', null],
  ['text', 'text', 'text/plain;charset=UTF-8'],
  // A String object is what Hono's html helper hands in.
  [Object('<p>'), '<p>', 'text/plain;charset=UTF-8'],
  [new TextEncoder().encode('bytes'), 'bytes', null],
  [new TextEncoder().encode('xbytes').subarray(1), 'bytes', null],
  [new TextEncoder().encode('buffer').buffer, 'buffer', null],
  [new GuestBlob(['bl', 'ob'], { type: 'Text/X' }), 'blob', 'text/x'],
  [new GuestBlob(['b']), 'b', null],
]

test('Response: every kind of body has its bytes and its type', async () => {
  for (const [body, text, type] of BODIES) {
    const response = new GuestResponse(body as string)
    assert.equal(response.headers.get('content-type'), type)
    assert.equal(await response.clone().text(), text)
    assert.equal(new TextDecoder().decode(await response.clone().arrayBuffer()), text)
    assert.equal(await new GuestResponse(response.body as ReadableStream).text(), text)
  }
  assert.equal(new GuestResponse('x', { headers: { 'content-type': 'a/b' } }).headers.get('content-type'), 'a/b')
})

test('Response: a body can be read once, and a clone once more', async () => {
  const response = new GuestResponse('{"a":1}')
  const copy = response.clone()
  assert.deepEqual(await response.json(), { a: 1 })
  assert.equal(response.bodyUsed, true)
  await assert.rejects(response.text(), TypeError)
  assert.throws(() => response.clone(), TypeError)
  assert.equal(copy.bodyUsed, false)
  assert.equal(await copy.text(), '{"a":1}')
})

test('Response: a stream is read to its end and teed by clone', async () => {
  const stream = new ReadableStream({
    start(controller) {
      for (const part of ['one ', 'two']) controller.enqueue(new TextEncoder().encode(part))
      controller.close()
    },
  })
  const response = new GuestResponse(stream)
  const copy = response.clone()
  assert.equal(await response.text(), 'one two')
  assert.equal(await copy.text(), 'one two')
})

test('Response: statuses and the helpers', async () => {
  assert.throws(() => new GuestResponse(null, { status: 199 }), RangeError)
  assert.throws(() => new GuestResponse(null, { status: 600 }), RangeError)
  assert.throws(() => new GuestResponse('x', { status: 204 }), TypeError)
  assert.equal(new GuestResponse(null, { status: 304 }).ok, false)
  const json = GuestResponse.json({ a: 1 }, { status: 201 })
  assert.equal(json.status, 201)
  assert.equal(json.headers.get('content-type'), 'application/json')
  const redirect = GuestResponse.redirect('http://a/b', 303)
  assert.equal(redirect.headers.get('location'), 'http://a/b')
  assert.throws(() => GuestResponse.redirect('http://a', 200), RangeError)
})

test('Request: method, headers and body come from the options, then from the request it is made of', async () => {
  const first = new GuestRequest('http://a/b#c', { method: 'post', body: 'x', headers: { 'x-y': '1' } })
  assert.equal(first.method, 'POST')
  assert.equal(first.url, 'http://a/b#c')
  const second = new GuestRequest(first, { headers: { z: '2' } })
  assert.equal(first.bodyUsed, true)
  assert.deepEqual([second.method, second.headers.get('x-y'), second.headers.get('z')], ['POST', null, '2'])
  assert.equal(await second.clone().text(), 'x')
  assert.throws(() => new GuestRequest('http://a', { method: 'GET', body: 'x' }), TypeError)
  assert.throws(() => new GuestRequest('http://a', { method: 'bad method' }), TypeError)
  assert.throws(() => new GuestRequest('/relative'), TypeError)
  assert.equal(new GuestRequest('http://a', { method: 'purge' }).method, 'purge')
})

test('FormData: urlencoded bodies', async () => {
  const request = new GuestRequest('http://a', {
    method: 'POST',
    body: new URLSearchParams('a=1&b=%C3%A9+x&a=2').toString(),
  })
  request.headers.set('content-type', 'application/x-www-form-urlencoded; charset=utf-8')
  const form = await request.formData()
  assert.deepEqual(
    [...form],
    [
      ['a', '1'],
      ['b', 'é x'],
      ['a', '2'],
    ],
  )
  assert.deepEqual(form.getAll('a'), ['1', '2'])
  await assert.rejects(new GuestResponse('x').formData(), TypeError)
})

const fieldName = fc.string({
  unit: fc.constantFrom('a', 'é', '"', '\r\n', '%', ';', ' ', '=', '日'),
  minLength: 1,
  maxLength: 5,
})
const fieldText = fc.string({ unit: fc.constantFrom('x', '\r\n', '--', 'é', ' ', '\r\n--x'), maxLength: 6 })
const fieldFile = fc.record({ bytes: fc.uint8Array({ maxLength: 40 }), name: fieldName })

test('FormData: any multipart form survives writing and reading, and Node reads what we write', async () => {
  const field = fc.tuple(fieldName, fc.oneof(fieldText, fieldFile))
  const property = fc.asyncProperty(fc.array(field, { minLength: 1, maxLength: 5 }), async (fields) => {
    const form = new GuestForm()
    for (const [name, value] of fields) {
      if (typeof value === 'string') form.append(name, value)
      else form.append(name, new GuestFile([value.bytes], value.name, { type: 'a/b' }))
    }
    const response = new GuestResponse(form)
    const type = response.headers.get('content-type') ?? ''
    const bytes = new Uint8Array(await response.arrayBuffer())
    const ours = await new GuestResponse(bytes, { headers: { 'content-type': type } }).formData()
    const theirs = await new Response(bytes, { headers: { 'content-type': type } }).formData()
    const shown = async (all: Iterable<[string, unknown]>): Promise<unknown[]> => {
      const list: unknown[] = []
      for (const [name, value] of all) {
        const file = value as { name: string; type: string; arrayBuffer(): Promise<ArrayBuffer> }
        list.push(
          typeof value === 'string'
            ? [name, value]
            : [name, file.name, file.type, [...new Uint8Array(await file.arrayBuffer())]],
        )
      }
      return list
    }
    assert.deepEqual(await shown(ours), await shown(theirs as unknown as Iterable<[string, unknown]>))
  })
  await fc.assert(property, { numRuns: 150 })
})

test('FormData: a browser’s multipart body with a preamble, a file and an empty part', async () => {
  const lines = [
    'preamble',
    '--XX',
    'Content-Disposition: form-data; name="title"',
    '',
    'A title',
    '--XX',
    'content-disposition: form-data; name="upload"; filename="a b.png"',
    'Content-Type: image/png',
    '',
    '\u0001\u0002',
    '--XX',
    'Content-Disposition: form-data; name="empty"',
    '',
    '',
    '--XX--',
    'epilogue',
  ]
  const body = new TextEncoder().encode(lines.join('\r\n'))
  const form = await new GuestResponse(body, {
    headers: { 'content-type': 'multipart/form-data; boundary="XX"' },
  }).formData()
  assert.equal(form.get('title'), 'A title')
  assert.equal(form.get('empty'), '')
  const file = form.get('upload') as GuestFile
  assert.deepEqual([file.name, file.type, file.size], ['a b.png', 'image/png', 2])
})

test('FormData: broken multipart bodies are refused', async () => {
  const bodies = [
    '',
    'no boundary',
    '--XX',
    '--XX\r\n',
    '--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
    '--XX\r\nX: y\r\n\r\nz\r\n--XX--',
  ]
  for (const body of bodies) {
    const response = new GuestResponse(body, { headers: { 'content-type': 'multipart/form-data; boundary=XX' } })
    await assert.rejects(response.formData(), TypeError, JSON.stringify(body))
  }
})

test('Blob: slices, types and streams', async () => {
  const blob = new GuestBlob(['héllo', Uint8Array.of(33), new GuestBlob(['?'])], { type: 'Text/Plain' })
  assert.equal(blob.size, 8)
  assert.equal(await blob.text(), 'héllo!?')
  assert.equal(await blob.slice(-2).text(), '!?')
  assert.equal(await blob.slice(0, 1, 'a/b').text(), 'h')
  assert.equal(blob.type, 'text/plain')
  assert.equal(await new GuestResponse(blob.stream()).text(), 'héllo!?')
})
