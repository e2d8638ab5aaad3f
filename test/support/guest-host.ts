// Lets the guest library's modules run inside Node: a `__host` that answers as the seeder's own, with chance counted from 1.

import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { setInRequest } from '#seeder/execute/guest/host.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import type { FuelPurse } from '#seeder/execute/host/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'

export const BLOCK_TIME = Date.UTC(2026, 0, 2, 3, 4, 5)

export const TEST_MANIFEST: SiteManifest = {
  version: 1,
  name: 'test',
  scriptBytes: 1,
  databases: [{ binding: 'DB', migrations: [] }],
  kv: ['KV'],
  files: ['FILES'],
  crons: [],
  assets: null,
  headers: [],
  volatile: [],
  origin: null,
}

export function emptyTree(): StateTree {
  return openStateTree(EMPTY_DIRECTORY, () => undefined)
}

/** A purse with so much fuel; what is charged beyond it leaves nothing. */
export function purseOf(fuel: number): FuelPurse & { used(): number } {
  let left = fuel
  return {
    remaining: () => left,
    charge(amount) {
      left = Math.max(0, left - Math.ceil(amount))
    },
    used: () => fuel - left,
  }
}

let box: SqliteBox | undefined

/** One box a process: making one takes a tenth of a second. */
export function testBox(): SqliteBox {
  box ??= new SqliteBox()
  return box
}

export type GuestHost = { readonly tree: StateTree; readonly logs: { level: string; text: string }[] }

/** Installs `__host` on the global object and opens a request on a fresh tree. */
export function installGuestHost(manifest: SiteManifest = TEST_MANIFEST): GuestHost {
  const tree = emptyTree()
  const logs: { level: string; text: string }[] = []
  let counter = 0
  const random = (bytes: number): Uint8Array =>
    Uint8Array.from({ length: bytes }, () => (counter = (counter + 1) & 255))
  const host = createHost({
    tree,
    sqlite: testBox(),
    manifest,
    mode: 'ordered',
    time: BLOCK_TIME,
    random,
    fuel: purseOf(1e12),
  })
  const door = (op: string, text: string, bytes?: ArrayBuffer): string | ArrayBuffer => {
    if (op === 'log') {
      logs.push(JSON.parse(text))
      return '{}'
    }
    if (op === 'random') return random((JSON.parse(text) as { n: number }).n).buffer as ArrayBuffer
    const answer = host.call(op, text, bytes === undefined ? undefined : new Uint8Array(bytes))
    return typeof answer === 'string' ? answer : (answer.slice().buffer as ArrayBuffer)
  }
  Object.assign(globalThis, { __host: door })
  setInRequest(true)
  return { tree, logs }
}
