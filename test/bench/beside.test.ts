// What the benchmarks beside others hold to be the same page: ours carries the bar's element, and is compared without it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barredPage } from '#page/bar/barred.ts'
import { nativeSha256 } from '#seeder/serve/representation.ts'
import { withoutBar } from './beside/sides.ts'
import { staticPage } from './group.ts'

const ROWS = '<!doctype html><html lang="en"><title>Rows</title><h1>Rows</h1><ol><li id="row-1">one</li></ol></html>'

test('a page of ours without its bar is the page that the others send, byte for byte', () => {
  for (const page of [ROWS, staticPage()]) {
    const barred = barredPage(
      {
        body: Buffer.from(page),
        contentType: 'text/html; charset=utf-8',
        headers: [],
        origin: 'http://bench.s1.localhost:8080',
        destination: undefined,
      },
      { siteName: 'bench', gateway: undefined },
      nativeSha256,
    )
    const sent = Buffer.from(barred?.body ?? new Uint8Array()).toString()
    assert.notEqual(sent, page)
    assert.equal(withoutBar(sent), page)
    assert.throws(() => withoutBar(page), 'one that carries no bar is not ours')
  }
})
