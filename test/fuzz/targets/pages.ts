// Pages and content policies of a stranger's script, which whoever serves them edits. Held against a parser that builds the tree (parse5), and against
// a reading of its own of content policies (CSP level 3 §2.2, §6.8): a page stays the page that it was, and no policy gets weaker.

import assert from 'node:assert/strict'
import { html, parse } from 'parse5'
import { barredPage } from '#page/bar/barred.ts'
import { barPlace } from '#page/bar/place.ts'
import { goesOnUnder, leaveOf } from '#page/bar/policy.ts'
import { pageCanonical } from '#page/canonical-link.ts'
import { takeFormKey } from '#page/form-request.ts'
import { formOffsets, KEY_FIELD, pageWithKeys } from '#page/forms.ts'
import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { assertHeadTakes, attributeOf, PAGE_WORDS, shownOf, taken } from '#test/support/html.ts'
import { type Target, text } from '../target.ts'

const HTML = 'text/html; charset=utf-8'
const KEY = 'k'.repeat(22)
const ORIGINS = ['http://wiki.example', 'http://wiki.peer']
const SOURCE = 'http://wiki.example/.well-known/interpeer/bar-0123456789abcdef.js'
const CSP = 'content-security-policy'
/** Trees of larger pages take longer than the search has. */
const PAGE_BYTES_MAX = 4096

const POLICY_WORDS = [
  ...[
    'default-src',
    'script-src',
    'script-src-elem',
    'script-src-attr',
    'worker-src',
    'sandbox',
    'report-uri /r',
    'connect-src',
  ],
  ...[
    "'self'",
    "'none'",
    "'unsafe-inline'",
    "'unsafe-eval'",
    "'strict-dynamic'",
    "'report-sample'",
    "'nonce-abc'",
    "'nonce-'",
  ],
  ...[
    "'sha256-x'",
    '*',
    'https:',
    'http://cdn.example',
    ';',
    ' ',
    ',',
    '\t',
    '\f',
    '\u00a0',
    "'NONE'",
    "'Self'",
    'SCRIPT-SRC',
    'é',
    '"',
  ],
]

/** What a browser obeys: names in lower case, values as they stand; the first of each name counts. */
function obeyed(policy: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const part of policy.split(';')) {
    const words = part.split(/[\t\n\f\r ]+/).filter((word) => word !== '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what the standard asks for.
    if (words.length === 0 || !/^[\x00-\x7f]*$/.test(part)) continue
    const [name = '', ...values] = words
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), values)
  }
  return found
}

const FALLBACKS: Readonly<Record<string, readonly string[]>> = {
  'script-src-elem': ['script-src', 'default-src'],
  'script-src-attr': ['script-src', 'default-src'],
  'script-src': ['default-src'],
  'worker-src': ['child-src', 'script-src', 'default-src'],
}

/** What rules this kind of script; undefined: everything is let. */
function ruleOf(policy: ReadonlyMap<string, readonly string[]>, kind: string): readonly string[] | undefined {
  for (const name of [kind, ...(FALLBACKS[kind] ?? [])]) {
    const values = policy.get(name)
    if (values !== undefined) return withoutNone(values)
  }
  return undefined
}

function withoutNone(values: readonly string[]): readonly string[] {
  return values.filter((value) => value.toLowerCase() !== "'none'")
}

function lets(rule: readonly string[] | undefined, nonce: string | undefined): boolean {
  if (rule === undefined || rule.some((value) => value.toLowerCase() === `'nonce-${nonce}'`.toLowerCase())) return true
  if (rule.some((value) => value.toLowerCase() === "'strict-dynamic'")) return false
  return rule.some((value) => value === SOURCE || value === '*' || value.toLowerCase() === "'self'")
}

function checkPolicies(before: string, after: string, nonce: string | undefined): void {
  const [olds, news] = [before.split(','), after.split(',')]
  assert.equal(news.length, olds.length, 'as many policies')
  for (const [index, old] of olds.entries()) {
    const [was, is] = [obeyed(old), obeyed(news[index] ?? '')]
    for (const kind of ['script-src-attr', 'script-src', 'worker-src'])
      assert.deepEqual(ruleOf(is, kind), ruleOf(was, kind), kind)
    for (const [name, values] of was)
      if (name !== 'script-src-elem') assert.deepEqual(is.get(name), values, `${name} stays`)
    for (const name of is.keys()) assert.ok(was.has(name) || name === 'script-src-elem', 'and nothing is added')
    const [wide, narrow] = [ruleOf(is, 'script-src-elem'), ruleOf(was, 'script-src-elem')]
    assert.equal(wide === undefined, narrow === undefined, 'a rule stays a rule')
    const added = wide?.filter((value) => !narrow?.includes(value)) ?? []
    assert.ok(added.length === 0 || (added.length === 1 && added[0] === SOURCE), `${added}`)
    assert.deepEqual(
      wide?.filter((value) => value !== SOURCE || narrow?.includes(value)),
      narrow,
      'what was let is let',
    )
    assert.ok(lets(wide, nonce), 'the bar may run')
    assert.ok(!is.has('sandbox'), 'and can')
  }
}

export function pageTargets(): readonly Target[] {
  const pages = [
    '<!doctype html><html><head><title>a</title></head><body>x',
    '<!doctype html><meta charset=utf-8><base href="/b"><title>a</title><p>x',
    '<head><style>a > b {}</style><script>"</head>"</script><noscript><link rel=x></noscript></head><frameset><frame></frameset>',
    '<title>a</title><svg><title>b</title><desc><form method=post>x</form></desc></svg>',
    '<!-- a --><!doctype html>\n<!-- b --><form method=post action="/a"><input name=a></form><select><option>a</select>',
  ].map(bytesFromText)
  return [
    {
      name: 'bar place',
      form: 'bytes',
      seeds: pages,
      words: PAGE_WORDS,
      run(input) {
        if (input.length > PAGE_BYTES_MAX) return 'long'
        const bytes = Buffer.from(text(input))
        const place = barPlace(bytes, HTML)
        if (place === undefined) return 'none'
        const { mode } = assertHeadTakes(bytes, place.offset)
        const was = {
          policies: [...place.policies],
          canonical: pageCanonical(bytes, HTML) !== undefined,
          isDocument: place.isDocument,
        }
        return `accepted ${was.policies.length} ${was.canonical} ${was.isDocument} ${mode}`
      },
    },
    {
      name: 'bar in XML',
      form: 'bytes',
      seeds: [
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>a</title></head><body/></html>',
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><meta charset="utf-8"/><!-- <a> --></head><body>&#160;</body></html>',
      ].map(bytesFromText),
      words: [...PAGE_WORDS, '/>', '<title/>', '<script/>', '<style/>', '<?a <head> ?>', '<x:head xmlns:x="a">'],
      run(input) {
        const page = text(input)
        const bytes = Buffer.from(page)
        const place = barPlace(bytes, 'application/xhtml+xml')
        if (place === undefined) return 'none'
        const at = bytes.toString('utf8', 0, place.offset)
        const open = openIn(at)
        // What is no XML is shown by nobody, with the element or without.
        if (open === undefined) return 'no XML'
        assert.equal(open.at(-1), 'head', `within ${open.join(' ')}`)
        return `accepted ${open.length}`
      },
    },
    {
      name: 'barred page',
      form: 'bytes',
      seeds: pages,
      words: PAGE_WORDS,
      run(input) {
        const page = { body: input, contentType: HTML, origin: ORIGINS[0] ?? '', destination: undefined }
        const facts = { siteName: 'wiki', gateway: 'http://gateway.example"><script>alert(1)</script>' }
        const barred = barredPage({ ...page, headers: [[CSP, "script-src 'none'"]] }, facts, sha256)
        if (barred === undefined) return 'none'
        const place = barPlace(input, HTML)
        assert.ok(place !== undefined)
        const length = barred.body.length - input.length
        const element = text(barred.body.subarray(place.offset, place.offset + length))
        assert.match(element, /^<script async=""(?: [a-z-]+="[^"<>]*(?:>[^"<>]*)*")*><\/script>$/, 'one element')
        const without = Buffer.concat([
          barred.body.subarray(0, place.offset),
          barred.body.subarray(place.offset + length),
        ])
        assert.ok(bytesEqual(without, input), 'and without it the certified body')
        return 'accepted'
      },
    },
    {
      name: 'content policy',
      form: 'bytes',
      seeds: [
        "default-src 'none'; img-src *",
        "script-src 'self'; worker-src 'none', script-src 'none'",
        "script-src-elem 'none'; script-src 'nonce-abc' 'strict-dynamic'",
        "script-src-attr 'unsafe-inline'; default-src https: 'unsafe-eval'",
      ].map(bytesFromText),
      words: POLICY_WORDS,
      run(input) {
        const values = text(input).split('\n', 3)
        const headers = values.map((value, index) => [index === 1 ? `${CSP}-Report-Only` : CSP, value] as const)
        goesOnUnder(values)
        const leave = leaveOf(headers, SOURCE)
        if (leave === undefined) return 'none'
        const after = leave.headers ?? headers
        assert.deepEqual(
          after.map(([name]) => name),
          headers.map(([name]) => name),
        )
        for (const [index, value] of values.entries()) checkPolicies(value, after[index]?.[1] ?? '', leave.nonce)
        return `accepted ${leave.headers === undefined ? 'same' : 'one more'} ${leave.nonce === undefined ? '' : 'nonce'}`
      },
    },
    {
      name: 'form keys',
      form: 'bytes',
      seeds: pages,
      words: PAGE_WORDS,
      run(input) {
        if (input.length > PAGE_BYTES_MAX) return 'long'
        const bytes = Buffer.from(text(input))
        const offsets = formOffsets(bytes, HTML, ORIGINS)
        if (offsets.length === 0) return 'none'
        const tree = parse(Buffer.from(pageWithKeys(bytes, offsets, KEY)).toString())
        let keys = 0
        const takeKey = () =>
          taken(tree, (element) => element.tagName === 'input' && attributeOf(element, 'name') === KEY_FIELD)?.element
        for (let key = takeKey(); key !== undefined; key = takeKey()) {
          keys++
          assert.equal(key.namespaceURI, html.NS.HTML, 'a field of HTML')
          assert.equal(attributeOf(key, 'value'), KEY)
        }
        assert.equal(keys, offsets.length, 'each is a field')
        assert.deepEqual(shownOf(tree), shownOf(parse(bytes.toString())))
        return `accepted ${Math.min(4, keys)}`
      },
    },
    {
      name: 'form request',
      form: 'bytes',
      seeds: [
        `application/x-www-form-urlencoded\na=1&${KEY_FIELD}=${KEY}&b=2`,
        `multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name="${KEY_FIELD}"\r\n\r\n${KEY}\r\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n`,
      ].map(bytesFromText),
      words: [
        '--x',
        '\r\n',
        '--',
        '&',
        '=',
        `${KEY_FIELD}=`,
        KEY,
        ';boundary=',
        '"',
        `name="${KEY_FIELD}"`,
        'boundary=y',
      ],
      run(input) {
        const whole = Buffer.from(input)
        const at = whole.indexOf(10)
        const type = whole.toString('latin1', 0, Math.max(0, at))
        const sent = { headers: [['content-type', type] as const], body: whole.subarray(at + 1) }
        const form = takeFormKey(sent, sha256)
        if (form === undefined) return 'none'
        const key = form.headers.find(([name]) => name === 'idempotency-key')?.[1]
        assert.match(key ?? '', /^[A-Za-z0-9_-]{43}$/)
        assert.ok(form.body.length <= 2 * sent.body.length + 8192 * 64, 'no body grows without a bound')
        const again = takeFormKey(sent, sha256)
        assert.ok(again !== undefined && bytesEqual(again.body, form.body), 'the same form is the same request')
        return `accepted ${type.startsWith('multi') ? 'parts' : 'fields'}`
      },
    },
  ]
}

/** Elements that are open at the end of the beginning of an XML page; undefined: it is none. */
function openIn(page: string): readonly string[] | undefined {
  const open: string[] = []
  const token =
    /<!--(?:(?!--)[\s\S])*-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*>|<(\/?)([A-Za-z_][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*)(\/?)>|[^<]+/y
  while (token.lastIndex < page.length) {
    const [whole, end, name = '', , closed] = token.exec(page) ?? []
    if (whole === undefined) return undefined
    if (end === '/' && closed === '/') return undefined
    if (name === '' || closed === '/') continue
    if (end === '/') {
      if (open.pop() !== name) return undefined
    } else open.push(name)
  }
  return open
}
