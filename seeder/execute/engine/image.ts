// The whole guest at a moment: the bytes of its memory and where its handles lie.
//
//   memory  | static data | C stack (dead between runs) | never used | heap … heapEnd | never touched |
//
// Restoring writes back every byte that may have been touched since: static data and heap from the image, zeros over the
// C stack and over whatever the heap grew by. Invariant: after `restore` memory, stack pointer and depth equal those of the
// image, whatever ran before. A site's image keeps only the pages that differ from the base image, so an idle site is small.

import { assert } from '#protocol/codec/result.ts'
import type { Box, BoxHandles } from '#seeder/execute/engine/box.ts'
import { type Address, HEAP_START, STACK_BOTTOM, type Value } from '#seeder/execute/engine/quickjs.ts'

const PAGE_BYTES = 4096

type Run = { readonly start: Address; readonly bytes: Uint8Array }

export type Image = {
  readonly runs: readonly Run[]
  /** End of the heap: above it the memory is zero. */
  readonly end: Address
  readonly handles: BoxHandles
  /** Bytes that are this image's own, not its base's. */
  readonly ownBytes: number
}

/** Functions of the guest library, as the image of a site knows them. */
export type GuestEntry = {
  readonly fetch: Value
  readonly scheduled: Value
  readonly take: Value
  readonly takeBody: Value
}

/** The image of a box in which nothing runs. `base` was restored into it before. */
export function captureImage(box: Box, base?: Image): Image {
  const end = box.heapEnd
  assert(end >= HEAP_START && end <= box.memory.length, 'the heap ends inside the memory')
  const areas = [
    { start: 0, end: STACK_BOTTOM },
    { start: HEAP_START, end },
  ]
  if (base === undefined) {
    const runs = areas.map((area) => ({ start: area.start, bytes: box.memory.slice(area.start, area.end) }))
    return { runs, end, handles: box.handles, ownBytes: runs.reduce((sum, run) => sum + run.bytes.length, 0) }
  }
  const runs: Run[] = []
  let ownBytes = 0
  for (const area of areas) {
    const known = base.runs.find((run) => run.start === area.start)
    assert(known !== undefined, 'a base image has a run an area')
    for (const piece of differingPieces(box.memory.subarray(area.start, area.end), known.bytes)) {
      const start = area.start + piece.start
      const own = piece.differs ? box.memory.slice(start, area.start + piece.end) : undefined
      ownBytes += own?.length ?? 0
      runs.push({ start, bytes: own ?? known.bytes.subarray(piece.start, piece.end) })
    }
  }
  return { runs, end, handles: box.handles, ownBytes }
}

/** Neighbouring pages that are equal, or that differ, as one piece each. */
function differingPieces(now: Uint8Array, before: Uint8Array): { start: number; end: number; differs: boolean }[] {
  const pieces: { start: number; end: number; differs: boolean }[] = []
  for (let start = 0; start < now.length; start += PAGE_BYTES) {
    const end = Math.min(now.length, start + PAGE_BYTES)
    const differs = end > before.length || Buffer.compare(now.subarray(start, end), before.subarray(start, end)) !== 0
    const last = pieces.at(-1)
    if (last?.differs === differs) last.end = end
    else pieces.push({ start, end, differs })
  }
  return pieces
}

/** Puts the image into the box; what ran before leaves nothing. */
export function restoreImage(box: Box, image: Image): void {
  const touchedEnd = box.heapEnd
  box.resetStack()
  box.clearStack()
  for (const run of image.runs) box.memory.set(run.bytes, run.start)
  if (touchedEnd > image.end) box.memory.fill(0, image.end, touchedEnd)
  box.adopt(image.handles)
}
