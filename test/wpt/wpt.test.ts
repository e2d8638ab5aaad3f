// The script's web platform against the web-platform tests (ORIGIN.md): what fails is listed by name, and the list is exact.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { differences, expected, TESTS, testPaths, WptThread } from '#test/wpt/suite.ts'

const thread = new WptThread()
after(() => thread[Symbol.asyncDispose]())
const lists = expected()

describe('web-platform tests fail as expected.json says, and not otherwise', () => {
  for (const path of testPaths()) {
    const list = lists[path] ?? []
    if (typeof list === 'string') continue
    test(path, async () => assert.deepEqual(differences(await thread.run(path), list), []))
  }
})

test('the list names files that are there, and says why one is not run', () => {
  for (const [path, list] of Object.entries(lists)) {
    assert(existsSync(join(TESTS, path)), path)
    assert(list.length > 0, path)
  }
})
