// Where the bar's script goes: held against a parser that builds the tree (parse5): with the element and without it a page is the same page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BARRED_BYTES_MAX, barPlace, HEAD_BYTES_MAX } from '#page/bar/place.ts'
import { assertHeadTakes, HEAD_WORDS } from '#test/support/html.ts'

const HTML = 'text/html; charset=utf-8'

const placed = (page: string, type = HTML): string | undefined => {
  const bytes = Buffer.from(page)
  const place = barPlace(bytes, type)
  if (place === undefined) return undefined
  return `${bytes.toString('utf8', 0, place.offset)}|${bytes.toString('utf8', place.offset)}`
}

test('the script stands at the end of the head, whether the page writes one or not', () => {
  for (const page of [
    '<!doctype html><html><head><title>a</title>|</head><body>x',
    '<!doctype html><title>a</title>\n|<p>x',
    '<!doctype html><title>a</title> |text',
    '<!-- a --><!doctype html>\n<!-- b -->|<p>x',
    '<!doctype html>|',
    '<html lang=en>|<body class=a>',
    '<meta charset=utf-8><link rel=icon href=/i><style>a > b {}</style><script>"</head>"</script>|<h1>x</h1>',
    '|<p>no doctype: quirks',
    '|text',
    '<head></p>|</head>',
    '<title>a</title><noscript><link rel=x></noscript>|<main>',
    '\ufeff<!doctype html><title>ä€😀</title>|<p>x',
    '<head>|</html>',
    '<html><head>|<frameset cols="*"><frame></frameset>',
    '<title>a</title>|<svg><title>b</title></svg>',
    '<head><title>a</title>|',
    '<title>a</title>|<script>never ends',
    '<head>|<title>never ends</title',
    '<head>|<title>never ends</title a="></title>',
    '<meta name=a>|<style>a > b {}</style {}',
    '<title>a</title><script><!-- <script>x</script> --></script>|<p>x',
    '<title>a</title>|<script><!-- <script>x</script><meta name=a><p>x',
    '<title>a</title>|</head title="never ends>x',
  ]) {
    assert.equal(placed(page.replace('|', '')), page)
  }
})

test('it stands before what would change what it is: a base address, a policy of the page, a template', () => {
  for (const page of [
    '<!doctype html><meta charset=utf-8>|<base href="https://elsewhere.example/"><title>a</title><p>x',
    '<head><title>a</title>|<meta http-equiv="Content-Security-Policy" content="script-src \'none\'"><style></style></head>',
    '<title>a</title>|<template><p></template><p>x',
  ])
    assert.equal(placed(page.replace('|', '')), page)
  const { policies } = barPlace(Buffer.from('<meta http-equiv=content-security-policy content="a b">'), HTML) ?? {}
  assert.deepEqual(policies, ['a b'])
})

test('a page that is no HTML in an alphabet of single signs, that is empty, large, or all head has no place', () => {
  const page = '<!doctype html><p>x'
  assert.ok(placed(page))
  assert.ok(placed(page, 'text/html'))
  assert.ok(placed(page, 'text/html; charset=Shift_JIS'))
  for (const type of ['text/plain', 'text/html; charset=utf-16', 'text/html;charset="UTF-16LE"', 'image/svg+xml'])
    assert.equal(placed(page, type), undefined, type)
  assert.equal(placed(''), undefined)
  assert.equal(barPlace(Buffer.from('\ufeff<p>x', 'utf16le'), 'text/html'), undefined)
  assert.equal(placed(page + ' '.repeat(BARRED_BYTES_MAX)), undefined)
  const head = `<style>${' '.repeat(HEAD_BYTES_MAX)}</style>`
  assert.equal(placed(`<title>a</title>${head}<p>x`), undefined)
})

test('a declaration of the alphabet stays where browsers look for it', () => {
  const policy = '<meta http-equiv="content-security-policy" content="img-src *">'
  const page = `<!doctype html>${policy}<meta charset=utf-8><p>x`
  assert.equal(placed(page, 'text/html'), undefined, 'it would be pushed away')
  assert.ok(placed(page), 'the header has said it')
  assert.ok(placed(`<!doctype html><meta charset=utf-8>${policy}<p>x`, 'text/html'))
})

test('XML gets it only where its head is written out and nothing can be mistaken', () => {
  const type = 'application/xhtml+xml'
  const page =
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>a</title>|</head><body/></html>'
  assert.equal(placed(page.replace('|', ''), type), page)
  for (const other of [
    '<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>',
    '<html><head><script><![CDATA[ a ]]></script></head></html>',
    '<!DOCTYPE html [ <!ENTITY a "b"> ]><html><head></head></html>',
    '<html><head/><body/></html>',
    '<html><head><meta charset="utf-8">text</meta></head></html>',
    '<html><head><?a <b> ?></head></html>',
    '<?xml version="1.0"? a><html><head><?xml version="1.0"?></head></html>',
  ])
    assert.equal(placed(other, type), undefined, other)
})

test('a page says that it is one, or may be a piece of another', () => {
  const isDocument = (page: string) => barPlace(Buffer.from(page), HTML)?.isDocument
  for (const page of ['<!DOCTYPE html>x', '<html>x', '<title>a</title>x', '<head>', '<body>x'])
    assert.equal(isDocument(page), true, page)
  for (const piece of ['<p>x', 'x', '<!-- doctype html -->x', '<style></style><li>', '<script></script>'])
    assert.equal(isDocument(piece), false, piece)
})

test('a browser puts the element into the head, and all else is as it would have been', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...HEAD_WORDS), { maxLength: 14 }), (words) => {
      const page = Buffer.from(words.join(''))
      const place = barPlace(page, HTML)
      if (place !== undefined) assertHeadTakes(page, place.offset)
    }),
    { numRuns: 20_000, seed: 40 },
  )
})
