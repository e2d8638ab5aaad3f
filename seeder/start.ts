// A seeder, and another one in its place when the disk damaged its store while it ran: the store is set aside, and what it had comes
// from the other members.

import { assemble, type Seeder, type SeederOptions } from '#seeder/assembly.ts'
import { setStoreAside } from '#seeder/config/lost-store.ts'
import { placeAt } from '#seeder/config/place.ts'

/** Between two tries to go on with a new store. */
const RESTART_PAUSE_MS = 5_000

/** Throws when the directory is held by another process, the key or the network file is unusable, or a port that was asked for is taken. */
export async function startSeeder(options: SeederOptions): Promise<Seeder> {
  const { log } = options
  let stopping = false
  let work: Promise<void> = Promise.resolve()
  let isDamaged = false
  let again: (() => void) | undefined
  const onDamaged = (error: unknown): void => {
    log.error('store_damaged', { cause: error })
    isDamaged = true
    again?.()
  }
  const startAnew = (): Promise<Seeder> => {
    setStoreAside(placeAt(options.directory))
    isDamaged = false
    return assemble(options, onDamaged)
  }
  const restart = async (): Promise<void> => {
    while (!stopping) {
      await current.stop().catch((cause: unknown) => log.error('stop_failed', { cause }))
      try {
        current = await startAnew()
        return
      } catch (cause) {
        log.error('restart_failed', { cause })
        await new Promise((resolve) => setTimeout(resolve, RESTART_PAUSE_MS).unref())
      }
    }
  }
  let current = await assemble(options, onDamaged).catch((cause: unknown) => {
    if (!isDamaged) throw cause
    return startAnew()
  })
  again = () => {
    if (!stopping) work = work.then(restart)
  }
  const stop = async (drainMs?: number): Promise<void> => {
    stopping = true
    await work
    await current.stop(drainMs)
  }
  return {
    peer: current.peer,
    directory: current.directory,
    get http() {
      return current.http
    },
    get control() {
      return current.control
    },
    get dns() {
      return current.dns
    },
    get https() {
      return current.https
    },
    readCertificates: () => current.readCertificates(),
    get sites() {
      return current.sites
    },
    originOf: (siteName) => current.originOf(siteName),
    networkVersion: () => current.networkVersion(),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}
