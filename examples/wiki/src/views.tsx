// The pages of the wiki as HTML. Everything works without JavaScript; every value is escaped by the JSX that writes it.

import { raw } from 'hono/html'
import type { Child } from 'hono/jsx'
import { Comparison } from './compare.tsx'
import type { Page, Revision } from './schema.ts'
import type { Change, Found } from './store.ts'
import {
  AUTHOR_CHARACTERS_MAX,
  BODY_CHARACTERS_MAX,
  excerptOf,
  headingsOf,
  htmlOf,
  pageHref,
  SUMMARY_CHARACTERS_MAX,
  TITLE_CHARACTERS_MAX,
} from './text.ts'

const CONTENTS_HEADINGS_MIN = 4

function Layout(props: { title: string; description?: string; query?: string; tabs?: Child; children: Child }) {
  return (
    <>
      {raw('<!doctype html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{props.title} · Interpeer wiki</title>
          {props.description === undefined ? '' : <meta name="description" content={props.description} />}
          <link rel="stylesheet" href="/wiki.css" />
          <link rel="icon" href="/wiki.svg" type="image/svg+xml" />
          <link rel="alternate" type="application/atom+xml" title="Recent changes" href="/recent.atom" />
        </head>
        <body>
          <a class="skip" href="#content">
            Skip to the text
          </a>
          <header class="top">
            <a class="brand" href="/">
              <span aria-hidden="true">◈</span> Interpeer wiki
            </a>
            <search class="find">
              <form action="/search">
                <input
                  type="search"
                  name="q"
                  value={props.query ?? ''}
                  placeholder="Search"
                  aria-label="Search the wiki"
                  maxlength={200}
                />
              </form>
            </search>
            <nav aria-label="Wiki">
              <a href="/recent">Recent changes</a>
              <a href="/pages">All pages</a>
              <a href="/new">New page</a>
            </nav>
          </header>
          <main id="content">
            {props.tabs ?? ''}
            {props.children}
          </main>
          <footer>
            Hosted by a peer-group: every edit was run by each member and agreed by signed hashes before it counted.
          </footer>
        </body>
      </html>
    </>
  )
}

function Tabs(props: { slug: string; here: 'read' | 'edit' | 'history' }) {
  const at = (tab: string) => (tab === props.here ? ({ 'aria-current': 'page' } as const) : {})
  return (
    <nav class="tabs" aria-label="This page">
      <a href={pageHref(props.slug)} {...at('read')}>
        Read
      </a>
      <a href={`/edit/${encodeURIComponent(props.slug)}`} {...at('edit')}>
        Edit
      </a>
      <a href={`/history/${encodeURIComponent(props.slug)}`} {...at('history')}>
        History
      </a>
    </nav>
  )
}

function When(props: { at: number }) {
  const iso = new Date(props.at).toISOString()
  return <time datetime={iso}>{`${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`}</time>
}

function Contents(props: { body: string }) {
  const headings = headingsOf(props.body)
  if (headings.length < CONTENTS_HEADINGS_MIN) return ''
  const top = Math.min(...headings.map((heading) => heading.level))
  return (
    <details class="contents" open>
      <summary>Contents</summary>
      <ul>
        {headings.map((heading) => (
          <li class={`level-${heading.level - top}`}>
            <a href={`#${heading.id}`}>{heading.text}</a>
          </li>
        ))}
      </ul>
    </details>
  )
}

export function PageView(props: { page: Page }) {
  const { page } = props
  return (
    <Layout title={page.title} description={excerptOf(page.body)} tabs={<Tabs slug={page.slug} here="read" />}>
      <article>
        <h1>{page.title}</h1>
        <Contents body={page.body} />
        <div class="text">{raw(htmlOf(page.body))}</div>
        <p class="meta">
          Last changed <When at={page.changedAt} />
        </p>
      </article>
    </Layout>
  )
}

export function OldView(props: { page: Page; revision: Revision }) {
  const { page, revision } = props
  return (
    <Layout title={`${revision.title} (revision ${revision.id})`} tabs={<Tabs slug={page.slug} here="history" />}>
      <article>
        <div class="notice" role="note">
          This is how {revision.author} left the page on <When at={revision.writtenAt} />.{' '}
          {revision.id === page.revision ? (
            'It is the present text.'
          ) : (
            <a href={pageHref(page.slug)}>The present text</a>
          )}
          {revision.id === page.revision ? (
            ''
          ) : (
            <form method="post" action={`/restore/${encodeURIComponent(page.slug)}/${revision.id}`}>
              <input type="hidden" name="base" value={page.revision} />
              <button type="submit" class="quiet">
                Restore this text
              </button>
            </form>
          )}
        </div>
        <h1>{revision.title}</h1>
        <div class="text">{raw(htmlOf(revision.body))}</div>
      </article>
    </Layout>
  )
}

export type FormValues = {
  slug: string
  title: string
  body: string
  author: string
  summary: string
  base: number | null
}

function EditForm(props: { values: FormValues; isNew: boolean; preview?: boolean }) {
  const { values, isNew } = props
  const action = isNew ? '/new' : `/edit/${encodeURIComponent(values.slug)}`
  return (
    <form class="edit" method="post" action={action}>
      <input type="hidden" name="base" value={values.base ?? ''} />
      <label>
        Title
        <input name="title" value={values.title} required maxlength={TITLE_CHARACTERS_MAX} autocomplete="off" />
      </label>
      <label>
        Text
        <textarea name="body" rows={20} required maxlength={BODY_CHARACTERS_MAX} spellcheck={true}>
          {`\n${values.body}`}
        </textarea>
      </label>
      <details class="help">
        <summary>How to write</summary>
        <p>
          Markdown: <code># Heading</code>, <code>**bold**</code>, <code>*italic*</code>, <code>`code`</code>,{' '}
          <code>- list</code>, <code>[text](https://…)</code>, tables with <code>|</code>. A link to another page:{' '}
          <code>[[Its title]]</code> or <code>[[Its title|other words]]</code>.
        </p>
      </details>
      <div class="row">
        <label>
          What did you change?
          <input name="summary" value={values.summary} maxlength={SUMMARY_CHARACTERS_MAX} placeholder="optional" />
        </label>
        <label>
          Your name
          <input
            name="author"
            value={values.author}
            maxlength={AUTHOR_CHARACTERS_MAX}
            placeholder="anonymous"
            autocomplete="nickname"
          />
        </label>
      </div>
      <div class="buttons">
        <button type="submit">Save</button>
        <button type="submit" class="quiet" formaction={isNew ? '/new?preview=1' : `${action}?preview=1`}>
          Preview
        </button>
        <a href={isNew ? '/' : pageHref(values.slug)}>Cancel</a>
      </div>
    </form>
  )
}

export function EditView(props: { values: FormValues; isNew: boolean; problem?: string; preview?: boolean }) {
  const { values, isNew } = props
  return (
    <Layout
      title={isNew ? 'New page' : `Editing ${values.title}`}
      {...(isNew ? {} : { tabs: <Tabs slug={values.slug} here="edit" /> })}
    >
      <h1>{isNew ? 'New page' : `Editing ${values.title}`}</h1>
      {props.problem === undefined ? (
        ''
      ) : (
        <p class="problem" role="alert">
          {props.problem}
        </p>
      )}
      {props.preview === true ? (
        <section class="preview" aria-label="Preview">
          <p class="meta">Preview: nothing is saved yet.</p>
          <h1>{values.title}</h1>
          <div class="text">{raw(htmlOf(values.body))}</div>
        </section>
      ) : (
        ''
      )}
      <EditForm values={values} isNew={isNew} />
    </Layout>
  )
}

export function ConflictView(props: { page: Page; values: FormValues }) {
  const { page, values } = props
  return (
    <Layout title={`Edit conflict: ${page.title}`} tabs={<Tabs slug={page.slug} here="edit" />}>
      <h1>Somebody saved this page before you</h1>
      <p class="problem" role="alert">
        Nothing of yours is lost: your text stands in the form below. Compare it with the present one, bring the two
        together, and save again.
      </p>
      <h2>From the present text to yours</h2>
      <Comparison from={page.body} to={values.body} />
      <h2>Your text</h2>
      <EditForm values={{ ...values, slug: page.slug, base: page.revision }} isNew={false} />
    </Layout>
  )
}

export function HistoryView(props: { page: Page; history: Omit<Revision, 'body'>[] }) {
  const { page, history } = props
  const last = history.at(-1)
  const slug = encodeURIComponent(page.slug)
  return (
    <Layout title={`History of ${page.title}`} tabs={<Tabs slug={page.slug} here="history" />}>
      <h1>History of {page.title}</h1>
      <ol class="changes">
        {history.map((revision) => (
          <li>
            <a href={`/history/${slug}/${revision.id}`}>
              <When at={revision.writtenAt} />
            </a>{' '}
            <b>{revision.author}</b> <span class="summary">{revision.summary}</span>{' '}
            {revision.parent === null ? (
              <i>new page</i>
            ) : (
              <a href={`/diff/${slug}/${revision.parent}/${revision.id}`}>changes</a>
            )}
            {revision.id === page.revision ? <i> (the present text)</i> : ''}
          </li>
        ))}
      </ol>
      {last?.parent == null ? (
        ''
      ) : (
        <p>
          <a href={`/history/${slug}?before=${last.id}`}>Older</a>
        </p>
      )}
    </Layout>
  )
}

export function DiffView(props: { page: Page; from: Revision; to: Revision }) {
  const { page, from, to } = props
  return (
    <Layout title={`Changes of ${page.title}`} tabs={<Tabs slug={page.slug} here="history" />}>
      <h1>Changes of {page.title}</h1>
      <p class="meta">
        From <When at={from.writtenAt} /> ({from.author}) to <When at={to.writtenAt} /> ({to.author}
        {to.summary === '' ? '' : `: ${to.summary}`})
      </p>
      {from.title === to.title ? (
        ''
      ) : (
        <p>
          The title was <del>{from.title}</del> and became <ins>{to.title}</ins>.
        </p>
      )}
      <Comparison from={from.body} to={to.body} />
    </Layout>
  )
}

export function RecentView(props: { changes: Change[] }) {
  const last = props.changes.at(-1)
  return (
    <Layout title="Recent changes">
      <h1>Recent changes</h1>
      <ol class="changes">
        {props.changes.map((change) => {
          const slug = encodeURIComponent(change.slug)
          return (
            <li>
              <a href={`/history/${slug}/${change.id}`}>
                <When at={change.writtenAt} />
              </a>{' '}
              <a href={pageHref(change.slug)}>{change.title}</a> by <b>{change.author}</b>{' '}
              <span class="summary">{change.summary}</span>{' '}
              {change.parent === null ? (
                <i>new page</i>
              ) : (
                <a href={`/diff/${slug}/${change.parent}/${change.id}`}>changes</a>
              )}
            </li>
          )
        })}
      </ol>
      {props.changes.length === 0 || last?.id === 1 ? (
        ''
      ) : (
        <p>
          <a href={`/recent?before=${last?.id}`}>Older</a>
        </p>
      )}
    </Layout>
  )
}

export function AllView(props: { pages: Pick<Page, 'slug' | 'title' | 'changedAt'>[] }) {
  return (
    <Layout title="All pages">
      <h1>All pages</h1>
      <ul class="index">
        {props.pages.map((page) => (
          <li>
            <a href={pageHref(page.slug)}>{page.title}</a>
          </li>
        ))}
      </ul>
    </Layout>
  )
}

/** Snippets come with U+0001 and U+0002 around the hits; the JSX escapes what is between. */
function Snippet(props: { text: string }) {
  return (
    <>
      {props.text.split('\u0001').flatMap((part, index) => {
        if (index === 0) return [part]
        const [hit = '', rest = ''] = part.split('\u0002')
        return [<mark>{hit}</mark>, rest]
      })}
    </>
  )
}

export function SearchView(props: { query: string; found: Found[] }) {
  const { query, found } = props
  return (
    <Layout title={query === '' ? 'Search' : `Search: ${query}`} query={query}>
      <h1>{query === '' ? 'Search' : `Search: ${query}`}</h1>
      {found.length === 0 ? (
        <p>
          {query === '' ? 'Type what you look for.' : 'No page has these words.'}{' '}
          {query === '' ? '' : <a href={`/new?title=${encodeURIComponent(query)}`}>Write it</a>}
        </p>
      ) : (
        <ol class="found">
          {found.map((hit) => (
            <li>
              <a href={pageHref(hit.slug)}>{hit.title}</a>
              <p>
                <Snippet text={hit.snippet} />
              </p>
            </li>
          ))}
        </ol>
      )}
    </Layout>
  )
}

export function MissingView(props: { title: string; canCreate: boolean }) {
  return (
    <Layout title="No such page">
      <h1>No such page</h1>
      {props.canCreate ? (
        <p>
          Nobody has written “{props.title}” yet. <a href={`/new?title=${encodeURIComponent(props.title)}`}>Write it</a>
          , or <a href={`/search?q=${encodeURIComponent(props.title)}`}>search for it</a>.
        </p>
      ) : (
        <p>
          There is nothing at this address. <a href="/">To the first page</a>
        </p>
      )}
    </Layout>
  )
}
