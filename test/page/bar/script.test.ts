// The script that is served is the one that its sources make, and it is small.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { buildScript, bundled, GENERATED_FILE } from '#page/bar/build.ts'
import { languageOf, WORDS, type Words } from '#page/bar/words.ts'

const CONTINUITY_BYTES_MAX = 2048

test('the generated script is what its sources make', async () => {
  assert.equal(await readFile(GENERATED_FILE, 'utf8'), await buildScript(), 'run "npm run build:bar"')
})

test(`what keeps a visitor on when a host is gone has at most ${CONTINUITY_BYTES_MAX} bytes`, async () => {
  const script = await bundled('./browser/continuity.ts', 'esm')
  assert.ok(script.includes('setAttribute'), 'nothing was left out')
  assert.ok(Buffer.byteLength(script) <= CONTINUITY_BYTES_MAX, `${Buffer.byteLength(script)} bytes`)
})

test('every language says all of it, with the same things put in', () => {
  const put = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort()
  const { en } = WORDS
  assert.ok(en)
  assert.deepEqual(Object.keys(WORDS), ['en', 'de', 'es', 'fr', 'zh'])
  const keys = Object.keys(en) as (keyof Words)[]
  for (const words of Object.values(WORDS)) for (const key of keys) assert.deepEqual(put(words[key]), put(en[key]), key)
})

test('the first language that there is, else English', () => {
  assert.equal(languageOf(['pt-BR', 'fr-CA', 'en']), 'fr')
  assert.equal(languageOf(['ZH-hant-TW']), 'zh')
  assert.equal(languageOf(['constructor', '']), 'en')
  assert.equal(languageOf([]), 'en')
})
