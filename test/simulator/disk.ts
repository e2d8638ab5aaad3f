// The virtual disk of one member: a journal of changes. What was synced survives a crash; of what was written since, a prefix
// survives, and the change on which the crash fell may be torn: its checksum fails at the next start and it counts as absent,
// as in a write-ahead log. A commit of a height is one change, so it is there as a whole or not at all.

import type { Digest } from '#protocol/codec/digest.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { Request } from '#protocol/message/request.ts'
import type { LedgerState } from './ledger.ts'
import type { Random } from './random.ts'

export type StoredBlock = {
  readonly cert: Cert
  readonly requests: readonly Request[]
  readonly requestHashes: readonly Digest[]
}

export type Change =
  | { readonly type: 'votes'; readonly record: Uint8Array; readonly bodies: readonly Digest[] }
  | {
      readonly type: 'height'
      readonly block: StoredBlock
      readonly state: LedgerState
      readonly record: Uint8Array
      readonly keepStates: readonly number[]
      readonly keepBlocksFrom: number
    }

export type Image = {
  record: Uint8Array | undefined
  bodies: readonly Digest[]
  head: number
  readonly blocks: Map<number, StoredBlock>
  /** State trees that are here, by height. */
  readonly states: Map<number, LedgerState>
  /** Below it there are only certificates of states: their requests are with others. */
  firstBlock: number
}

export type Disk = {
  /** What a reader of this process sees: everything written. */
  readonly image: Image
  /** What a crash at this instant would surely leave. */
  synced(): Readonly<Image>
  write(change: Change): void
  sync(): void
  /** The power goes: unsynced changes survive as a random prefix. */
  crash(random: Random): void
  /** A new, empty disk. */
  wipe(): void
}

function emptyImage(): Image {
  return { record: undefined, bodies: [], head: 0, blocks: new Map(), states: new Map(), firstBlock: 1 }
}

function apply(image: Image, change: Change): void {
  if (change.type === 'votes') {
    image.record = change.record
    image.bodies = change.bodies
    return
  }
  const { height } = change.block.cert.block
  // A state that was taken over leaves a gap behind itself: what came before it is of no use to anybody.
  if (height !== image.head + 1) image.blocks.clear()
  image.head = height
  image.blocks.set(height, change.block)
  image.states.set(height, change.state)
  image.record = change.record
  image.bodies = []
  for (const kept of [...image.states.keys()]) if (!change.keepStates.includes(kept)) image.states.delete(kept)
  for (const kept of [...image.blocks.keys()]) {
    if (kept < change.keepBlocksFrom && kept < height && !change.keepStates.includes(kept)) image.blocks.delete(kept)
  }
  image.firstBlock = Math.max(image.firstBlock, change.keepBlocksFrom)
}

export function createDisk(): Disk {
  let image = emptyImage()
  let durable = emptyImage()
  let unsynced: Change[] = []
  const copy = (from: Image): Image => ({ ...from, blocks: new Map(from.blocks), states: new Map(from.states) })
  return {
    get image() {
      return image
    },
    synced: () => durable,
    write(change) {
      apply(image, change)
      unsynced.push(change)
    },
    sync() {
      for (const change of unsynced) apply(durable, change)
      unsynced = []
    },
    crash(random) {
      const survivors = random.below(unsynced.length + 1)
      for (const change of unsynced.slice(0, survivors)) apply(durable, change)
      unsynced = []
      image = copy(durable)
    },
    wipe() {
      image = emptyImage()
      durable = emptyImage()
      unsynced = []
    },
  }
}
