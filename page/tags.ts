// The tags of a page as a browser's tokenizer finds them (HTML standard §13.2.5), one after the other. What stands in comments, and in elements
// whose content is text (`RAW`), is no tag.
//
// Invariant: every character is looked at a bounded number of times, whatever the page is: a page comes from a stranger's script, and
// nobody else is served while it is read.

/** Of a character a byte; positions are those of bytes. */
export type Tag = {
  readonly name: string
  readonly isEnd: boolean
  readonly isSelfClosing: boolean
  /** Of its `<`. */
  readonly start: number
  /** Just behind the tag. */
  readonly end: number
  /** The first of each name that was asked for; values as they stand, character references and all. */
  readonly attributes: ReadonlyMap<string, string>
}

const RAW: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'noscript',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
])

export function isRaw(name: string): boolean {
  return RAW.has(name)
}

const SPACE: ReadonlySet<string> = new Set(['\t', '\n', '\f', '\r', ' '])
const NOTHING: ReadonlySet<string> = new Set()
const LETTER = /[A-Za-z]/
const NAME_END = /[\t\n\f\r />]/g
const ATTRIBUTE_END = /[\t\n\f\r />=]/g
const UNQUOTED_END = /[\t\n\f\r >]/g
const COMMENT_END = /--!?>/g

/** From `from` on; the length of the text when there is none. */
function find(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from
  return pattern.exec(text)?.index ?? text.length
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (SPACE.has(text[at] ?? '')) at++
  return at
}

/** Just behind the comment that begins at `from`; the length of the text when it does not end. */
function behindComment(text: string, from: number): number {
  const at = from + '<!--'.length
  if (text[at] === '>') return at + 1
  if (text.startsWith('->', at)) return at + 2
  const end = find(text, COMMENT_END, at)
  return end === text.length ? end : text.indexOf('>', end) + 1
}

/** Just behind the next `>`. */
function behindBogus(text: string, from: number): number {
  const end = text.indexOf('>', from)
  return end < 0 ? text.length : end + 1
}

/** The next tag; undefined: there is none any more. `wanted`: names of attributes, in lower case. */
export function nextTag(text: string, from: number, wanted: ReadonlySet<string>): Tag | undefined {
  let at = from
  for (;;) {
    at = text.indexOf('<', at)
    if (at < 0) return undefined
    const isEnd = text[at + 1] === '/'
    const first = text[at + (isEnd ? 2 : 1)] ?? ''
    if (LETTER.test(first)) return tagAt(text, at, isEnd, wanted)
    if (text.startsWith('<!--', at)) at = behindComment(text, at)
    else if (isEnd || first === '!' || first === '?') at = behindBogus(text, at + 2)
    else at++
  }
}

/** The first character between two places that a browser shows: neither space nor part of a comment or declaration; `to`: there is none. */
export function textStart(text: string, from: number, to: number): number {
  let at = from
  for (;;) {
    at = skipSpace(text, at)
    if (at >= to || text[at] !== '<') return Math.min(at, to)
    const next = text[at + 1]
    if (text.startsWith('<!--', at)) at = behindComment(text, at)
    // An end tag that does not end is no comment: nothing behind it is shown.
    else if (next === '!' || next === '?' || (next === '/' && !LETTER.test(text[at + 2] ?? '')))
      at = behindBogus(text, at + 2)
    else return at
  }
}

function tagAt(text: string, start: number, isEnd: boolean, wanted: ReadonlySet<string>): Tag | undefined {
  const from = start + (isEnd ? 2 : 1)
  let at = find(text, NAME_END, from)
  const name = text.slice(from, at).toLowerCase()
  const attributes = new Map<string, string>()
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length) return undefined
    if (text[at] === '>') return { name, isEnd, isSelfClosing: text[at - 1] === '/', start, end: at + 1, attributes }
    if (text[at] === '/') {
      at++
      continue
    }
    // A name may begin with the sign that ends every other.
    const nameEnd = find(text, ATTRIBUTE_END, at + 1)
    const attribute = text.slice(at, nameEnd).toLowerCase()
    at = skipSpace(text, nameEnd)
    let value = ''
    if (text[at] === '=') {
      at = skipSpace(text, at + 1)
      const quote = text[at]
      if (quote === '"' || quote === "'") {
        const end = text.indexOf(quote, at + 1)
        if (end < 0) return undefined
        value = text.slice(at + 1, end)
        at = end + 1
      } else {
        const end = find(text, UNQUOTED_END, at)
        value = text.slice(at, end)
        at = end
        // `<a href=/>`: the slash is of the value.
        if (text[at] === '>' && value.endsWith('/'))
          return {
            name,
            isEnd,
            isSelfClosing: false,
            start,
            end: at + 1,
            attributes: kept(attributes, attribute, value, wanted),
          }
      }
    }
    kept(attributes, attribute, value, wanted)
  }
}

function kept(
  attributes: Map<string, string>,
  name: string,
  value: string,
  wanted: ReadonlySet<string>,
): Map<string, string> {
  if (wanted.has(name) && !attributes.has(name)) attributes.set(name, value)
  return attributes
}

const rawEnds = new Map([...RAW].map((name) => [name, new RegExp(`</${name}[\\t\\n\\f\\r />]`, 'gi')]))

/** Where the end tag of an element whose content is text begins; undefined: it has none that is whole, and the rest of the page is its content. */
export function rawEnd(text: string, name: string, from: number): number | undefined {
  const at = name === 'script' ? scriptEnd(text, from) : endOf(text, name, from)
  return at === undefined || tagAt(text, at, true, NOTHING) === undefined ? undefined : at
}

function endOf(text: string, name: string, from: number): number | undefined {
  const pattern = rawEnds.get(name)
  const at = pattern === undefined ? text.length : find(text, pattern, from)
  return at === text.length ? undefined : at
}

const SCRIPT_MARK = /<!--|-->|<(\/?)script[\t\n\f\r />]/gi

/**
 * A script may hold what looks like a comment (HTML standard §13.2.5.17 to 31), and within it what looks like a script: that one's end tag does not
 * end this one.
 *
 *   text ── <!-- ──> escaped ── <script ──> twice escaped          -->: text again, from both
 *                       └── </script: the end ──┘└── </script ──> escaped
 */
function scriptEnd(text: string, from: number): number | undefined {
  let depth = 0
  SCRIPT_MARK.lastIndex = from
  for (let mark = SCRIPT_MARK.exec(text); mark !== null; mark = SCRIPT_MARK.exec(text)) {
    const [words, slash] = mark
    if (words === '-->') depth = 0
    else if (words === '<!--') {
      if (depth === 0) depth = 1
      // Its dashes may be those of its end: `<!-->`.
      SCRIPT_MARK.lastIndex = mark.index + '<!'.length
    } else if (slash === '') {
      if (depth === 1) depth = 2
    } else if (depth < 2) return mark.index
    else depth = 1
  }
  return undefined
}
