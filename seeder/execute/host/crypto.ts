// Hashes, HMAC, PBKDF2 and scrypt by the host's native code, and what each costs: the charge is taken before the call, so that no
// script can make a member work for nothing (runtime.md "The script's API").

import { createHash, createHmac, pbkdf2Sync, scryptSync } from 'node:crypto'
import { unreachable } from '#protocol/codec/result.ts'
import {
  type Argument,
  argumentOf,
  bytesField,
  countField,
  ScriptError,
  textField,
  told,
} from '#seeder/execute/host/script-error.ts'

/** `iterationFuel`: one iteration of PBKDF2 over one block of its output. */
type Hash = { readonly native: string; readonly bytes: number; readonly iterationFuel: number }

const HASHES: Readonly<Record<string, Hash>> = {
  'SHA-1': { native: 'sha1', bytes: 20, iterationFuel: 4_000 },
  'SHA-256': { native: 'sha256', bytes: 32, iterationFuel: 1_500 },
  'SHA-384': { native: 'sha384', bytes: 48, iterationFuel: 5_000 },
  'SHA-512': { native: 'sha512', bytes: 64, iterationFuel: 5_000 },
}

export const PBKDF2_ITERATIONS_MAX = 10_000_000
export const DERIVED_BYTES_MAX = 1_024
/** 128·N·r and 128·p·r: what scrypt keeps in memory. */
export const SCRYPT_MEMORY_MAX = 16 * 2 ** 20
/** OpenSSL counts both together, and two blocks of 128·r more; what passes the checks here is never above it. */
const OPENSSL_MEMORY_MAX = 2 * SCRYPT_MEMORY_MAX + 2 ** 20
const SALT_CHARS_MAX = 4_096

/**
 * Charges at ~5 fuel a nanosecond of native work, which is what the metered engines burn (0.1–0.4 ns a unit), so that a budget
 * lasts about as long whatever it is spent on. Measured: a call 2.6 µs, a byte 0.6–4 ns, an iteration 255–1,150 ns, a mix 350–900 ns.
 */
const CALL_FUEL = 12_000
const BYTE_FUEL = 10
/** Of one N·r·p: 128 bytes mixed twice. */
const SCRYPT_MIX_FUEL = 2_000

function hashOf(argument: Argument): Hash {
  const name = textField(argument, 'hash')
  const found = Object.hasOwn(HASHES, name) ? HASHES[name] : undefined
  if (found === undefined) throw new ScriptError('hash', `The hash ${told(name)} is not supported.`)
  return found
}

type Pbkdf2 = { hash: Hash; iterations: number; length: number; salt: Uint8Array }

function pbkdf2Of(argument: Argument): Pbkdf2 {
  const iterations = countField(argument, 'iterations', PBKDF2_ITERATIONS_MAX)
  const length = countField(argument, 'length', DERIVED_BYTES_MAX)
  if (iterations === 0 || length === 0) throw new ScriptError('argument', 'iterations and length must be above 0.')
  return { hash: hashOf(argument), iterations, length, salt: saltOf(argument) }
}

function saltOf(argument: Argument): Uint8Array {
  if (textField(argument, 'salt').length > SALT_CHARS_MAX) throw new ScriptError('argument', 'The salt is too long.')
  return bytesField(argument, 'salt')
}

type Scrypt = { N: number; r: number; p: number; length: number; salt: Uint8Array }

/** RFC 7914 §2: N is a power of two below 2^(16·r). */
function scryptOf(argument: Argument): Scrypt {
  const N = countField(argument, 'N', SCRYPT_MEMORY_MAX / 128)
  const r = countField(argument, 'r', 1_024)
  const p = countField(argument, 'p', 1_024)
  const length = countField(argument, 'length', DERIVED_BYTES_MAX)
  const power = N >= 2 && (N & (N - 1)) === 0
  const fits = 128 * N * r <= SCRYPT_MEMORY_MAX && 128 * p * r <= SCRYPT_MEMORY_MAX && N < 2 ** (16 * r)
  if (!power || r === 0 || p === 0 || length === 0 || !fits) {
    throw new ScriptError(
      'argument',
      `scrypt needs N a power of two below 2^(16·r), r, p and length above 0, and 128·N·r and 128·p·r ≤ ${SCRYPT_MEMORY_MAX}.`,
    )
  }
  return { N, r, p, length, salt: saltOf(argument) }
}

/** The charge of an operation; 0 for arguments that the call will refuse anyway, beyond the flat part. */
export function cryptoCost(op: string, text: string, bytes: Uint8Array | undefined): number {
  const flat = CALL_FUEL + BYTE_FUEL * ((bytes?.length ?? 0) + text.length)
  try {
    if (op === 'crypto.pbkdf2') {
      const { hash, iterations, length } = pbkdf2Of(argumentOf(text))
      return flat + iterations * Math.ceil(length / hash.bytes) * hash.iterationFuel
    }
    if (op === 'crypto.scrypt') {
      const { N, r, p } = scryptOf(argumentOf(text))
      return flat + N * r * p * SCRYPT_MIX_FUEL
    }
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error
  }
  return flat
}

export type CryptoOperation = 'crypto.digest' | 'crypto.hmac' | 'crypto.pbkdf2' | 'crypto.scrypt'

export function cryptoOperation(op: CryptoOperation, text: string, bytes: Uint8Array = new Uint8Array(0)): Uint8Array {
  const argument = argumentOf(text)
  switch (op) {
    case 'crypto.digest':
      return createHash(hashOf(argument).native).update(bytes).digest()
    case 'crypto.hmac':
      return createHmac(hashOf(argument).native, bytesField(argument, 'key')).update(bytes).digest()
    case 'crypto.pbkdf2': {
      const { hash, iterations, length, salt } = pbkdf2Of(argument)
      return pbkdf2Sync(bytes, salt, iterations, length, hash.native)
    }
    case 'crypto.scrypt': {
      const { N, r, p, length, salt } = scryptOf(argument)
      return scryptSync(bytes, salt, length, { N, r, p, maxmem: OPENSSL_MEMORY_MAX })
    }
    default:
      return unreachable(op)
  }
}
