// Execution gives what test/vectors/execution.json says. The image names the host side by its version alone, so a change there that
// is not noticed here would split a group: members with the old and the new code would sign different roots under one image.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { VECTORS, type Vectors, vectors } from '#test/seeder/execute/vector.ts'
import { untouched } from '#test/seeder/execute/vector-log.ts'

const pinned = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors
const present = JSON.parse(JSON.stringify(await vectors())) as Vectors

const RAISE =
  'execution differs under the same image: raise HOST_VERSION (seeder/execute/pool/runtime.ts), then run `node test/seeder/execute/vector.ts --write` and bring docs/EXECUTION.md up to date'
const WRITE =
  'the image is another one: run `node test/seeder/execute/vector.ts --write` and bring docs/EXECUTION.md §1 and §12 up to date'
const advice = pinned.image.image === present.image.image ? RAISE : WRITE

test('the vectors are of this image', () => assert.deepEqual(present.image, pinned.image, WRITE))

test('every block of the log has its root, and every request its answer and fuel', () => {
  for (const [index, entry] of pinned.log.entries()) {
    assert.deepEqual(present.log[index], entry, `${entry.what}: ${advice}`)
  }
  assert.equal(present.log.length, pinned.log.length, advice)
})

test('the example of the document has its roots, hashes and fuel', () => {
  assert.deepEqual(present.example, pinned.example, advice)
})

test('the log touches every host operation, every kind of failure and every answer of its own', () => {
  assert.deepEqual(untouched(), [])
  const failures = new Set(pinned.log.flatMap(({ answers }) => answers.map((answer) => (answer as unknown[])[2])))
  for (const code of [
    ...['fuel', 'memory', 'depth', 'exception', 'silent', 'response_form', 'response_size', 'state', 'wrote'],
    ...['key_reused', 'migration_failed', 'update_sequence', 'script_start', 'bundle_script'],
  ]) {
    assert(failures.has(code), `nothing fails with ${code}`)
  }
})
