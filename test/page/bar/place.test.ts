// Where the bar's script goes: held against a parser that builds the tree (parse5): with the element and without it a page is the same page.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5'
import { BARRED_BYTES_MAX, barPlace, HEAD_BYTES_MAX } from '#page/bar/place.ts'

const HTML = 'text/html; charset=utf-8'
const MARK = '<script async="" src="/bar.js"></script>'

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

type Parent = DefaultTreeAdapterTypes.ParentNode

/** Takes the element out of the tree; true: it was there, in the head. */
function taken(node: Parent): boolean {
  for (const child of node.childNodes) {
    if (!('tagName' in child)) continue
    const isOurs =
      child.tagName === 'script' && child.attrs.some(({ name, value }) => name === 'src' && value === '/bar.js')
    if (isOurs) {
      node.childNodes.splice(node.childNodes.indexOf(child), 1)
      return node.nodeName === 'head'
    }
    if (taken(child)) return true
  }
  return false
}

/** Space around the element, which a tree keeps as two texts, is one. */
function shown(page: string): { tree: string; mode: string } {
  const tree = parse(page)
  return { tree: serialize(tree), mode: tree.mode }
}

const SOUP = fc
  .array(
    fc.constantFrom(
      ...[
        '<!doctype html>',
        '<html>',
        '<html lang=en>',
        '</html>',
        '<head>',
        '</head>',
        '<body>',
        '<body class=a>',
        '</body>',
      ],
      ...[
        '<title>',
        '</title>',
        '<meta charset=utf-8>',
        '<link rel=a>',
        '<style>',
        '</style>',
        '<script>',
        '</script>',
        '<base href=/>',
      ],
      ...[
        '<noscript>',
        '</noscript>',
        '<template>',
        '</template>',
        '<noframes>',
        '</noframes>',
        '<frameset>',
        '<frame>',
        '</frameset>',
      ],
      ...[
        '<p>',
        '</p>',
        '<br>',
        '</br>',
        '<svg>',
        '</svg>',
        '<table>',
        '<td>',
        '<select>',
        '<form>',
        '<plaintext>',
        '<a href="<head>">',
      ],
      ...[
        '<!--',
        '-->',
        '<!-->',
        '<?x',
        '<!x',
        ']]>',
        '</',
        '</>',
        '<',
        '>',
        '"',
        "'",
        '=',
        ' ',
        '\n',
        'text',
        'ä',
        '&lt;',
      ],
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''))

test('a browser puts the element into the head, and all else is as it would have been', () => {
  fc.assert(
    fc.property(SOUP, (page) => {
      const bytes = Buffer.from(page)
      const place = barPlace(bytes, HTML)
      if (place === undefined) return
      const tree = parse(bytes.toString('utf8', 0, place.offset) + MARK + bytes.toString('utf8', place.offset))
      assert.ok(taken(tree), 'it is in the head')
      assert.deepEqual({ tree: serialize(tree), mode: tree.mode }, shown(page))
    }),
    { numRuns: 20_000, seed: 40 },
  )
})
