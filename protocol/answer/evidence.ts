// The evidence that comes with an answer (agreement §5, "On the wire"), as header fields and back.
//
//   read    Interpeer-Receipt      {from, body, signature} of RECEIPT
//           Interpeer-Certificate  CERT of (height, state root)
//   write   Interpeer-Certificate  CERT of the block that ran it
//           Interpeer-Path         {fuel, path: [[side, sibling]…]} from the receipt leaf to receipts_root
//           Interpeer-Salt-Hash    what the visitor cannot know of its own request hash
//
// Each is canonical DAG-CBOR (the salt hash: 32 plain bytes) in base64 (RFC 4648 §4). A certificate above 4 KiB travels as
// `Link: </.well-known/interpeer/certificate/<height>>; rel="interpeer-certificate"`.

import { base64FromBytes, bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, digestFromBytes } from '#protocol/codec/digest.ts'
import { MERKLE_PATH_MAX, type MerkleStep } from '#protocol/codec/merkle.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { array, digest, object, oneOf, readCbor, type Shape, tuple, uint } from '#protocol/codec/shape.ts'
import { type Cert, certShape } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { type Receipt, signedShape } from '#protocol/message/statement.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

export const RECEIPT_HEADER = 'interpeer-receipt'
export const CERTIFICATE_HEADER = 'interpeer-certificate'
export const PATH_HEADER = 'interpeer-path'
export const SALT_HASH_HEADER = 'interpeer-salt-hash'
export const JOB_HEADER = 'interpeer-job'
export const HEIGHT_HEADER = 'interpeer-height'
/** Of a gateway's copy, shown while no member answers: when the gateway checked it, ms since the epoch. */
export const COPY_HEADER = 'interpeer-copy'
/** In a request: reuse this nonce (base64 of 16 bytes) for this one answer, and answer at this height if it is still at hand. */
export const NONCE_HEADER = 'interpeer-nonce'

export const CERTIFICATE_HEADER_BYTES_MAX = 4 * 1024
export const CERTIFICATE_RELATION = 'interpeer-certificate'
export const WELL_KNOWN = '/.well-known/interpeer/'
/** Decoded; a certificate of 64 members has 17 KiB. */
export const EVIDENCE_BYTES_MAX = 64 * 1024
export const NONCE_BYTES = 16

export type ReadEvidence = { readonly kind: 'read'; readonly receipt: Signed<Receipt>; readonly cert: Cert }
export type WriteEvidence = {
  readonly kind: 'write'
  readonly cert: Cert
  readonly fuel: number
  readonly path: readonly MerkleStep[]
  readonly saltHash: Digest
}
export type Evidence = ReadEvidence | WriteEvidence

const step = tuple(oneOf(0, 1), digest()) as Shape<MerkleStep>
export const stepsShape = array(step, MERKLE_PATH_MAX)
const pathShape = object({ fuel: uint(), path: stepsShape })
export const receiptShape = signedShape('receipt')

export function receiptText(receipt: Signed<Receipt>): string {
  return base64FromBytes(cborFromValue(receipt))
}

export function certificateText(cert: Cert): string {
  return base64FromBytes(cborFromValue(cert))
}

export function pathText(fuel: number, path: readonly MerkleStep[]): string {
  return base64FromBytes(cborFromValue({ fuel, path }))
}

export function certificatePath(height: number): string {
  return `${WELL_KNOWN}certificate/${height}`
}

export type EvidenceError =
  | { readonly code: 'no_receipt' }
  | { readonly code: 'receipt_form' }
  | { readonly code: 'no_certificate' }
  | { readonly code: 'certificate_form' }
  /** The certificate travels beside the answer: fetch it, then ask again with it. */
  | { readonly code: 'certificate_elsewhere'; readonly path: string }
  | { readonly code: 'path_form' }
  | { readonly code: 'no_salt_hash' }
  | { readonly code: 'salt_hash_form' }

export function certificateFromBytes(bytes: Uint8Array): Result<Cert, { readonly code: 'certificate_form' }> {
  const cert = readCbor(certShape, bytes, EVIDENCE_BYTES_MAX)
  return cert.ok ? cert : err({ code: 'certificate_form' })
}

/** A field that must stand there once; a second one would let two readers see two things. */
function field(headers: Headers, name: string): string | undefined {
  const found = headers.filter(([key]) => key.toLowerCase() === name)
  return found.length === 1 ? found[0]?.[1].trim() : undefined
}

function fieldBytes(text: string): Uint8Array | undefined {
  if (text.length > 2 * EVIDENCE_BYTES_MAX) return undefined
  const bytes = bytesFromBase64(text)
  return bytes.ok ? bytes.value : undefined
}

const LINK_TARGET = new RegExp(
  `<(${WELL_KNOWN.replaceAll('.', '\\.')}certificate/[0-9]{1,16})>\\s*;\\s*rel="?${CERTIFICATE_RELATION}"?`,
)

/** What the text of a field says; undefined: it has not the form. */
export type EvidenceTexts = {
  readonly cert: (text: string) => Cert | undefined
  readonly receipt: (text: string) => Signed<Receipt> | undefined
}

/** Read anew each time. Whoever gets the same texts again and again may keep what they came to. */
export const READ_TEXTS: EvidenceTexts = {
  cert(text) {
    const bytes = fieldBytes(text)
    const cert = bytes === undefined ? undefined : certificateFromBytes(bytes)
    return cert?.ok ? cert.value : undefined
  },
  receipt(text) {
    const bytes = fieldBytes(text)
    const receipt = bytes === undefined ? undefined : readCbor(receiptShape, bytes, EVIDENCE_BYTES_MAX)
    return receipt?.ok ? receipt.value : undefined
  },
}

/** Reads the evidence of an answer from its headers. `fetched`: the certificate that a `Link` named, when it was fetched. */
export function evidenceFromHeaders(
  headers: Headers,
  fetched?: Cert,
  texts: EvidenceTexts = READ_TEXTS,
): Result<Evidence, EvidenceError> {
  const receiptField = field(headers, RECEIPT_HEADER)
  const pathField = field(headers, PATH_HEADER)
  if (receiptField === undefined && pathField === undefined) return err({ code: 'no_receipt' })
  let cert = fetched
  if (cert === undefined) {
    const certField = field(headers, CERTIFICATE_HEADER)
    if (certField === undefined) {
      for (const [name, value] of headers) {
        const link = name.toLowerCase() === 'link' ? LINK_TARGET.exec(value) : null
        if (link?.[1] !== undefined) return err({ code: 'certificate_elsewhere', path: link[1] })
      }
      return err({ code: 'no_certificate' })
    }
    cert = texts.cert(certField)
    if (cert === undefined) return err({ code: 'certificate_form' })
  }
  if (pathField !== undefined) {
    const bytes = fieldBytes(pathField)
    const path = bytes === undefined ? undefined : readCbor(pathShape, bytes, EVIDENCE_BYTES_MAX)
    if (!path?.ok) return err({ code: 'path_form' })
    const saltField = field(headers, SALT_HASH_HEADER)
    if (saltField === undefined) return err({ code: 'no_salt_hash' })
    const saltBytes = fieldBytes(saltField)
    const salt = saltBytes === undefined ? undefined : digestFromBytes(saltBytes)
    if (!salt?.ok) return err({ code: 'salt_hash_form' })
    return ok({ kind: 'write', cert, fuel: path.value.fuel, path: path.value.path, saltHash: salt.value })
  }
  const receipt = receiptField === undefined ? undefined : texts.receipt(receiptField)
  return receipt === undefined ? err({ code: 'receipt_form' }) : ok({ kind: 'read', receipt, cert })
}
