import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openNetworkHolder } from '#seeder/host/network-holder.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

/** Between two bytes that are tried. */
const STEP = 23
const SITES = [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }]

function directory(): { readonly path: string; readonly kept: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'network-holder-'))
  return {
    path: join(folder, 'given.json'),
    kept: join(folder, 'kept.json'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

test('only a higher version under the pinned key replaces the network file', () => {
  using place = directory()
  const first = testNetwork({ sites: SITES, version: 5 })
  writeFileSync(place.path, first.text)
  using holder = openNetworkHolder({ path: place.path, keptPath: place.kept })
  const versions: number[] = []
  holder.onChange((file) => versions.push(file.version))
  assert.deepEqual(holder.offer(testNetwork({ sites: SITES, version: 4 }).text), { ok: true, value: false })
  assert.deepEqual(holder.offer(testNetwork({ sites: [], version: 5 }).text), { ok: true, value: false })
  const stranger = holder.offer(testNetwork({ sites: SITES, version: 9, networkName: 'other' }).text)
  assert.equal(!stranger.ok && stranger.error.code, 'wrong_network_key')
  const tampered = holder.offer(first.next({}).text.replace('"local"', '"main"'))
  assert.equal(!tampered.ok && tampered.error.code, 'bad_signature')
  assert.deepEqual(holder.offer(first.next({}).text), { ok: true, value: true })
  assert.deepEqual(versions, [6])
  assert.equal(holder.directory().version, 6)
})

test('a file replaced on disk is taken, and a restart does not go back to an older one', async () => {
  using place = directory()
  const first = testNetwork({ sites: SITES })
  writeFileSync(place.path, first.text)
  {
    using holder = openNetworkHolder({ path: place.path, keptPath: place.kept })
    writeFileSync(`${place.path}.new`, first.next({}).text)
    renameSync(`${place.path}.new`, place.path)
    await until('the second version', () => holder.file().version === 2)
  }
  writeFileSync(place.path, first.text)
  using again = openNetworkHolder({ path: place.path, keptPath: place.kept })
  assert.equal(again.file().version, 2)
})

test('a file of another network on disk stops the start', () => {
  using place = directory()
  writeFileSync(place.path, testNetwork({ sites: SITES }).text)
  openNetworkHolder({ path: place.path, keptPath: place.kept })[Symbol.dispose]()
  writeFileSync(place.path, testNetwork({ sites: SITES, networkName: 'other' }).text)
  assert.throws(() => openNetworkHolder({ path: place.path, keptPath: place.kept }), /another network/)
})

test('without any valid file there is no start', () => {
  using place = directory()
  assert.throws(() => openNetworkHolder({ path: place.path, keptPath: place.kept }), /not there/)
  writeFileSync(place.path, 'no network')
  assert.throws(() => openNetworkHolder({ path: place.path, keptPath: place.kept }), /no valid network file/)
})

test('a kept file of which the disk changed a byte is not believed: the operator’s is taken, and newer ones are again', () => {
  using place = directory()
  const first = testNetwork({ sites: SITES })
  const second = first.next({})
  writeFileSync(place.path, first.text)
  writeFileSync(place.kept, second.text)
  const sound = readFileSync(place.kept)
  for (let at = 0; at < sound.length; at += STEP) {
    const changed = Buffer.from(sound)
    changed[at] = (changed[at] ?? 0) ^ 0x02
    writeFileSync(place.kept, changed)
    using holder = openNetworkHolder({ path: place.path, keptPath: place.kept })
    assert.equal(holder.file().version, 1, `byte ${at}`)
    assert.deepEqual(holder.offer(second.text), { ok: true, value: true })
  }
})
