import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import {
  appliesTo,
  type DenyEntry,
  type DenyList,
  readDenyList,
  signDenyList,
  type UnsignedDenyList,
} from '#protocol/directory/deny-list.ts'
import { verify } from '#seeder/identity/keys.ts'
import { signerNamed } from '#test/support/network.ts'

const signer = signerNamed('issuer')
const issuer = hexFromBytes(signer.publicKey)
const ENTRY: DenyEntry = {
  number: 1,
  job: 'ab'.repeat(32),
  reason: 'law',
  text: 'A court ordered it.',
  reference: 'https://court.example/1',
  places: ['DE'],
  since: 1_000,
}
const LIST: UnsignedDenyList = {
  version: 1,
  issuer,
  title: 'Example e. V.',
  appeal: 'mailto:appeal@example.org',
  time: 1_000,
  entries: [ENTRY],
}

function read(list: UnsignedDenyList, held?: DenyList): string {
  const found = readDenyList(JSON.stringify(signDenyList(list, signer)), issuer, held)
  if (!found.ok) return found.error.code
  return verify(found.value.key, found.value.message, found.value.signature) ? 'taken' : 'bad_signature'
}

test('a list is its issuer’s, whole, and of the form', () => {
  assert.equal(read(LIST), 'taken')
  assert.equal(read({ ...LIST, entries: [] }), 'taken')
  const text = JSON.stringify(signDenyList(LIST, signer))
  const other = readDenyList(text.replace('A court', 'No court'), issuer)
  assert.ok(
    other.ok && !verify(other.value.key, other.value.message, other.value.signature),
    'what was changed does not verify',
  )
  const code = (found: ReturnType<typeof readDenyList>) => (found.ok ? 'taken' : found.error.code)
  assert.equal(code(readDenyList(text, 'cd'.repeat(32))), 'wrong_issuer')
  assert.equal(code(readDenyList('{', issuer)), 'not_json')
  assert.equal(code(readDenyList(' '.repeat(600_001), issuer)), 'too_large')
  for (const change of [
    { places: ['de'] },
    { places: ['DEU'] },
    { reason: 'taste' },
    { text: 'two\nlines' },
    { text: '\u202eright to left' },
    { reference: 'javascript:alert(1)' },
    { job: 'name' },
    { number: 2 },
  ])
    assert.notEqual(read({ ...LIST, entries: [{ ...ENTRY, ...change } as DenyEntry] }), 'taken', JSON.stringify(change))
  assert.equal(read({ ...LIST, appeal: 'http://appeal.example' }), 'shape')
})

test('a list only grows: entries are added and lifted, never changed, taken away or put in force again', () => {
  const held = signDenyList(LIST, signer)
  const next = (entries: readonly DenyEntry[], version = 2): string => read({ ...LIST, version, entries }, held)
  assert.equal(next([ENTRY, { ...ENTRY, number: 2 }]), 'taken')
  assert.equal(next([{ ...ENTRY, lifted: 2_000 }]), 'taken')
  assert.equal(next([ENTRY], 1), 'old_version', 'a replay')
  assert.equal(next([]), 'entry_changed')
  assert.equal(next([{ ...ENTRY, text: 'Another reason.' }]), 'entry_changed')
  assert.equal(next([{ ...ENTRY, places: [] }]), 'entry_changed')
  assert.equal(next([ENTRY, { ...ENTRY, number: 3 }]), 'entry_changed')
  const lifted = signDenyList({ ...LIST, version: 2, entries: [{ ...ENTRY, lifted: 2_000 }] }, signer)
  assert.equal(read({ ...LIST, version: 3, entries: [ENTRY] }, lifted), 'entry_changed')
  assert.equal(read({ ...LIST, version: 3, entries: [{ ...ENTRY, lifted: 3_000 }] }, lifted), 'entry_changed')
})

test('any JSON is answered with a result', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(readDenyList(text, issuer).ok, false)))
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('entries', 'issuer', 'signature', 'version', 'time'),
      (value, field) => {
        readDenyList(JSON.stringify({ ...signDenyList(LIST, signer), [field]: value }), issuer)
      },
    ),
  )
})

test('an entry holds in its places, from when to when it says', () => {
  assert.ok(appliesTo(ENTRY, 'DE', 1_000))
  assert.ok(!appliesTo(ENTRY, 'FR', 1_000))
  assert.ok(!appliesTo(ENTRY, undefined, 1_000), 'where nobody knows the place, it is not guessed')
  assert.ok(!appliesTo(ENTRY, 'DE', 999))
  assert.ok(!appliesTo({ ...ENTRY, lifted: 2_000 }, 'DE', 2_000))
  assert.ok(appliesTo({ ...ENTRY, lifted: 2_000 }, 'DE', 1_999))
  assert.ok(appliesTo({ ...ENTRY, places: [] }, undefined, 1_000))
})
