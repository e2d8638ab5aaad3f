// The script of our own pages, the gateway's and the seeder's: it keeps what is live on a page new, and goes on by itself from a page that says "not now".
//
//   <main data-every="3000">           this page is asked for again and again, as it was asked for first
//     <p data-live-line></p>           says so, with a button that stops it
//     <div data-live="members">…       takes the place of what stood there, when it is another
//   <main data-again="5000">           asked for again until the answer is another; then it is shown
//
// Without it every page is whole, as of when it was asked for. What is shown is what the server wrote: nothing is made here.

export const OWN_SCRIPT = `'use strict';
(() => {
  const main = document.querySelector('main')
  const again = Number(main.dataset.again)
  const every = Number(main.dataset.every)
  const most = 60000
  const ask = () => fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(20000) })
  let wait = again || every
  let timer
  let paused = false
  let asking = false

  if (again) {
    const line = document.querySelector('[data-again-line]')
    if (line) line.hidden = false
    const turn = async () => {
      if (!document.hidden) {
        const answer = await ask().catch(() => undefined)
        if (answer && (answer.type === 'opaqueredirect' || answer.ok)) return location.reload()
        wait = Math.min(wait * 1.5, most)
      }
      timer = setTimeout(turn, wait)
    }
    timer = setTimeout(turn, wait)
  }
  if (!every) return

  const line = document.querySelector('[data-live-line]')
  const said = document.createElement('span')
  const button = document.createElement('button')
  const dot = document.createElement('i')
  dot.setAttribute('aria-hidden', 'true')
  button.type = 'button'
  line.replaceChildren(dot, said, ' ', button)
  line.hidden = false
  const clock = (date) => date.toLocaleTimeString('en-GB')
  let since = new Date()
  const say = (state) => {
    line.dataset.state = state
    said.textContent = state === 'live' ? 'Live, as of ' + clock(since) : state === 'paused' ? 'Paused, as of ' + clock(since) : 'Not reached since ' + clock(since) + ', trying again'
    button.textContent = state === 'paused' ? 'Go on' : 'Pause'
  }

  const controls = 'a, button, summary, [tabindex]'
  const renew = (old, fresh) => {
    if (old.innerHTML === fresh.innerHTML) return
    const selection = getSelection()
    if (selection && !selection.isCollapsed && old.contains(selection.anchorNode)) return
    const at = [...old.querySelectorAll(controls)].indexOf(document.activeElement)
    const open = new Set([...old.querySelectorAll('details[open][id]')].map(({ id }) => id))
    for (const details of fresh.querySelectorAll('details[id]')) details.open = open.has(details.id)
    old.replaceChildren(...fresh.childNodes)
    if (at !== -1) old.querySelectorAll(controls)[at]?.focus({ preventScroll: true })
  }

  const turn = async () => {
    clearTimeout(timer)
    if (paused || document.hidden || asking) return
    asking = true
    try {
      const answer = await ask()
      if (!answer.ok) throw new Error(answer.status)
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      for (const old of document.querySelectorAll('[data-live]')) {
        const fresh = page.querySelector('[data-live="' + old.dataset.live + '"]')
        if (fresh) renew(old, fresh)
      }
      since = new Date()
      wait = Math.min(Math.max(wait, every) * 1.02, every * 5)
      if (!paused) say('live')
    } catch {
      wait = Math.min(wait * 2, most)
      if (!paused) say('lost')
    } finally {
      asking = false
    }
    clearTimeout(timer)
    timer = setTimeout(turn, wait)
  }
  const awake = () => {
    wait = every
    clearTimeout(timer)
    timer = setTimeout(turn, 0)
  }
  button.addEventListener('click', () => {
    paused = !paused
    say(paused ? 'paused' : 'live')
    if (!paused) awake()
  })
  document.addEventListener('visibilitychange', () => document.hidden || awake())
  addEventListener('pageshow', (event) => event.persisted && awake())
  say('live')
  timer = setTimeout(turn, wait)
})()
`
