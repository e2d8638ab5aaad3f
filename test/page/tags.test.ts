// Where a script ends: held against a parser that builds the tree (parse5).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import { rawEnd } from '#page/tags.ts'
import { taken } from '#test/support/html.ts'

const START = '<!doctype html><script>'
const WORDS = [
  ...['<!--', '-->', '<!-->', '<!--->', '--', '-', '>', '<!', '<', '/', 'a', '\n', ' '],
  ...['<script>', '<script ', '<script/', '<SCRIPT\n', '<scripts>', 'script'],
  ...['</script>', '</script ', '</script/', '</Script\t', '</scripts>', '</'],
]

/** Where the page's first script ends by its tag, from its content on; undefined: it does not. */
function endByTree(content: string): number | undefined {
  const tree = parse(START + content, { sourceCodeLocationInfo: true })
  const script = taken(tree, (element) => element.tagName === 'script')?.element as DefaultTreeAdapterTypes.Element
  const end = script.sourceCodeLocation?.endTag?.startOffset
  return end === undefined ? undefined : end - START.length
}

test('what looks like a script within what looks like a comment does not end the script that it stands in', () => {
  for (const [content, end] of [
    ['a</script>', 1],
    ['<!--</script>', 4],
    ['<!--<script>a</script>-->b</script>', 26],
    ['<!--<script>a</script></script>', 22],
    ['<!-- <script> --> </script>', 18],
    ['<!--><script></script>', 13],
    ['<script></script>', 8],
    ['<!--<script></script>', undefined],
    ['a</script', undefined],
    ['a</script b', undefined],
    ['a</script b="></script>', undefined],
  ] as const) {
    assert.equal(rawEnd(content, 'script', 0), end, content)
    assert.equal(endByTree(content), end, `${content} in the tree`)
  }
})

test('a script ends where a browser says that it does, or not at all', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }), (words) => {
      const content = words.join('')
      assert.equal(rawEnd(content, 'script', 0), endByTree(content), content)
    }),
    { numRuns: 2_000 },
  )
})
