// A store that is gone or that the disk damaged: what it had comes from the other members, but for its votes (R1), and that it is lost is
// durable before there is a new one.

import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '#seeder/config/log.ts'
import { readMemo, writeMemo } from '#seeder/config/memo.ts'
import type { Place } from '#seeder/config/place.ts'
import { StoreError } from '#seeder/store/errors.ts'
import type { Store } from '#seeder/store/port.ts'
import { openStore, STORE_FILE, type StoreOptions } from '#seeder/store/store.ts'

/** Where a damaged store is kept for whoever wants to look at it: the last one. */
export const ASIDE_SUFFIX = '.damaged'

/** Before the store is opened. A store is made before the key: a key without one, or with an empty file, has signed what nobody here remembers. */
export function noteLostStore(place: Place): void {
  const bytes = statSync(join(place.storeDirectory, STORE_FILE), { throwIfNoEntry: false })?.size ?? 0
  if (existsSync(place.keyFile) && bytes === 0) writeLost(place)
}

/** The store is lost, and its files make room for a new one. That it is lost is durable first. */
export function setStoreAside(place: Place): void {
  writeLost(place)
  const file = join(place.storeDirectory, STORE_FILE)
  rmSync(`${file}-shm`, { force: true })
  for (const part of [`${file}-wal`, file]) {
    rmSync(`${part}${ASIDE_SUFFIX}`, { force: true })
    if (existsSync(part)) renameSync(part, `${part}${ASIDE_SUFFIX}`)
  }
}

function writeLost(place: Place): void {
  writeMemo(place, { ...readMemo(place), storeLost: true })
}

/** The store of the directory; one that the disk damaged is set aside, and what it had comes from the others (R1: without its votes). */
export function openWholeStore(place: Place, log: Log, options: StoreOptions): Store {
  try {
    return openStore(place.storeDirectory, options)
  } catch (error) {
    if (!(error instanceof StoreError) || error.reason.code !== 'store_damaged') throw error
    log.error('store_damaged', { detail: error.reason.detail, kept: `${STORE_FILE}${ASIDE_SUFFIX}` })
    setStoreAside(place)
    return openStore(place.storeDirectory, options)
  }
}
