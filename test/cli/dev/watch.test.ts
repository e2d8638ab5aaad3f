// Changes below a folder, as editors and tools make them.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { watchFolder } from '#cli/dev/watch.ts'
import { until } from '#test/support/until.ts'

type Scene = Disposable & {
  readonly folder: string
  write(path: string, text?: string): void
  /** Resolves when a change was told since the last call. */
  told(what: string): Promise<void>
  readonly count: number
}

function scene(): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  mkdirSync(join(folder, 'src'))
  mkdirSync(join(folder, 'node_modules', 'a'), { recursive: true })
  let count = 0
  let heard = 0
  const watching = watchFolder(folder, [join(folder, 'data')], () => {
    count++
  })
  return {
    folder,
    get count() {
      return count
    },
    write: (path, text = 'x') => writeFileSync(join(folder, path), text),
    async told(what) {
      await until(what, () => count > heard)
      heard = count
    },
    [Symbol.dispose]() {
      watching[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

test('a file that is written, replaced by another one or removed is told', async () => {
  using here = scene()
  here.write('src/a.ts')
  await here.told('a new file')
  here.write('src/b.tmp')
  await here.told('the draft of an editor')
  renameSync(join(here.folder, 'src/b.tmp'), join(here.folder, 'src/a.ts'))
  await here.told('a file put in the place of another')
  here.write('src/a.ts', 'again')
  await here.told('the file that took the place, changed')
  rmSync(join(here.folder, 'src/a.ts'))
  await here.told('a file that went')
})

test('a folder that is new, or made again under its old name, is watched too', async () => {
  using here = scene()
  mkdirSync(join(here.folder, 'src/deep/er'), { recursive: true })
  await here.told('a new folder')
  here.write('src/deep/er/a.ts')
  await here.told('a file in a new folder')
  rmSync(join(here.folder, 'src/deep'), { recursive: true })
  mkdirSync(join(here.folder, 'src/deep'))
  await here.told('a folder made again')
  here.write('src/deep/b.ts')
  await here.told('a file in a folder made again')
})

test('what was not written by hand is not told: packages, git, data', async () => {
  using here = scene()
  for (const name of ['.git', '.interpeer', 'data']) mkdirSync(join(here.folder, name))
  here.write('node_modules/a/index.js')
  here.write('data/a')
  here.write('.git/HEAD')
  here.write('.interpeer/a')
  // What comes after it is told once: nothing before it was.
  here.write('src/a.ts')
  await here.told('a file of the site')
  assert.equal(here.count, 1)
})

test('many files written at once are one change', async () => {
  using here = scene()
  for (let number = 0; number < 50; number++) here.write(`src/${number}.ts`)
  await here.told('fifty files')
  assert.equal(here.count, 1)
})
