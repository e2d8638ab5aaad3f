// Ports of a seeder: those it was told, else those of its last run, so that links to it stay good.

import { createServer } from 'node:net'

/** The port that was asked for and no other; else the one of the last run, or any (0) if that is taken meanwhile. */
export async function portFor(asked: number | undefined, before: number, address: string): Promise<number> {
  if (asked !== undefined && asked !== 0) return asked
  return before !== 0 && (await isFree(before, address)) ? before : 0
}

function isFree(port: number, address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(port, address, () => probe.close(() => resolve(true)))
  return promise
}

/** Of a multiaddress; 0 when it names none. */
export function portOf(address: string): number {
  return Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0)
}
