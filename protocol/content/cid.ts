// Content identifiers as the protocol carries them: the 36 binary bytes of a CIDv1 with SHA-256,
// `01` version, `70` dag-pb or `55` raw, `12 20` SHA-256 of 32 bytes, then the digest (multiformats CID specification).

import { bytesFromHex } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'

export const CID_BYTES = 36
export const CODEC_DAG_PB = 0x70
export const CODEC_RAW = 0x55

/** 36 bytes of a CIDv1 (dag-pb or raw, SHA-256). */
export type Cid = Uint8Array & { readonly brand: 'Cid' }

export function cidFromBytes(bytes: Uint8Array): Result<Cid, { code: 'cid_form'; actualBytes: number }> {
  const known = bytes[1] === CODEC_DAG_PB || bytes[1] === CODEC_RAW
  if (bytes.length !== CID_BYTES || bytes[0] !== 1 || !known || bytes[2] !== 0x12 || bytes[3] !== 0x20) {
    return err({ code: 'cid_form', actualBytes: bytes.length })
  }
  return ok(bytes as Cid)
}

export function cidFromDigest(codec: typeof CODEC_DAG_PB | typeof CODEC_RAW, digest: Digest): Cid {
  const bytes = new Uint8Array(CID_BYTES)
  bytes.set([1, codec, 0x12, 0x20])
  bytes.set(digest, 4)
  return bytes as Cid
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** Multibase `b` (RFC 4648 base32, lower case, no padding): the text an IPFS tool shows. */
export function textFromCid(cid: Cid): string {
  let text = 'b'
  let bits = 0
  let value = 0
  for (const byte of cid) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      text += BASE32.charAt((value >>> (bits - 5)) & 31)
      bits -= 5
    }
    value &= (1 << bits) - 1
  }
  if (bits > 0) text += BASE32.charAt((value << (5 - bits)) & 31)
  return text
}

export function cidFromText(
  text: string,
): Result<Cid, { code: 'cid_text' } | { code: 'cid_form'; actualBytes: number }> {
  if (!/^b[a-z2-7]{58}$/.test(text)) return err({ code: 'cid_text' })
  const bytes = new Uint8Array(CID_BYTES)
  let bits = 0
  let value = 0
  let out = 0
  for (const char of text.slice(1)) {
    value = ((value << 5) | BASE32.indexOf(char)) & 0xfff
    bits += 5
    if (bits >= 8 && out < CID_BYTES) {
      bytes[out++] = (value >>> (bits - 8)) & 255
      bits -= 8
    }
  }
  const cid = cidFromBytes(bytes)
  return cid.ok && textFromCid(cid.value) !== text ? err({ code: 'cid_text' }) : cid
}

/** CID of the empty UnixFS directory: the state of every site at height 0. */
export const EMPTY_DIRECTORY: Cid = (() => {
  const digest = bytesFromHex('59948439065f29619ef41280cbb932be52c56d99c5966b65e0111239f098bbef')
  assert(digest.ok, 'the constant is hexadecimal')
  return cidFromDigest(CODEC_DAG_PB, digest.value as Digest)
})()

/** The block of `EMPTY_DIRECTORY`: every job starts from it, so whoever looks blocks up knows this one without being given it. */
export const EMPTY_DIRECTORY_BYTES: Uint8Array = Uint8Array.of(0x0a, 2, 0x08, 1)

export function isEmptyDirectory(cid: Cid): boolean {
  for (let index = CID_BYTES - 1; index >= 0; index--) if (cid[index] !== EMPTY_DIRECTORY[index]) return false
  return true
}

/** A CID as a key of a `Map`: its 36 bytes as 36 characters, cheaper than its text. */
export function cidKey(cid: Cid): string {
  return String.fromCharCode.apply(undefined, cid as unknown as number[])
}

/** The codec that a CID names. */
export function cidCodec(cid: Cid): typeof CODEC_DAG_PB | typeof CODEC_RAW {
  return cid[1] === CODEC_RAW ? CODEC_RAW : CODEC_DAG_PB
}
