// How long no write is answered when the leader stops: from SIGSTOP to the first answer of a member that goes on.

import { setTimeout as delay } from 'node:timers/promises'
import { exchange, type HttpOptions } from '#cli/network/http.ts'

/** A visitor who comes every so often, and waits: the first who is answered counts. */
const COME_MS = 25
const GIVE_UP_MS = 30_000

export type Write = { readonly url: string; readonly options: HttpOptions; readonly status: number }

/** ms from `stop` until one of the writes that begin after it is answered as it should be. */
export async function firstWriteAfter(stop: () => void, write: (index: number) => Write): Promise<number> {
  const ended = new AbortController()
  stop()
  const began = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const under: Promise<void>[] = []
  const visit = async (index: number): Promise<void> => {
    const { url, options, status } = write(index)
    try {
      const answer = await exchange(url, { ...options, timeoutMs: GIVE_UP_MS, signal: ended.signal })
      if (answer.status === status) resolve(performance.now() - began)
    } catch {
      // Refused or given up: the next visitor may have more luck.
    }
  }
  const visitors = async (): Promise<void> => {
    for (let index = 0; !ended.signal.aborted; index++) {
      if (performance.now() - began > GIVE_UP_MS) reject(new Error(`no write within ${GIVE_UP_MS} ms`))
      under.push(visit(index))
      await delay(COME_MS)
    }
  }
  const coming = visitors()
  try {
    return await promise
  } finally {
    ended.abort()
    await coming
    await Promise.all(under)
  }
}
