import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { configFromText, issueText } from '#cli/bundle/config-file.ts'

function issues(text: string): string[] {
  const config = configFromText(text)
  return config.ok ? [] : config.error.map(issueText)
}

test('a configuration in wrangler’s style is read, with comments, trailing commas and its defaults', () => {
  const config = configFromText(`{
    // the site
    "$schema": "x",
    "name": "my-site",
    "main": "src/index.ts",
    "compatibility_date": "2026-01-01",
    "assets": { "directory": "public", "binding": "ASSETS", "not_found_handling": "404-page" },
    "d1_databases": [{ "binding": "DB", "database_name": "x", "database_id": "y", "migrations_dir": "drizzle" }],
    "kv_namespaces": [{ "binding": "KV", "id": "z" }],
    "files": [{ "binding": "FILES" }],
    "triggers": { "crons": ["*/5 * * * *"] },
    "headers": ["X-Thing"],
    "volatile": ["kv/KV"],
    "origin": "https://example.org",
    "csp": "strict",
  }`)
  assert.deepEqual(config.ok && config.value, {
    name: 'my-site',
    main: 'src/index.ts',
    assets: {
      directory: 'public',
      htmlHandling: 'auto-trailing-slash',
      notFoundHandling: '404-page',
      scriptFirst: false,
    },
    databases: [{ binding: 'DB', migrationsDirectory: 'drizzle' }],
    kv: ['KV'],
    files: ['FILES'],
    crons: ['*/5 * * * *'],
    headers: ['x-thing'],
    volatile: ['kv/KV'],
    origin: 'https://example.org',
    csp: 'strict',
  })
})

const WRONG: readonly (readonly [text: string, issue: RegExp])[] = [
  ['', /^interpeer\.jsonc:1:1: the file is empty|this is not JSON/],
  ['{\n "name": "a"\n "main": "b"\n}', /^interpeer\.jsonc:3:2: this is not JSON: comma expected$/],
  ['[]', /^interpeer\.jsonc:1:1: must be an object/],
  ['{ "main": "a.ts" }', /:1:1: "name" is missing: add "name": "my-site"$/],
  ['{\n  "name": "My Site",\n  "main": "a" }', /^interpeer\.jsonc:2:3: name "My Site" is no site name/],
  ['{ "name": "a" }', /a site needs "main" \(a script\), "assets"/],
  [
    '{ "name": "a", "main": "b",\n "d1_database": [] }',
    /:2:2: unknown key "d1_database"; did you mean "d1_databases"\?$/,
  ],
  ['{ "name": "a", "main": "b", "zebra": 1 }', /unknown key "zebra"; known are assets,/],
  [
    '{ "name": "a", "main": "b", "vars": {} }',
    /"vars" is not offered: write constants into the script; secrets cannot exist/,
  ],
  ['{ "name": "a", "main": "b", "r2_buckets": [] }', /list the bindings under "files"/],
  ['{ "name": "a", "main": "b", "compatibility_flags": ["nodejs_compat"] }', /"nodejs_compat" is not offered/],
  ['{ "name": "a", "main": "b", "d1_databases": {} }', /d1_databases must be a list/],
  ['{ "name": "a", "main": "b", "d1_databases": [{}] }', /"binding" is missing/],
  [
    '{ "name": "a", "main": "b", "kv_namespaces": [{ "binding": "1x" }] }',
    /kv_namespaces\[0\]\.binding "1x" cannot be a name in env/,
  ],
  [
    '{ "name": "a", "main": "b", "kv_namespaces": [{ "binding": "X" }], "files": [{ "binding": "X" }] }',
    /the binding "X" is declared twice/,
  ],
  [
    '{ "name": "a", "main": "b", "d1_databases": [{"binding":"A"},{"binding":"B"},{"binding":"C"},{"binding":"D"},{"binding":"E"}] }',
    /has 5 entries; a site may have 4/,
  ],
  [
    '{ "name": "a", "main": "b", "triggers": { "crons": ["61 * * * *"] } }',
    /triggers\.crons\[0\] "61 \* \* \* \*" is no cron expression/,
  ],
  [
    '{ "name": "a", "assets": { "directory": "x" }, "triggers": { "crons": ["* * * * *"] } }',
    /cron triggers need a script/,
  ],
  ['{ "name": "a", "assets": {} }', /"assets" needs "directory"/],
  [
    '{ "name": "a", "assets": { "directory": "x", "html_handling": "maybe" } }',
    /assets\.html_handling must be one of "auto-trailing-slash"/,
  ],
  ['{ "name": "a", "assets": { "directory": "x", "binding": "A" } }', /always env\.ASSETS/],
  ['{ "name": "a", "main": "b", "headers": ["a b"] }', /"a b" is no header name/],
  ['{ "name": "a", "main": "b", "volatile": ["db/DB"] }', /"db\/DB" is no place of this site$/],
  ['{ "name": "a", "main": "b", "origin": "https://x/y" }', /"https:\/\/x\/y" is no origin/],
  ['{ "name": "a", "main": "b", "csp": "lax" }', /"lax" is no content policy: write "strict"/],
  ['{ "name": "a", "main": 5 }', /main must be the script’s entry file/],
]

test('what is wrong is told with its line, its key and what to do', () => {
  for (const [text, expected] of WRONG) {
    const found = issues(text)
    assert.ok(
      found.some((issue) => expected.test(issue)),
      `${text}\n${found.join('\n')}`,
    )
  }
})

test('all issues are told at once', () => {
  assert.equal(issues('{ "name": "A B", "mian": "x", "kv_namespaces": [{}] }').length, 4)
})

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly maxItems?: number
  readonly type?: string
}

/** Every object of the schema with one key more than it has: the configuration has to call exactly that key unknown. */
test('docs/schemas/interpeer.json knows the keys and the bounds that the reader knows', async () => {
  const text = await readFile(new URL('../../../docs/schemas/interpeer.json', import.meta.url), 'utf8')
  const { properties = {} } = JSON.parse(text) as Schema
  const known = Object.keys(properties)
  const all = issues(JSON.stringify(Object.fromEntries(known.map((key) => [key, null]))))
  assert.deepEqual(
    all.filter((issue) => /unknown|not offered/.test(issue)),
    [],
  )
  assert.match(
    issues('{ "zzzzzzzz": 1 }').join(),
    new RegExp(
      `known are ${known
        .filter((key) => key !== '$schema')
        .sort()
        .join(', ')}`,
    ),
  )
  for (const [key, { items, maxItems = 0, properties: inner }] of Object.entries(properties)) {
    const keys = Object.keys(items?.properties ?? inner ?? {})
    const value = Object.fromEntries(keys.map((name) => [name, null]))
    const found = issues(JSON.stringify({ [key]: items === undefined ? value : [value] }))
    if (keys.length > 0)
      assert.deepEqual(
        found.filter((issue) => /unknown key/.test(issue)),
        [],
        key,
      )
    if (maxItems > 0 && key !== 'compatibility_flags') {
      assert.match(
        issues(JSON.stringify({ [key]: Array(maxItems + 1).fill({}) })).join('\n'),
        new RegExp(`a site may have ${maxItems}`),
        key,
      )
    }
  }
})
