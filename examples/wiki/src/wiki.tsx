// A wiki: pages that everybody may edit, each with its history. A stock Hono application on the Workers API.

import { drizzle } from 'drizzle-orm/d1'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getCookie, setCookie } from 'hono/cookie'
import { secureHeaders } from 'hono/secure-headers'
import { validator } from 'hono/validator'
import * as store from './store.ts'
import {
  AUTHOR_CHARACTERS_MAX,
  BODY_CHARACTERS_MAX,
  excerptOf,
  pageHref,
  SUMMARY_CHARACTERS_MAX,
  slugOf,
  TITLE_CHARACTERS_MAX,
} from './text.ts'
import * as view from './views.tsx'

type Env = { Bindings: { DB: D1Database } }

const FORM_BYTES_MAX = 1024 * 1024
const NAME_COOKIE_SECONDS = 365 * 24 * 3600
const HOME = 'home'

const app = new Hono<Env>()
app.use(
  secureHeaders({
    // Without `form-action`: a form that is half filled in when its host leaves goes on to another one.
    contentSecurityPolicy: { defaultSrc: ["'self'"] },
    // Nobody is logged in here, so a click that a frame lures out of somebody does no more than a link would; a gateway may frame it.
    xFrameOptions: false,
  }),
)
app.use(bodyLimit({ maxSize: FORM_BYTES_MAX, onError: (c) => c.text('This is more than a page can hold.', 413) }))

const dbOf = (c: Context<Env>) => drizzle(c.env.DB)

/** A whole number in the address, or undefined. */
function numberOf(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined
}

type Draft = Omit<store.Draft, 'slug'>

/** The form as it was sent, cut to nothing; what is wrong with it is said beside it. */
const draftForm = validator('form', (form): { draft: Draft; problem: string | undefined } => {
  const field = (name: string) => (typeof form[name] === 'string' ? form[name] : '').trim()
  const draft: Draft = {
    title: field('title').replace(/\s+/g, ' '),
    // Browsers send CRLF from a textarea (HTML §4.10.11); a text has one line end.
    body: (typeof form.body === 'string' ? form.body : '').replace(/\r\n?/g, '\n').trimEnd(),
    author: field('author') || 'anonymous',
    summary: field('summary'),
    base: numberOf(field('base')) ?? null,
  }
  const limits: [string, string, number][] = [
    ['title', draft.title, TITLE_CHARACTERS_MAX],
    ['text', draft.body, BODY_CHARACTERS_MAX],
    ['name', draft.author, AUTHOR_CHARACTERS_MAX],
    ['summary', draft.summary, SUMMARY_CHARACTERS_MAX],
  ]
  const long = limits.find(([, text, max]) => text.length > max)
  if (long !== undefined)
    return { draft, problem: `The ${long[0]} has ${long[1].length} characters; ${long[2]} are the most.` }
  if (slugOf(draft.title) === '') return { draft, problem: 'A title needs a letter or a digit.' }
  if (draft.body === '') return { draft, problem: 'A page needs some text.' }
  return { draft, problem: undefined }
})

function rememberName(c: Context<Env>, author: string): void {
  if (author !== 'anonymous')
    setCookie(c, 'author', author, { path: '/', maxAge: NAME_COOKIE_SECONDS, httpOnly: true, sameSite: 'Lax' })
}

const missing = (c: Context<Env>, title: string) =>
  c.html(<view.MissingView title={title} canCreate={slugOf(title) !== ''} />, 404)

app.get('/', async (c) => {
  const page = await store.pageBySlug(dbOf(c), HOME)
  return page === undefined ? missing(c, HOME) : c.html(<view.PageView page={page} />)
})

app.get('/wiki/:slug', async (c) => {
  const asked = c.req.param('slug')
  const slug = slugOf(asked)
  if (slug !== '' && slug !== asked) return c.redirect(pageHref(slug), 301)
  const page = await store.pageBySlug(dbOf(c), slug)
  return page === undefined ? missing(c, asked.replaceAll('-', ' ')) : c.html(<view.PageView page={page} />)
})

app.get('/new', (c) => {
  const title = (c.req.query('title') ?? '').slice(0, TITLE_CHARACTERS_MAX)
  const values = { slug: '', title, body: '', author: getCookie(c, 'author') ?? '', summary: '', base: null }
  return c.html(<view.EditView values={values} isNew={true} />)
})

app.post('/new', draftForm, async (c) => {
  const { draft, problem } = c.req.valid('form')
  const slug = slugOf(draft.title)
  const values = { ...draft, slug }
  if (problem !== undefined) return c.html(<view.EditView values={values} isNew={true} problem={problem} />, 422)
  if (c.req.query('preview') !== undefined) return c.html(<view.EditView values={values} isNew={true} preview={true} />)
  const saved = await store.save(dbOf(c), { ...values, base: null }, Date.now())
  if (saved.kind === 'conflict') return c.html(<view.ConflictView page={saved.page} values={values} />, 409)
  rememberName(c, draft.author)
  return c.redirect(pageHref(slug), 303)
})

app.get('/edit/:slug', async (c) => {
  const page = await store.pageBySlug(dbOf(c), c.req.param('slug'))
  if (page === undefined) return missing(c, c.req.param('slug').replaceAll('-', ' '))
  const values = {
    slug: page.slug,
    title: page.title,
    body: page.body,
    author: getCookie(c, 'author') ?? '',
    summary: '',
    base: page.revision,
  }
  return c.html(<view.EditView values={values} isNew={false} />)
})

app.post('/edit/:slug', draftForm, async (c) => {
  const { draft, problem } = c.req.valid('form')
  const values = { ...draft, slug: c.req.param('slug') }
  const db = dbOf(c)
  if ((await store.pageBySlug(db, values.slug)) === undefined) return missing(c, draft.title)
  if (problem !== undefined) return c.html(<view.EditView values={values} isNew={false} problem={problem} />, 422)
  if (c.req.query('preview') !== undefined)
    return c.html(<view.EditView values={values} isNew={false} preview={true} />)
  const saved = await store.save(db, values, Date.now())
  if (saved.kind === 'conflict') return c.html(<view.ConflictView page={saved.page} values={values} />, 409)
  rememberName(c, draft.author)
  return c.redirect(pageHref(saved.slug), 303)
})

app.get('/history/:slug', async (c) => {
  const db = dbOf(c)
  const page = await store.pageBySlug(db, c.req.param('slug'))
  if (page === undefined) return missing(c, c.req.param('slug'))
  const history = await store.historyOf(db, page.id, numberOf(c.req.query('before')))
  return c.html(<view.HistoryView page={page} history={history} />)
})

app.get('/history/:slug/:revision', async (c) => {
  const db = dbOf(c)
  const page = await store.pageBySlug(db, c.req.param('slug'))
  const id = numberOf(c.req.param('revision'))
  const revision = page === undefined || id === undefined ? undefined : await store.revisionOf(db, page.id, id)
  if (page === undefined || revision === undefined) return missing(c, c.req.param('slug'))
  return c.html(<view.OldView page={page} revision={revision} />)
})

app.post('/restore/:slug/:revision', async (c) => {
  const db = dbOf(c)
  const page = await store.pageBySlug(db, c.req.param('slug'))
  const id = numberOf(c.req.param('revision'))
  const revision = page === undefined || id === undefined ? undefined : await store.revisionOf(db, page.id, id)
  if (page === undefined || revision === undefined) return missing(c, c.req.param('slug'))
  const form = await c.req.parseBody()
  const { title, body } = revision
  const draft = {
    slug: page.slug,
    title,
    body,
    author: getCookie(c, 'author') ?? 'anonymous',
    summary: `Restored revision ${revision.id}`,
    base: numberOf(typeof form.base === 'string' ? form.base : undefined) ?? null,
  }
  const saved = await store.save(db, draft, Date.now())
  if (saved.kind === 'conflict') return c.html(<view.ConflictView page={saved.page} values={draft} />, 409)
  return c.redirect(pageHref(page.slug), 303)
})

app.get('/diff/:slug/:from/:to', async (c) => {
  const db = dbOf(c)
  const page = await store.pageBySlug(db, c.req.param('slug'))
  const [from, to] = [numberOf(c.req.param('from')), numberOf(c.req.param('to'))]
  if (page === undefined || from === undefined || to === undefined) return missing(c, c.req.param('slug'))
  const before = await store.revisionOf(db, page.id, from)
  const after = await store.revisionOf(db, page.id, to)
  if (before === undefined || after === undefined) return missing(c, page.title)
  return c.html(<view.DiffView page={page} from={before} to={after} />)
})

app.get('/recent', async (c) =>
  c.html(<view.RecentView changes={await store.recentChanges(dbOf(c), numberOf(c.req.query('before')))} />),
)

app.get('/pages', async (c) => c.html(<view.AllView pages={await store.allPages(dbOf(c))} />))

app.get('/search', async (c) => {
  const query = (c.req.query('q') ?? '').trim().slice(0, 200)
  return c.html(<view.SearchView query={query} found={await store.search(dbOf(c), query)} />)
})

const xmlText = (text: string) => text.replace(/[<>&'"]/g, (char) => `&#${char.charCodeAt(0)};`)

app.get('/recent.atom', async (c) => {
  const origin = new URL(c.req.url).origin
  const changes = await store.recentChanges(dbOf(c))
  const entries = changes.map((change) => {
    const link = `${origin}/history/${encodeURIComponent(change.slug)}/${change.id}`
    return `<entry><id>${xmlText(link)}</id><title>${xmlText(change.title)}</title><link href="${xmlText(link)}"/><updated>${new Date(change.writtenAt).toISOString()}</updated><author><name>${xmlText(change.author)}</name></author><summary>${xmlText(change.summary)}</summary></entry>`
  })
  const updated = new Date(changes[0]?.writtenAt ?? 0).toISOString()
  c.header('content-type', 'application/atom+xml; charset=utf-8')
  return c.body(
    `<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>${origin}/</id><title>Interpeer wiki</title><link href="${origin}/"/><updated>${updated}</updated>${entries.join('')}</feed>\n`,
  )
})

app.get('/api/pages/:slug', async (c) => {
  const page = await store.pageBySlug(dbOf(c), c.req.param('slug'))
  if (page === undefined) return c.json({ code: 'not_found', message: 'no such page' }, 404)
  return c.json({
    slug: page.slug,
    title: page.title,
    revision: page.revision,
    body: page.body,
    changedAt: page.changedAt,
    excerpt: excerptOf(page.body),
  })
})

app.notFound((c) => c.html(<view.MissingView title="" canCreate={false} />, 404))

export default app
