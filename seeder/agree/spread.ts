// A bundle that one member took, on its way to the others, whether the uploader reaches them or not: who has it asks them over its links, direct or
// relayed, and each gets it block by block as it gets any content.
//
//   uploader ── spread (UPDATE) ──> member that has it ── want_bundle (UPDATE) ──> co-member ── want_content ──> whoever has it
//                                                       <── so many bytes came ──
//
// Invariant: nothing is begun before the uploader's signature under the UPDATE is checked, by each member for itself; of a bundle one round of
// questions is under way, however many ask.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Update } from '#protocol/message/statement.ts'
import { BUNDLES_WAITING_MAX, type Bundles } from '#seeder/agree/bundles.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { updateToBytes } from '#seeder/agree/update.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'

/** A question for a bundle is answered after this, whether it is whole or not. */
const ANSWER_MS = 2_000
const QUESTION_DEADLINE_MS = 10_000

/** How much of a bundle a member has. */
export type Fetched = { readonly whole: boolean; readonly bytes: number }
export type FetchedAt = Fetched & { readonly peer: PeerName }

/** Begins to get the bundle of a verified UPDATE, or goes on with it; undefined: others come first. */
export async function fetchHere(
  bundles: Pick<Bundles, 'fetch' | 'bytesOf' | 'hasRoom'>,
  { body: { code_root: root } }: Signed<Update>,
): Promise<Fetched | undefined> {
  if (bundles.bytesOf(root) === undefined && !bundles.hasRoom) return undefined
  const fetched = bundles.fetch(root)
  const whole = await Promise.race([
    fetched,
    new Promise<false>((resolve) => setTimeout(resolve, ANSWER_MS, false).unref()),
  ])
  return { whole, bytes: bundles.bytesOf(root) ?? 0 }
}

export type Spreading = {
  /** What the co-members that are linked have of it now; those who do not know the question are not in it. */
  ask(job: Digest, others: readonly PeerName[], update: Signed<Update>): Promise<readonly FetchedAt[]>
}

type Round = { asking: Promise<readonly FetchedAt[]> | undefined; readonly whole: Map<PeerName, FetchedAt> }

export function createSpreading(network: Pick<PeerNetwork, 'request' | 'link'>): Spreading {
  /** By job and code root, the newest last. */
  const rounds = new Map<string, Round>()

  async function askOne(peer: PeerName, question: Uint8Array): Promise<FetchedAt | undefined> {
    if (!network.link(peer).connected) return undefined
    const answer = await network.request(peer, question, QUESTION_DEADLINE_MS)
    const read = answer.ok ? contentFromBytes(answer.value) : undefined
    if (!read?.ok || read.value.type !== 'bundle') return undefined
    const { whole, bytes } = read.value
    return { peer, whole, bytes }
  }

  return {
    ask(job, others, update) {
      const key = `${hexFromBytes(job)} ${textFromCid(update.body.code_root)}`
      const round: Round = rounds.get(key) ?? { asking: undefined, whole: new Map() }
      rounds.delete(key)
      rounds.set(key, round)
      const [oldest] = rounds.keys()
      if (rounds.size > BUNDLES_WAITING_MAX && oldest !== undefined) rounds.delete(oldest)
      const question = contentToBytes({ type: 'want_bundle', job, update: updateToBytes(update) })
      // Who has all of it looked through it once to say so, and is not asked again.
      round.asking ??= Promise.all(others.map((peer) => round.whole.get(peer) ?? askOne(peer, question)))
        .then((said) => said.filter((each) => each !== undefined))
        .then((said) => {
          for (const each of said) if (each.whole) round.whole.set(each.peer, each)
          return said
        })
        .finally(() => {
          round.asking = undefined
        })
      return round.asking
    },
  }
}
