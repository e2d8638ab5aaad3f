// A store in a directory of its own, and sites to fill it with.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { type Cid, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { walk } from '#protocol/content/walk.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import type { Block, CertifiedHeight, HeightCommit, Store } from '#seeder/store/port.ts'
import { recount } from '#seeder/store/recount.ts'
import { memoryBlocks } from '#test/protocol/content/blocks.ts'

export const JOB = sha256(Uint8Array.of(1))
export const OTHER_JOB = sha256(Uint8Array.of(2))

export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'interpeer-store-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Blocks of a tree in memory, as a list. */
export function treeOf(files: Readonly<Record<string, Uint8Array>>): { root: Cid; blocks: Block[] } {
  const memory = memoryBlocks()
  const tree = openStateTree(EMPTY_DIRECTORY, memory.source)
  for (const [path, bytes] of Object.entries(files)) tree.write(path, bytes)
  const { root, blocks } = tree.commit()
  return { root, blocks: Array.from(blocks.values()) }
}

export function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed + 1
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}

export function heightOf(height: number, root: Cid): CertifiedHeight {
  return { height, certificate: bytesOf(300, height), requests: bytesOf(500, height + 7), stateRoot: root }
}

/** A site that grows by a commit at a time, on a store. */
export function siteOn(store: Store, job: Digest = JOB) {
  const head = store.certified.head(job)
  const tree = openStateTree(head?.stateRoot ?? EMPTY_DIRECTORY, store.blocks.get)
  return {
    tree,
    commit(height: number, more: Partial<HeightCommit> = {}): HeightCommit {
      const { root, blocks } = tree.commit()
      const commit = { job, ...heightOf(height, root), blocks: blocks.values(), ...more }
      store.commitHeight(commit)
      return commit
    },
  }
}

/** Every block under a root is here. */
export function isWhole(store: Store, root: Cid): boolean {
  for (const step of walk(store.blocks.get, root))
    if (!step.ok || store.blocks.get(step.value) === undefined) return false
  return true
}

/** How many reference counts of a closed store are wrong: counted anew from what is there. */
export function wrongCounts(directory: string): number {
  const database = new DatabaseSync(join(directory, 'store.sqlite'))
  try {
    return recount(database)
  } finally {
    database.close()
  }
}
