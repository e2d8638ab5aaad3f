// Signatures on which Ed25519 libraries disagree, with the verdict of ZIP 215 known from how each was built, not from any
// verifier: points of small order in all their encodings, keys and commitments shifted by torsion, scalars not reduced.
//
//   node test/support/ed25519-vectors.ts      writes test/vectors/ed25519-edge-cases.json
//
// ZIP 215: S < L; A and R are points in any encoding, also not canonical; 8·S·B = 8·R + 8·H(R ‖ A ‖ M)·A.

import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Point } from '@noble/ed25519'
import { bytesFromHex, bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'

export type SignatureCase = {
  readonly comment: string
  /** Hexadecimal, all three. */
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly valid: boolean
}

export const VECTORS_FILE = join(import.meta.dirname, '..', 'vectors', 'ed25519-edge-cases.json')

const { n: L, p: P } = Point.CURVE()
const SIGN_BIT = 0x80

function hex(text: string): Uint8Array {
  const bytes = bytesFromHex(text)
  assert(bytes.ok, 'a vector is hexadecimal')
  return bytes.value
}

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  let rest = value
  for (let index = 0; index < 32; index++, rest >>= 8n) bytes[index] = Number(rest & 0xffn)
  return bytes
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

/** H(R ‖ A ‖ M) of RFC 8032 §5.1.7, over the bytes as they stand. */
function challenge(commitment: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return fromLittleEndian(hash('sha512', Buffer.concat([commitment, key, message]), 'buffer')) % L
}

function scalarOf(name: string): bigint {
  return (fromLittleEndian(hash('sha512', `scalar ${name}`, 'buffer')) % (L - 1n)) + 1n
}

/** The eight points of small order: multiples of one of order 8, itself L times a point that was not chosen for it. */
function torsion(): readonly Point[] {
  for (let y = 2n; ; y++) {
    let point: Point
    try {
      point = Point.fromBytes(littleEndian(y), true)
    } catch {
      continue
    }
    const small = point.multiply(L - 1n).add(point)
    const points = [Point.ZERO]
    for (let next = small; !next.is0(); next = next.add(small)) points.push(next)
    if (points.length === 8) return points
  }
}

/** Every 32 bytes that decode to a point of small order: 8 canonical encodings and 6 others. */
export function smallOrderEncodings(): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>()
  for (const point of torsion()) {
    const { x, y } = point.toAffine()
    const ys = y < 19n ? [y, y + P] : [y]
    // x = 0 has two encodings: the sign of zero is not looked at.
    const signs = x === 0n ? [0n, 1n] : [x & 1n]
    for (const value of ys) {
      for (const sign of signs) {
        const bytes = littleEndian(value | (sign << 255n))
        found.set(hexFromBytes(bytes), bytes)
      }
    }
  }
  return [...found.values()].sort((a, b) => Buffer.compare(a, b))
}

function row(
  comment: string,
  key: Uint8Array,
  message: Uint8Array,
  commitment: Uint8Array,
  scalar: Uint8Array,
  valid: boolean,
): SignatureCase {
  return {
    comment,
    key: hexFromBytes(key),
    message: hexFromBytes(message),
    signature: hexFromBytes(commitment) + hexFromBytes(scalar),
    valid,
  }
}

/** S = 0 under every pair of small-order encodings: both sides of the equation are nothing. */
function smallOrderCases(): SignatureCase[] {
  const encodings = smallOrderEncodings()
  const message = bytesFromText('small order')
  return encodings.flatMap((key, a) =>
    encodings.map((commitment, r) =>
      row(`A small order ${a}, R small order ${r}, S = 0`, key, message, commitment, littleEndian(0n), true),
    ),
  )
}

/** Honest keys and commitments, each shifted by a point of small order: valid for the cofactor alone. */
function mixedOrderCases(): SignatureCase[] {
  const points = torsion()
  const message = bytesFromText('mixed order')
  const secret = scalarOf('a')
  const chance = scalarOf('r')
  return points.flatMap((shiftKey, a) =>
    points.map((shiftCommitment, r) => {
      const key = Point.BASE.multiply(secret).add(shiftKey).toBytes()
      const commitment = Point.BASE.multiply(chance).add(shiftCommitment).toBytes()
      const scalar = (chance + challenge(commitment, key, message) * secret) % L
      return row(`A + T${a}, R + T${r}`, key, message, commitment, littleEndian(scalar), true)
    }),
  )
}

function small(commitments: readonly Uint8Array[]): SignatureCase[] {
  const message = bytesFromText('small commitment')
  const secret = scalarOf('b')
  const key = Point.BASE.multiply(secret).toBytes()
  return commitments.flatMap((commitment, r) => {
    const scalar = (challenge(commitment, key, message) * secret) % L
    return [
      row(`A prime order, R small order ${r}`, key, message, commitment, littleEndian(scalar), true),
      row(`A prime order, R small order ${r}, S + 1`, key, message, commitment, littleEndian((scalar + 1n) % L), false),
    ]
  })
}

/** One honest signature and everything that can be wrong with it. */
function brokenCases(): SignatureCase[] {
  const secret = scalarOf('c')
  const chance = scalarOf('d')
  const message = bytesFromText('broken')
  const key = Point.BASE.multiply(secret).toBytes()
  const commitment = Point.BASE.multiply(chance).toBytes()
  const scalar = (chance + challenge(commitment, key, message) * secret) % L
  const s = littleEndian(scalar)
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const signFlipped = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, index) => (index === 31 ? byte ^ SIGN_BIT : byte))
  const off = offCurve()
  return [
    row('honest', key, message, commitment, s, true),
    row('another message', key, bytesFromText('Broken'), commitment, s, false),
    row('no message', key, new Uint8Array(0), commitment, s, false),
    row('S + L', key, message, commitment, littleEndian(scalar + L), false),
    row('S + 7L', key, message, commitment, littleEndian(scalar + 7n * L), false),
    row('S with its highest bit', key, message, commitment, littleEndian(scalar | (1n << 255n)), false),
    row('S = L', key, message, commitment, littleEndian(L), false),
    row('S all ones', key, message, commitment, new Uint8Array(32).fill(0xff), false),
    row('S of another', key, message, commitment, flipped(s, 0), false),
    row('R with another sign', key, message, signFlipped(commitment), s, false),
    row('A with another sign', signFlipped(key), message, commitment, s, false),
    row('R off the curve', key, message, off, s, false),
    row('A off the curve', off, message, commitment, s, false),
    row('A and R off the curve', off, message, off, littleEndian(0n), false),
    row('R all ones', key, message, new Uint8Array(32).fill(0xff), s, false),
    row('A all ones', new Uint8Array(32).fill(0xff), message, commitment, s, false),
    row('A prime order, R identity, S = 0', key, message, littleEndian(1n), littleEndian(0n), false),
    row('A identity, S·B ≠ R', littleEndian(1n), message, commitment, littleEndian((chance + 1n) % L), false),
    row('A identity, S·B = R: anybody signs for it', littleEndian(1n), message, commitment, littleEndian(chance), true),
  ]
}

function offCurve(): Uint8Array {
  for (let y = 2n; ; y++) {
    try {
      Point.fromBytes(littleEndian(y), true)
    } catch {
      return littleEndian(y)
    }
  }
}

/** RFC 8032 §7.1, tests 1, 2, 3 and SHA(abc). */
function rfcCases(): SignatureCase[] {
  const known: readonly (readonly [string, string, string, string])[] = [
    [
      'RFC 8032 test 1',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      'RFC 8032 test 2',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'RFC 8032 test 3',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
    [
      'RFC 8032 test SHA(abc)',
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ],
  ]
  return known.flatMap(([comment, key, message, signature]) => {
    const bytes = hex(signature)
    const changed = bytes.map((byte, index) => (index === 40 ? byte ^ 1 : byte))
    return [
      { comment, key, message, signature, valid: true },
      { comment: `${comment}, S changed`, key, message, signature: hexFromBytes(changed), valid: false },
    ]
  })
}

export function edgeCases(): readonly SignatureCase[] {
  return [...rfcCases(), ...brokenCases(), ...small(smallOrderEncodings()), ...mixedOrderCases(), ...smallOrderCases()]
}

export function vectorsText(cases: readonly SignatureCase[]): string {
  return `[\n${cases.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`
}

if (import.meta.main) writeFileSync(VECTORS_FILE, vectorsText(edgeCases()))
