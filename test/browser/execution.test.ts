// The same scripts give the same answers, roots and fuel in Chromium as in Node: any visitor's browser could re-execute a site
// (runtime.md, "What must hold"; on other Nodes and in workerd: test/seeder/execute/differential).

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { bundleFor, differentialFiles } from '#test/seeder/execute/differential/bundle.ts'
import type { Work } from '#test/seeder/execute/differential/core.ts'
import { nodeLines } from '#test/seeder/execute/differential/lines.ts'
import { startChromium } from '#test/support/chromium.ts'

const work: Work = { seed: 'chromium', programs: Number(process.env.INTERPEER_PROGRAMS ?? 60), vectors: true }
const RUN_MS = 240_000

test('Chromium gives the roots, answers and fuel that Node gives', async () => {
  const reference = nodeLines(process.execPath, work)
  const script = await bundleFor('page-entry.ts', 'iife')
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await startChromium('--js-flags=--stack-size=7000')
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(RUN_MS)
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const files = Object.entries(differentialFiles()).map(([name, bytes]) => [
      name,
      Buffer.from(bytes).toString('base64'),
    ])
    const given = JSON.stringify({ files: Object.fromEntries(files), work })
    await page.addScriptTag({ content: script })
    const answer = (await page.evaluate(`differential(${given})`)) as { lines?: string[]; error?: string }
    assert.equal(answer.error, undefined)
    assert.deepEqual(answer.lines, await reference)
  } finally {
    await browser.close()
    server.close()
  }
})
