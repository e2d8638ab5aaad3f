// One verdict on every runtime (agreement §1.4): the edge cases in Chromium, by WebCrypto and by the pure rule.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { startChromium } from '#test/support/chromium.ts'
import { type SignatureCase, VECTORS_FILE } from '#test/support/ed25519-vectors.ts'
import type { Verdict } from './ed25519-page.ts'

const cases = JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as readonly SignatureCase[]

test('§2 Chromium: the same verdicts as in Node and workerd; WebCrypto alone never accepts what the rule refuses', async () => {
  const built = await build({
    entryPoints: [join(import.meta.dirname, 'ed25519-page.ts')],
    bundle: true,
    format: 'iife',
    target: 'es2024',
    logLevel: 'silent',
    write: false,
  })
  // A page of loopback is a secure context, which WebCrypto asks for.
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await startChromium()
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.addScriptTag({ content: built.outputFiles[0]?.text ?? '' })
    const verdicts = (await page.evaluate(`judge(${JSON.stringify(cases)})`)) as readonly Verdict[]
    assert.equal(verdicts.length, cases.length)
    for (const [index, entry] of cases.entries()) {
      assert.equal(verdicts[index]?.rule, entry.valid, entry.comment)
      assert.equal(verdicts[index]?.pure, entry.valid, entry.comment)
      if (!entry.valid) assert.notEqual(verdicts[index]?.native, true, entry.comment)
    }
  } finally {
    await browser.close()
    server.close()
  }
})
