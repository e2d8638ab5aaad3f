// Where the forms of a page begin, so that each can be given a key (R9). Tags are found as a browser finds them (tags.ts), and what a browser makes no form
// of is none: a form in a comment, a script, a template or inside another form.
//
// The tree that a browser builds is not built: that takes a time which grows with the square of the page, and the page is a stranger's. A page
// in which it would have to be known (a form inside an SVG, a select or a frameset, another base address) has no keys at all.
//
// Invariant: an offset is one of bytes, just behind a form's start tag; where a browser sees no form there is none.

import { isRaw, nextTag, rawEnd, type Tag } from '#page/tags.ts'
import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'

export const FORM_PAGE_BYTES_MAX = 512 * 1024
/** A page with more forms than this is left alone. */
export const FORMS_MAX = 512
/** A form that does without a key has this attribute. */
export const NO_KEY_ATTRIBUTE = 'data-interpeer-no-key'

const HTML = /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i
/** Alphabets in which a tag is written in ASCII bytes. */
const CHARSET = /charset\s*=\s*"?(?:utf-?8|us-ascii|iso-8859-\d+|latin1|windows-125\d)"?/i
const FORM = /<form[\s>/]/i
/** A character a byte, whichever they are. */
const latin1 = new TextDecoder('latin1')
/** Forms whose bodies a key can be taken from again. */
const ENCODINGS = new Set(['', 'application/x-www-form-urlencoded', 'multipart/form-data'])
const ATTRIBUTES: ReadonlySet<string> = new Set(['action', 'enctype', 'method', NO_KEY_ATTRIBUTE])
/** Elements of other vocabularies, whose content follows other rules. */
const FOREIGN: ReadonlySet<string> = new Set(['svg', 'math'])
/** What means something else where an SVG holds HTML again (§13.2.6: integration points), which the tree alone tells. */
const TREE_DECIDES: ReadonlySet<string> = new Set(['base', 'form', 'frameset', 'plaintext', 'select', 'template'])
/** What ends a select that was not closed. */
const ENDS_SELECT: ReadonlySet<string> = new Set(['input', 'keygen', 'textarea'])
/** They end a `<select>` that stands in a table, and no other (§13.2.6.4.17). */
const ENDS_SELECT_IN_TABLE: ReadonlySet<string> = new Set([
  'caption',
  'table',
  'tbody',
  'td',
  'tfoot',
  'th',
  'thead',
  'tr',
])

/** Byte offsets behind the start tags of the forms that post to the page's own site; `origins`: how the site names itself. */
export function formOffsets(
  page: Uint8Array,
  contentType: string | undefined,
  origins: readonly string[],
): readonly number[] {
  if (contentType === undefined || !HTML.test(contentType) || page.length > FORM_PAGE_BYTES_MAX) return []
  if (/charset/i.test(contentType) && !CHARSET.test(contentType)) return []
  // A character a byte: offsets are of bytes, and nothing but ASCII is looked at.
  const text = latin1.decode(page)
  if (!FORM.test(text)) return []
  const forms = formsIn(text)
  if (forms === undefined || forms.length > FORMS_MAX) return []
  return forms.filter((form) => wantsKey(form, origins)).map(({ end }) => end)
}

/** The start tags of forms; undefined: the page's tree would have to be known. */
function formsIn(text: string): readonly Tag[] | undefined {
  const forms: Tag[] = []
  const hasCdata = text.includes('<![CDATA[')
  /** The outermost SVG or formula, and how many of its kind are open. */
  let foreign: string | undefined
  let depth = 0
  let templates = 0
  let isInForm = false
  let isInSelect = false
  let at = 0
  for (let tag = nextTag(text, at, ATTRIBUTES); tag !== undefined; tag = nextTag(text, at, ATTRIBUTES)) {
    const { name, isEnd } = tag
    at = tag.end
    if (foreign !== undefined) {
      if (name === foreign && !tag.isSelfClosing) {
        depth += isEnd ? -1 : 1
        if (depth === 0) foreign = undefined
      } else if (FOREIGN.has(name) && name !== foreign && !isEnd) return undefined
      else if (TREE_DECIDES.has(name)) return undefined
      else if (isRaw(name) && !isEnd) {
        const end = rawEnd(text, name, at)
        if (end === undefined || text.slice(at, end).includes('<')) return undefined
        at = end
      }
    } else if (isInSelect && ENDS_SELECT_IN_TABLE.has(name)) return undefined
    else if (isEnd) {
      if (name === 'template') templates = Math.max(0, templates - 1)
      else if (name === 'select') isInSelect = false
      else if (name === 'form' && templates === 0) {
        if (isInSelect) return undefined
        isInForm = false
      }
    } else if (FOREIGN.has(name)) {
      if (tag.isSelfClosing) continue
      // Text there, a comment elsewhere (§13.2.5.42).
      if (hasCdata) return undefined
      foreign = name
      depth = 1
    } else if (name === 'base' || name === 'frameset') return undefined
    else if (name === 'plaintext') break
    else if (name === 'template') {
      if (isInSelect) return undefined
      templates++
    } else if (name === 'select') {
      if (templates > 0) return undefined
      isInSelect = !isInSelect
    } else if (name === 'form') {
      if (isInSelect) return undefined
      if (templates === 0 && !isInForm) {
        isInForm = true
        forms.push(tag)
      }
    } else {
      if (ENDS_SELECT.has(name)) isInSelect = false
      if (!isRaw(name)) continue
      if (isInSelect && name !== 'script') return undefined
      const end = rawEnd(text, name, at)
      if (end === undefined) break
      if (name === 'script' && isEscapedTwice(text.slice(at, end))) return undefined
      at = end
    }
  }
  return forms
}

/** Whether a script's own end tag may be one of its text (§13.2.5.27). */
function isEscapedTwice(script: string): boolean {
  const escaped = script.indexOf('<!--')
  return escaped >= 0 && /<script/i.test(script.slice(escaped))
}

function wantsKey({ attributes }: Tag, origins: readonly string[]): boolean {
  const method = attributes.get('method') ?? ''
  const encoding = attributes.get('enctype') ?? ''
  if (method.toLowerCase() !== 'post' || attributes.has(NO_KEY_ATTRIBUTE)) return false
  return ENCODINGS.has(encoding.toLowerCase()) && isOwnAction(attributes.get('action') ?? '', origins)
}

/** A key is nobody else's business. */
function isOwnAction(action: string, origins: readonly string[]): boolean {
  const base = origins[0]
  // A character reference in front of the query could spell another origin.
  if (/^[^?#]*&/.test(action)) return false
  if (base === undefined || !URL.canParse(action, base)) return false
  const { origin } = new URL(action, base)
  return origins.some((own) => new URL(own).origin === origin)
}

export const KEY_FIELD = 'interpeer-key'
/** 128 bits. */
export const KEY_BYTES = 16

/** The page with a hidden field of this key (base64url) behind each offset. */
export function pageWithKeys(page: Uint8Array, offsets: readonly number[], key: string): Uint8Array {
  const field = bytesFromText(`<input type="hidden" name="${KEY_FIELD}" value="${key}">`)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const offset of offsets) {
    pieces.push(page.subarray(from, offset), field)
    from = offset
  }
  return bytesConcat(...pieces, page.subarray(from))
}
