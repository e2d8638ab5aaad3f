// Where a state tree reads: what it made and the store may not have yet, what it read lately, then the store.

import { type Result, unreachable } from '#protocol/codec/result.ts'
import { type Cid, cidKey, EMPTY_DIRECTORY_BYTES, isEmptyDirectory } from '#protocol/content/cid.ts'
import { type ContentError, loadNode } from '#protocol/content/file.ts'
import type { ContentNode } from '#protocol/content/node.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { LruCache } from '#seeder/execute/state/cache.ts'

/** Commits whose blocks are held until the store has them: a block that was executed but never certified is let go after as many. */
export const UNSTORED_COMMITS_MAX = 8

/** Rough memory of a decoded node: its bytes, and an object a link. */
const NODE_COST_PER_LINK = 160

type Made = ReadonlyMap<string, { readonly cid: Cid; readonly bytes: Uint8Array }>

export type StateErrorReason =
  | ContentError
  | { readonly code: 'path' | 'directory_too_large' | 'file_size' | 'file_closed'; readonly path: string }
  /** Rows of system.sqlite that this program does not write: an uploader brought them. */
  | { readonly code: 'system_rows'; readonly path: string }

/** What broke a state tree: a damaged or missing block, a path that cannot be, a directory grown beyond a block. */
export class StateError extends Error {
  readonly reason: StateErrorReason

  constructor(reason: StateErrorReason) {
    super(`state: ${reason.code}`)
    this.name = 'StateError'
    this.reason = reason
  }

  /**
   * `content`: a function of the root and what was asked of it, so that every member fails alike and the request ends with it.
   * `machine`: a block that is not at hand, or this program's own mistake; the execution has no result and is tried again.
   */
  get fault(): 'content' | 'machine' {
    const { code } = this.reason
    switch (code) {
      case 'block_missing':
      case 'file_closed':
        return 'machine'
      case 'block_form':
      case 'content_size':
      case 'content_depth':
      case 'content_kind':
      case 'content_layout':
      case 'path':
      case 'directory_too_large':
      case 'file_size':
      case 'system_rows':
        return 'content'
      default:
        return unreachable(code)
    }
  }

  /** For the site's log. */
  get told(): { readonly message: string; readonly stack: string } {
    return {
      message: 'path' in this.reason ? `${this.reason.code} at ${this.reason.path}` : this.reason.code,
      stack: '',
    }
  }
}

/** What was read lately, by CID: true for every tree over one source, so they share it. A quarter of the bound is for nodes. */
export type StateCache = { readonly leaves: LruCache<Uint8Array>; readonly nodes: LruCache<ContentNode> }

export function createStateCache(bytesMax: number): StateCache {
  return { leaves: new LruCache(bytesMax * 0.75), nodes: new LruCache(bytesMax * 0.25) }
}

export class StateBlocks {
  readonly #store: BlockSource
  readonly #leaves: LruCache<Uint8Array>
  readonly #nodes: LruCache<ContentNode>
  #unstored: { readonly root: Cid; readonly blocks: Made }[] = []

  constructor(store: BlockSource, cache: StateCache) {
    this.#store = store
    this.#leaves = cache.leaves
    this.#nodes = cache.nodes
  }

  /** Uncached: for blocks that are decoded or copied at once. */
  readonly get: BlockSource = (cid) => {
    const key = cidKey(cid)
    for (let index = this.#unstored.length - 1; index >= 0; index--) {
      const made = this.#unstored[index]?.blocks.get(key)
      if (made !== undefined) return made.bytes
    }
    return this.#leaves.get(key) ?? this.#store(cid) ?? (isEmptyDirectory(cid) ? EMPTY_DIRECTORY_BYTES : undefined)
  }

  readonly node = (cid: Cid): Result<ContentNode, ContentError> => {
    const key = cidKey(cid)
    const known = this.#nodes.get(key)
    if (known !== undefined) return { ok: true, value: known }
    const loaded = loadNode(this.get, cid)
    if (loaded.ok && loaded.value.kind !== 'leaf') {
      this.#nodes.set(key, loaded.value, (loaded.value.links.length + 1) * NODE_COST_PER_LINK)
    }
    return loaded
  }

  /** A leaf's bytes, kept for the next read. Never written to. */
  leaf(cid: Cid): Result<Uint8Array, ContentError> {
    const key = cidKey(cid)
    const known = this.#leaves.get(key)
    if (known !== undefined) return { ok: true, value: known }
    const loaded = loadNode(this.get, cid)
    if (!loaded.ok) return loaded
    if (loaded.value.kind !== 'leaf') return { ok: false, error: { code: 'content_layout', cid } }
    this.keepLeaf(key, loaded.value.bytes)
    return { ok: true, value: loaded.value.bytes }
  }

  keepLeaf(key: string, bytes: Uint8Array): void {
    this.#leaves.set(key, bytes, bytes.length + NODE_COST_PER_LINK)
  }

  /** Holds the blocks of a commit until the store has them: it has a tree's root only with the whole tree. */
  hold(root: Cid, blocks: Made): void {
    this.#unstored = this.#unstored.filter((made) => this.#store(made.root) === undefined)
    if (blocks.size > 0) this.#unstored.push({ root, blocks })
    if (this.#unstored.length > UNSTORED_COMMITS_MAX) this.#unstored.shift()
  }
}
