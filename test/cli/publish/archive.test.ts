import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure } from '#cli/failure.ts'
import { ARCHIVE_FORMAT, createArchiveCheck, factsPath, openArchive } from '#cli/publish/archive.ts'
import { packFiles } from '#cli/publish/pack.ts'
import { carHeader, createCarParser } from '#protocol/content/car.ts'
import { cidFromText, textFromCid } from '#protocol/content/cid.ts'
import { temporaryDirectory } from '#test/seeder/store/fixture.ts'

const KEPT = join(import.meta.dirname, '..', '..', 'vectors', 'export-1.car')

/** A copy of the export that is kept, with other facts beside it. */
function copyOf(directory: string, facts: object = {}): string {
  const path = join(directory, 'site.car')
  copyFileSync(KEPT, path)
  const said = JSON.parse(readFileSync(factsPath(KEPT), 'utf8')) as object
  writeFileSync(factsPath(path), JSON.stringify({ ...said, ...facts }))
  return path
}

const isCode = (code: string) => (error: unknown) => error instanceof Failure && error.code === code

test('an export of format 1, as it was written then, is read: its code, its database, its files', async () => {
  const { facts, code, data } = await openArchive(KEPT)
  assert.deepEqual([facts.format, facts.name, facts.height], ['interpeer-export/1', 'kept', 12])
  assert.deepEqual(
    code.links.map(({ name }) => name),
    ['site.json'],
  )
  assert.deepEqual(
    data.links.map(({ name }) => name),
    ['data'],
  )
  const packed = packFiles([], {
    links: [...code.links, ...data.links],
    places: new Map([...code.places, ...data.places]),
  })
  const parser = createCarParser(packed.root)
  let bytes = 0
  let blocks = 0
  for await (const piece of packed.car()) {
    const parts = parser.push(piece)
    assert.ok(parts.ok)
    for (const part of parts.value) bytes += part.bytes.length
    blocks += parts.value.length
  }
  assert.deepEqual({ bytes, blocks }, { bytes: packed.bytes, blocks: packed.blocks })
  assert.equal(ARCHIVE_FORMAT, 'interpeer-export/1', 'another format needs another kept export beside this one')
})

test('an export of a later format is refused, with what to do', async () => {
  using directory = temporaryDirectory()
  await assert.rejects(openArchive(copyOf(directory.path, { format: 'interpeer-export/2' })), (error) => {
    assert.ok(isCode('archive_newer')(error))
    assert.match((error as Failure).message, /interpeer-export\/2.*reads interpeer-export\/1/)
    assert.match((error as Failure).remedy ?? '', /version of interpeer that exported it/)
    return true
  })
  for (const format of ['interpeer-export/01', 'interpeer-export/', 'another/1', 7, undefined]) {
    await assert.rejects(openArchive(copyOf(directory.path, { format })), isCode('archive'))
  }
})

test('facts of another state, or none, are refused', async () => {
  using directory = temporaryDirectory()
  const other = textFromCid(packFiles([{ path: 'x', bytes: Uint8Array.of(1) }]).root)
  await assert.rejects(openArchive(copyOf(directory.path, { stateRoot: other })), isCode('archive'))
  await assert.rejects(openArchive(copyOf(directory.path, { stateRoot: 'x' })), isCode('archive'))
  const alone = join(directory.path, 'alone.car')
  copyFileSync(KEPT, alone)
  await assert.rejects(openArchive(alone), isCode('archive'))
})

test('a changed byte anywhere in an archive, and an archive that was cut, are found out', async () => {
  using directory = temporaryDirectory()
  const sound = readFileSync(KEPT)
  for (let at = 0; at < sound.length; at += 97) {
    const path = copyOf(directory.path)
    const changed = Buffer.from(sound)
    changed[at] = (changed[at] ?? 0) ^ 0x21
    writeFileSync(path, changed)
    await assert.rejects(openArchive(path), (error) => error instanceof Failure, `byte ${at}`)
  }
  for (const length of [0, 1, 60, 5_000, sound.length - 1]) {
    const path = copyOf(directory.path)
    writeFileSync(path, sound.subarray(0, length))
    await assert.rejects(openArchive(path), (error) => error instanceof Failure, `${length} bytes`)
  }
})

test('an export that comes in pieces of any size is checked as it comes, and an incomplete one at its end', () => {
  const { stateRoot } = JSON.parse(readFileSync(factsPath(KEPT), 'utf8')) as { stateRoot: string }
  const root = cidFromText(stateRoot)
  assert.ok(root.ok)
  const bytes = readFileSync(KEPT)
  for (const length of [1, 7, 1_000, 100_000]) {
    const check = createArchiveCheck(KEPT, root.value, 'it')
    for (let at = 0; at < bytes.length; at += length) check.push(bytes.subarray(at, at + length))
    assert.ok(check.finish().size > 4)
  }
  const early = createArchiveCheck(KEPT, root.value, 'it')
  early.push(carHeader(root.value))
  assert.throws(() => early.finish(), isCode('archive'))
})
