// A deny-list: what a gateway does not lead to, and why. Whoever runs a gateway chooses whose lists it follows, by their keys; the lists are public,
// signed, and only ever grow: an entry is never changed or taken away, it is lifted, so that a list is also the log of what its issuer did.
//
// JSON of text and whole numbers on the wire; the signature is over the canonical DAG-CBOR of the value without `signature`, type `deny`, in no
// network's domain: an issuer's list is the same for all networks, and names a site by its job.

import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import {
  array,
  object,
  oneOf,
  optional,
  readShape,
  type Shaped,
  type ShapeError,
  text,
  uint,
} from '#protocol/codec/shape.ts'
import {
  type PublicKey,
  publicKeyFromBytes,
  SIGNATURE_BYTES,
  type Signature,
  type Signer,
} from '#protocol/identity/keys.ts'

/** UTF-16 units of a list; it is given out and stored whole, in at most three times as many bytes. */
export const DENY_LIST_LENGTH_MAX = 600_000
export const DENY_ENTRIES_MAX = 4_096
export const DENY_PLACES_MAX = 256

/** `law`: somebody who may order it did (RFC 7725). */
export const DENY_REASONS = ['law', 'abuse', 'malware', 'other'] as const
export type DenyReason = (typeof DENY_REASONS)[number]

const hex32 = text(64, /^[0-9a-f]{64}$/)
/** One line that a person reads: no control characters. */
const line = (max: number) => text(max, /^[^\p{Cc}\p{Cf}]*$/u)
const link = text(512, /^(?:https:\/\/[^\s"<>]+|mailto:[^\s"<>]+)$/)

const entryShape = object({
  /** 1, 2, 3, … in the order in which they were made. */
  number: uint(DENY_ENTRIES_MAX),
  /** The site; a name that is given to another site later is not denied with it. */
  job: hex32,
  reason: oneOf(...DENY_REASONS),
  /** What visitors are told. */
  text: line(1_024),
  /** The order, the case, the report. */
  reference: optional(link),
  /** Where, as countries (ISO 3166-1 alpha-2); none: everywhere. */
  places: array(text(2, /^[A-Z]{2}$/), DENY_PLACES_MAX),
  /** ms. */
  since: uint(),
  /** ms; from then on it means nothing. */
  lifted: optional(uint()),
})
export type DenyEntry = Shaped<typeof entryShape>

const listShape = object({
  version: uint(),
  issuer: hex32,
  /** Who that is, as visitors are told. */
  title: line(256),
  /** Where one can object. */
  appeal: link,
  time: uint(),
  entries: array(entryShape, DENY_ENTRIES_MAX),
  signature: text(2 * SIGNATURE_BYTES, /^(?:[0-9a-f]{2})*$/),
})
export type DenyList = Shaped<typeof listShape>
export type UnsignedDenyList = Omit<DenyList, 'signature'>

export type DenyListError =
  | { readonly code: 'too_large'; readonly length: number; readonly lengthMax: number }
  | { readonly code: 'not_json' }
  | ShapeError
  | { readonly code: 'wrong_issuer' }
  /** `number` is not what comes next, or the entry of that number is another one than before. */
  | { readonly code: 'entry_changed'; readonly number: number }
  | { readonly code: 'old_version'; readonly version: number }
  | { readonly code: 'bad_signature' }

export function denyListHash(list: UnsignedDenyList | DenyList): Digest {
  const { signature: _, ...unsigned } = list as DenyList
  return taggedHash('deny', cborFromValue(unsigned))
}

export function signDenyList(list: UnsignedDenyList, signer: Signer): DenyList {
  const signed = signer.sign(denyListHash(list))
  return { ...list, signature: Array.from(signed, (byte) => byte.toString(16).padStart(2, '0')).join('') }
}

/** Everything but the signature: form, issuer, and that it only adds to the one that is held. What is left to check comes with it. */
export function readDenyList(
  textOfList: string,
  issuer: string,
  held?: DenyList,
): Result<{ list: DenyList; key: PublicKey; message: Digest; signature: Signature }, DenyListError> {
  if (textOfList.length > DENY_LIST_LENGTH_MAX)
    return err({ code: 'too_large', length: textOfList.length, lengthMax: DENY_LIST_LENGTH_MAX })
  let parsed: unknown
  try {
    parsed = JSON.parse(textOfList)
  } catch {
    return err({ code: 'not_json' })
  }
  const shaped = readShape(listShape, parsed)
  if (!shaped.ok) return shaped
  const list = shaped.value
  if (list.issuer !== issuer) return err({ code: 'wrong_issuer' })
  if (held !== undefined && list.version <= held.version) return err({ code: 'old_version', version: held.version })
  const changed = firstChanged(list.entries, held?.entries ?? [])
  if (changed !== undefined) return err({ code: 'entry_changed', number: changed })
  const key = publicKeyFromBytes(knownHex(list.issuer))
  if (!key.ok) return err({ code: 'wrong_issuer' })
  const signature = knownHex(list.signature)
  if (signature.length !== SIGNATURE_BYTES) return err({ code: 'bad_signature' })
  return ok({ list, key: key.value, message: denyListHash(list), signature: signature as Signature })
}

function firstChanged(entries: readonly DenyEntry[], before: readonly DenyEntry[]): number | undefined {
  for (const [index, entry] of entries.entries()) {
    const number = index + 1
    if (entry.number !== number) return number
    const known = before[index]
    if (known === undefined) continue
    const { lifted, ...fixed } = entry
    const { lifted: liftedBefore, ...fixedBefore } = known
    if (JSON.stringify(fixed) !== JSON.stringify(fixedBefore)) return number
    if (liftedBefore !== undefined && lifted !== liftedBefore) return number
  }
  return entries.length < before.length ? entries.length + 1 : undefined
}

/** Whether it holds at a time, for a visitor in this place; undefined: nobody knows where, and what is for some places alone is not applied. */
export function appliesTo(entry: DenyEntry, place: string | undefined, now: number): boolean {
  if (entry.since > now || (entry.lifted !== undefined && entry.lifted <= now)) return false
  return entry.places.length === 0 || (place !== undefined && entry.places.includes(place))
}

function knownHex(hex: string): Uint8Array {
  const bytes = bytesFromHex(hex)
  assert(bytes.ok, 'the shape allows hexadecimal only')
  return bytes.value
}
