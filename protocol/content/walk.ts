// Every block under a root, parents before children, each once; and what of it is not here yet.
// Iterative: depth costs memory, not stack, and both depth and count are bounded.

import { err, ok, type Result } from '#protocol/codec/result.ts'
import { type Cid, CODEC_RAW, cidCodec, cidKey } from '#protocol/content/cid.ts'
import { type ContentError, loadNode } from '#protocol/content/file.ts'
import { decodeNode } from '#protocol/content/node.ts'
import type { BlockSource } from '#protocol/content/port.ts'

/** Blocks of one walk; a tree of 16 GiB in 16 KiB chunks. */
export const WALK_BLOCKS_MAX = 1 << 20

export type WalkError = ContentError | { readonly code: 'walk_too_large' }

/**
 * CIDs under `root`, the root first, depth first in the order of links, each once. Leaves are named without being read.
 * The last value is an error when a node is missing or broken, or when there are more than `blocksMax`.
 */
export function* walk(
  source: BlockSource,
  root: Cid,
  blocksMax: number = WALK_BLOCKS_MAX,
): Generator<Result<Cid, WalkError>> {
  const seen = new Set<string>()
  const stack: Cid[] = [root]
  for (let cid = stack.pop(); cid !== undefined; cid = stack.pop()) {
    const key = cidKey(cid)
    if (seen.has(key)) continue
    if (seen.size === blocksMax) {
      yield err({ code: 'walk_too_large' })
      return
    }
    seen.add(key)
    if (cidCodec(cid) !== CODEC_RAW) {
      const node = loadNode(source, cid)
      if (!node.ok) {
        yield node
        return
      }
      pushLinks(stack, node.value)
    }
    yield ok(cid)
  }
}

function pushLinks(stack: Cid[], node: { links: readonly { cid: Cid }[] } | { kind: 'leaf' }): void {
  if (!('links' in node)) return
  for (let index = node.links.length - 1; index >= 0; index--) {
    const link = node.links[index]
    if (link !== undefined) stack.push(link.cid)
  }
}

/** CIDs that a block links to, in order, repeats kept; none when it is a leaf or malformed. */
export function linksOfBlock(cid: Cid, bytes: Uint8Array): readonly Cid[] {
  if (cidCodec(cid) === CODEC_RAW) return []
  const node = decodeNode(cid, bytes)
  return node.ok && node.value.kind !== 'leaf' ? node.value.links.map((link) => link.cid) : []
}

/** A search for missing blocks that goes on as they arrive. */
export type MissingWalk = {
  /**
   * Up to `limit` CIDs that `has` denies, after at most `visitsMax` looks at blocks. None and `whole`: nothing is missing; none
   * and not `whole`: ask on. Those of the last batch are looked at again first.
   */
  next(limit: number, visitsMax?: number): Cid[]
  /** The last `next` came to the end of the tree and found nothing missing. */
  readonly whole: boolean
}

/** `source` is asked for nodes only, `has` for leaves; a node that `source` lacks is missing. */
export function walkMissing(source: BlockSource, has: (cid: Cid) => boolean, root: Cid): MissingWalk {
  const seen = new Set<string>()
  const stack: Cid[] = [root]
  let waiting = new Map<string, Cid>()
  return {
    get whole() {
      return stack.length === 0 && waiting.size === 0
    },
    next(limit, visitsMax = Number.POSITIVE_INFINITY) {
      let visits = 0
      for (const cid of Array.from(waiting.values()).reverse()) stack.push(cid)
      waiting = new Map()
      while (waiting.size < limit) {
        if (visits++ >= visitsMax) break
        const cid = stack.pop()
        if (cid === undefined) break
        const key = cidKey(cid)
        if (seen.has(key)) continue
        if (cidCodec(cid) === CODEC_RAW) {
          if (!has(cid)) {
            waiting.set(key, cid)
            continue
          }
        } else {
          const bytes = source(cid)
          if (bytes === undefined) {
            waiting.set(key, cid)
            continue
          }
          const links = linksOfBlock(cid, bytes)
          for (let index = links.length - 1; index >= 0; index--) {
            const link = links[index]
            if (link !== undefined) stack.push(link)
          }
        }
        seen.add(key)
      }
      return Array.from(waiting.values())
    },
  }
}
