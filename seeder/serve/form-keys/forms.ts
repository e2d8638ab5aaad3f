// Where the forms of a page begin, so that each can be given a key (R9). The page is parsed as a browser parses it (HTML standard §13.2): what looks
// like a form in a comment, a script, a template or inside another form is none.
//
// Invariant: an offset is one of bytes, just behind a form's start tag; a page that cannot be read so (another alphabet, too large) has none.

import { type DefaultTreeAdapterTypes, parse } from 'parse5'

/** A larger page would hold up other visitors while it is parsed. */
export const FORM_PAGE_BYTES_MAX = 512 * 1024
/** A page with more forms than this is left alone. */
export const FORMS_MAX = 512
/** A form that does without a key has this attribute. */
export const NO_KEY_ATTRIBUTE = 'data-interpeer-no-key'

const HTML = /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i
/** Alphabets in which a tag is written in ASCII bytes. */
const CHARSET = /charset\s*=\s*"?(?:utf-?8|us-ascii|iso-8859-\d+|latin1|windows-125\d)"?/i
const FORM = /<form[\s>/]/i
/** Forms whose bodies a key can be taken from again. */
const ENCODINGS = new Set(['', 'application/x-www-form-urlencoded', 'multipart/form-data'])

type Node = DefaultTreeAdapterTypes.Node
type Element = DefaultTreeAdapterTypes.Element

/** Byte offsets behind the start tags of the forms that post to the page's own site; `origins`: how the site names itself. */
export function formOffsets(
  page: Buffer,
  contentType: string | undefined,
  origins: readonly string[],
): readonly number[] {
  if (contentType === undefined || !HTML.test(contentType) || page.length > FORM_PAGE_BYTES_MAX) return []
  if (/charset/i.test(contentType) && !CHARSET.test(contentType)) return []
  // A character a byte: offsets are of bytes, and nothing but ASCII is looked at.
  const text = page.toString('latin1')
  if (!FORM.test(text)) return []
  const offsets: number[] = []
  const pending: Node[] = [parse(text, { sourceCodeLocationInfo: true })]
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if ('childNodes' in node) pending.push(...node.childNodes)
    if (!('tagName' in node) || node.tagName !== 'form' || !wantsKey(node, origins)) continue
    const end = node.sourceCodeLocation?.startTag?.endOffset
    if (end !== undefined) offsets.push(end)
  }
  return offsets.length > FORMS_MAX ? [] : offsets.sort((a, b) => a - b)
}

function wantsKey({ attrs }: Element, origins: readonly string[]): boolean {
  const value = (name: string): string => (attrs.find((each) => each.name === name)?.value ?? '').trim()
  if (value('method').toLowerCase() !== 'post' || attrs.some(({ name }) => name === NO_KEY_ATTRIBUTE)) return false
  return ENCODINGS.has(value('enctype').toLowerCase()) && ownAction(value('action'), origins)
}

/** A key is nobody else's business. */
function ownAction(action: string, origins: readonly string[]): boolean {
  const base = origins[0]
  if (base === undefined || !URL.canParse(action, base)) return false
  const { origin } = new URL(action, base)
  return origins.some((own) => new URL(own).origin === origin)
}
