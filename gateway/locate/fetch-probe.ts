// An origin of a member tried by `fetch`, as the runtime of Cloudflare has it: it verifies the certificate and keeps to public places.

import { REACH_BYTES_MAX } from '#gateway/locate/reach.ts'

export const PROBE_MS = 5_000

/** Rejects when there is no whole answer of a seeder in time. */
export async function fetchProbe(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(PROBE_MS) })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`it answers ${response.status}`)
  }
  const bytes = new Uint8Array(REACH_BYTES_MAX)
  let length = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    if (length + chunk.length > REACH_BYTES_MAX) throw new Error('its answer is too long')
    bytes.set(chunk, length)
    length += chunk.length
  }
  return bytes.subarray(0, length)
}
