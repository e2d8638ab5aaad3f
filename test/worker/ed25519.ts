// The verification rule inside workerd: takes signature cases as JSON, answers with a verdict for each, and whether
// WebCrypto alone would have said the same.

import { verify, webCryptoVerify } from '#gateway/web-crypto.ts'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'

type Case = { readonly key: string; readonly message: string; readonly signature: string }

function bytes(text: string): Uint8Array {
  const read = bytesFromHex(text)
  assert(read.ok, 'a vector is hexadecimal')
  return read.value
}

async function judge(entry: Case): Promise<{ rule: boolean; native: boolean }> {
  const key = bytes(entry.key) as PublicKey
  const signature = bytes(entry.signature) as Signature
  const message = bytes(entry.message)
  const native = await webCryptoVerify(key, message, signature).catch(() => false)
  return { rule: await verify(key, message, signature), native }
}

export default {
  async fetch(request) {
    const cases = (await request.json()) as readonly Case[]
    return Response.json(await Promise.all(cases.map(judge)))
  },
} satisfies ExportedHandler
