// A port of this machine for a program that cannot take "any": it has to be told a number, which its own configuration repeats.
//
// Between the look and the taking another program may have it: then it is another port's turn, some times.

import { createServer } from 'node:net'

const ATTEMPTS_MAX = 5
const TAKEN = new Set<unknown>(['ERR_ADDRESS_IN_USE', 'EADDRINUSE'])

/** A port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

/** What `work` gives at the first port that it could take; whatever else it throws is thrown. */
export async function atFreePort<T>(work: (port: number) => Promise<T>, pick = freePort): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(await pick())
    } catch (cause) {
      if (attempt === ATTEMPTS_MAX || !isTaken(cause)) throw cause
    }
  }
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && TAKEN.has(cause.code)
}
