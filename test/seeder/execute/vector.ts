// What execution gives for a fixed log: roots, fuel and answers of the example of docs/EXECUTION.md §12 and of a log that touches
// every host operation, every kind of block and every way to fail. The image names the binaries and the guest library, but the
// host side only by its version: these vectors notice when it changes.
//
//   node test/seeder/execute/vector.ts           prints them
//   node test/seeder/execute/vector.ts --write   into test/vectors/execution.json, after HOST_VERSION was raised

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { type Block, blockHash, genesisHash, receiptsRoot } from '#protocol/message/block.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request, requestsRoot } from '#protocol/message/request.ts'
import { executionLimits, prepare, resultOf } from '#seeder/agree/execution.ts'
import { updateToBytes } from '#seeder/agree/update.ts'
import { Engine, GUEST_LIBRARY } from '#seeder/execute/engine/engine.ts'
import { loadQuickJs } from '#seeder/execute/engine/quickjs.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { loadSqlite } from '#seeder/execute/sqlite/binary.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import { signerFromSeed } from '#seeder/identity/keys.ts'
import { type Blocks, type Bundle, keep, publish, sourceOf } from '#test/seeder/execute/pool/site.ts'
import { type LogEntry, log } from '#test/seeder/execute/vector-log.ts'

export const VECTORS = fileURLToPath(new URL('../../vectors/execution.json', import.meta.url))

export type Vectors = {
  readonly image: Readonly<Record<'image' | 'quickjs' | 'sqlite' | 'guest', string>>
  /** docs/EXECUTION.md §12. */
  readonly example: {
    readonly script: string
    readonly manifest: string
    readonly facts: Readonly<Record<string, string>>
    readonly blocks: readonly ExampleBlock[]
  }
  readonly log: readonly LogEntry[]
}

export type ExampleBlock = {
  readonly height: number
  readonly stateRoot: string
  readonly hash: string
  readonly leaves: readonly { readonly status: number; readonly fuel: number; readonly responseHash: string }[]
}

const fill = (value: number, length = 32) => new Uint8Array(length).fill(value) as Digest
const EXAMPLE_SCRIPT = `export default {
  async fetch(request, env) {
    const text = await request.text()
    await env.DB.prepare('INSERT INTO note(text, at, dice) VALUES(?, ?, ?)').bind(text, Date.now(), Math.random()).run()
    await env.KV.put('last', text)
    await env.FILES.put('a', text)
    return new Response('noted ' + text)
  },
  async scheduled(event, env) {
    await env.KV.put('cron', String(event.scheduledTime))
  },
}
`
const EXAMPLE: Bundle = {
  script: EXAMPLE_SCRIPT,
  manifest: {
    databases: [{ binding: 'DB', migrations: ['0001_note.sql'] }],
    kv: ['KV'],
    files: ['FILES'],
    crons: ['* * * * *'],
  },
  migrations: {
    'DB/0001_note.sql': 'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT, at INTEGER, dice REAL);\n',
  },
}

function example(engine: Engine, sqlite: SqliteBox): Vectors['example'] {
  const blocks: Blocks = new Map()
  const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  const codeRoot = publish(blocks, EXAMPLE)
  const manifest = new TextDecoder().decode(
    openStateTree(codeRoot, sourceOf(blocks)).read('site.json') ?? new Uint8Array(0),
  )
  const domain = { chainId: fill(2), generation: 0 }
  const job = fill(3)
  const uploader = signerFromSeed(fill(1))
  const image = runtimeImage()
  const limits = executionLimits({ request_fuel: 500_000_000, idempotency_ms: 1_200_000 } as never)
  const site = { name: 'site', rule: { domain, job, uploader: uploader.publicKey }, limits }
  let parent = genesisHash(domain, job)
  const facts: Record<string, string> = { code_root: textFromCid(codeRoot), genesis: hexFromBytes(parent) }
  let stateRoot: Cid = EMPTY_DIRECTORY
  let liveRoot: Cid = EMPTY_DIRECTORY
  const made: ExampleBlock[] = []

  const run = (kind: Block['kind'], time: number, ordered: readonly { request: Request; body: Uint8Array }[]): void => {
    const requests = ordered.map((one) => one.request)
    const bodies = new Map(ordered.map((one) => [hexFromBytes(one.request.body_hash), one.body]))
    const height = made.length + 1
    const requestHashes = requests.map(orderedRequestHash)
    const context = { height, parent, stateRoot, codeRoot: liveRoot, time, kind, requests, requestHashes }
    const prepared = prepare(
      site,
      context as never,
      { get: (bodyHash: Digest) => bodies.get(hexFromBytes(bodyHash)) } as never,
    )
    if (prepared.kind !== 'run') throw new Error('the example runs')
    const { result } = executor.executeBlock(prepared.job)
    keep(blocks, result.blocks)
    const agreed = resultOf(context as never, result)
    const roots = { requests_root: requestsRoot(requests), receipts_root: receiptsRoot(agreed.leaves) }
    const block = {
      job,
      height,
      parent,
      time,
      kind,
      image,
      code_root: agreed.codeRoot,
      ...roots,
      state_root: agreed.stateRoot,
    }
    parent = blockHash(domain, block as Block)
    ;({ stateRoot, codeRoot: liveRoot } = agreed)
    const leaves = agreed.leaves.map(({ fuel, responseHash }, index) => ({
      ...{ status: result.outcomes[index]?.response.status ?? 0, fuel, responseHash: hexFromBytes(responseHash) },
    }))
    made.push({ height, stateRoot: textFromCid(stateRoot), hash: hexFromBytes(parent), leaves })
  }
  const ordered = (
    method: string,
    target: string,
    headers: [string, string][],
    body: Uint8Array,
    salt: number,
    time: number,
  ) => {
    const fields = { job, method, target, headers, body_hash: sha256(body), body_bytes: body.length }
    return { request: { ...fields, salt: fill(salt, 16), time } as Request, body }
  }
  const note = (text: string, salt: number, time: number) => {
    const headers: [string, string][] = [
      ['content-type', 'text/plain'],
      ['idempotency-key', 'k'.repeat(22)],
    ]
    return ordered('POST', '/note', headers, bytesFromText(text), salt, time)
  }
  const start = 1_700_000_000_000
  const update = { job, sequence: 1, code_root: codeRoot, account: 'a', time: start }
  const signed = updateToBytes(signStatement(domain, 'update', uploader, update))
  run('update', start, [ordered('UPDATE', '/', [], signed, 6, start)])
  const tree = openStateTree(stateRoot, sourceOf(blocks))
  for (const path of ['db/DB.sqlite', 'system.sqlite', 'update.json']) {
    const cid = tree.cid(path)
    if (cid !== undefined) facts[path] = textFromCid(cid)
  }
  run('normal', start + 60_000, [note('hello', 7, start + 60_000), note('hello', 8, start + 60_000)])
  run('heartbeat', start + 120_000, [])
  run('normal', start + 180_000, [note('other', 9, start + 180_000)])
  return { script: hexFromBytes(sha256(bytesFromText(EXAMPLE_SCRIPT))), manifest, facts, blocks: made }
}

function make(): Vectors {
  const engine = new Engine()
  const sqlite = new SqliteBox()
  const image = {
    image: hexFromBytes(runtimeImage()),
    quickjs: hexFromBytes(loadQuickJs().digest),
    sqlite: hexFromBytes(loadSqlite().digest),
    guest: hexFromBytes(sha256(readFileSync(GUEST_LIBRARY))),
  }
  return { image, example: example(engine, sqlite), log: log(engine, sqlite) }
}

/** One line an entry. */
function textOfVectors({ image, example: shown, log: entries }: Vectors): string {
  const parts = [
    `"image":${JSON.stringify(image)}`,
    `"example":${JSON.stringify({ ...shown, blocks: [] }).slice(0, -2)}\n${shown.blocks.map((block) => JSON.stringify(block)).join(',\n')}\n]}`,
    `"log":[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]`,
  ]
  return `{${parts.join(',\n')}}\n`
}

/** In a thread with the native stack that the pool gives its own. */
export async function vectors(): Promise<Vectors> {
  return await new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { resourceLimits: { stackSizeMb: 64 } })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

if (!isMainThread && parentPort !== null && process.argv[1] !== undefined) {
  parentPort.postMessage(make())
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = textOfVectors(await vectors())
  if (process.argv.includes('--write')) writeFileSync(VECTORS, text)
  else process.stdout.write(text)
}
