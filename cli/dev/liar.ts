// Watches a member that lies on purpose: what the others can prove about it, and what `verify` says of its answers.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '#cli/failure.ts'
import { type VerdictLine, verdictOf } from '#cli/verify/verify.ts'
import { accusationOf, evidenceFromBytes } from '#protocol/agreement/evidence-shape.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import type { Seeder } from '#seeder/assembly.ts'
import type { EvidenceSummary } from '#seeder/serve/port.ts'

/** An answer is checked this long after the last check, at the earliest. */
const CHECK_PAUSE_MS = 1_500
const NAME_DIGITS = 16

/** What the parts of a proof come to, in words. */
const MEANINGS: Readonly<Record<string, string>> = {
  double_vote1: 'it voted for two different blocks at one height and view',
  double_vote2: 'it locked two different blocks at one height and view',
  double_proposal: 'it proposed two different blocks at one height and view',
  amnesia: 'it voted against a block that it had locked',
  vote_after_close: 'it voted in an epoch that it had closed',
  close_hides_lock: 'it hid a lock of its own when the epoch ended',
  hidden_lock: 'it hid a lock of its own when the view changed',
  wrong_result: 'it signed a result that running the block again does not give',
  wrong_receipt: 'it signed an answer that running the request again does not give',
}

export type Caught = {
  readonly kind: string
  readonly accused: PeerName
  readonly hash: string
  readonly meaning: string
  /** Height and view that the proof is about, where it names them. */
  readonly height?: number
  readonly view?: number
  /** The proof itself: canonical CBOR, in a file and in base64. */
  readonly file: string
  readonly proof: string
}

function placeOf(proof: Uint8Array): { height?: number; view?: number } {
  const evidence = evidenceFromBytes(proof)
  if (!evidence.ok) return {}
  const { height, view } = accusationOf(evidence.value)
  return { ...(height === undefined ? {} : { height }), ...(view === undefined ? {} : { view }) }
}

/** Keeps each proof as `<directory>/<beginning of its hash>.cbor`; gives each once. */
export function createEvidenceKeeper(directory: string): (held: readonly EvidenceSummary[]) => readonly Caught[] {
  const known = new Set<string>()
  return (held) =>
    held.flatMap(({ kind, accused, hash: digest, proof }) => {
      const hash = hexFromBytes(digest)
      if (known.has(hash)) return []
      known.add(hash)
      mkdirSync(directory, { recursive: true })
      const file = join(directory, `${hash.slice(0, NAME_DIGITS)}.cbor`)
      writeFileSync(file, proof)
      const meaning = MEANINGS[kind] ?? 'it signed what cannot be true'
      return [
        { kind, accused: peerName(accused), hash, meaning, ...placeOf(proof), file, proof: base64FromBytes(proof) },
      ]
    })
}

/** Checks the liar's own front page whenever there is a new height; tells each verdict that differs from the one before. */
export function createAnswerCheck(
  liar: Seeder,
  network: string,
  tell: (verdict: VerdictLine, url: string) => void,
): (site: string, height: number) => Promise<void> {
  let checkedHeight = -1
  let checkedAt = Number.NEGATIVE_INFINITY
  let before: string | undefined
  let running = false
  return async (site, height) => {
    const origin = liar.originOf(site)
    const now = performance.now()
    if (running || origin === undefined || height === checkedHeight || now - checkedAt < CHECK_PAUSE_MS) return
    running = true
    try {
      const url = `${origin}/`
      const verdict = await verdictOf(url, network)
      const said = verdict.code ?? 'valid'
      if (said !== before) tell(verdict, url)
      before = said
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause
    } finally {
      checkedHeight = height
      checkedAt = performance.now()
      running = false
    }
  }
}
