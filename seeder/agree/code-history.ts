// The last code roots of a site stay whole in the store of each member, so that an uploader can go back to one without uploading it.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { Store } from '#seeder/store/port.ts'

export const CODES_KEPT = 8
const LABEL = /^code\/(\d+)$/

/** `height`: that of the UPDATE that made it live. */
export type LiveCode = { readonly height: number; readonly codeRoot: Cid }

/** Newest first. */
export function codesOf(store: Store, job: Digest): readonly LiveCode[] {
  const codes: LiveCode[] = []
  for (const [label, codeRoot] of store.blocks.roots(job)) {
    const height = LABEL.exec(label)?.[1]
    if (height !== undefined) codes.push({ height: Number(height), codeRoot })
  }
  return codes.sort((a, b) => b.height - a.height)
}

/** Inside the transaction of the height's commit. A refused UPDATE left the code as it was: nothing to remember. */
export function rememberCode(store: Store, job: Digest, live: LiveCode): void {
  const known = codesOf(store, job)
  if (known[0] !== undefined && bytesEqual(known[0].codeRoot, live.codeRoot)) return
  store.blocks.addRoot(job, `code/${live.height}`, live.codeRoot)
  for (const old of known.slice(CODES_KEPT - 1)) store.blocks.releaseRoot(job, `code/${old.height}`)
}
