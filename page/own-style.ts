// The look of our own pages, the gateway's and the seeder's: one small style sheet for light and dark, paper, phones and desks. No font, image
// or script from elsewhere. Each colour of text has a contrast of 4.5 to 1 at least on the grounds that it stands on, in both schemes.

export const OWN_STYLE = `:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --card: #ffffff; --sunk: #f3f1ea; --ink: #1d2326; --soft: #566167; --line: #dedad0; --edge: #8a9297;
  --link: #0b6158; --good: #13683f; --warn: #7d5200; --bad: #a02f20; --tint: #e3f1ee;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181a; --card: #1b2023; --sunk: #101315; --ink: #e8e6e0; --soft: #a3aeb3; --line: #2f373b; --edge: #717c82;
    --link: #74d2c3; --good: #6bd3a1; --warn: #eab765; --bad: #f59a88; --tint: #19302d;
  }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }
.top, main, footer { max-width: 46rem; margin: 0 auto; padding: 0 1.25rem }
.wide .top, .wide main, .wide footer { max-width: 64rem }
.top { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0 1.5rem; padding-top: 1.25rem }
.top .home { display: inline-flex; align-items: center; gap: .6rem; min-height: 2.75rem; color: inherit; font-weight: 650; text-decoration: none }
.top img { display: block; width: 1.75rem; height: 1.75rem }
.top nav { display: flex; flex-wrap: wrap; gap: 0 1.25rem }
.top nav a { display: inline-flex; align-items: center; min-height: 2.75rem; color: var(--soft); text-decoration: none; font-size: .95rem }
.top nav a:hover { color: var(--link); text-decoration: underline }
.skip { position: absolute; left: -99rem; top: 0; padding: .75rem 1rem; background: var(--card); z-index: 1 }
.skip:focus { left: 1rem }
h1 { font-size: clamp(1.75rem, 6vw, 2.6rem); line-height: 1.12; letter-spacing: -.02em; margin: 2.25rem 0 1rem; text-wrap: balance }
h2 { font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; margin: 2.75rem 0 .75rem; scroll-margin-top: 1rem }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem }
p { margin: .75rem 0 }
.lead { font-size: 1.15rem; color: var(--soft); text-wrap: pretty }
small, .small { font-size: .9rem; color: var(--soft) }
a { color: var(--link); text-underline-offset: .2em }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: .3rem }
code, pre, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace }
code, .mono { font-size: .9em }
pre { background: var(--sunk); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; white-space: pre; overflow-x: auto; font-size: .9rem; line-height: 1.6; margin: .75rem 0 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: .75rem 0 }
dt { color: var(--soft) } dd { margin: 0; min-width: 0 }
.good { color: var(--good) } .warn { color: var(--warn) } .bad { color: var(--bad) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.15rem; margin: .75rem 0 }
.card > :first-child { margin-top: 0 } .card > :last-child { margin-bottom: 0 }
.plain { list-style: none; margin: .75rem 0; padding: 0 }

.search { display: flex; gap: .5rem; margin: .75rem 0 1rem }
.search input { flex: 1; min-width: 0; min-height: 2.75rem; padding: 0 .9rem; border: 1px solid var(--edge); border-radius: .6rem; background: var(--card); color: inherit; font: inherit }
button, .button { display: inline-flex; align-items: center; min-height: 2.75rem; padding: 0 1.1rem; border: 1px solid var(--link); border-radius: .6rem; background: var(--tint); color: var(--link); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer }
.button:hover, button:hover { background: var(--card) }
.actions { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; margin: 1.25rem 0 }
.actions a:not(.button) { display: inline-flex; align-items: center; min-height: 2.75rem }
.sites { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: .5rem }
.sites li { display: flex; background: var(--card); border: 1px solid var(--line); border-radius: .6rem }
.sites li:hover { border-color: var(--link) }
.sites a { display: flex; align-items: center; min-height: 3rem; padding: .5rem 1rem; text-decoration: none }
.sites a:first-child { flex: 1; flex-direction: column; align-items: flex-start; justify-content: center; min-width: 0 }
.sites a + a { border-left: 1px solid var(--line); font-size: .9rem }
.sites a:hover b, .sites a + a:hover { text-decoration: underline }
.sites b { font-weight: 600 } .sites span { font-size: .9rem }
.pages { display: flex; justify-content: space-between; align-items: center; gap: 1rem }
.pages a { display: inline-flex; align-items: center; min-height: 2.75rem }
.steps { counter-reset: step; list-style: none; padding: 0; margin: .75rem 0 }
.steps > li { counter-increment: step; position: relative; padding-left: 2.75rem; margin: 1rem 0 }
.steps > li::before { content: counter(step); position: absolute; left: 0; top: .05rem; width: 1.75rem; height: 1.75rem; border-radius: 50%; display: grid; place-items: center; background: var(--tint); color: var(--link); font-size: .9rem; font-weight: 650 }

.state::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .45em; border-radius: 50%; background: currentColor }
.state.bad::before { border-radius: 0; transform: rotate(45deg) } .state.warn::before { border-radius: 0 }
.state { white-space: nowrap; font-weight: 600; font-size: .92rem }
.members { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: .6rem }
.members > li { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: .8rem 1rem }
.members p { margin: .15rem 0 }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9.5rem), 1fr)); gap: .6rem; margin: 1rem 0 }
.figures > div { display: flex; flex-direction: column-reverse; justify-content: flex-end; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: .8rem 1rem; min-width: 0 }
.figures dt { font-size: .88rem } .figures dd { font-size: 1.35rem; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums }
.wide .figures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)) }
.figures small { white-space: nowrap; font-size: .85rem; font-weight: 400 }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .75rem; background: var(--card); margin: .75rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .55rem .9rem; border-top: 1px solid var(--line); overflow-wrap: normal }
thead th { border-top: 0; color: var(--soft); font-size: .85rem; font-weight: 600; white-space: nowrap }
tbody th { font-weight: 600 } td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.chart { display: block; width: 100%; height: 1.75rem; margin-top: .35rem; color: var(--link) }
.log { max-height: 26rem; font-size: .9rem } .log td { padding: .3rem .9rem; white-space: nowrap } .log td:last-child { white-space: normal; min-width: 16rem; overflow-wrap: anywhere }
.concerns { margin: 0; padding-left: 1.25rem } .concerns li { margin: .35rem 0 }
.nowrap { white-space: nowrap }
details { margin: .75rem 0 } summary { cursor: pointer; min-height: 2.25rem; color: var(--link) }
.live { display: flex; align-items: center; gap: .5rem; margin: .5rem 0; color: var(--soft); font-size: .9rem; font-variant-numeric: tabular-nums }
.live[hidden] { display: none }
.live i { width: .6rem; height: .6rem; border-radius: 50%; background: var(--good) }
.live[data-state=paused] i { background: var(--soft) } .live[data-state=lost] i { background: var(--bad) }
.live button { min-height: 1.75rem; padding: 0 .7rem; font-size: .85rem; font-weight: 500; border-color: var(--line); background: none }
.status { color: var(--soft); font-variant-numeric: tabular-nums; margin: 2.5rem 0 0 }
.status + h1 { margin-top: 0 }
footer { padding-top: 3rem; padding-bottom: 3rem; color: var(--soft); font-size: .9rem }
@media (max-width: 30rem) { dl:not(.figures) { grid-template-columns: 1fr; gap: 0 } dl:not(.figures) dd { margin-bottom: .6rem } .figures, .wide .figures { grid-template-columns: 1fr 1fr } h2 { margin-top: 2.25rem } }
@media print { .top nav, .live, .search, .pages { display: none } }
`

/** For a page that stands alone at a site's own origin, where nothing else of ours is. */
export const OWN_SMALL_STYLE = `:root{color-scheme:light dark;--ground:#fbfaf7;--ink:#1d2326;--soft:#566167}
@media(prefers-color-scheme:dark){:root{--ground:#14181a;--ink:#e8e6e0;--soft:#a3aeb3}}
body{margin:0;background:var(--ground);color:var(--ink);font:1.0625rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:46rem;margin:0 auto;padding:12vh 1.25rem 3rem}h1{font-size:clamp(1.75rem,6vw,2.6rem);line-height:1.12;letter-spacing:-.02em;margin:0 0 1rem}
.status,small{color:var(--soft)}.status{margin:0}.lead{font-size:1.15rem;color:var(--soft)}`
