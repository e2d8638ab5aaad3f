// R9: keys in the forms of a page, and what becomes of them when the form comes back.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { type DefaultTreeAdapterTypes, html, parse } from 'parse5'
import { type FormRequest, PARTS_MAX, takeFormKey } from '#page/form-request.ts'
import { FORM_PAGE_BYTES_MAX, FORMS_MAX, formOffsets } from '#page/forms.ts'
import { digestFromContentDigest } from '#protocol/answer/http-signature.ts'
import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import type { ScriptRequest } from '#seeder/execute/port.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

const ORIGINS = ['http://demo.s0.localhost:8080', 'http://demo.peer']
const HTML = 'text/html; charset=utf-8'
const takenFrom = (sent: FormRequest): (FormRequest & { readonly body: Buffer }) | undefined => {
  const taken = takeFormKey(sent, sha256)
  return taken === undefined ? undefined : { ...taken, body: Buffer.from(taken.body) }
}
const behind = (page: string, type = HTML): string[] => {
  const bytes = Buffer.from(page)
  return formOffsets(bytes, type, ORIGINS).map((offset) => bytes.toString('utf8', offset, offset + 3))
}

test('R9 a key goes behind the start tag of every form that posts to the own site', () => {
  assert.deepEqual(behind('<form method=post>abc</form><FORM action="/x" METHOD="Post" >def</FORM>'), ['abc', 'def'])
  assert.deepEqual(behind('<p>ä€😀</p><form method="post" title="a>b">xyz</form>'), ['xyz'])
  assert.deepEqual(behind('<form method=post action="http://demo.peer/a">abc</form>'), ['abc'])
  assert.deepEqual(behind('<form method=post action="http://demo.s0.localhost:8080/a">abc</form>'), ['abc'])
  assert.deepEqual(behind('<form method=post enctype="multipart/form-data">abc</form>'), ['abc'])
})

test('R9 no key leaves the site, and none goes where it could not be taken back', () => {
  for (const form of [
    '<form>abc</form>',
    '<form method=get>abc</form>',
    '<form method=dialog>abc</form>',
    '<form method=post action="https://elsewhere.example/">abc</form>',
    '<form method=post action="//elsewhere.example/">abc</form>',
    '<form method=post action="http://demo.s0.localhost:9/">abc</form>',
    '<form method=post action="javascript:void 0">abc</form>',
    '<form method=post action="http://[">abc</form>',
    '<form method=post enctype="text/plain">abc</form>',
    '<form method=post data-interpeer-no-key>abc</form>',
  ])
    assert.deepEqual(behind(form), [], form)
})

test('R9 what a browser does not take for a form is none', () => {
  for (const page of [
    '<!-- <form method=post>abc</form> -->',
    '<script>"<form method=post>abc</form>"</script>',
    '<style><form method=post>abc</form></style>',
    '<textarea><form method=post>abc</form></textarea>',
    '<title><form method=post>abc</form></title>',
    '<template><form method=post>abc</form></template>',
    '<p title="<form method=post>abc</form>">',
  ])
    assert.deepEqual(behind(page), [], page)
  assert.deepEqual(behind('<form method=post>abc<form method=post>def</form></form>'), ['abc'], 'forms do not nest')
  assert.deepEqual(behind('<table><form method=post><tr><td>x</table>'), ['<tr'])
})

test('R9 a page of another type, alphabet or size is left alone', () => {
  const page = '<form method=post>abc</form>'
  assert.deepEqual(behind(page, 'text/html'), ['abc'])
  assert.deepEqual(behind(page, 'text/plain'), [])
  assert.deepEqual(behind(page, 'text/html; charset=utf-16'), [])
  assert.deepEqual(behind(page, 'text/html; charset="UTF-8"'), ['abc'])
  assert.deepEqual(behind(page + ' '.repeat(FORM_PAGE_BYTES_MAX)), [])
  assert.equal(behind(page.repeat(FORMS_MAX)).length, FORMS_MAX)
  assert.deepEqual(behind(page.repeat(FORMS_MAX + 1)), [])
})

test('R9 a page whose tree would have to be known has no keys', () => {
  for (const page of [
    '<base href="https://elsewhere.example/"><form method=post action="/x">abc</form>',
    '<svg><form method=post>abc</form></svg>',
    '<svg><foreignObject><form method=post>abc</form></foreignObject></svg>',
    '<svg><p><script>"</svg><form method=post>abc"</script>',
    '<select><form method=post>abc</form></select>',
    '<table><tr><td><select><tr><td><select><form method=post>abc',
    '<form method=post action="&#104;ttps://elsewhere.example/">abc</form>',
    '<script><!-- <script> </script> <form method=post>abc --></script>',
  ])
    assert.deepEqual(behind(page), [], page)
  assert.deepEqual(behind('<svg><title>i</title><path d=""/></svg><form method=post action="/a?b=1&amp;c">abc'), [
    'abc',
  ])
  assert.deepEqual(behind('<svg/><select><option>1</select><form method=post>abc'), ['abc'])
})

const SOUP = fc.array(
  fc.constantFrom(
    ...[
      '<form method=post>',
      '<FORM\nmethod="post" action=/a>',
      "<form method='post'/>",
      '<form>',
      '</form>',
      '</form x>',
    ],
    ...[
      '<!--',
      '-->',
      '--!>',
      '<!-->',
      '<!--->',
      '<!doctype html>',
      '<?x',
      '<![CDATA[',
      ']]>',
      '</',
      '</>',
      '<',
      '>',
      '"',
      "'",
    ],
    ...[
      '<script>',
      '</script>',
      '<style>',
      '</style',
      '<textarea>',
      '</textarea>',
      '<title>',
      '</title >',
      '<noscript>',
      '</noscript>',
    ],
    ...[
      '<template>',
      '</template>',
      '<svg>',
      '</svg>',
      '<svg/>',
      '<math>',
      '</math>',
      '<foreignObject>',
      '</foreignObject>',
      '<desc>',
    ],
    ...[
      '<select>',
      '</select>',
      '<option>',
      '<input>',
      '<table>',
      '<tr>',
      '<td>',
      '</table>',
      '<caption>',
      '<colgroup>',
      '<col>',
    ],
    ...[
      '<p>',
      '</p>',
      '<b>',
      '</b>',
      '<a href="<form method=post>">',
      '<div title=',
      '</div>',
      '<button>',
      '</button>',
      '<br/>',
    ],
    ...[
      '<head>',
      '</head>',
      '<body>',
      '</body>',
      '</html>',
      '<frameset>',
      '<plaintext>',
      '<xmp>',
      '</xmp>',
      '<iframe>',
      '</iframe>',
    ],
    ...['x', ' ', '/', '=', 'é', '<x a=">" b', '<x a=b/>', '<li>', '<h1>', '<font color=a>', '<ruby><rt>'],
  ),
  { maxLength: 24 },
)

/** As a browser has it: the tree built, and looked through for forms that post. */
function formsOfTree(text: string): readonly number[] {
  const offsets: number[] = []
  const pending: DefaultTreeAdapterTypes.Node[] = [parse(text, { sourceCodeLocationInfo: true })]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('childNodes' in node) pending.push(...node.childNodes)
    if (!('tagName' in node) || node.tagName !== 'form' || node.namespaceURI !== html.NS.HTML) continue
    const isPost = node.attrs.some(({ name, value }) => name === 'method' && value.toLowerCase() === 'post')
    const end = node.sourceCodeLocation?.startTag?.endOffset
    if (isPost && end !== undefined) offsets.push(end)
  }
  return offsets.sort((a, b) => a - b)
}

test('R9 where a browser makes no form there is no key, whatever the page is', () => {
  let found = 0
  let alike = 0
  fc.assert(
    fc.property(SOUP, (pieces) => {
      const page = Buffer.from(pieces.join(''))
      const ours = formOffsets(page, HTML, ORIGINS)
      const tree = formsOfTree(page.toString('latin1'))
      assert.deepEqual(
        ours.filter((offset) => !tree.includes(offset)),
        [],
        page.toString(),
      )
      found += tree.length
      alike += ours.length
    }),
    {
      numRuns: Number(process.env.FORM_RUNS ?? 20_000),
      examples: [
        [['<form method=post>', '<svg>', '<desc>', '<frameset>']],
        [['<svg>', '<![CDATA[', '<form method=post>', '</svg>', '<form method=post>']],
        [['<form method=post>', '<svg>', '<foreignObject>', '<base href=/x>']],
      ],
    },
  )
  assert.ok(found > 1_000 && alike > found / 3, `${alike} of ${found}`)
})

test('R9 no page holds up others while it is looked through: what is found does not depend on how deep or wide it is', () => {
  const form = '<form method=post>'
  for (const hostile of [
    '<div>'.repeat(40_000) + '</p>'.repeat(60_000),
    `<x ${Array.from({ length: 90_000 }, (_, index) => index.toString(36)).join(' ')}>`,
    Array.from({ length: 20_000 }, (_, index) => `<b a=${index}>`).join('') + '<p>x'.repeat(20_000),
    '<!--'.repeat(100_000),
    '<a "'.repeat(100_000),
    '<script><!--'.repeat(30_000),
    '<title>'.repeat(60_000),
    '<table><tr><td>'.repeat(30_000),
  ])
    assert.deepEqual(behind(form + hostile.slice(0, FORM_PAGE_BYTES_MAX - form.length)).length, 1, hostile.slice(0, 40))
})

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA'
const OTHER_KEY = 'BBBBBBBBBBBBBBBBBBBBBB'
const urlencoded = (body: string) => ({
  headers: [
    ['accept', '*/*'],
    ['content-type', 'application/x-www-form-urlencoded'],
    ['origin', 'http://demo.peer'],
  ] as const,
  body: Buffer.from(body),
})
const multipart = (boundary: string, fields: readonly (readonly [string, string])[]) => ({
  headers: [['content-type', `multipart/form-data; boundary=${boundary}`]] as const,
  body: Buffer.from(
    `${fields
      .map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
      .join('')}--${boundary}--\r\n`,
  ),
})
const keyOf = (taken: ReturnType<typeof takeFormKey>): string | undefined =>
  taken?.headers.find(([name]) => name === 'idempotency-key')?.[1]

test('R9 the field is taken out of a form wherever it stands, and the rest is as it was', () => {
  for (const [sent, left] of [
    [`interpeer-key=${KEY}&author=Ada&message=%C3%A4+%26`, 'author=Ada&message=%C3%A4+%26'],
    [`author=Ada&interpeer-key=${KEY}`, 'author=Ada'],
    [`author=Ada&interpeer-key=${KEY}&b=1`, 'author=Ada&b=1'],
    [`interpeer-key=${KEY}`, ''],
  ] as const) {
    const taken = takenFrom(urlencoded(sent))
    assert.equal(taken?.body.toString(), left)
    assert.deepEqual(
      taken?.headers.map(([name]) => name),
      ['accept', 'content-type', 'idempotency-key', 'origin'],
    )
    assert.ok((keyOf(taken)?.length ?? 0) >= 22)
  }
})

test('R9 what is no key of ours stays with the script', () => {
  for (const body of ['', 'author=Ada', 'interpeer-key=short', `my-interpeer-key=${KEY}`, `a=interpeer-key=${KEY}`])
    assert.equal(takenFrom(urlencoded(body)), undefined, body)
  assert.equal(takenFrom({ headers: [], body: Buffer.from(`interpeer-key=${KEY}`) }), undefined)
  const json = { headers: [['content-type', 'application/json']] as const, body: Buffer.from(`interpeer-key=${KEY}`) }
  assert.equal(takenFrom(json), undefined)
  assert.equal(takenFrom(multipart('b', [['author', `interpeer-key"\r\n\r\n${KEY}`]])), undefined)
  assert.equal(
    takenFrom({ ...multipart('b', [['interpeer-key', KEY]]), headers: [['content-type', 'multipart/form-data']] }),
    undefined,
  )
})

test('R9 the same form sent again has the same key, another filling or another page has another one', () => {
  const key = (body: string) => keyOf(takenFrom(urlencoded(body)))
  assert.equal(key(`interpeer-key=${KEY}&a=1`), key(`interpeer-key=${KEY}&a=1`))
  assert.notEqual(key(`interpeer-key=${KEY}&a=1`), key(`interpeer-key=${KEY}&a=2`))
  assert.notEqual(key(`interpeer-key=${KEY}&a=1`), key(`interpeer-key=${OTHER_KEY}&a=1`))
})

test('R9 a multipart form sent again is byte for byte the same, whatever boundary the browser drew', () => {
  const fields = [
    ['interpeer-key', KEY],
    ['author', 'Ada'],
    ['message', 'line\r\nline --b1 and --b2 are text'],
  ] as const
  const one = takenFrom(multipart('b1xyz', fields))
  const two = takenFrom(multipart('b2xyz', fields))
  assert.deepEqual(one, two)
  assert.doesNotMatch(String(one?.body), /interpeer-key/)
  assert.match(String(one?.body), /line --b1 and --b2 are text/)
  assert.notDeepEqual(one, takenFrom(multipart('b1xyz', [...fields, ['more', '1']])))
})

test('R9 a browser reads the multipart body that is left as it reads the one that was sent, binary parts too', async () => {
  const binary = new Uint8Array(4_000).map((_, index) => (index * 7) % 256)
  const form = new FormData()
  form.append('interpeer-key', KEY)
  form.append('file', new Blob([binary]), 'data.bin')
  form.append('note', 'grüße')
  const sent = new Response(form)
  const headers = [['content-type', sent.headers.get('content-type') ?? '']] as const
  const taken = takenFrom({ headers, body: Buffer.from(await sent.arrayBuffer()) })
  assert.ok(taken !== undefined)
  const type = taken.headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  const read = await new Response(new Uint8Array(taken.body), { headers: { 'content-type': type } }).formData()
  assert.deepEqual([...read.keys()], ['file', 'note'])
  assert.equal(read.get('note'), 'grüße')
  const file = read.get('file')
  assert.ok(file instanceof File)
  assert.ok(bytesEqual(new Uint8Array(await file.arrayBuffer()), binary))
})

test('R9 what a stranger sends instead of a form stays as it is, and never becomes longer than a body may be', () => {
  const part = `\r\nContent-Disposition: form-data; name="interpeer-key"\r\n\r\n${KEY}\r\n`
  const bodyOf = (filling: string, count: number) => Buffer.from(`--b${part}${filling.repeat(count)}--b--\r\n`)
  const headers = [['content-type', 'multipart/form-data; boundary=b']] as const
  assert.ok(takenFrom({ headers, body: bodyOf('--b\r\n\r\nx\r\n', PARTS_MAX - 2) }) !== undefined)
  assert.equal(takenFrom({ headers, body: bodyOf('--b\r\n\r\nx\r\n', PARTS_MAX) }), undefined)
  const full = Buffer.concat([bodyOf('--b\r\n\r\nx\r\n', 1_000), Buffer.alloc(BODY_BYTES_MAX)]).subarray(
    0,
    BODY_BYTES_MAX,
  )
  assert.equal(takenFrom({ headers, body: full }), undefined)
  for (const filling of ['&', `interpeer-key=x&`, 'xinterpeer-key=', `a=1&b=2&`]) {
    const body = Buffer.from(`${filling.repeat(4_000)}&interpeer-key=${KEY}`)
    const taken = takenFrom({ ...urlencoded(''), body })
    if (filling.startsWith('interpeer-key')) assert.equal(taken, undefined)
    else assert.equal(taken?.body.toString(), filling.repeat(4_000))
  }
})

test('R9 whatever body comes, what is left of it is the body without the field, or all of it', () => {
  const piece = fc.constantFrom(
    ...[
      '--b',
      '\r\n',
      '--',
      'b',
      '&',
      '=',
      KEY,
      'interpeer-key',
      `interpeer-key=${KEY}`,
      'a=1',
      'Content-Disposition: form-data; ',
    ],
    ...[
      'name="interpeer-key"',
      '\r\n\r\n',
      `\r\nContent-Disposition: form-data; name="interpeer-key"\r\n\r\n${KEY}\r\n`,
      'x',
    ],
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, isMultipart) => {
      const body = Buffer.from(pieces.join(''))
      const type = isMultipart ? 'multipart/form-data; boundary=b' : 'application/x-www-form-urlencoded'
      const taken = takenFrom({ headers: [['content-type', type]], body })
      if (taken === undefined) return
      assert.ok((keyOf(taken)?.length ?? 0) >= 22)
      if (!isMultipart) {
        const fields = body.toString().split('&')
        const at = fields.findIndex((field) => field.startsWith('interpeer-key='))
        assert.equal(taken.body.toString(), fields.toSpliced(at, 1).join('&'))
        return
      }
      const [, boundary = ''] =
        /boundary=(.*)$/.exec(taken.headers.find(([name]) => name === 'content-type')?.[1] ?? '') ?? []
      assert.match(boundary, /^interpeer-[0-9a-f]{40}$/)
      const left = taken.body.toString().replaceAll(`--${boundary}`, '--b')
      assert.ok(body.toString().includes(`name="interpeer-key"\r\n\r\n${KEY}`))
      assert.ok(left.length < body.length)
    }),
    { numRuns: 5_000 },
  )
})

const FORM_PAGE = `<!doctype html><title>x</title><form method=post action=/sign><input name=a></form>${'<p>text</p>'.repeat(200)}`
const seen: ScriptRequest[] = []
const group = hostedGroup('demo', {
  assets: { '/static.html': FORM_PAGE },
  app(request) {
    if (request.method === 'POST') seen.push(request)
    return {
      status: request.target === '/wrong' ? 422 : 200,
      headers: [
        ['content-type', HTML],
        ['last-modified', 'Fri, 20 Nov 2026 10:00:00 GMT'],
        ['cache-control', request.target === '/sealed' ? 'no-transform' : 'private, max-age=600'],
      ],
      body: bytesFromText(FORM_PAGE),
    }
  },
})
const edge = await startEdge(group)
after(() => edge[Symbol.asyncDispose]())
const FIELD = /<input type="hidden" name="interpeer-key" value="([A-Za-z0-9_-]{22})">/
const BAR = /<script async="" [^>]*><\/script>/

test('R9 every answer has a key of its own; without it the page is the certified one', async () => {
  const keys = new Set<string>()
  for (const path of ['/', '/', '/wrong', '/static', '/static']) {
    const answer = await edge.ask(path)
    const text = answer.body.toString()
    const key = FIELD.exec(text)?.[1]
    assert.ok(key !== undefined, path)
    keys.add(key)
    assert.equal(text.replace(FIELD, '').replace(BAR, ''), FORM_PAGE)
    assert.equal(answer.headers['interpeer-body'], 'barred, edited')
    assert.match(String(answer.headers['cache-control']), /^no-cache/)
    assert.equal(answer.headers.etag, undefined)
    assert.equal(answer.headers['last-modified'], undefined)
    const digest = digestFromContentDigest(String(answer.headers['content-digest']))
    assert.ok(digest.ok && bytesEqual(digest.value, sha256(answer.body)))
  }
  assert.equal(keys.size, 5)
})

test('R9 whoever checks answers gets the certified page, and its receipt holds', async () => {
  for (const path of ['/', '/static']) {
    const { answer } = await edge.askVerified(path, { headers: { 'interpeer-client': '1' } })
    assert.equal(answer.body.toString(), FORM_PAGE)
    assert.equal(answer.headers['interpeer-body'], 'certified')
    assert.ok(answer.headers.etag !== undefined)
  }
})

test('R9 the receipt sent with an edited page is that of the certified one', async () => {
  const edited = await edge.ask('/')
  const certified = await edge.ask('/', { headers: { 'interpeer-client': '1' } })
  assert.equal(edited.headers['interpeer-receipt'], certified.headers['interpeer-receipt'])
  assert.equal(edited.headers['interpeer-body-root'], certified.headers['interpeer-body-root'])
})

test('R9 an edited page is coded as others are, and a condition never leaves a used key standing', async () => {
  const coded = await edge.ask('/', { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(coded.headers['content-encoding'], 'gzip')
  assert.match(gunzipSync(coded.body).toString(), FIELD)
  const { headers } = await edge.ask('/', { headers: { 'interpeer-client': '1' } })
  const again = await edge.ask('/', { headers: { 'if-none-match': String(headers.etag) } })
  assert.equal(again.status, 200)
  const sealed = await edge.ask('/sealed')
  assert.equal(sealed.body.toString(), FORM_PAGE)
})

test('R9 the script sees the form without the key, and the key in a header', async () => {
  const send = (body: string, more: Record<string, string> = {}) =>
    edge.ask('/sign', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...more },
      body: bytesFromText(body),
    })
  seen.length = 0
  const answer = await send(`interpeer-key=${KEY}&a=1`)
  assert.match(answer.body.toString(), FIELD, 'the answer to a form may hold a form')
  await send(`interpeer-key=${KEY}&a=1`)
  await send(`interpeer-key=${KEY}&a=1`, { 'idempotency-key': 'chosen-by-the-visitor-itself' })
  await send(`interpeer-key=${KEY}&a=1`, { 'interpeer-client': '1' })
  const headers = seen.map((request) => request.headers.find(([name]) => name === 'idempotency-key')?.[1])
  assert.deepEqual(seen.map(({ body }) => Buffer.from(body).toString()).slice(0, 3), ['a=1', 'a=1', 'a=1'])
  assert.equal(headers[0], headers[1])
  assert.equal(headers[2], 'chosen-by-the-visitor-itself')
  assert.equal(headers[3], undefined)
  assert.equal(Buffer.from(seen[3]?.body ?? []).toString(), `interpeer-key=${KEY}&a=1`)
})
