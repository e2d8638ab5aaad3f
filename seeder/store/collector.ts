// Lets go in the background what nothing refers to any more, a few blocks at a time: commits take some along, and a tree of a
// gigabyte that was replaced would else wait for a thousand of them.

import type { Log } from '#seeder/config/log.ts'
import type { Store } from '#seeder/store/port.ts'

export const COLLECT_INTERVAL_MS = 1_000
/** While blocks are missing, what nothing refers to may stand under one of them: it is kept so long after a start. */
export const COLLECT_PATIENCE_MS = 10 * 60_000
/** One transaction of so many blocks at a time… */
const SLICE_BLOCKS = 64
/** … for so long a turn, so that a commit that comes meanwhile waits no longer than for one slice. */
const TURN_MS = 50

export function startCollector(store: Store, log: Log): Disposable {
  const began = performance.now()
  let failing = false
  const timer = setInterval(() => {
    try {
      const { orphans, missing } = store.stats()
      if (orphans > 0 && (missing === 0 || performance.now() - began > COLLECT_PATIENCE_MS)) {
        const end = performance.now() + TURN_MS
        while (store.blocks.collect(SLICE_BLOCKS) > 0 && performance.now() < end);
      }
      failing = false
    } catch (cause) {
      // The disk is unwell; the next turn tries again.
      if (!failing) log.warn('not_collected', { cause })
      failing = true
    }
  }, COLLECT_INTERVAL_MS).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
