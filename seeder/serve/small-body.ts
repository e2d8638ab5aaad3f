// The body of a request that is not a visitor's: a statement, read whole within a bound of its own.

import type { IncomingMessage } from 'node:http'

/** Undefined: it is longer. The rest of it is let through, or the answer that says so would not arrive. Rejects when the sender goes away. */
export async function smallBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) {
      request.resume()
      return undefined
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
