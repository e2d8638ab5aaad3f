// Hono on Node with `node:sqlite`: fifty rows, as `test/bench/site/src/site.js` writes them.

import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { answering, argument } from './answer.ts'

type Context = { html(text: string, status: number, headers: Readonly<Record<string, string>>): Response }
type App = { get(path: string, handler: (context: Context) => Response): void; readonly fetch: unknown }
type Serve = (
  options: { readonly fetch: unknown; readonly port: number; readonly hostname: string },
  listening: (info: { readonly port: number }) => void,
) => void

const { database, hono, server } = argument<Readonly<Record<'database' | 'hono' | 'server', string>>>()
const { Hono } = (await import(pathToFileURL(hono).href)) as { readonly Hono: new () => App }
const { serve } = (await import(pathToFileURL(server).href)) as { readonly serve: Serve }

const rows = new DatabaseSync(database, { readOnly: true }).prepare(
  'SELECT id, title, text FROM rows ORDER BY id LIMIT 50',
)
const app = new Hono()
app.get('/rows', (context) => {
  const items = rows
    .all()
    .map(({ id, title, text }) => `<li id="row-${id}"><a href="/row/${id}">${title}</a> ${text}</li>`)
  const html = `<!doctype html><html lang="en"><title>Rows</title><h1>Rows</h1><ol>${items.join('\n')}</ol></html>`
  return context.html(html, 200, { 'Content-Length': String(Buffer.byteLength(html)) })
})
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => answering({ port }, () => ({})))
