// Cookies between a site, whoever serves it, and a visitor: held against a reading of its own of what a browser does (RFC 6265bis §5.6).

import assert from 'node:assert/strict'
import { floorField, floorOf, withoutFloor } from '#gateway/carry/floor.ts'
import { hostOnly, isWide } from '#page/cookies.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { type Target, text } from '../target.ts'

const WORDS = [
  '; Domain=example',
  ';domain',
  '=',
  ';',
  ' ',
  '\t',
  ',',
  '"',
  'DOMAIN',
  '; Path=/',
  '\u00a0',
  '__Host-a=b',
  'ſ',
  'ı',
]
const FLOOR_WORDS = [
  'interpeer-floor=12',
  'interpeer-floor',
  '; ',
  '=',
  ';',
  '0',
  '9'.repeat(16),
  ' ',
  ',',
  'a=b',
  '\t',
  '"',
]

/** Names and values of the attributes as a browser reads them. */
function attributesOf(cookie: string): readonly (readonly [string, string])[] {
  return cookie
    .split(';')
    .slice(1)
    .map((part) => {
      const at = part.indexOf('=')
      const [name, value] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
      return [trimmed(name).toLowerCase(), trimmed(value)] as const
    })
}

/** Of spaces and tabs alone. */
function trimmed(value: string): string {
  return value.replaceAll(/^[ \t]+|[ \t]+$/g, '')
}

export function cookieTargets(): readonly Target[] {
  return [
    {
      name: 'set-cookie',
      form: 'bytes',
      seeds: ['a=b; Domain=sites.example; Path=/; HttpOnly', 'a=b', 'a; domain =x;DOMAIN="y"'].map(bytesFromText),
      words: WORDS,
      run(input) {
        const cookie = text(input)
        const own = hostOnly(cookie)
        const before = attributesOf(cookie)
        const after = attributesOf(own)
        assert.equal(own.split(';')[0], cookie.split(';')[0], 'name and value')
        assert.ok(!after.some(([name, value]) => name === 'domain' && value !== ''), 'it is for one host')
        // Of a space that no browser takes for one, more is taken than need be.
        const others = (list: typeof before): typeof before => list.filter(([name]) => name.trim() !== 'domain')
        assert.deepEqual(others(after), others(before), 'all else is as it was')
        assert.ok(!isWide(own), 'nothing is left to take')
        assert.equal(hostOnly(own), own)
        return `accepted ${own === cookie ? 'same' : 'less'} ${Math.min(4, before.length)}`
      },
    },
    {
      name: 'floor',
      form: 'bytes',
      seeds: ['interpeer-floor=162', 'a=b; interpeer-floor=1; c="d;e"', 'interpeer-floor=01'].map(bytesFromText),
      words: FLOOR_WORDS,
      run(input) {
        const cookie = text(input)
        let request: Request
        try {
          request = new Request('http://wiki.sites.example/', { headers: { cookie } })
        } catch {
          return 'no header'
        }
        const sent = request.headers.get('cookie') ?? ''
        const floor = floorOf(request)
        assert.ok(Number.isSafeInteger(floor) && floor >= 0, 'a height')
        const [[, kept = ''] = []] = withoutFloor([['cookie', sent]])
        assert.equal(floorOf(new Request('http://a.example/', { headers: { cookie: kept } })), 0, 'the site sees none')
        const pairs = (value: string): string[] => value.split(';').map((pair) => pair.trim())
        const others = pairs(sent).filter((pair) => !pair.startsWith('interpeer-floor='))
        if (kept !== '') assert.deepEqual(pairs(kept), others, 'and all its own')
        const [, field] = floorField(floor, 'https')
        if (floor > 0) assert.equal(floorOf(new Request('http://a.example/', { headers: { cookie: field } })), floor)
        return `accepted ${floor > 0 ? 'a floor' : 'none'} ${Math.min(4, others.length)}`
      },
    },
  ]
}
