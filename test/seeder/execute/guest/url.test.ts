// URL and URLSearchParams. Node's own implementation is the oracle for generated inputs; the vectors are ours.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { URL as GuestURL } from '#seeder/execute/guest/url.ts'
import { URLSearchParams as GuestParams } from '#seeder/execute/guest/url-search-params.ts'
import { installGuestHost } from '#test/support/guest-host.ts'

installGuestHost()

const PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const

function partsOf(url: URL | GuestURL): Record<string, string> {
  return Object.fromEntries(PARTS.map((part) => [part, url[part]]))
}

function attempt(make: () => URL | GuestURL): Record<string, string> | 'failure' {
  try {
    return partsOf(make())
  } catch {
    return 'failure'
  }
}

const VALID: readonly (readonly [input: string, base: string | undefined, href: string])[] = [
  ['http://example.org', undefined, 'http://example.org/'],
  ['HTTP://EXAMPLE.org:80/A', undefined, 'http://example.org/A'],
  ['https://example.org:443', undefined, 'https://example.org/'],
  ['https://example.org:080', undefined, 'https://example.org:80/'],
  ['http://x.localhost:65535/', undefined, 'http://x.localhost:65535/'],
  ['  http://a/b\n', undefined, 'http://a/b'],
  ['http://a/b\tc\nd', undefined, 'http://a/bcd'],
  ['http://user:pa:ss@a', undefined, 'http://user:pa%3Ass@a/'],
  ['http://u@v@a/', undefined, 'http://u%40v@a/'],
  ['http://a/./b/../c', undefined, 'http://a/c'],
  ['http://a/%2e/%2E%2e/d', undefined, 'http://a/d'],
  ['http://a/b/..', undefined, 'http://a/'],
  ['http://a\\b\\c', undefined, 'http://a/b/c'],
  ['http:/a/b', undefined, 'http://a/b'],
  ['http:a', 'http://x/y/z', 'http://x/y/a'],
  ['https:a', 'http://x/y/z', 'https://a/'],
  ['//a/b', 'https://x/y', 'https://a/b'],
  ['/b?c#d', 'https://x/y?z#w', 'https://x/b?c#d'],
  ['?c', 'https://x/y/z?a', 'https://x/y/z?c'],
  ['#c', 'https://x/y/z?a#b', 'https://x/y/z?a#c'],
  ['', 'https://x/y/z?a#b', 'https://x/y/z?a'],
  ['../../..', 'https://x/y/z/w', 'https://x/'],
  ['http://a/ "<>`{}?^|', undefined, 'http://a/%20%22%3C%3E%60%7B%7D?^|'],
  ['http://a/?q=\'"<># `', undefined, 'http://a/?q=%27%22%3C%3E#%20%60'],
  ['http://a/é?é#é', undefined, 'http://a/%C3%A9?%C3%A9#%C3%A9'],
  ['http://a/%zz%4', undefined, 'http://a/%zz%4'],
  ['http://0x7f.1', undefined, 'http://127.0.0.1/'],
  ['http://127.0.0.1.', undefined, 'http://127.0.0.1/'],
  ['http://256', undefined, 'http://0.0.1.0/'],
  ['http://017700000001', undefined, 'http://127.0.0.1/'],
  ['http://[::1]:8080/', undefined, 'http://[::1]:8080/'],
  ['http://[1:0:0:2:0:0:0:3]', undefined, 'http://[1:0:0:2::3]/'],
  ['http://[::ffff:1.2.3.4]', undefined, 'http://[::ffff:102:304]/'],
  ['http://bücher.example', undefined, 'http://xn--bcher-kva.example/'],
  ['http://日本語。jp', undefined, 'http://xn--wgv71a119e.jp/'],
  ['http://EXAMPLE%2eorg', undefined, 'http://example.org/'],
  ['file:///C|/a/../..', undefined, 'file:///C:/'],
  ['file:a', 'file:///x/y', 'file:///x/a'],
  ['file://localhost/a', undefined, 'file:///a'],
  ['mailto:a@b?c d', undefined, 'mailto:a@b?c%20d'],
  ['data:text/plain,a b#c', undefined, 'data:text/plain,a b#c'],
  ['data:x  #c', undefined, 'data:x %20#c'],
  ['ipn://example/a/../b?c', undefined, 'ipn://example/b?c'],
  ['web+demo:/.//not-a-host', undefined, 'web+demo:/.//not-a-host'],
  ['non-special://Ex%41mple/', undefined, 'non-special://Ex%41mple/'],
  ['#x', 'mailto:a', 'mailto:a#x'],
]

test('URL: valid addresses are normalised', () => {
  for (const [input, base, href] of VALID) {
    assert.equal(new GuestURL(input, base).href, href, `${input} against ${base}`)
    assert.equal(new GuestURL(href).href, href, `${href} is stable`)
  }
})

const INVALID: readonly (readonly [input: string, base?: string])[] = [
  [''],
  ['a'],
  ['/a'],
  ['//a'],
  ['http://'],
  ['http://a b'],
  ['http://a:65536'],
  ['http://a:b'],
  ['http://a@'],
  ['http://256.1.1.1'],
  ['http://1.2.3.4.5'],
  ['http://1.2.3.08'],
  ['http://[::1'],
  ['http://[1:2]'],
  ['http://[1::2::3]'],
  ['http://[::1.2.3]'],
  ['http://a%00b'],
  ['http://a<b'],
  ['http://xn--a.example/\u0000'.slice(0, 17)],
  ['a', 'mailto:x'],
  ['?a', 'data:x'],
]

test('URL: what is no address is refused', () => {
  for (const [input, base] of INVALID) {
    assert.throws(() => new GuestURL(input, base), TypeError, `${input} against ${base}`)
    assert.equal(GuestURL.canParse(input, base), false)
    assert.equal(GuestURL.parse(input, base), null)
  }
})

const SETTERS: readonly (readonly [href: string, part: (typeof PARTS)[number], value: string, expected: string])[] = [
  ['http://a/', 'protocol', 'https', 'https://a/'],
  ['http://a/', 'protocol', 'foo', 'http://a/'],
  ['http://a:443/', 'protocol', 'https:', 'https://a/'],
  ['http://a/', 'username', 'ü@', 'http://%C3%BC%40@a/'],
  ['http://a/', 'password', 'p', 'http://:p@a/'],
  ['http://a/', 'host', 'b:81', 'http://b:81/'],
  ['http://a:80/', 'hostname', 'b:81', 'http://a/'],
  ['http://a/', 'port', '8080x', 'http://a:8080/'],
  ['http://a:1/', 'port', '', 'http://a/'],
  ['http://a/', 'port', '65536', 'http://a/'],
  ['http://a/b', 'pathname', 'c/../d e', 'http://a/d%20e'],
  ['http://a/b', 'search', '?x=1 2', 'http://a/b?x=1%202'],
  ['http://a/b?c', 'search', '', 'http://a/b'],
  ['http://a/b', 'hash', 'x y', 'http://a/b#x%20y'],
  ['http://a/b#c', 'hash', '', 'http://a/b'],
  ['mailto:a', 'pathname', 'b', 'mailto:a'],
  ['mailto:a', 'host', 'b', 'mailto:a'],
  ['file:///a', 'port', '1', 'file:///a'],
]

test('URL: setters change one part and refuse what does not fit', () => {
  for (const [href, part, value, expected] of SETTERS) {
    const url = new GuestURL(href)
    Object.assign(url, { [part]: value })
    assert.equal(url.href, expected, `${href} ${part} = ${value}`)
  }
})

test('URL: searchParams and search follow each other', () => {
  const url = new GuestURL('http://a/?x=1')
  url.searchParams.append('y', 'a b')
  assert.equal(url.href, 'http://a/?x=1&y=a+b')
  url.search = '?z=2'
  assert.equal(url.searchParams.get('z'), '2')
  url.searchParams.delete('z')
  assert.equal(url.href, 'http://a/')
})

/** Pieces that addresses are made of, put together at random: most results are wrong in some interesting way. */
const piece = fc.constantFrom(
  ...[
    'http:',
    'https:',
    'file:',
    'ws:',
    'foo:',
    'mailto:',
    '/',
    '//',
    '\\',
    '?',
    '#',
    ':',
    '@',
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '%',
    '%zz',
  ],
  ...[
    'a',
    'B',
    'example.org',
    'x.localhost',
    '127.1',
    '0x10',
    '08',
    '1e2',
    '[::1]',
    '[1::',
    ']',
    ':80',
    ':443',
    ':99999',
    ' ',
    '\t',
    '\n',
  ],
  ...['é', '"', '<', '`', '{', '|', '^', "'", '~', 'C|', 'D:', '\u0000', '\u007f', '&', '=', '+', '-', '_', '*', '😀'],
)
const address = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''))

test('URL: any input gives the same address, or the same failure, as Node', () => {
  const property = fc.property(address, fc.option(address, { nil: undefined }), (input, base) => {
    assert.deepEqual(
      attempt(() => new GuestURL(input, base)),
      attempt(() => new URL(input, base)),
    )
  })
  fc.assert(property, { numRuns: 4000 })
})

test('URL: any setter with any value has the same effect as in Node', () => {
  const start = fc.constantFrom(
    'http://u:p@a.b:81/c/d?e#f',
    'https://a/',
    'file:///C:/x',
    'mailto:a?b',
    'foo://h:1/p',
    'foo:/p',
    'file://h/x',
  )
  const part = fc.constantFrom(...PARTS.filter((name) => name !== 'origin' && name !== 'href'))
  const property = fc.property(start, part, address, (href, name, value) => {
    const [ours, theirs] = [new GuestURL(href), new URL(href)]
    Object.assign(ours, { [name]: value })
    Object.assign(theirs, { [name]: value })
    assert.deepEqual(partsOf(ours), partsOf(theirs))
  })
  fc.assert(property, { numRuns: 3000 })
})

const PUNYCODE = [
  'bücher',
  'mañana',
  '日本語',
  'ελληνικά',
  'россия',
  'עברית',
  '한국',
  'faß',
  'a\u0301',
  'ＡＢＣ',
  'straße',
  'İstanbul',
  'I♥NY',
]

test('URL: international names become the ASCII that Node makes of them', () => {
  for (const name of PUNYCODE) {
    const input = `http://${name}.example/`
    assert.deepEqual(
      attempt(() => new GuestURL(input)),
      attempt(() => new URL(input)),
      name,
    )
  }
})

test('URLSearchParams: any pairs survive writing and reading, as Node writes them', () => {
  const text = fc.string({ unit: 'binary', maxLength: 8 })
  const property = fc.property(fc.array(fc.tuple(text, text), { maxLength: 6 }), (pairs) => {
    const [ours, theirs] = [new GuestParams(pairs), new URLSearchParams(pairs)]
    assert.equal(ours.toString(), theirs.toString())
    assert.deepEqual([...new GuestParams(ours.toString())], [...new URLSearchParams(theirs.toString())])
    ours.sort()
    theirs.sort()
    assert.deepEqual([...ours], [...theirs])
  })
  fc.assert(property, { numRuns: 50 })
})

test('URLSearchParams: any query is read as Node reads it', () => {
  const query = fc.array(fc.constantFrom('a', 'b', '=', '&', '+', '%20', '%', '%C3%A9', '%41', '?', ';', ' '), {
    maxLength: 12,
  })
  const property = fc.property(query, (parts) => {
    const input = parts.join('')
    assert.deepEqual([...new GuestParams(input)], [...new URLSearchParams(input)])
  })
  fc.assert(property, { numRuns: 1000 })
})

test('URLSearchParams: bytes that are no UTF-8 become U+FFFD and leave their neighbours alone', () => {
  assert.deepEqual([...new GuestParams('%ffé=%C3')], [['\ufffdé', '\ufffd']])
})

test('URLSearchParams: set, delete and has with values', () => {
  const params = new GuestParams('a=1&b=2&a=3&c=4')
  params.set('a', '9')
  assert.equal(params.toString(), 'a=9&b=2&c=4')
  params.append('b', '5')
  params.delete('b', '2')
  assert.equal(params.has('b', '2'), false)
  assert.equal(params.has('b', '5'), true)
  assert.equal(params.size, 3)
  assert.deepEqual(params.getAll('b'), ['5'])
  assert.equal(params.get('none'), null)
})
