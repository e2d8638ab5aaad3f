// How long a body is, which its member says in a field that nothing certifies: shown by chunks of it, or not told.
//
//   root (certified) ──> leaves of some member, which give it ──> the few chunks that show how many there are, and the last one's length
//
// Invariant: what is told as a length belongs to the root, whoever asks and whichever member answered; so it is shown once and kept by root.

import type { AskMember } from '#gateway/carry/answer.ts'
import type { Question } from '#gateway/carry/question.ts'
import { discard, wholeOf } from '#gateway/carry/read.ts'
import type { Room } from '#gateway/carry/room.ts'
import { LENGTHS_MAX } from '#gateway/settings.ts'
import { sha256Native } from '#gateway/web-crypto.ts'
import { LEAVES_MAX, leavesFromBytes, tellingChunks } from '#protocol/answer/chunks.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'
import { merkleRoot } from '#protocol/codec/merkle.ts'
import { BODY_CHUNK_BYTES, bodyRootAsync, type Headers } from '#protocol/site/response-hash.ts'

/** Lengths that were shown, by body root; the oldest goes. */
export class Lengths {
  readonly #byRoot = new Map<string, number>()

  find(root: Digest): number | undefined {
    return this.#byRoot.get(hexFromBytes(root))
  }

  put(root: Digest, bytes: number): void {
    this.#byRoot.set(hexFromBytes(root), bytes)
    const [oldest] = this.#byRoot.keys()
    if (this.#byRoot.size > LENGTHS_MAX && oldest !== undefined) this.#byRoot.delete(oldest)
  }
}

/** One member, and what it may be asked about. */
export type LengthAsked = {
  readonly ask: AskMember
  readonly question: Question
  readonly room: Room
  readonly root: Digest
  /** What it says, bytes. */
  readonly said: number
}

/** As many leaves as a body of the length has that the member says; undefined: it tells none, or others. Those of one chunk are known. */
export async function leavesAt({ ask, room, root, said }: LengthAsked): Promise<readonly Digest[] | undefined> {
  const count = Math.ceil(said / BODY_CHUNK_BYTES)
  if (count <= 1) return count === 1 ? [root] : bytesEqual(merkleRoot([]), root) ? [] : undefined
  if (!(count <= LEAVES_MAX)) return undefined
  const target = `${WELL_KNOWN}chunks/${hexFromBytes(root)}`
  const bytes = await bodyAt(ask, room, target, [], [200], count * DIGEST_BYTES)
  const leaves = bytes?.length === count * DIGEST_BYTES ? leavesFromBytes(bytes, root) : undefined
  if (bytes !== undefined && leaves?.ok !== true) room.give(bytes.length)
  return leaves?.ok ? leaves.value : undefined
}

/** Bytes of the body that has these leaves; undefined: this member did not show it, for it lies, or has another body now. */
export async function shownLength(
  lengths: Lengths,
  asked: LengthAsked,
  leaves: readonly Digest[],
): Promise<number | undefined> {
  const { root } = asked
  const known = lengths.find(root)
  if (known !== undefined) return Math.ceil(known / BODY_CHUNK_BYTES) === leaves.length ? known : undefined
  let last = 0
  for (const place of tellingChunks(leaves.length)) {
    const bytes = await chunkAt(asked, leaves, place)
    if (bytes === undefined) return undefined
    last = bytes
  }
  const length = Math.max(0, leaves.length - 1) * BODY_CHUNK_BYTES + last
  lengths.put(root, length)
  return length
}

/** Bytes of a chunk that is its leaf's. */
async function chunkAt(
  { ask, question, room }: LengthAsked,
  leaves: readonly Digest[],
  place: number,
): Promise<number | undefined> {
  const start = place * BODY_CHUNK_BYTES
  const range = ['range', `bytes=${start}-${start + BODY_CHUNK_BYTES - 1}`] as const
  // Of one chunk the whole is as good as a part.
  const statuses = leaves.length === 1 ? [206, 200] : [206]
  const chunk = await bodyAt(ask, room, question.target, [...question.headers, range], statuses, BODY_CHUNK_BYTES)
  if (chunk === undefined) return undefined
  room.give(chunk.length)
  const leaf = leaves[place]
  const isFull = chunk.length === BODY_CHUNK_BYTES || place === leaves.length - 1
  // The root of a single chunk is its leaf.
  return leaf !== undefined && isFull && bytesEqual(await bodyRootAsync(chunk, sha256Native), leaf)
    ? chunk.length
    : undefined
}

/** What it answers with one of these; its bytes stay taken. */
async function bodyAt(
  ask: AskMember,
  room: Room,
  target: string,
  headers: Headers,
  statuses: readonly number[],
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const found = await ask({ method: 'GET', target, headers }, undefined)
  if (!found.ok) return undefined
  const { status, body } = found.value
  if (!statuses.includes(status)) {
    await discard(body)
    return undefined
  }
  const bytes = await wholeOf(body, bytesMax, room)
  return bytes.ok ? bytes.value : undefined
}
