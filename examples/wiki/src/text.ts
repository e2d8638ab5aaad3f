// Text of a page: Markdown to HTML, titles to addresses, [[links]] between pages. HTML in a page is text, never markup.

import MarkdownIt from 'markdown-it'

export const TITLE_CHARACTERS_MAX = 120
export const BODY_CHARACTERS_MAX = 100_000
export const AUTHOR_CHARACTERS_MAX = 60
export const SUMMARY_CHARACTERS_MAX = 200
const SLUG_CHARACTERS_MAX = 120

/** The address of a title: lower case, letters and digits of any script, hyphens between them; '' when nothing is left. */
export function slugOf(title: string): string {
  return title
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, SLUG_CHARACTERS_MAX)
}

export function pageHref(slug: string): string {
  return `/wiki/${encodeURIComponent(slug)}`
}

const markdown = new MarkdownIt({ html: false, linkify: false, typographer: false, breaks: false })
// Pages of strangers: a picture from elsewhere would tell that place who reads.
markdown.disable('image')

markdown.inline.ruler.before('link', 'wikilink', (state, silent) => {
  if (!state.src.startsWith('[[', state.pos)) return false
  const end = state.src.indexOf(']]', state.pos + 2)
  if (end < 0 || end - state.pos > 2 * TITLE_CHARACTERS_MAX) return false
  const [target = '', label = target] = state.src.slice(state.pos + 2, end).split('|', 2)
  const slug = slugOf(target)
  if (slug === '' || label.trim() === '') return false
  if (!silent) {
    const open = state.push('link_open', 'a', 1)
    open.attrs = [['href', pageHref(slug)]]
    state.push('text', '', 0).content = label.trim()
    state.push('link_close', 'a', -1)
  }
  state.pos = end + 2
  return true
})

/** Headings get anchors, tables a frame that scrolls on a phone, links to elsewhere no referrer. */
markdown.core.ruler.push('finish', (state) => {
  const used = new Map<string, number>()
  for (const [index, token] of state.tokens.entries()) {
    if (token.type === 'heading_open') {
      const text = state.tokens[index + 1]?.children?.map((child) => child.content).join('') ?? ''
      const base = slugOf(text) || 'section'
      const count = used.get(base) ?? 0
      used.set(base, count + 1)
      token.attrSet('id', count === 0 ? base : `${base}-${count + 1}`)
      // The page's own title is the only h1.
      if (token.tag === 'h1') token.tag = 'h2'
    }
    if (token.type === 'heading_close' && token.tag === 'h1') token.tag = 'h2'
    for (const child of token.children ?? []) {
      if (child.type === 'link_open' && /^https?:/i.test(String(child.attrGet('href') ?? '')))
        child.attrSet('rel', 'noopener noreferrer nofollow ugc')
    }
  }
})
markdown.renderer.rules.table_open = () => '<div class="table"><table>\n'
markdown.renderer.rules.table_close = () => '</table></div>\n'

export function htmlOf(body: string): string {
  return markdown.render(body)
}

export type Heading = { readonly id: string; readonly text: string; readonly level: number }

/** Headings of a page in order, for its table of contents. */
export function headingsOf(body: string): Heading[] {
  const tokens = markdown.parse(body, {})
  return tokens.flatMap((token, index) => {
    if (token.type !== 'heading_open') return []
    const text = tokens[index + 1]?.children?.map((child) => child.content).join('') ?? ''
    return [{ id: String(token.attrGet('id') ?? ''), text, level: Number(token.tag.slice(1)) }]
  })
}

/** The first words of a page without its markup. */
export function excerptOf(body: string, charactersMax = 180): string {
  const text = body
    .replace(/```[\s\S]*?```/g, ' ')
    .replace(/\[\[(?:[^\]|]*\|)?([^\]]*)\]\]/g, '$1')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[#>*_`|~-]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax).replace(/\s+\S*$/, '')} …`
}
