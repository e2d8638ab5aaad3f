import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreError } from '#seeder/store/errors.ts'
import { HOLDER_FILE } from '#seeder/store/lock.ts'
import { openStore, STORE_FILE } from '#seeder/store/store.ts'
import { walState } from '#seeder/store/wal.ts'
import { bytesOf, JOB, temporaryDirectory } from '#test/seeder/store/fixture.ts'

const PAGE = 4_096
const FRAME = 24 + PAGE
const HEADER = 32

/** A log of so many commits of a page or more, as a crash leaves it; `reused`: the file was written through once before. */
function logOf(directory: string, commits: number, reused = false): Buffer {
  const path = join(directory, 'x.sqlite')
  const database = new DatabaseSync(path)
  database.exec(`PRAGMA page_size = ${PAGE}; PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (x BLOB)`)
  const insert = database.prepare('INSERT INTO t VALUES (?)')
  if (reused) {
    for (let commit = 0; commit < commits * 3; commit++) insert.run(bytesOf(3_000, commit))
    database.exec('PRAGMA wal_checkpoint(RESTART)')
  }
  for (let commit = 0; commit < commits; commit++) insert.run(bytesOf(3_000, commit))
  const log = readFileSync(`${path}-wal`)
  database.close()
  return log
}

function stateOf(directory: string, log: Buffer): string {
  const path = join(directory, 'log')
  writeFileSync(path, log)
  return walState(path)
}

function changed(log: Buffer, at: number): Buffer {
  const copy = Buffer.from(log)
  copy[at] = (copy[at] ?? 0) ^ 0x40
  return copy
}

for (const reused of [false, true]) {
  test(`a log ${reused ? 'that is used again ' : ''}is whole as it is and wherever it is cut, and damaged by a byte before its last frame`, () => {
    using directory = temporaryDirectory()
    const log = logOf(directory.path, 6, reused)
    assert.equal(stateOf(directory.path, log), 'whole')
    const salts = log.subarray(16, 24)
    let frames = 0
    while (log.subarray(HEADER + frames * FRAME + 8, HEADER + frames * FRAME + 16).equals(salts)) frames++
    assert.ok(frames >= 6)
    for (let cut = 0; cut <= HEADER + frames * FRAME; cut += 977) {
      assert.equal(stateOf(directory.path, log.subarray(0, cut)), 'whole', `cut at ${cut}`)
    }
    for (let at = 0; at < HEADER; at++) assert.equal(stateOf(directory.path, changed(log, at)), 'damaged', `byte ${at}`)
    const last = HEADER + (frames - 1) * FRAME
    for (let at = HEADER; at < last; at += 131) {
      // The salts of the frame before the last, and its sums, are needed to judge the last.
      const judged = at < last - FRAME
      if (judged) assert.equal(stateOf(directory.path, changed(log, at)), 'damaged', `byte ${at}`)
    }
    assert.equal(stateOf(directory.path, changed(log, last + 100)), 'whole', 'a torn end')
  })
}

test('a missing, an empty and a short log are whole', () => {
  using directory = temporaryDirectory()
  assert.equal(walState(join(directory.path, 'none')), 'whole')
  for (const length of [0, 1, HEADER]) assert.equal(stateOf(directory.path, Buffer.alloc(length)), 'whole')
})

test('a hole in the log sets the store aside when the program crashed alone, and is a torn write after the machine went down', () => {
  using directory = temporaryDirectory()
  using copy = temporaryDirectory()
  {
    using store = openStore(directory.path)
    for (let turn = 0; turn < 5; turn++) store.votes.save(JOB, bytesOf(100, turn))
    for (const name of [STORE_FILE, `${STORE_FILE}-wal`, HOLDER_FILE])
      copyFileSync(join(directory.path, name), join(copy.path, name))
  }
  const log = join(copy.path, `${STORE_FILE}-wal`)
  const file = readFileSync(join(copy.path, STORE_FILE))
  const sound = readFileSync(log)
  writeFileSync(log, changed(sound, HEADER + 24 + 8_192 + 100))
  assert.throws(
    () => openStore(copy.path),
    (error) => error instanceof StoreError && error.reason.code === 'store_damaged',
  )
  writeFileSync(join(copy.path, STORE_FILE), file)
  writeFileSync(log, changed(sound, HEADER + 24 + 8_192 + 100))
  writeFileSync(join(copy.path, HOLDER_FILE), '1\nof-another-run-of-the-machine\n')
  openStore(copy.path).close()
})
