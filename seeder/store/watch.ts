// A store whose writer ended because a sync failed: the disk is asked whether it works again, and when it does, a new process is to go on.

import type { Log } from '#seeder/config/log.ts'
import type { PersistPoints } from '#seeder/store/points.ts'
import type { Store } from '#seeder/store/port.ts'
import { diskRefusal } from '#seeder/store/probe.ts'

const LOOK_MS = 500
/** Between two questions to a disk that fails. */
const ASK_MS = 2_000

export type StoreWatchOptions = {
  readonly store: Pick<Store, 'failed'>
  readonly directory: string
  readonly points: PersistPoints
  readonly log: Log
  readonly onUsable: (() => void) | undefined
}

export function watchStore(options: StoreWatchOptions): Disposable {
  const { store, directory, points, log, onUsable } = options
  let said = false
  let timer: NodeJS.Timeout
  const look = (): void => {
    const failed = store.failed
    if (failed && !said) {
      said = true
      log.error('store_failed', { directory })
    }
    if (failed) {
      const refused = refusal(directory, points)
      if (refused === undefined) {
        log.warn('store_usable', { directory })
        return onUsable?.()
      }
      log.warn('store_unusable', { directory, refused })
    }
    timer = setTimeout(look, failed ? ASK_MS : LOOK_MS).unref()
  }
  timer = setTimeout(look, LOOK_MS).unref()
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

function refusal(directory: string, points: PersistPoints): string | undefined {
  try {
    points.before(true)
  } catch (error) {
    return (error as Error).message
  }
  return diskRefusal(directory)
}
