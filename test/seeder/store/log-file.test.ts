import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoreError } from '#seeder/store/errors.ts'
import { writeLogAgain } from '#seeder/store/log-file.ts'
import { openStore, STORE_FILE } from '#seeder/store/store.ts'
import { temporaryDirectory } from '#test/seeder/store/fixture.ts'

const value = (number: number) => Buffer.alloc(3_000, number)

/** What a process that ended at once leaves behind. */
function leftBehind(from: string, to: string): void {
  for (const end of ['', '-wal']) copyFileSync(join(from, STORE_FILE + end), join(to, STORE_FILE + end))
}

test('a log that is written again says what it said, and none is no fault', () => {
  using directory = temporaryDirectory()
  using left = temporaryDirectory()
  const path = join(left.path, STORE_FILE)
  writeLogAgain(path)
  using store = openStore(directory.path)
  for (let number = 0; number < 20; number++) store.settings.set(`${number}`, value(number))
  leftBehind(directory.path, left.path)
  const before = readFileSync(`${path}-wal`)
  writeLogAgain(path)
  assert.deepEqual(readFileSync(`${path}-wal`), before)
})

test('a log whose end did not come to the disk opens at the last commit before that', () => {
  using directory = temporaryDirectory()
  using left = temporaryDirectory()
  using store = openStore(directory.path)
  store.settings.set('one', value(1))
  leftBehind(directory.path, left.path)
  const { length } = readFileSync(join(left.path, `${STORE_FILE}-wal`))
  store.settings.set('two', value(2))
  leftBehind(directory.path, left.path)
  truncateSync(join(left.path, `${STORE_FILE}-wal`), length + 4_000)
  using again = openStore(left.path)
  assert.deepEqual(Buffer.from(again.settings.get('one') ?? []), value(1))
  assert.equal(again.settings.get('two'), undefined)
})

test('a store whose sync failed writes nothing more, not at its end either; the next one opens what is on disk', () => {
  using directory = temporaryDirectory()
  let fails = false
  const points = {
    before() {
      if (fails) throw Object.assign(new Error('disk I/O error'), { errcode: 1_034 })
    },
    after() {},
  }
  const store = openStore(directory.path, { points })
  store.settings.set('one', value(1))
  fails = true
  assert.throws(() => store.settings.set('two', value(2)), /I\/O/)
  fails = false
  assert.equal(store.failed, true)
  assert.throws(
    () => store.settings.set('three', value(3)),
    (error) => error instanceof StoreError && error.reason.code === 'store_failed',
  )
  const log = readFileSync(join(directory.path, `${STORE_FILE}-wal`))
  store.close()
  assert.deepEqual(readFileSync(join(directory.path, `${STORE_FILE}-wal`)), log)
  using again = openStore(directory.path)
  assert.deepEqual(Buffer.from(again.settings.get('one') ?? []), value(1))
  assert.equal(again.settings.get('two'), undefined)
})
