// What `interpeer init` writes. A template is a small site that runs as it is; the first needs no package at all.

export type Template = { readonly summary: string; readonly files: (name: string) => Readonly<Record<string, string>> }

const HONO = '4.13.19'

const configuration = (name: string, rest: string) => `{
  // The site's configuration. 'interpeer dev' runs it here, 'interpeer publish' puts it on a network.
  "name": "${name}",
${rest}
}
`

const hello: Template = {
  summary: 'one script, no packages: a page and a counter in SQL',
  files: (name) => ({
    'interpeer.jsonc': configuration(
      name,
      `  "main": "src/site.ts",
  "d1_databases": [{ "binding": "DB", "migrations_dir": "migrations" }]`,
    ),
    'migrations/0001_counter.sql':
      'CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), presses INTEGER NOT NULL);\nINSERT INTO counter VALUES (1, 0);\n',
    'src/site.ts': `// Every member of the group runs this script on the same requests, so all of them hold the same counter.

type Env = { DB: { prepare(sql: string): { first<T>(): Promise<T | null>; run(): Promise<unknown> } } }

const page = (presses: number) => \`<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${name}</title>
  <body style="font: 1.1rem/1.6 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem">
    <h1>${name}</h1>
    <p>Pressed \${presses} times, and every member of the group agrees.</p>
    <form method="post"><button>Press</button></form>
  </body>
</html>\`

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method === 'POST') {
      await env.DB.prepare('UPDATE counter SET presses = presses + 1').run()
      return new Response(null, { status: 303, headers: { location: '/' } })
    }
    const row = await env.DB.prepare('SELECT presses FROM counter').first<{ presses: number }>()
    return new Response(page(row?.presses ?? 0), { headers: { 'content-type': 'text/html; charset=utf-8' } })
  },
}
`,
  }),
}

const hono: Template = {
  summary: 'a Hono application with a form and a list',
  files: (name) => ({
    'interpeer.jsonc': configuration(
      name,
      `  "main": "src/site.ts",
  "d1_databases": [{ "binding": "DB", "migrations_dir": "migrations" }]`,
    ),
    'package.json': `${JSON.stringify({ name, private: true, type: 'module', dependencies: { hono: HONO } }, null, 2)}\n`,
    'migrations/0001_notes.sql': 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);\n',
    'src/site.ts': `import { Hono } from 'hono'
import { html } from 'hono/html'

type Note = { id: number; text: string }
type Env = {
  Bindings: {
    DB: {
      prepare(sql: string): { bind(...values: unknown[]): { run(): Promise<unknown> }; all<T>(): Promise<{ results: T[] }> }
    }
  }
}

const app = new Hono<Env>()

app.get('/', async (c) => {
  const { results } = await c.env.DB.prepare('SELECT id, text FROM notes ORDER BY id DESC LIMIT 50').all<Note>()
  return c.html(html\`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${name}</title>
      <h1>${name}</h1>
      <form method="post"><input name="text" required maxlength="500" aria-label="Note" /> <button>Add</button></form>
      <ul>\${results.map((note) => html\`<li>\${note.text}</li>\`)}</ul>
    </html>\`)
})

app.post('/', async (c) => {
  const form = await c.req.parseBody()
  const text = String(form.text ?? '').trim().slice(0, 500)
  if (text !== '') await c.env.DB.prepare('INSERT INTO notes (text) VALUES (?)').bind(text).run()
  return c.redirect('/', 303)
})

export default app
`,
  }),
}

const files: Template = {
  summary: 'plain files, no script',
  files: (name) => ({
    'interpeer.jsonc': configuration(name, '  "assets": { "directory": "public", "not_found_handling": "404-page" }'),
    'public/index.html': `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${name}</title>
  <link rel="stylesheet" href="/style.css">
  <h1>${name}</h1>
  <p>What stands in <code>public/</code> is the site.</p>
</html>
`,
    'public/404.html':
      '<!doctype html>\n<html lang="en">\n  <meta charset="utf-8">\n  <title>Not found</title>\n  <h1>There is no such page</h1>\n</html>\n',
    'public/style.css':
      ':root { color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif; }\nbody { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; }\n',
  }),
}

export const TEMPLATES: Readonly<Record<string, Template>> = { hello, hono, files }
