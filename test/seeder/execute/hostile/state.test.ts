// State that an uploader brought or a script grew until it can serve no more: the request that meets it fails, alike on every
// member, and the block goes on. A block that is not at hand is the machine's trouble and no answer.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { cidOfBytes } from '#protocol/content/block.ts'
import { type Cid, CODEC_DAG_PB, cidKey, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { buildDirectory } from '#protocol/content/directory.ts'
import { buildFile } from '#protocol/content/file.ts'
import { NODE_LINKS_MAX } from '#protocol/content/limits.ts'
import { encodeFile, type FileLink } from '#protocol/content/node.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { filePath } from '#seeder/execute/host/files.ts'
import { StateError } from '#seeder/execute/state/blocks.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'
import { SITE, Site, shownResult } from '#test/seeder/execute/hostile/hosted.ts'
import { type Blocks, keep, publish, readJob, request, sourceOf, textOf } from '#test/seeder/execute/pool/site.ts'

const sinkOf = (blocks: Blocks) => (cid: Cid, bytes: Uint8Array) => void blocks.set(cidKey(cid), { cid, bytes })

/** A code root of the site with other subtrees under `data`, made by hand. */
function withData(blocks: Blocks, parts: (blocks: Blocks) => Readonly<Record<string, Cid>>, bundle = SITE): Cid {
  const tree = openStateTree(EMPTY_DIRECTORY, sourceOf(blocks))
  tree.link('app', publish(blocks, bundle))
  for (const [path, cid] of Object.entries(parts(blocks))) tree.link(`app/data/${path}`, cid)
  keep(blocks, tree.commit().blocks.values())
  const root = tree.cid('app')
  assert(root !== undefined)
  return root
}

const file = (blocks: Blocks, content: string | Uint8Array): Cid =>
  buildFile(typeof content === 'string' ? bytesFromText(content) : content, sinkOf(blocks), nativeSha256).cid

/** A file of `count` times the same chunk, in nodes of `fanout`: huge, and of a few blocks. */
function repeated(blocks: Blocks, levels: number, fanout: number, chunkBytes = 16_384): Cid {
  const bytes = new Uint8Array(chunkBytes)
  let link: FileLink = buildFile(bytes, sinkOf(blocks), nativeSha256, { chunkBytes, fanout: 64 })
  for (let level = 0; level < levels; level++) {
    const node = encodeFile(Array.from({ length: fanout }, () => link))
    const cid = cidOfBytes(CODEC_DAG_PB, node, nativeSha256)
    sinkOf(blocks)(cid, node)
    link = { cid, size: link.size * fanout, total: node.length + link.total * fanout }
  }
  return link.cid
}

function directory(blocks: Blocks, entries: Readonly<Record<string, Cid>>): Cid {
  const links = Object.entries(entries).map(([name, cid]) => ({ name, cid, total: 1 }))
  const made = buildDirectory(links, sinkOf(blocks), nativeSha256)
  assert(made.ok)
  return made.value.cid
}

function database(blocks: Blocks, sql: string): Cid {
  const made = new DatabaseSync(':memory:')
  made.exec(`PRAGMA page_size=4096; ${sql}`)
  const bytes = made.serialize()
  made.close()
  return file(blocks, bytes)
}

/** A site that is published once, with the data; `good` requests need what the data may have broken, so they only run code. */
class FreshSite {
  readonly blocks: Blocks = new Map()
  readonly site: Site
  readonly status: number
  readonly update: string

  constructor(parts: (blocks: Blocks) => Readonly<Record<string, Cid>>, manifest: Partial<SiteManifest> = {}) {
    this.site = new Site(this.blocks)
    const outcome = this.site.publish(
      withData(this.blocks, parts, {
        ...SITE,
        migrations: {},
        manifest: { ...SITE.manifest, databases: [{ binding: 'DB', migrations: [] }], ...manifest },
      }),
    )
    this.status = outcome.response.status
    this.update = textOf(outcome.response)
  }

  /** What the code answers, or its failure; a request behind it in the block works, and a fresh executor agrees. */
  say(code: string): string {
    assert.equal(this.status, 200, this.update)
    const requests = [
      ['/run', code],
      ['/run', `return 'good'`],
    ] as const
    const result = this.site.block(requests)
    assert.deepEqual(shownResult(this.site.block(requests, true)), shownResult(result))
    const [first, second] = result.outcomes
    assert(first !== undefined && second !== undefined)
    assert.equal(textOf(second.response), 'good')
    this.site.take(result)
    return first.failure ?? textOf(first.response)
  }
}

describe('a bundle’s first data that does not fit', () => {
  const PUT = `return (await env.FILES.put('a', 'x')).key`
  const [, folder = '', name = ''] = filePath('FILES', 'a').split('/')
  for (const [what, parts, code, expected] of [
    ['a file in the place of the folder of files', (b: Blocks) => ({ files: file(b, 'x') }), PUT, /exception/],
    [
      'a file in the place of a folder of files',
      (b: Blocks) => ({ files: directory(b, { [folder]: file(b, 'x') }) }),
      PUT,
      /exception/,
    ],
    [
      'a folder in the place of a file',
      (b: Blocks) => ({
        files: directory(b, { [folder]: directory(b, { [name]: directory(b, { x: file(b, 'x') }) }) }),
      }),
      PUT,
      /exception/,
    ],
    [
      'a file of 64 GiB to be read',
      (b: Blocks) => ({ files: directory(b, { [folder]: directory(b, { [name]: repeated(b, 4, 64) }) }) }),
      `return host('files.get', '{"binding":"FILES","key":"a"}')`,
      /"file_size"/,
    ],
    [
      'a file of 64 GiB to be replaced',
      (b: Blocks) => ({ files: directory(b, { [folder]: directory(b, { [name]: repeated(b, 4, 64) }) }) }),
      PUT,
      /^a$/,
    ],
    [
      'a foreign file of 96 MiB to be replaced',
      (b: Blocks) => ({ files: directory(b, { [folder]: directory(b, { [name]: repeated(b, 2, 96, 10_923) }) }) }),
      PUT,
      /^a$/,
    ],
  ] as const) {
    test(what, () => {
      const site = new FreshSite(parts)
      assert.match(site.say(code), expected)
    })
  }
})

describe('databases that an uploader brought', () => {
  const WRITE = `return (await env.DB.exec('CREATE TABLE IF NOT EXISTS t(a)')).count`
  const db = (make: (b: Blocks) => Cid) => (b: Blocks) => ({ db: directory(b, { 'DB.sqlite': make(b) }) })
  for (const [what, parts, expected] of [
    ['a file in the place of their folder', (b: Blocks) => ({ db: file(b, 'x') }), /state/],
    ['a folder in the place of one', db((b) => directory(b, { x: file(b, 'x') })), /state/],
    ['one that is no database', db((b) => file(b, 'x'.repeat(5_000))), /exception/],
    ['a foreign one of 96 MiB', db((b) => repeated(b, 2, 96, 10_923)), /exception|state/],
    ['one of 64 GiB', db((b) => repeated(b, 4, 64)), /exception|state/],
  ] as const) {
    test(what, () => assert.match(new FreshSite(parts).say(WRITE), expected))
  }

  test('a healthy one in another chunker’s layout is read and written', () => {
    const site = new FreshSite(
      db((b) => {
        const made = new DatabaseSync(':memory:')
        made.exec('PRAGMA page_size=4096; CREATE TABLE t(a); INSERT INTO t VALUES(7)')
        return buildFile(made.serialize(), sinkOf(b), nativeSha256, { chunkBytes: 5_000, fanout: 3 }).cid
      }),
    )
    assert.equal(site.say(`return (await env.DB.prepare('SELECT a FROM t').first()).a`), '7')
    assert.equal(site.say(`return (await env.DB.prepare('INSERT INTO t VALUES(8)').run()).meta.changes`), '1')
  })

  test('a layout whose damage shows only when it is hashed fails the request that wrote, not its neighbours', () => {
    const site = new FreshSite(
      db((b) => {
        const made = new DatabaseSync(':memory:')
        made.exec(
          'PRAGMA page_size=4096; CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000000)); CREATE TABLE small(a)',
        )
        const bytes = made.serialize()
        const sink = sinkOf(b)
        const leaf = (from: number, to: number) => buildFile(bytes.slice(from, to), sink, nativeSha256)
        const node = (links: FileLink[]): FileLink => {
          const block = encodeFile(links)
          const cid = cidOfBytes(CODEC_DAG_PB, block, nativeSha256)
          sink(cid, block)
          return { cid, size: links.reduce((sum, { size }) => sum + size, 0), total: 1 }
        }
        const span = 64 * 16_384
        const nodes: FileLink[] = []
        for (let at = 0; at < bytes.length; at += span) {
          const leaves: FileLink[] = []
          for (let from = at; from < Math.min(bytes.length, at + span); from += 16_384) {
            leaves.push(leaf(from, Math.min(bytes.length, from + 16_384, at + span)))
          }
          // The first node's last two leaves are cut elsewhere: right in sum, wrong in form.
          if (at === 0) leaves.splice(62, 2, leaf(62 * 16_384, 63 * 16_384 + 100), leaf(63 * 16_384 + 100, 64 * 16_384))
          nodes.push(node(leaves))
        }
        return node(nodes).cid
      }),
    )
    assert.equal(site.say(`return (await env.DB.prepare('SELECT count(*) AS n FROM t').first()).n`), '1')
    assert.equal(site.say(`return (await env.DB.prepare('INSERT INTO small VALUES(1)').run()).success`), 'state')
    assert.equal(site.say(`return (await env.DB.prepare('SELECT count(*) AS n FROM small').first()).n`), '0')
  })
})

describe('a system.sqlite that an uploader brought', () => {
  const system = (sql: string) => (b: Blocks) => ({
    'system.sqlite': database(b, `CREATE TABLE migration(binding, name, hash, time); ${sql}`),
  })
  for (const [what, parts, code, expected] of [
    [
      'a folder',
      (b: Blocks) => ({ 'system.sqlite': directory(b, { x: file(b, 'x') }) }),
      `return await env.KV.put('a', 'b')`,
      /state/,
    ],
    [
      'rows of other types in the list of files',
      system(
        `CREATE TABLE file(binding, key, size, etag, uploaded, http, custom); INSERT INTO file VALUES('FILES', 'a', 'x', 2, 'y', 3, x'00')`,
      ),
      `return (await env.FILES.list()).objects.length`,
      /state/,
    ],
    [
      'metadata that is no JSON',
      system(
        `CREATE TABLE kv(namespace, key, value, metadata, expires); INSERT INTO kv VALUES('KV', 'a', 'v', '{', NULL)`,
      ),
      `return (await env.KV.list()).keys.length`,
      /state/,
    ],
    [
      'metadata that nests deeply',
      system(
        `CREATE TABLE kv(namespace, key, value, metadata, expires); INSERT INTO kv VALUES('KV', 'a', 'v', replace(hex(zeroblob(50000)), '00', '['), NULL)`,
      ),
      `return (await env.KV.list()).keys.length`,
      /state/,
    ],
    [
      'an expiry that is no number',
      system(
        `CREATE TABLE kv(namespace, key, value, metadata, expires); INSERT INTO kv VALUES('KV', 'a', 'v', 'null', 'soon')`,
      ),
      `return await env.KV.get('a')`,
      /state/,
    ],
  ] as const) {
    test(what, () => assert.match(new FreshSite(parts).say(code), expected))
  }
})

test('first data that no migration can be recorded in is refused with the update', () => {
  for (const part of [(b: Blocks) => file(b, 'x'.repeat(9_000)), (b: Blocks) => database(b, 'CREATE TABLE other(a)')]) {
    const site = new FreshSite((b) => ({ 'system.sqlite': part(b) }))
    assert.equal(site.status, 409)
    assert.match(site.update, /"state_damaged"/)
  }
})

test('a folder of files that is full refuses the next file, and the block commits', () => {
  const [, folder = ''] = filePath('FILES', 'a').split('/')
  const full = (count: number, length: number) => (b: Blocks) => {
    const one = file(b, 'x')
    const names = Array.from({ length: count }, (_, index) => `${index}`.padEnd(length, '.'))
    return { files: directory(b, { [folder]: directory(b, Object.fromEntries(names.map((entry) => [entry, one]))) }) }
  }
  for (const parts of [full(NODE_LINKS_MAX, 5), full(3_519, 245)]) {
    const site = new FreshSite(parts)
    assert.equal(
      site.say(`return JSON.parse(host('files.put', '{"binding":"FILES","key":"a"}', new ArrayBuffer(9))).error.code`),
      'file_place',
    )
    assert.equal(site.say(`return (await env.FILES.list()).objects.length`), '0')
    assert.equal(site.say(`return (await env.FILES.put('another', 'x')).key`), 'another')
  }
})

describe('what a read loaded or took back changes no later root, whatever the uploader said of sizes', () => {
  const folderOf = (key: string) => filePath('FILES', key).split('/')[1]
  const beside = Array.from({ length: 5_000 }, (_, index) => `b${index}`).find((key) => folderOf(key) === folderOf('a'))
  assert(beside !== undefined)
  const [, folder = '', name = ''] = filePath('FILES', 'a').split('/')
  for (const [what, code] of [
    ['a file that was read', `return host('files.get', '{"binding":"FILES","key":"a"}')`],
    ['a file that was written', `return (await env.FILES.put('a', 'x')).key`],
    ['a file that was made', `return (await env.FILES.put('c', 'x')).key`],
    ['a file that was made beside it', `return (await env.FILES.put('${beside}', 'x')).key`],
  ] as const) {
    test(what, () => {
      const site = new FreshSite(
        // The Tsize of every link is wrong (`directory`): whoever encodes such a folder anew gets another block.
        (b) => ({ files: directory(b, { [folder]: directory(b, { [name]: file(b, 'abc') }) }) }),
        { volatile: ['files/FILES'] },
      )
      const read = site.site.executor.executeRead(readJob(site.site.root, request('POST', '/run', code)))
      assert.equal(read.failure, undefined)
      assert.equal(read.wrote, false)
      for (const key of ['other', beside]) {
        const write = [['/run', `return (await env.FILES.put('${key}', 'x')).key`]] as const
        const fresh = shownResult(site.site.block(write, true))
        assert.deepEqual(shownResult(site.site.block(write)), fresh)
        site.site.executor.executeRead(readJob(site.site.root, request('POST', '/run', code)))
      }
    })
  }
})

test('a block that is not at hand is thrown, and the same job works once it is', () => {
  const site = new FreshSite((b) => ({ db: directory(b, { 'DB.sqlite': database(b, 'CREATE TABLE t(a)') }) }))
  const tree = openStateTree(site.site.root, sourceOf(site.blocks))
  const cid = tree.cid('db/DB.sqlite')
  assert(cid !== undefined)
  const block = site.blocks.get(cidKey(cid))
  assert(block !== undefined)
  const read = [['/run', `return (await env.DB.prepare('SELECT count(*) AS n FROM t').first()).n`]] as const
  site.blocks.delete(cidKey(cid))
  assert.throws(
    () => site.site.block(read, true),
    (error) => error instanceof StateError && error.fault === 'machine',
  )
  site.blocks.set(cidKey(cid), block)
  const [outcome] = site.site.block(read, true).outcomes
  assert.equal(outcome === undefined ? '' : textOf(outcome.response), '0')
})
