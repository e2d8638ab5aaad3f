// What the bar weighs: once a visitor and release the script, once a page its element.

import process from 'node:process'
import { brotliCompressSync, constants } from 'node:zlib'
import { barredPage } from '#page/bar/barred.ts'
import { bundled } from '#page/bar/build.ts'
import { BAR_SCRIPT } from '#page/bar/generated/script.ts'
import { assert } from '#protocol/codec/result.ts'
import { nativeSha256 } from '#seeder/serve/representation.ts'
import { type Bench, type BenchResult, compared, measured } from '#test/bench/report.ts'

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title></head><body>${'<p>Some text.</p>'.repeat(200)}</body></html>`
const ROUNDS = 9
const PAGES = 2_000

function coded(text: string): number {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length
}

export const bar: Bench = async () => {
  const continuity = await bundled('./browser/continuity.ts', 'esm')
  const page = {
    body: Buffer.from(PAGE),
    contentType: 'text/html; charset=utf-8',
    headers: [],
    origin: 'http://wiki.example',
    destination: 'document',
  }
  const facts = { siteName: 'wiki', gateway: 'https://gateway.example' }
  const once = (): number => barredPage(page, facts, nativeSha256)?.body.length ?? 0
  const length = once()
  assert(length > page.body.length, 'the page has a place for the bar')
  const results: BenchResult[] = [
    measured('bar, script', 'bytes', Buffer.byteLength(BAR_SCRIPT)),
    measured('bar, script, brotli', 'bytes', coded(BAR_SCRIPT)),
    measured('bar, of it continuity', 'bytes', Buffer.byteLength(continuity)),
    measured('bar, of it continuity, brotli', 'bytes', coded(continuity)),
    measured('bar, element a page', 'bytes', length - page.body.length),
    measured(
      'bar, element a page, brotli',
      'bytes',
      coded(Buffer.from(barredPage(page, facts, nativeSha256)?.body ?? []).toString()) - coded(PAGE),
    ),
  ]
  const rounds = Array.from({ length: ROUNDS }, () => ({ ours: cpu(once), peer: cpu(() => nativeSha256(page.body)) }))
  return [...results, compared('bar, CPU to add it to a page of 3 KB, against hashing the page', 'µs', rounds)]
}

/** µs of this process a call. */
function cpu(work: () => unknown): number {
  const before = process.cpuUsage()
  for (let call = 0; call < PAGES; call++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / PAGES
}
