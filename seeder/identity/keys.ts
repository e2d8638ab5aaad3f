// Keys on this machine: an Ed25519 secret in a file of its own, and the native half of the one verification rule.
//
// Invariant: a secret is never in a file that others may read, and a key file that exists is never written again.
// The file is PKCS #8 PEM (RFC 8410), so that `openssl pkey -in FILE -text` reads it too. In front of it stands whose key it is: a byte of the
// secret that the disk changes makes another good key, and its seeder a stranger. A file without that line (of another tool) is taken as it is.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  randomBytes,
} from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '#protocol/codec/result.ts'
import {
  PUBLIC_KEY_BYTES,
  type PublicKey,
  peerName,
  publicKeyFromBytes,
  type Signature,
  type Signer,
} from '#protocol/identity/keys.ts'
import { type NativeVerify, verifySignature } from '#protocol/identity/verify.ts'
import { NOBODY_LISTENS, type PersistPoints } from '#seeder/store/points.ts'

/** Keys whose parsed form is kept: more than the members of every group a seeder can be in. */
const KEY_OBJECTS_MAX = 4096
export const SEED_BYTES = 32

/** What stands in front of the key, with the public key as the network names it. */
const WHOSE = 'interpeer key of '

/** DER of an Ed25519 key up to its 32 bytes (RFC 8410 §4 and §7). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export type KeyFileRefusal =
  | { readonly code: 'key_file_exposed'; readonly file: string; readonly mode: string }
  | { readonly code: 'key_file_form'; readonly file: string }
  | { readonly code: 'key_file_damaged'; readonly file: string }

/** A key file that must not or cannot be used; the message says what to do. */
export class KeyFileError extends Error {
  readonly reason: KeyFileRefusal
  constructor(reason: KeyFileRefusal) {
    super(messageOf(reason))
    this.reason = reason
  }
}

function messageOf(reason: KeyFileRefusal): string {
  switch (reason.code) {
    case 'key_file_exposed':
      return `${reason.file} can be read by others (mode ${reason.mode}): chmod 600 it, and make a new key if others had access`
    case 'key_file_form':
      return `${reason.file} is not an Ed25519 key in PKCS #8 PEM`
    case 'key_file_damaged':
      return `${reason.file} is not as it was written: its secret is not of the key that its first line names. Put its backup in its place`
  }
}

function signerOf(secret: KeyObject): Signer {
  const spki = createPublicKey(secret).export({ type: 'spki', format: 'der' })
  const key = publicKeyFromBytes(spki.subarray(SPKI_PREFIX.length))
  assert(key.ok, 'an Ed25519 public key has 32 bytes')
  return { publicKey: key.value, sign: (message) => new Uint8Array(nodeSign(null, message, secret)) as Signature }
}

/** A signer from the 32 secret bytes of RFC 8032 §5.1.5. */
export function signerFromSeed(seed: Uint8Array): Signer {
  assert(seed.length === SEED_BYTES, 'a seed has 32 bytes')
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  return signerOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/** A fresh key that is kept nowhere. */
export function ephemeralSigner(): Signer {
  return signerOf(generateKeyPairSync('ed25519').privateKey)
}

/** Throws `KeyFileError`; a missing file throws ENOENT. */
export function loadSigner(file: string): Signer {
  const mode = statSync(file).mode & 0o777
  if ((mode & 0o077) !== 0) throw new KeyFileError({ code: 'key_file_exposed', file, mode: mode.toString(8) })
  const text = readFileSync(file, 'utf8')
  let secret: KeyObject
  try {
    secret = createPrivateKey(text)
  } catch {
    throw new KeyFileError({ code: 'key_file_form', file })
  }
  if (secret.asymmetricKeyType !== 'ed25519') throw new KeyFileError({ code: 'key_file_form', file })
  const signer = signerOf(secret)
  const [first = ''] = text.split('\n')
  if (first.startsWith(WHOSE) && first !== whose(signer)) throw new KeyFileError({ code: 'key_file_damaged', file })
  return signer
}

function whose({ publicKey }: Signer): string {
  return `${WHOSE}${peerName(publicKey)}`
}

/**
 * The signer of a key file, which is made with mode 0600 when there is none. Whole or not at all, and durable when it
 * returns: of two processes that create it at once, both get the key of the one that was first.
 */
export function loadOrCreateSigner(file: string, points: PersistPoints = NOBODY_LISTENS): Signer {
  try {
    return loadSigner(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
  mkdirSync(dirname(file), { recursive: true })
  const secret = generateKeyPairSync('ed25519').privateKey
  const text = `${whose(signerOf(secret))}\n${secret.export({ type: 'pkcs8', format: 'pem' })}`
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  points.before(true)
  try {
    const handle = openSync(draft, 'wx', 0o600)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    linkSync(draft, file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    rmSync(draft, { force: true })
  }
  syncDirectory(dirname(file))
  points.after()
  return loadSigner(file)
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const keyObjects = new Map<string, KeyObject>()

/** The parsed key, from memory when it was seen lately: parsing costs as much as verifying. */
function keyObjectOf(key: PublicKey): KeyObject {
  const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
  const known = keyObjects.get(name)
  if (known !== undefined) return known
  const parsed = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' })
  if (keyObjects.size >= KEY_OBJECTS_MAX) {
    const oldest = keyObjects.keys().next().value
    if (oldest !== undefined) keyObjects.delete(oldest)
  }
  keyObjects.set(name, parsed)
  return parsed
}

/** Node's own Ed25519, synchronous: inject it into the rule, or use `verify` below. */
export const nativeVerify: NativeVerify = (key, message, signature) =>
  key.length === PUBLIC_KEY_BYTES && nodeVerify(null, message, keyObjectOf(key), signature)

/** The one verification rule on this runtime. */
export const verify: NativeVerify = (key, message, signature) => verifySignature(nativeVerify, key, message, signature)
