// Where in a page the bar's script stands: at the end of its head, the last thing before what a browser would show. There it is in no element that the page
// has, pushes no `<meta charset>` away and no doctype out of its place; the script takes itself out again when it runs.
//
// It stands earlier where something would change what it is: a base address, a content policy of the page's own, a template. The page's tree
// is not built (tags.ts); where its end of the head is not found there is no place, and so no bar.
//
// Invariant: a browser puts an element at this place into the page's `<head>`.

import { isRaw, nextTag, rawEnd, type Tag, textStart } from '#page/tags.ts'

/** A longer page, which may be a stream, goes as it is. */
export const BARRED_BYTES_MAX = 1024 * 1024
/** A head whose end is not found within has no place. */
export const HEAD_BYTES_MAX = 256 * 1024
/** Where a browser looks for `<meta charset>` (HTML standard §13.2.3.2). */
const CHARSET_BYTES = 1024
/** More than the script's element has. */
const ELEMENT_BYTES_MAX = 1024

export type BarPlace = {
  /** In bytes. */
  readonly offset: number
  /** Values of `<meta http-equiv="content-security-policy">` in the head. */
  readonly policies: readonly string[]
  /** It says that it is a document (doctype, `<html>`, `<head>`, `<body>` or `<title>`), and not a piece that a script puts into one. */
  readonly isDocument: boolean
}

const HTML = /^text\/html\s*(?:;|$)/i
const XHTML = /^application\/xhtml\+xml\s*(?:;|$)/i
/** Alphabets in which a tag is not written in ASCII bytes, or bytes of a tag may be part of a letter. */
const WIDE = /charset\s*=\s*["']?(?:utf-?16|utf-?32|ucs-|utf-7|iso-2022|hz-|iso-10646)/i
const DOCTYPE = /<!doctype[\s>]/i
const NOTHING_LEFT = /^\s*(?:<!doctype[^>]*>\s*)?$/i
const latin1 = new TextDecoder('latin1')
const ATTRIBUTES: ReadonlySet<string> = new Set(['http-equiv', 'content', 'charset'])
const NONE: ReadonlySet<string> = new Set()
/** Instructions that are whole, in XML, and have no tag in them: the declaration, and style sheets. */
const INSTRUCTIONS = /<\?xml(?:-stylesheet)?\s[^?>]*\?>/g
/** Sections, entities, and other instructions, in which a tag may stand. */
const NOT_FOLLOWED = /<!\[CDATA\[|<!DOCTYPE[^>]*\[|<\?/i
const IN_HEAD: ReadonlySet<string> = new Set([
  'base',
  'basefont',
  'bgsound',
  'link',
  'meta',
  'noframes',
  'noscript',
  'script',
  'style',
  'title',
])
/** End tags that end a head; others mean nothing there. */
const ENDS_HEAD: ReadonlySet<string> = new Set(['body', 'br', 'head', 'html'])

export function isHtml(contentType: string | undefined): boolean {
  return contentType !== undefined && (HTML.test(contentType) || XHTML.test(contentType))
}

/** Undefined: there is none. */
export function barPlace(page: Uint8Array, contentType: string | undefined): BarPlace | undefined {
  if (contentType === undefined || !isHtml(contentType) || WIDE.test(contentType)) return undefined
  if (page.length === 0 || page.length > BARRED_BYTES_MAX) return undefined
  if ((page[0] === 0xfe && page[1] === 0xff) || (page[0] === 0xff && page[1] === 0xfe)) return undefined
  const isMarked = page[0] === 0xef && page[1] === 0xbb && page[2] === 0xbf
  const text = latin1.decode(page.subarray(0, HEAD_BYTES_MAX))
  const found = placeIn(text, isMarked ? 3 : 0, page.length <= HEAD_BYTES_MAX)
  if (found === undefined) return undefined
  if (XHTML.test(contentType) && !isSafeXml(text, found)) return undefined
  const isNamed = isMarked || /charset/i.test(contentType)
  const { charsetEnd, offset } = found
  const isPushed = charsetEnd !== undefined && charsetEnd > offset && charsetEnd + ELEMENT_BYTES_MAX > CHARSET_BYTES
  return !isNamed && isPushed ? undefined : found
}

type Found = BarPlace & {
  /** Behind `<meta charset>`. */
  readonly charsetEnd: number | undefined
}

/** `isWhole`: the text ends where the page does. */
function placeIn(text: string, from: number, isWhole: boolean): Found | undefined {
  const policies: string[] = []
  let isDocument = false
  /** What must not come before the script. */
  let barrier: number | undefined
  let charsetEnd: number | undefined
  const at = (offset: number): Found => ({ offset: barrier ?? offset, policies, isDocument, charsetEnd })
  let position = from
  for (;;) {
    const tag = nextTag(text, position, ATTRIBUTES)
    const start = tag?.start ?? text.length
    const shown = textStart(text, position, start)
    if (!isDocument && DOCTYPE.test(text.slice(position, shown))) isDocument = true
    if (shown < start) return at(shown)
    // Nothing is shown any more; what is left may be a comment that does not end.
    if (tag === undefined) return isWhole && NOTHING_LEFT.test(text.slice(position)) ? at(start) : undefined
    position = tag.end
    const { name, isEnd } = tag
    if (isEnd) {
      if (ENDS_HEAD.has(name)) return at(start)
      continue
    }
    if (name === 'html' || name === 'head' || name === 'title' || name === 'body') isDocument = true
    if (name === 'html' || name === 'head') continue
    if (name === 'template') barrier ??= start
    if (!IN_HEAD.has(name)) return at(start)
    if (name === 'base') barrier ??= start
    if (name === 'meta') {
      const policy = policyIn(tag)
      if (policy !== undefined) {
        policies.push(policy)
        barrier ??= start
      }
      if (WIDE.test(`charset=${tag.attributes.get('charset') ?? ''}`)) return undefined
      if (isCharset(tag)) charsetEnd ??= tag.end
    }
    if (!isRaw(name)) continue
    const end = rawEnd(text, name, position)
    // All that follows is its content, or more than is looked at.
    if (end === undefined) return isWhole ? at(start) : undefined
    position = end
  }
}

function policyIn({ attributes }: Tag): string | undefined {
  const name = attributes.get('http-equiv')?.trim().toLowerCase()
  return name === 'content-security-policy' ? (attributes.get('content') ?? '') : undefined
}

function isCharset({ attributes }: Tag): boolean {
  return attributes.has('charset') || attributes.get('http-equiv')?.trim().toLowerCase() === 'content-type'
}

/** XML has sections, entities and instructions that HTML's tags do not tell, and one fault is no page at all. */
function isSafeXml(text: string, { offset }: Found): boolean {
  const before = text.slice(0, offset)
  if (NOT_FOLLOWED.test(before.replace(INSTRUCTIONS, ''))) return false
  const open: string[] = []
  let at = 0
  for (let tag = nextTag(before, at, NONE); tag !== undefined; tag = nextTag(before, at, NONE)) {
    at = tag.end
    // In XML `HEAD` is another element.
    const from = tag.start + (tag.isEnd ? 2 : 1)
    const name = before.slice(from, from + tag.name.length)
    if (tag.isEnd && open.pop() !== name) return false
    if (!tag.isEnd && !tag.isSelfClosing) open.push(name)
  }
  return open.join(' ') === 'html head'
}
