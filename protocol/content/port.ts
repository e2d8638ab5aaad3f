// How content-addressed blocks are reached from code that does no I/O itself: synchronous, by CID.

import type { Cid } from '#protocol/content/cid.ts'

/** The bytes of a block, already checked against its CID by whoever keeps them, or undefined when it is not at hand. */
export type BlockSource = (cid: Cid) => Uint8Array | undefined

/** Takes a block that was just made. */
export type BlockSink = (cid: Cid, bytes: Uint8Array) => void
