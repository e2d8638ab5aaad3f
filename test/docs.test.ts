// What the documents promise: links lead somewhere, tests that are named exist, example bytes are what the code makes.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from '#cli/command.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { signStatement, statementHash } from '#protocol/message/domain.ts'
import { STATEMENTS } from '#protocol/message/statement.ts'
import { wireToBytes } from '#protocol/message/wire.ts'
import { LISTED_HEADERS } from '#protocol/site/request-headers.ts'
import { UNCOVERED_HEADERS } from '#protocol/site/response-hash.ts'
import { OPERATIONS } from '#seeder/execute/host/host.ts'
import { signerFromSeed } from '#seeder/identity/keys.ts'
import { VECTORS, type Vectors } from '#test/seeder/execute/vector.ts'
import { expected } from '#test/wpt/suite.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')
const operated = readdirSync(join(root, 'docs', 'operate')).map((name) => join('docs', 'operate', name))
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join('docs', String(name))),
].filter((path) => path.endsWith('.md'))

test('links between the documents lead somewhere', () => {
  const broken = documents.flatMap((path) =>
    Array.from(textOf(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g), (match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  )
  assert.deepEqual(broken, [])
})

test('commands that the documents show are there, with those options', async () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> }
  const commands = new Map<string, readonly string[]>()
  for (const file of readdirSync(join(root, 'cli', 'command'))) {
    const { command } = (await import(`#cli/command/${file}`)) as { readonly command: Command }
    commands.set(command.name, ['json', 'help', ...Object.keys(command.options)])
  }
  const benches = new Map(
    ['LIMITS', 'BESIDE'].map((list) => {
      const body = new RegExp(`const ${list}[^{]*\\{([^}]*)\\n\\}`).exec(textOf('test/bench/main.ts'))?.[1] ?? ''
      return [list, Array.from(body.matchAll(/^ {2}'?([a-z-]+)'?:/gm), (match) => match[1] ?? '')]
    }),
  )
  assert.ok((benches.get('LIMITS')?.length ?? 0) > 5 && (benches.get('BESIDE')?.length ?? 0) > 5)
  const wrong = [...documents, ...operated].flatMap((path) => {
    const text = textOf(path)
    return [
      ...Array.from(text.matchAll(/npm run (?:--silent )?([a-z:]+)/g))
        .filter(([, name = '']) => scripts[name] === undefined)
        .map(([said]) => said),
      ...Array.from(text.matchAll(/npm run bench(:beside)? --((?: [a-z-]+)+)/g)).flatMap(([said, beside, words = '']) =>
        words
          .trim()
          .split(' ')
          .filter((word) => !word.startsWith('-') && !benches.get(beside ? 'BESIDE' : 'LIMITS')?.includes(word))
          .map((word) => `${said}: ${word}`),
      ),
      ...Array.from(text.matchAll(/\binterpeer ([a-z][a-z-]*)([^\n`|]*)/g)).flatMap(([said, name = '', rest = '']) => {
        const options = commands.get(name)
        if (options === undefined) return [said]
        return Array.from(rest.matchAll(/(?<![\w-])--([a-z][a-z0-9-]*)/g), (match) => match[1] ?? '')
          .filter((option) => !options.includes(option))
          .map((option) => `${said}: --${option}`)
      }),
    ].map((said) => `${path}: ${said}`)
  })
  assert.deepEqual(wrong, [])
})

test('no document was left in the midst of a merge', () => {
  assert.deepEqual(
    documents.filter((path) => /^(?:<{7}|={7}|>{7})(?: |$)/m.test(textOf(path))),
    [],
  )
})

test('every feature that is there names a test that exists', () => {
  const rows = textOf('docs/FEATURES.md')
    .split('\n')
    .filter((line) => /^\| F\d/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  assert.equal(rows.length > 40, true)
  const numbers = rows.map(([, number]) => number)
  assert.deepEqual(numbers, [...new Set(numbers)], 'each has one row')
  for (const [, number, , , state = '', shown = ''] of rows) {
    if (state === 'later') continue
    const paths = Array.from(shown.matchAll(/`([^`]+)`/g), (match) => match[1] ?? '')
    assert.notEqual(paths.length, 0, `${number} is ${state} and names no test`)
    for (const path of paths) assert(existsSync(join(root, path)), `${number} names ${path}`)
  }
})

test('every section of the paper that F31 names stands in the titles of tests that it names', () => {
  const row = textOf('docs/FEATURES.md')
    .split('\n')
    .find((line) => line.startsWith('| F31 |'))
  const sections = new Set(Array.from(row?.matchAll(/§7\.\d/g) ?? [], String))
  assert.notEqual(sections.size, 0)
  const files = Array.from(row?.matchAll(/`([^`]+\.test\.ts)`/g) ?? [], (match) => match[1] ?? '')
  const title = /\btest\([`'][^`']*\bF31 (§7\.\d)/g
  const shown = new Map(
    files.map((path) => [path, Array.from(textOf(path).matchAll(title), (match) => match[1] ?? '')]),
  )
  assert.deepEqual(new Set([...shown.values()].flat()), sections)
  for (const [path, titles] of shown) assert.notEqual(titles.length, 0, `${path} has no test of F31`)
})

test('PROTOCOL.md: the example bytes are those of the code', () => {
  const fill = (value: number) => new Uint8Array(32).fill(value) as Digest
  const signer = signerFromSeed(fill(1))
  const domain = { chainId: fill(2), generation: 0 }
  const body = { job: fill(3), epoch: 0, height: 7, view: 2, block_hash: fill(4) }
  const vote = signStatement(domain, 'vote2', signer, body)
  const text = textOf('docs/PROTOCOL.md')
  for (const bytes of [
    signer.publicKey,
    cborFromValue(body),
    statementHash(domain, 'vote2', body),
    vote.signature,
    wireToBytes({ type: 'vote2', vote }),
  ]) {
    assert(text.includes(` ${hexFromBytes(bytes)}\n`), `${hexFromBytes(bytes).slice(0, 40)}… stands in the example`)
  }
})

test('EXECUTION.md §1 and §12: digests, roots, hashes and fuel are those of the vectors', () => {
  const text = textOf('docs/EXECUTION.md')
  const { image, example } = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors
  const { blocks, facts, manifest, script } = example
  const stands = [
    ...[...Object.values(image), ...Object.values(facts), manifest, script],
    ...blocks.flatMap(({ stateRoot, hash, leaves }) => [
      ...[stateRoot, hash],
      ...leaves.flatMap(({ status, fuel, responseHash }) => [`${status}`, `${fuel}`, responseHash]),
    ]),
  ]
  assert.deepEqual(
    stands.filter((value) => !text.includes(value)),
    [],
  )
})

test('EXECUTION.md §6 and §8 name every host operation and every failure', () => {
  const text = textOf('docs/EXECUTION.md')
  const named = (op: string) => text.includes(`\`${op}\``) || text.includes(`\`.${op.split('.')[1]}\``)
  assert.deepEqual(
    OPERATIONS.filter((op) => !named(op)),
    [],
  )
  const failures = Array.from(
    textOf('seeder/execute/engine/failure.ts').matchAll(/^ {2}\| '(\w+)'$/gm),
    (match) => match[1] ?? '',
  )
  assert.equal(failures.length > 10, true)
  assert.deepEqual(
    failures.filter((code) => code !== 'time' && !text.includes(`\`${code}\``)),
    [],
  )
})

test('PROTOCOL.md names every statement and every header of the fixed lists', () => {
  const text = textOf('docs/PROTOCOL.md')
  const missing = [...Object.keys(STATEMENTS), ...LISTED_HEADERS].filter((name) => !text.includes(`\`${name}\``))
  assert.deepEqual(missing, [])
  const hopByHop = [
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ]
  const uncovered = [...UNCOVERED_HEADERS].filter((name) => !hopByHop.includes(name) && !text.includes(`\`${name}\``))
  assert.deepEqual(uncovered, [])
})

test('SITES.md says how many web-platform tests fail, and how many files are not run', () => {
  const lists = Object.values(expected())
  const failing = lists.reduce((sum, list) => sum + (typeof list === 'string' ? 0 : list.length), 0)
  const notRun = lists.filter((list) => typeof list === 'string').length
  const said = textOf('docs/SITES.md')
  assert(said.includes(`The ${failing.toLocaleString('en')} that fail stand by name`), `${failing}`)
  assert(said.includes(`with ${notRun} files that are not run`), `${notRun}`)
})
