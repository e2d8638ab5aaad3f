// The verification rule in a page: takes signature cases, answers with a verdict for each; WebCrypto is the native half where the browser
// has Ed25519.

import { webCryptoVerify } from '#gateway/web-crypto.ts'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { verifyPure, verifySignatureAsync } from '#protocol/identity/verify.ts'

export type Case = { readonly key: string; readonly message: string; readonly signature: string }
export type Verdict = { readonly rule: boolean; readonly pure: boolean; readonly native: boolean | 'none' }

function bytes(text: string): Uint8Array {
  const read = bytesFromHex(text)
  assert(read.ok, 'a vector is hexadecimal')
  return read.value
}

async function hasNative(): Promise<boolean> {
  return crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify']).then(
    () => true,
    () => false,
  )
}

async function judge(cases: readonly Case[]): Promise<Verdict[]> {
  const native = await hasNative()
  const verdicts: Verdict[] = []
  for (const entry of cases) {
    const key = bytes(entry.key) as PublicKey
    const signature = bytes(entry.signature) as Signature
    const message = bytes(entry.message)
    verdicts.push({
      rule: await verifySignatureAsync(webCryptoVerify, key, message, signature),
      pure: verifyPure(key, message, signature),
      native: native ? await webCryptoVerify(key, message, signature).catch(() => false) : 'none',
    })
  }
  return verdicts
}

Object.assign(globalThis, { judge })
