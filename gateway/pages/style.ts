// One small style sheet and an icon, given out by the gateway itself. No script, no font, nothing from elsewhere.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --ink: #1d2326; --soft: #5b666c; --line: #dfdcd3; --card: #ffffff; --link: #0b6158; --good: #16794f; --bad: #a23b2a;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #14181a; --ink: #e8e6e0; --soft: #9aa5aa; --line: #2d3438; --card: #1b2023; --link: #6fd0c0; --good: #63cf9b; --bad: #f0937f; }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }
header, main, footer { max-width: 44rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 2rem; font-weight: 650 }
header a { display: inline-flex; align-items: center; gap: .6rem; min-height: 2.75rem; color: inherit; text-decoration: none }
header img { display: block; width: 1.75rem; height: 1.75rem }
h1 { font-size: clamp(1.7rem, 6vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; margin: 2.5rem 0 1rem; text-wrap: balance }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .75rem }
p { margin: .75rem 0 }
.lead { font-size: 1.15rem; color: var(--soft) }
a { color: var(--link); text-underline-offset: .2em }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 3px; border-radius: 3px }
.sites { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem }
.sites a { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; min-height: 3rem; padding: .7rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; text-decoration: none }
.sites a:hover { border-color: var(--link) }
.sites b { color: var(--link); font-weight: 600 }
.sites span { color: var(--soft); font-size: .9rem; white-space: nowrap }
.sites .good { color: var(--good) } .sites .bad { color: var(--bad) }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; white-space: pre-wrap; font: .95rem/1.5 ui-monospace, monospace }
code { font-family: ui-monospace, monospace; font-size: .95em }
dl { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1rem; margin: .75rem 0 }
dt { color: var(--soft) } dd { margin: 0 }
.status { color: var(--soft); font-variant-numeric: tabular-nums; margin: 2.5rem 0 0 }
.status + h1 { margin-top: 0 }
footer { padding-top: 3rem; padding-bottom: 3rem; color: var(--soft); font-size: .9rem }
`

/** Four members around what they agree on. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#128577" stroke-width="2.5"><path d="M16 6 26 16 16 26 6 16Z"/></g><g fill="#128577"><circle cx="16" cy="6" r="4"/><circle cx="26" cy="16" r="4"/><circle cx="16" cy="26" r="4"/><circle cx="6" cy="16" r="4"/></g></svg>`
