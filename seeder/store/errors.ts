// What keeps a store from being opened or used: the world broke, so it is thrown.

import type { StoreRefusal } from '#seeder/store/port.ts'

export class StoreError extends Error {
  readonly reason: StoreRefusal

  constructor(reason: StoreRefusal, options?: ErrorOptions) {
    super(sentence(reason), options)
    this.name = 'StoreError'
    this.reason = reason
  }
}

function sentence(reason: StoreRefusal): string {
  switch (reason.code) {
    case 'store_locked':
      return `${reason.directory} is in use by ${reason.pid === undefined ? 'another process' : `process ${reason.pid}`}`
    case 'store_newer':
      return `${reason.directory} was written by a newer version (schema ${reason.found}, known up to ${reason.known})`
    case 'store_unreadable':
      return `${reason.directory} is no readable store: ${reason.detail}`
    case 'store_damaged':
      return `the disk changed what stands in ${reason.directory}: ${reason.detail}`
    case 'store_unwritable':
      return `${reason.directory} cannot be written: ${reason.detail}`
    case 'store_failed':
      return `a sync of ${reason.directory} failed; a new process goes on from what is on disk`
  }
}
