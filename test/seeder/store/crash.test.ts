import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { StoreError } from '#seeder/store/errors.ts'
import { openStore } from '#seeder/store/store.ts'
import { heightOf, isWhole, JOB, temporaryDirectory, wrongCounts } from '#test/seeder/store/fixture.ts'

const ROUNDS = 20
const WRITER = new URL('writer.ts', import.meta.url).pathname

/** Runs the writer until it has said `lines` lines, then kills it at once; returns what it said and what killing took. */
async function killAfter(directory: string, lines: number): Promise<{ said: string[]; signal: string | null }> {
  const child = spawn(process.execPath, [WRITER, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    if (text.split('\n').length > lines) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  return { said: text.split('\n').slice(0, -1), signal: signal as string | null }
}

test(`killed at a random instant during commits, ${ROUNDS} times over, a store opens at a commit boundary and is whole`, async () => {
  using directory = temporaryDirectory()
  let before = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { said, signal } = await killAfter(directory.path, 2 + Math.floor(Math.random() * 25))
    assert.equal(signal, 'SIGKILL')
    const acknowledged = Math.max(before, ...said.slice(1).map(Number))
    {
      using store = openStore(directory.path)
      const head = store.certified.head(JOB)
      assert.ok(
        head !== undefined && head.height >= acknowledged && head.height > before,
        `head ${head?.height}, told ${acknowledged}`,
      )
      before = head.height
      assert.deepEqual(head, heightOf(head.height, head.stateRoot))
      for (const root of store.blocks.roots(JOB).values()) assert.ok(isWhole(store, root))
      const votes = store.votes.load(JOB)
      assert.ok(votes.ok && votes.value !== undefined)
      const [stage, low, high] = votes.value
      const voted = (low ?? 0) + 256 * (high ?? 0)
      assert.ok(
        stage === 2 ? voted === head.height : voted === head.height + 1,
        'votes are of the head or of the next height',
      )
      assert.deepEqual(store.verify({ head: () => true, votes: () => true }), [])
    }
    assert.equal(wrongCounts(directory.path), 0)
  }
})

test('another process that holds the directory is named; once it is killed the directory is free at once', async () => {
  using directory = temporaryDirectory()
  const child = spawn(process.execPath, [WRITER, directory.path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.throws(
    () => openStore(directory.path),
    (error) => error instanceof StoreError && error.reason.code === 'store_locked' && error.reason.pid === child.pid,
  )
  child.stdout.resume()
  child.kill('SIGKILL')
  await once(child, 'close')
  openStore(directory.path).close()
})

test('a refused second opening in this process does not loosen the lock for others', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  assert.throws(() => openStore(directory.path), StoreError)
  const child = spawn(process.execPath, [WRITER, directory.path], { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 1)
  assert.match(text, new RegExp(`in use by process ${process.pid}`))
  store.settings.set('still', Uint8Array.of(1))
})
