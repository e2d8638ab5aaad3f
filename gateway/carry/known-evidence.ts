// What of members' evidence was read and checked before. A certificate stands under every answer of its height, a receipt under a page each time it is
// asked for: the same text comes to the same statement, whose signatures are not checked twice.
//
//   text of a field ──known──> statement, its hashes and good signatures with it          ──new──> read, checked
//
// Invariant: only the outcome of a pure function is kept (text → statement; key, message, signature → "holds"). Age, group, epoch and what is
// answered are held against it anew each time.

import type { Verify } from '#gateway/carry/answer.ts'
import { type EvidenceTexts, READ_TEXTS } from '#protocol/answer/evidence.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'

/** Sites that are asked for at one time, and the heights that they are at. */
const CERTS_MAX = 128
/** Pages that are asked for again at one height. */
const RECEIPTS_MAX = 1_024
/** Longer texts are not kept: 4 KiB of bytes are the most that travels in a header. */
const CERT_CHARACTERS_MAX = 6 * 1024
const RECEIPT_CHARACTERS_MAX = 1_024

export type KnownEvidence = {
  readonly texts: EvidenceTexts
  /** The one verification rule. */
  readonly verify: Verify
}

export function createKnownEvidence(verify: Verify): KnownEvidence {
  return {
    texts: {
      cert: keeping(READ_TEXTS.cert, CERTS_MAX, CERT_CHARACTERS_MAX),
      receipt: keeping(READ_TEXTS.receipt, RECEIPTS_MAX, RECEIPT_CHARACTERS_MAX),
    },
    verify: remembering(verify),
  }
}

/** What was not asked for the longest goes first. */
function keeping<T extends object>(
  read: (text: string) => T | undefined,
  countMax: number,
  charactersMax: number,
): (text: string) => T | undefined {
  const known = new Map<string, T>()
  return (text) => {
    const found = known.get(text) ?? read(text)
    if (found === undefined || text.length > charactersMax) return found
    known.delete(text)
    known.set(text, found)
    if (known.size > countMax) {
      const [oldest = ''] = known.keys()
      known.delete(oldest)
    }
    return found
  }
}

/** Kept with the signature itself: it goes with the statement that it stands in. */
function remembering(verify: Verify): Verify {
  const held = createMemo<Signature, { readonly key: PublicKey; readonly message: Uint8Array }>()
  return async (key, message, signature) => {
    const known = held.get(signature)
    if (known !== undefined && bytesEqual(known.key, key) && bytesEqual(known.message, message)) return true
    const holds = await verify(key, message, signature)
    if (holds) held.set(signature, { key, message })
    return holds
  }
}
