// Pages to be edited, of pieces that no author would put together, and what a browser makes of one: the tree that parse5 builds.

import assert from 'node:assert/strict'
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5'

type Parent = DefaultTreeAdapterTypes.ParentNode
type Element = DefaultTreeAdapterTypes.Element

/** What decides where a head ends. */
const HEAD_TAGS = [
  ...['html', 'head', 'body', 'title', 'style', 'script', 'noscript', 'template', 'noframes', 'frameset', 'frame'],
  ...['p', 'br', 'svg', 'table', 'td', 'select', 'form', 'plaintext'],
]
const OTHER_TAGS = [
  ...['math', 'tr', 'option', 'textarea', 'xmp', 'iframe', 'noembed', 'mi', 'desc', 'foreignObject', 'annotation-xml'],
  ...['input', 'button', 'a', 'b', 'li', 'image'],
]
const SIGNS = ['<!--', '-->', '<!-->', '<?x', '<!x', ']]>', '</', '</>', '<', '>', '"', "'", '=', ' ', '\n']

/** Of few, so that a short row of them is often a page with a head. */
export const HEAD_WORDS: readonly string[] = [
  ...HEAD_TAGS.flatMap((name) => [`<${name}>`, `</${name}>`]),
  ...['<!doctype html>', '<html lang=en>', '<body class=a>', '<meta charset=utf-8>', '<base href=/>', '<link rel=a>'],
  ...['<a href="<head>">', 'x', 'ä', '&lt;'],
  ...SIGNS,
]

/** Of many: every tag in every form, forms and policies. */
export const PAGE_WORDS: readonly string[] = [
  ...HEAD_WORDS,
  ...OTHER_TAGS.flatMap((name) => [`<${name}>`, `</${name}>`]),
  ...[...HEAD_TAGS, ...OTHER_TAGS].flatMap((name) => [`<${name}/>`, `<${name} a='`]),
  ...['<!DOCTYPE svg>', '<hr>', '--!>', '<![CDATA[', '\f', '\0', '\ufeff'],
  '<meta http-equiv=content-security-policy content="img-src *">',
  ...['<form method=post action=/a>', '<form method=post>', '<a href="<form method=post>">'],
  ...['<annotation-xml encoding=text/html>', '<input type=hidden>', '<input type="hidden" name=a>'],
]

/** As a browser has it, in which mode of quirks; two texts side by side are one. */
export type Shown = { readonly tree: string; readonly mode: string }

export function shownOf(tree: DefaultTreeAdapterTypes.Document): Shown {
  return { tree: serialize(tree), mode: tree.mode }
}

export function attributeOf({ attrs }: Element, wanted: string): string | undefined {
  return attrs.find(({ name }) => name === wanted)?.value
}

/** The first element that `isOne`, taken out of the tree, and what it stood in; undefined: there is none. */
export function taken(
  node: Parent,
  isOne: (element: Element) => boolean,
): { readonly element: Element; readonly within: Parent } | undefined {
  const inner = 'content' in node ? [node.content as Parent] : []
  for (const child of [...node.childNodes, ...inner]) {
    if ('tagName' in child && isOne(child)) {
      node.childNodes.splice(node.childNodes.indexOf(child), 1)
      return { element: child, within: node }
    }
    const found = 'childNodes' in child ? taken(child, isOne) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

const MARK = '<script async="" src="/bar.js"></script>'

/** A script that is written at `offset` stands in the head, and all else is as it would have been. */
export function assertHeadTakes(page: Buffer, offset: number): Shown {
  const tree = parse(page.toString('utf8', 0, offset) + MARK + page.toString('utf8', offset))
  const mark = taken(tree, (element) => element.tagName === 'script' && attributeOf(element, 'src') === '/bar.js')
  assert.equal(mark?.within.nodeName, 'head')
  const shown = shownOf(tree)
  assert.deepEqual(shown, shownOf(parse(page.toString())))
  return shown
}
