import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { httpsSettingsOf } from '#seeder/config/https.ts'
import { readConfig } from '#seeder/config/quota.ts'

const FILES = { certificate: 'a.pem', 'certificate-key': 'a.key' }
const ACME = 'https://acme.example/directory'

test('a name, where it listens, where visitors come to, and who gives the certificates', () => {
  assert.deepEqual(httpsSettingsOf({}), { ok: true, value: undefined })
  assert.deepEqual(httpsSettingsOf({ 'https-name': 'S1.example.org', ...FILES }), {
    ok: true,
    value: { name: 's1.example.org', port: 443, source: { kind: 'files', certificate: 'a.pem', key: 'a.key' } },
  })
  const given = { 'https-name': 's1.example.org:8443', 'https-port': '0', acme: ACME, 'acme-email': 'a@b.example' }
  assert.deepEqual(httpsSettingsOf(given), {
    ok: true,
    value: {
      ...{ name: 's1.example.org', port: 0, publicPort: 8443 },
      source: { kind: 'acme', directory: ACME, email: 'a@b.example' },
    },
  })
})

test('what does not fit together is said', () => {
  for (const [given, words] of [
    [{ 'https-port': '443' }, /--https-name/],
    [{ acme: ACME }, /--https-name/],
    [{ 'https-name': 's1.example.org' }, /--certificate/],
    [{ 'https-name': 's1.example.org', certificate: 'a.pem' }, /--certificate-key/],
    [{ 'https-name': 's1.example.org', ...FILES, acme: ACME }, /not both/],
    [{ 'https-name': 's1.example.org', acme: 'ftp://acme.example' }, /directory/],
    [{ 'https-name': 's1.example.org', ...FILES, 'acme-email': 'a@b.example' }, /--acme/],
    [{ 'https-name': 's1.example.org', 'https-port': '65536', acme: ACME }, /port/],
    [{ 'https-name': 's1.example.org:0', acme: ACME }, /port/],
    ...[
      'localhost',
      '192.0.2.1',
      'wiki.peer',
      'https://s1.example.org',
      'a..b',
      '-a.example',
      `${'a.'.repeat(100)}org`,
    ].map((name) => [{ 'https-name': name, acme: ACME }, /name/] as const),
  ] as const) {
    const settings = httpsSettingsOf(given)
    assert(!settings.ok, JSON.stringify(given))
    assert.match(settings.error.message, words)
  }
})

test('the same may stand in the file of the directory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-config-'))
  try {
    const https = { name: 's1.example.org', port: '8443', certificate: '/c.pem', key: '/k.pem' }
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ location: 'DE', plainHttp: true, https }))
    const config = readConfig(directory)
    assert.deepEqual([config.location, config.plainHttp], ['DE', true])
    const settings = httpsSettingsOf(config.https ?? {})
    assert(settings.ok)
    assert.deepEqual(settings.value, {
      ...{ name: 's1.example.org', port: 8443 },
      source: { kind: 'files', certificate: '/c.pem', key: '/k.pem' },
    })
    assert.equal(readConfig(join(directory, 'none')).https, undefined)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
