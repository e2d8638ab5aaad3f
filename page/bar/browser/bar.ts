// The bar: one line at the foot of the window, in a shadow root beside `<body>`, so that neither the page's style and scripts nor its tree
// take notice of it. Closed, it stays closed for the session.
//
// Invariant: only `createElement`, text and a constructed style sheet are used, which no content policy and no Trusted Types stop.

import type { Facts } from '#page/bar/browser/facts.ts'
import { languageOf, type Words, wordsIn } from '#page/bar/words.ts'

const CLOSED_KEY = 'interpeer-bar'

const STYLE = `
:host { all: initial !important; direction: ltr !important; display: block !important; position: fixed !important; inset: auto 0 0 0 !important; z-index: 2147483647 !important }
section { --ground: #fffdf6; --ink: #1d2326; --line: #b9b19a; --link: #0b5f56; box-sizing: border-box; display: flex; align-items: center; justify-content: center; gap: .5em; max-height: 50vh; overflow: auto; padding: .2em .5em .2em 1em; padding-bottom: max(.2em, env(safe-area-inset-bottom)); border-top: 1px solid var(--line); background: var(--ground); color: var(--ink); font: .875em/1.45 system-ui, sans-serif; box-shadow: 0 -1px 8px rgb(0 0 0 / .12) }
p { margin: .35em 0; max-width: 85em; overflow-wrap: anywhere; text-wrap: pretty }
b { font-weight: 650 }
a { color: var(--link); text-underline-offset: .2em; white-space: nowrap }
button { flex: none; width: 44px; height: 44px; margin: 0; padding: 0; border: 0; border-radius: 6px; background: none; color: inherit; font: 1.5em/1 system-ui, sans-serif; cursor: pointer }
button::before { content: "×" }
button:hover { background: rgb(128 128 128 / .18) }
a:focus-visible, button:focus-visible { outline: 3px solid var(--link); outline-offset: -3px; border-radius: 6px }
a:focus-visible { outline-offset: 2px }
@media (prefers-color-scheme: dark) { section { --ground: #1b2023; --ink: #eceae4; --line: #545e63; --link: #7ad9c9 } }
@media (prefers-contrast: more) { section { --line: var(--ink) } }
@media (forced-colors: active) { section { border-top: 2px solid CanvasText } button { border: 1px solid ButtonText } }
@media (width < 30em) { section { font-size: .8125em } }
@media print { :host { display: none !important } }
`

export type Bar = {
  /** Says that the page's host is gone, also to who closed the bar; `undefined`: it is there again. */
  gone(goOn: string | undefined): void
}

function isClosed(): boolean {
  try {
    return sessionStorage.getItem(CLOSED_KEY) !== null
  } catch {
    return false
  }
}

function close(host: Element): void {
  host.remove()
  try {
    sessionStorage.setItem(CLOSED_KEY, '1')
  } catch {
    // A page without storage shows it again.
  }
}

/** `5 minutes ago`, in the language. */
function agoOf(language: string, seconds: number): string {
  const [unit, size] =
    seconds < 90
      ? (['second', 1] as const)
      : seconds < 5_400
        ? (['minute', 60] as const)
        : seconds < 129_600
          ? (['hour', 3_600] as const)
          : (['day', 86_400] as const)
  return new Intl.RelativeTimeFormat(language).format(-Math.round(seconds / size), unit)
}

function sentenceOf(words: Words, language: string, { quorum, members, age }: Facts): string {
  const sentence = age !== undefined ? words.copy : members !== undefined ? words.gateway : words.member
  return sentence
    .replace('{quorum}', quorum ?? '')
    .replace('{members}', members ?? '')
    .replace('{age}', () => agoOf(language, Number(age)))
}

function link(text: string, href: string): HTMLAnchorElement {
  const made = document.createElement('a')
  made.href = href
  made.textContent = text
  return made
}

/** Shows the bar, unless it was closed in this session. */
export function showBar(facts: Facts): Bar {
  const language = languageOf(navigator.languages)
  const words = wordsIn(language)
  const host = document.createElement('interpeer-bar')
  const root = host.attachShadow({ mode: 'open' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(STYLE)
  root.adoptedStyleSheets = [sheet]
  const section = document.createElement('section')
  section.lang = language
  section.setAttribute('aria-label', words.about)
  const line = document.createElement('p')
  line.setAttribute('role', 'status')
  const button = document.createElement('button')
  button.type = 'button'
  button.setAttribute('aria-label', words.close)
  button.addEventListener('click', () => close(host))
  section.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') close(host)
  })
  section.append(line, button)
  root.append(section)

  function say(sentence: string, further: HTMLAnchorElement | undefined): void {
    const [before = '', after] = sentence.split('{site}')
    const name = document.createElement('b')
    name.textContent = facts.site
    line.replaceChildren(before, ...(after === undefined ? [] : [name, after]))
    if (further !== undefined) line.append(' ', further)
  }
  const about = facts.gateway === undefined ? undefined : link(words.more, `${facts.gateway}/-/about/${facts.site}`)
  const usual = sentenceOf(words, language, facts)
  say(usual, about)
  if (!isClosed()) document.documentElement.append(host)
  return {
    gone(goOn) {
      if (goOn === undefined) {
        if (isClosed()) host.remove()
        return say(usual, about)
      }
      say(words.gone, link(words.again, goOn))
      document.documentElement.append(host)
    },
  }
}
