// Watches what the seeder takes of its machine against its quotas.
//
//   over the disk quota     garbage goes first; while it stays over, no new job is taken
//   over the memory quota   garbage goes first; while it stays over, no new job is taken and visitors' scripts are not run
//   all slots taken         no new job is taken
//
// Invariant: a job that is held goes on, agreement and heartbeats too: a quota never takes a member out of a group.

import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import type { QuotaReason, Quotas } from '#seeder/config/quota.ts'
import { giveMemoryBack } from '#seeder/control/collection.ts'
import type { Store } from '#seeder/store/port.ts'

export const WATCH_MS = 2_000
/** Blocks that one look deletes at most, in steps that hold up nobody. */
const COLLECTED_PER_STEP = 256
const STEPS_PER_LOOK = 16
/** Garbage of the heap is looked for so often at most, while the memory is over its quota: it stops everything for a moment. */
const GIVE_BACK_MS = 30_000
/** Under the quota again means this share of it: no flapping at the edge. */
const UNDER_SHARE = 0.95

export type QuotaFacts = {
  readonly disk: { readonly usedBytes: number; readonly maxBytes: number | null }
  readonly memory: { readonly usedBytes: number; readonly maxBytes: number | null }
  readonly bandwidth: { readonly maxBytesPerSecond: number | null }
  readonly slots: { readonly used: number; readonly max: number | null }
  /** Which are exceeded now. */
  readonly exceeded: readonly QuotaReason[]
  /** Sites that the network gives this seeder and that it does not take, and why. */
  readonly refused: readonly { readonly site: string; readonly reason: QuotaReason }[]
}

export type QuotaKeeper = Disposable & {
  /** Why a further job is not taken now, when `held` are. Looks again at once, garbage first. */
  refusal(held: number): QuotaReason | undefined
  /** Scripts are not run for visitors. */
  sheds(): boolean
  facts(): QuotaFacts
  /** For what the seeder hosts: called by whoever decides. */
  noteRefused(refused: QuotaFacts['refused'], held: number): void
}

export type QuotaKeeperOptions = {
  readonly quotas: Quotas
  readonly store: Pick<Store, 'stats' | 'path' | 'blocks'>
  readonly registry: Registry
  readonly log: Log
  /** Told when something became possible that was not. */
  readonly onRoom: () => void
  readonly residentBytes?: () => number
  /** Makes the process smaller, if it can be. */
  readonly giveBack?: () => void
}

/** Bytes that the store's rows take: what was deleted is in the file still, and free for what comes. */
function usedBytes(store: QuotaKeeperOptions['store']): number {
  const { fileBytes, walBytes } = store.stats()
  const database = new DatabaseSync(store.path, { readOnly: true, timeout: 1_000 })
  try {
    const number = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
    return Math.max(0, fileBytes + walBytes - number('freelist_count') * number('page_size'))
  } catch {
    return fileBytes + walBytes
  } finally {
    database.close()
  }
}

export function startQuotaKeeper(options: QuotaKeeperOptions): QuotaKeeper {
  const { quotas, store, registry, log, onRoom, residentBytes = () => process.memoryUsage.rss() } = options
  const giveBack = options.giveBack ?? giveMemoryBack
  const over = new Set<'disk' | 'memory'>()
  let disk = 0
  let memory = 0
  let held = 0
  let refused: QuotaFacts['refused'] = []
  let unmeasured = false
  let giveBackAt = 0

  function judge(name: 'disk' | 'memory', used: number): void {
    const max = quotas[name]
    if (!over.has(name) && used > max) {
      over.add(name)
      log.warn('quota_exceeded', { quota: name, used, max })
    } else if (over.has(name) && used <= max * UNDER_SHARE) {
      over.delete(name)
      log.info('quota_kept', { quota: name, used, max })
    }
  }

  function look(): void {
    disk = usedBytes(store)
    if (disk > quotas.disk) {
      let collected = 0
      for (let step = 0; step < STEPS_PER_LOOK; step++) {
        const went = store.blocks.collect(COLLECTED_PER_STEP)
        collected += went
        if (went === 0) break
      }
      if (collected > 0) disk = usedBytes(store)
    }
    judge('disk', disk)
    memory = residentBytes()
    if (memory > quotas.memory * (over.has('memory') ? UNDER_SHARE : 1) && performance.now() >= giveBackAt) {
      giveBackAt = performance.now() + GIVE_BACK_MS
      giveBack()
      memory = residentBytes()
    }
    judge('memory', memory)
  }

  function safely(work: () => void): void {
    try {
      work()
      unmeasured = false
    } catch (cause) {
      // The disk's own trouble is told by those who write; what was known of it stays.
      if (!unmeasured) log.warn('quota_not_measured', { cause })
      unmeasured = true
    }
  }

  safely(look)
  const timer = setInterval(() => {
    const before = over.size
    safely(look)
    if (refused.length > 0 && (over.size < before || (over.size === 0 && held < quotas.slots))) onRoom()
  }, WATCH_MS)
  timer.unref()

  const bound = (value: number): number | null => (Number.isFinite(value) ? value : null)
  const exceeded = (): QuotaReason[] => [
    ...over,
    ...(refused.some(({ reason }) => reason === 'slots') ? (['slots'] as const) : []),
  ]
  const keeper: QuotaKeeper = {
    refusal(count) {
      if (count >= quotas.slots) return 'slots'
      safely(look)
      const [first] = over
      return first
    },
    sheds: () => over.has('memory'),
    facts: () => ({
      disk: { usedBytes: disk, maxBytes: bound(quotas.disk) },
      memory: { usedBytes: memory, maxBytes: bound(quotas.memory) },
      bandwidth: { maxBytesPerSecond: bound(quotas.bandwidth) },
      slots: { used: held, max: bound(quotas.slots) },
      exceeded: exceeded(),
      refused,
    }),
    noteRefused(now, count) {
      held = count
      const known = new Set(refused.map(({ site }) => site))
      for (const each of now) if (!known.has(each.site)) log.warn('job_not_taken', each)
      refused = now
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
  observe(registry, quotas, keeper)
  return keeper
}

function observe(registry: Registry, quotas: Quotas, keeper: QuotaKeeper): void {
  const sized = ['disk', 'memory'] as const
  registry.observed('interpeer_quota_limit_bytes', 'What the seeder may take.', ['resource'], () =>
    sized.map((name) => ({ labels: [name], value: quotas[name] })),
  )
  registry.observed('interpeer_quota_used_bytes', 'What the seeder takes.', ['resource'], () => {
    const facts = keeper.facts()
    return sized.map((name) => ({ labels: [name], value: facts[name].usedBytes }))
  })
  registry.observed('interpeer_quota_exceeded', '1 while a quota is exceeded.', ['resource'], () => {
    const { exceeded } = keeper.facts()
    return (['disk', 'memory', 'slots'] as const).map((name) => ({
      labels: [name],
      value: exceeded.includes(name) ? 1 : 0,
    }))
  })
  registry.observed('interpeer_slots', 'Sites that may be hosted at a time, and that are.', ['kind'], () => [
    { labels: ['limit'], value: quotas.slots },
    { labels: ['used'], value: keeper.facts().slots.used },
  ])
  registry.observed(
    'interpeer_jobs_refused',
    'Sites that the network gives this seeder and that it does not take.',
    [],
    () => [{ labels: [], value: keeper.facts().refused.length }],
  )
}
