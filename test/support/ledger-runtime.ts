// A runtime small enough to see through: a site's state is one file that every ordered request adds a line to.
// The same function of state and request on every member, like the real one; tests of everything around execution use it.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { buildDirectory, readDirectory, resolvePath } from '#protocol/content/directory.ts'
import { buildFile, readRange } from '#protocol/content/file.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { manifestToText } from '#protocol/site/manifest.ts'
import { nativeSha256 } from '#seeder/agree/body-keeper.ts'
import type { BlockJob, BlockResult, Outcome, Runtime, ScriptResponse } from '#seeder/execute/port.ts'

export const LEDGER_IMAGE = taggedHash('test image', bytesFromText('ledger'))
const LEDGER_BYTES_MAX = 16 * 1024 * 1024

export function ledgerOf(source: BlockSource, stateRoot: Cid): string {
  const file = resolvePath(source, stateRoot, 'ledger')
  if (!file.ok || file.value === undefined) return ''
  const bytes = readRange(source, file.value, 0, LEDGER_BYTES_MAX)
  assert(bytes.ok, 'the ledger is whole')
  return Buffer.from(bytes.value).toString()
}

function text(status: number, body: string): ScriptResponse {
  return { status, headers: [['content-type', 'text/plain']], body: bytesFromText(body) }
}

export function createLedgerRuntime(source: BlockSource): Runtime {
  const execute = (job: BlockJob): BlockResult => {
    let ledger = ledgerOf(source, job.stateRoot)
    let app = resolvePath(source, job.stateRoot, 'app')
    const outcomes = job.steps.map((step): Outcome => {
      if (step.kind === 'update') {
        app = { ok: true, value: step.codeRoot }
        return { response: text(200, `updated to ${step.sequence}`), fuel: 1 }
      }
      ledger += `${step.request.method} ${step.request.target} ${Buffer.from(step.request.body).toString()}\n`
      return { response: text(200, `line ${ledger.split('\n').length - 1}`), fuel: 1 + step.request.body.length }
    })
    const blocks: { cid: Cid; bytes: Uint8Array }[] = []
    const sink = (cid: Cid, bytes: Uint8Array): void => {
      blocks.push({ cid, bytes })
    }
    const file = buildFile(bytesFromText(ledger), sink, nativeSha256)
    const links = [{ name: 'ledger', cid: file.cid, total: file.total }]
    const appCid = app.ok ? app.value : undefined
    if (appCid !== undefined) {
      const before = readDirectory(source, job.stateRoot)
      const known = before.ok ? before.value.find((link) => link.name === 'app') : undefined
      links.push({ name: 'app', cid: appCid, total: known?.total ?? 0 })
    }
    const root = buildDirectory(links, sink, nativeSha256)
    assert(root.ok, 'two entries fit')
    return { stateRoot: root.value.cid, codeRoot: appCid ?? root.value.cid, outcomes, blocks, logs: [] }
  }
  return {
    image: LEDGER_IMAGE,
    executeBlock: async (job) => execute(job),
    async executeRead(job) {
      return {
        response: text(200, ledgerOf(source, job.stateRoot)),
        fuel: 1,
        asked: { time: false, chance: false },
        wrote: false,
        logs: [],
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** A small bundle with this script: its root and the blocks under it. `scriptBytes`: what its manifest says instead of the truth. */
export function testBundle(
  content: string,
  scriptBytes = bytesFromText(content).length,
): {
  readonly root: Cid
  readonly blocks: { cid: Cid; bytes: Uint8Array }[]
} {
  const blocks: { cid: Cid; bytes: Uint8Array }[] = []
  const sink = (cid: Cid, bytes: Uint8Array): void => {
    blocks.push({ cid, bytes })
  }
  const file = buildFile(bytesFromText(content), sink, nativeSha256)
  const manifest = manifestToText({
    ...{ version: 1, name: 'site', scriptBytes, databases: [], kv: [], files: [], crons: [], assets: null },
    ...{ headers: [], volatile: [], origin: null },
  })
  const site = buildFile(bytesFromText(manifest), sink, nativeSha256)
  const links = [
    { name: 'script.js', cid: file.cid, total: file.total },
    { name: 'site.json', cid: site.cid, total: site.total },
  ]
  const root = buildDirectory(links, sink, nativeSha256)
  assert(root.ok, 'two entries fit')
  return { root: root.value.cid, blocks }
}
