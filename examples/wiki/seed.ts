// Makes `migrations/0002_first_pages.sql` from `pages/*.md`: the wiki's first content is a migration like any other, so that every
// member writes the same rows at the same height. Run it after a change: node examples/wiki/seed.ts

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { slugOf } from './src/text.ts'

const here = dirname(fileURLToPath(import.meta.url))
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`
/** Block time in ms, from the database's own clock. */
const NOW = "CAST(unixepoch('now') AS INTEGER) * 1000"

const files = readdirSync(join(here, 'pages'))
  .filter((name) => name.endsWith('.md'))
  .sort()
const statements = files.map((name, index) => {
  const [first = '', ...rest] = readFileSync(join(here, 'pages', name), 'utf8').split('\n')
  const title = first.replace(/^# /, '')
  const body = rest.join('\n').trim()
  const slug = name === 'home.md' ? 'home' : slugOf(title)
  const id = index + 1
  return [
    `INSERT INTO revisions (id, page, parent, title, body, author, summary, written_at) VALUES (${id}, ${id}, NULL, ${quoted(title)}, ${quoted(body)}, 'Interpeer', 'First text', ${NOW});`,
    `INSERT INTO pages (id, slug, title, revision, body, changed_at) VALUES (${id}, ${quoted(slug)}, ${quoted(title)}, ${id}, ${quoted(body)}, ${NOW});`,
  ].join('\n--> statement-breakpoint\n')
})
writeFileSync(
  join(here, 'migrations', '0002_first_pages.sql'),
  `-- The pages that a new wiki begins with. Made by seed.ts from pages/*.md.\n${statements.join('\n--> statement-breakpoint\n')}\n`,
)
