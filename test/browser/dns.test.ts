// F32 A browser whose secure DNS is a gateway opens `http://lines.peer`: Chromium and Firefox, in a network namespace where a seeder has port 80. And Chromium
// where the gateway has TLS for the names.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SeenOverTls } from './dns-tls-visit.ts'
import type { Seen } from './dns-visit.ts'

const VISIT = join(import.meta.dirname, 'dns-visit.ts')
const TLS_VISIT = join(import.meta.dirname, 'dns-tls-visit.ts')
const WHOLE_MS = 300_000
const NAMESPACE = ['unshare', '--map-root-user', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']

/** Whether this machine lets us have a network of our own. */
function hasNamespaces(): boolean {
  const [command = '', ...words] = NAMESPACE
  return spawnSync(command, [...words, 'true']).status === 0
}

function visit<T>(words: readonly string[]): Promise<T> {
  const [command = '', ...rest] = words
  return new Promise((resolve, reject) =>
    execFile(command, rest, { timeout: WHOLE_MS }, (cause, stdout, stderr) =>
      cause === null ? resolve(JSON.parse(stdout) as T) : reject(new Error(`${cause.message}: ${stderr}`)),
    ),
  )
}

for (const [browser, words, unknown, offline] of [
  ['Chromium', [], /^net::ERR_NAME_NOT_RESOLVED$/, /^net::ERR_(NAME_NOT_RESOLVED|INTERNET_DISCONNECTED)$/],
  ['Firefox', ['firefox'], /NS_ERROR_UNKNOWN_HOST/, /NS_ERROR_(UNKNOWN_HOST|OFFLINE)/],
] as const) {
  test(`F32 ${browser} with a gateway as its secure DNS opens sites by their names, each name an origin of its own`, async (context) => {
    const isAlone = hasNamespaces()
    if (!isAlone) context.diagnostic('no network namespace is allowed here: the seeder has another port than 80')
    const seen = await visit<Seen>([
      ...(isAlone ? NAMESPACE : []),
      process.execPath,
      VISIT,
      isAlone ? '80' : '0',
      ...words,
    ])
    const names = seen.origins.map((origin) => new URL(origin).hostname)
    assert.deepEqual(names, ['lines.peer', 'lines.ipn'])
    if (isAlone) assert.deepEqual(seen.origins, ['http://lines.peer', 'http://lines.ipn'])
    assert.deepEqual(seen.pages, ['[]', '[]'])
    assert.equal(seen.foreign, null, 'what one name stored another does not read')
    assert.match(seen.sentTo, /^http:\/\/lines\.s\d\.localhost(:\d+)?\/\?a=b$/)
    assert.match(seen.nobody, unknown)
    assert.match(seen.elsewhere, unknown, 'the gateway is nobody’s resolver for anything else')
    assert.match(seen.otherwise, offline, 'without it there is no such name')
  })
}

test('F32 RFC 9460 §9.5 where the gateway has TLS for the names Chromium goes from http to https by itself, and only there', async (context) => {
  if (!hasNamespaces()) return context.skip('no network namespace is allowed here: ports 80 and 443 are not ours')
  const record = '1 . alpn="h2" ipv4hint=127.0.0.1'
  for (const [words, way, records] of [
    [['h2,http/1.1'], ['http://wiki.peer/', 'https://wiki.peer/', 'the member'], [record]],
    [[], ['http://wiki.peer/', 'the member'], []],
  ] as const) {
    const seen = await visit<SeenOverTls>([...NAMESPACE, process.execPath, TLS_VISIT, ...words])
    assert.deepEqual([seen.way, seen.page, seen.json], [way, 'the site', records])
    if (seen.dig === undefined) context.diagnostic('dig is not installed: it did not read the record')
    else assert.equal(seen.dig, records.join('\n'))
  }
})
