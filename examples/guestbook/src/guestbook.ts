// A guestbook: everybody who passes may leave a line. A stock Hono application; nothing in it knows where it runs.

import { Hono } from 'hono'
import { html } from 'hono/html'

type Database = {
  prepare(sql: string): {
    bind(...values: unknown[]): { run(): Promise<unknown>; all<T>(): Promise<{ results: T[] }> }
    all<T>(): Promise<{ results: T[] }>
  }
}
type Entry = { id: number; author: string; message: string; written_at: number }

const AUTHOR_CHARACTERS_MAX = 60
const MESSAGE_CHARACTERS_MAX = 1000
const ENTRIES_SHOWN = 50

const app = new Hono<{ Bindings: { DB: Database } }>()

const page = (entries: readonly Entry[], problem = '') => html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Guestbook</title>
    <style>
      :root { color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif; }
      body { max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
      h1 { line-height: 1.2; margin: .5rem 0; }
      form { display: grid; gap: .9rem; margin: 1.5rem 0 2rem; }
      label { display: grid; gap: .2rem; font-weight: 600; }
      input, textarea, button { font: inherit; font-weight: 400; min-width: 0; padding: .55rem .7rem; border: 1px solid #8886; border-radius: .5rem; background: transparent; color: inherit; }
      button { background: #2456c8; color: #fff; border: 0; justify-self: start; padding-inline: 1.4rem; cursor: pointer; }
      .entry { border-top: 1px solid #8884; padding: .8rem 0; overflow-wrap: anywhere; }
      .entry p { margin: .2rem 0 0; white-space: pre-wrap; }
      time { opacity: .65; font-size: .85rem; margin-left: .5rem; }
      .problem { color: #c22; }
    </style>
  </head>
  <body>
    <h1>Guestbook</h1>
    <p>Four machines that do not trust each other keep this book. Each ran the same script on what you write, and they agreed before you saw it.</p>
    ${problem === '' ? '' : html`<p class="problem" role="alert">${problem}</p>`}
    <form method="post" action="/sign">
      <label>Your name <input name="author" required maxlength="${AUTHOR_CHARACTERS_MAX}" autocomplete="name"></label>
      <label>Your line <textarea name="message" rows="3" required maxlength="${MESSAGE_CHARACTERS_MAX}"></textarea></label>
      <button>Sign</button>
    </form>
    <section id="entries" aria-live="polite">
      ${entries.map(article)}
      ${entries.length === 0 ? html`<p>Nobody has signed yet. Be the first.</p>` : ''}
    </section>
    <script>
      const list = document.querySelector('#entries')
      const lines = new EventSource('/events?after=${entries[0]?.id ?? 0}')
      lines.onmessage = ({ data, lastEventId }) => {
        if (document.getElementById('entry-' + lastEventId)) return
        list.querySelector(':scope > p')?.remove()
        list.insertAdjacentHTML('afterbegin', JSON.parse(data))
      }
    </script>
  </body>
</html>`

const article = ({ id, author, message, written_at }: Entry) => {
  const time = new Date(written_at).toISOString()
  return html`<article class="entry" id="entry-${id}">
      <b>${author}</b><time datetime="${time}">${time.slice(0, 16).replace('T', ' ')} UTC</time>
      <p>${message}</p>
    </article>`
}

const newest = (db: Database) =>
  db.prepare(`SELECT id, author, message, written_at FROM entries ORDER BY id DESC LIMIT ${ENTRIES_SHOWN}`).all<Entry>()

app.get('/', async (c) => c.html(page((await newest(c.env.DB)).results)))

/** What was written after the event that the visitor has: asked again whenever something changed. */
app.get('/events', async (c) => {
  const after = Number(c.req.header('last-event-id') ?? c.req.query('after') ?? 0)
  const { results } = await c.env.DB.prepare(
    `SELECT id, author, message, written_at FROM entries WHERE id > ? ORDER BY id LIMIT ${ENTRIES_SHOWN}`,
  )
    .bind(after)
    .all<Entry>()
  const events = results.map((entry) => `id: ${entry.id}\ndata: ${JSON.stringify(String(article(entry)))}\n\n`)
  return c.body(events.join(''), 200, { 'Content-Type': 'text/event-stream' })
})

app.post('/sign', async (c) => {
  const form = await c.req.parseBody()
  const author = String(form.author ?? '').trim()
  const message = String(form.message ?? '').trim()
  if (
    author === '' ||
    author.length > AUTHOR_CHARACTERS_MAX ||
    message === '' ||
    message.length > MESSAGE_CHARACTERS_MAX
  ) {
    const problem = `A name (up to ${AUTHOR_CHARACTERS_MAX} characters) and a line (up to ${MESSAGE_CHARACTERS_MAX}) are needed.`
    return c.html(page((await newest(c.env.DB)).results, problem), 422)
  }
  await c.env.DB.prepare('INSERT INTO entries (author, message, written_at) VALUES (?, ?, ?)')
    .bind(author, message, Date.now())
    .run()
  return c.redirect('/', 303)
})

export default app
