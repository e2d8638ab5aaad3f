// The HTTP message signature of an answer (RFC 9421) and its content digest (RFC 9530), so that any HTTP tool can check
// that a seeder sent these bytes. The evidence proper is the receipt and the certificate.
//
// The signature base begins with `"@status"` and is never 32 bytes long: it cannot pass for a statement of the protocol,
// which is signed as a 32-byte hash.

import { base64FromBytes, bytesFromBase64, bytesFromText } from '#protocol/codec/bytes.ts'
import { type Digest, digestFromBytes } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import {
  type PublicKey,
  peerName,
  publicKeyFromName,
  SIGNATURE_BYTES,
  type Signature,
} from '#protocol/identity/keys.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

export const SIGNATURE_LABEL = 'interpeer'
const COMPONENTS_MAX = 8

/** A field that is covered, as it is sent; `@status` is always covered and comes first. */
export type CoveredField = readonly [name: string, value: string]

export function contentDigest(sha256OfContent: Uint8Array): string {
  return `sha-256=:${base64FromBytes(sha256OfContent)}:`
}

export function digestFromContentDigest(field: string): Result<Digest, { readonly code: 'content_digest_form' }> {
  const encoded = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):/.exec(field)?.[1]
  const bytes = encoded === undefined ? undefined : bytesFromBase64(encoded)
  const digest = bytes?.ok ? digestFromBytes(bytes.value) : undefined
  return digest?.ok ? digest : err({ code: 'content_digest_form' })
}

/** `created`: seconds since the epoch. */
export function signatureParams(names: readonly string[], created: number, key: PublicKey): string {
  const list = ['@status', ...names].map((name) => `"${name}"`).join(' ')
  return `(${list});created=${created};keyid="${peerName(key)}";alg="ed25519"`
}

export function signatureBase(status: number, fields: readonly CoveredField[], params: string): Uint8Array {
  const lines = [`"@status": ${status}`, ...fields.map(([name, value]) => `"${name}": ${value}`)]
  return bytesFromText(`${lines.join('\n')}\n"@signature-params": ${params}`)
}

/** The two header values of a signed answer. */
export function signatureFields(
  params: string,
  signature: Signature,
): { readonly input: string; readonly signature: string } {
  return { input: `${SIGNATURE_LABEL}=${params}`, signature: `${SIGNATURE_LABEL}=:${base64FromBytes(signature)}:` }
}

export type HttpSignatureError =
  | { readonly code: 'no_http_signature' }
  | { readonly code: 'http_signature_form' }
  | { readonly code: 'http_signature_field'; readonly name: string }

export type HttpSignatureCheck = {
  readonly key: PublicKey
  readonly message: Uint8Array
  readonly signature: Signature
  readonly covered: readonly string[]
}

/** What is left to verify about the signature labelled `interpeer`; several fields of one name are joined by RFC 9421 §2.1. */
export function httpSignatureCheck(status: number, headers: Headers): Result<HttpSignatureCheck, HttpSignatureError> {
  const field = (name: string): string | undefined => {
    const values = headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value.trim())
    return values.length === 0 ? undefined : values.join(', ')
  }
  const input = field('signature-input')
  const sent = field('signature')
  if (input === undefined || sent === undefined) return err({ code: 'no_http_signature' })
  const params =
    /^interpeer=(\(((?:"[@a-z0-9-]+"\s?)+)\);created=[0-9]{1,12};keyid="([0-9a-f]{64})";alg="ed25519")$/.exec(input)
  const encoded = /^interpeer=:([A-Za-z0-9+/=]+):$/.exec(sent)?.[1]
  const bytes = encoded === undefined ? undefined : bytesFromBase64(encoded)
  const [, line, list, name] = params ?? []
  const key = name === undefined ? undefined : publicKeyFromName(name)
  if (line === undefined || list === undefined || !key?.ok || !bytes?.ok || bytes.value.length !== SIGNATURE_BYTES)
    return err({ code: 'http_signature_form' })
  const names = list
    .trim()
    .split(' ')
    .map((quoted) => quoted.slice(1, -1))
  if (names[0] !== '@status' || names.length > COMPONENTS_MAX) return err({ code: 'http_signature_form' })
  const fields: CoveredField[] = []
  for (const covered of names.slice(1)) {
    const value = field(covered)
    if (value === undefined) return err({ code: 'http_signature_field', name: covered })
    fields.push([covered, value])
  }
  return ok({
    key: key.value,
    message: signatureBase(status, fields, line),
    signature: bytes.value as Signature,
    covered: names.slice(1),
  })
}
