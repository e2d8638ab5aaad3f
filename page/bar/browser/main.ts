// The script that whoever serves a page to a browser adds to it: the bar, and the way on when the page's host is gone. Of a page that stands in a frame it does
// nothing, and of one that has it already (a page that is put into another) nothing again.

import { showBar } from '#page/bar/browser/bar.ts'
import { keepOn } from '#page/bar/browser/continuity.ts'
import { factsOf } from '#page/bar/browser/facts.ts'

const MARK = Symbol.for('interpeer-bar')

function begin(script: HTMLScriptElement): void {
  const facts = factsOf(script)
  const { src } = script
  script.remove()
  if (top !== window || Object.hasOwn(window, MARK)) return
  Object.defineProperty(window, MARK, { value: true })
  const show = (): void => {
    if (document.body instanceof HTMLFrameSetElement) return
    const bar = showBar(facts)
    const { gateway, site, goesOn, members } = facts
    if (gateway === undefined || members !== undefined || goesOn === '') return
    const base = `${gateway}/${site}`
    keepOn({
      probe: src,
      base,
      lookup: goesOn.includes('ask') ? `${gateway}/lookup/name/${site}` : undefined,
      withForms: goesOn.includes('forms'),
      onChange: (isGone) => bar.gone(isGone ? base + location.pathname + location.search : undefined),
    })
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', show)
  else show()
}

if (document.currentScript instanceof HTMLScriptElement) begin(document.currentScript)
