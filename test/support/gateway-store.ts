// The gateway's store in memory, by the same rules as the one in D1, with a count of what was written.

import type { Store, StoredLiar, StoredRegistration } from '#gateway/store/port.ts'

export type MemoryStore = Store & {
  readonly registrations: Map<string, StoredRegistration>
  /** Names of the calls that wrote, in order. */
  readonly writes: string[]
  /** While true every call fails, as when the database cannot be reached. */
  broken: boolean
}

export function memoryStore(): MemoryStore {
  const registrations = new Map<string, StoredRegistration>()
  const liars = new Map<string, StoredLiar>()
  const networks = new Map<number, string>()
  const denyLists = new Map<string, { version: number; text: string }>()
  const writes: string[] = []
  const reach = (): void => {
    if (store.broken) throw new Error('the database cannot be reached')
  }
  const store: MemoryStore = {
    registrations,
    writes,
    broken: false,
    async changes(updatedFrom) {
      reach()
      return {
        registrations: [...registrations.values()].filter((row) => row.updated >= updatedFrom),
        liars: [...liars.values()].filter((row) => row.updated >= updatedFrom),
        networkVersion: networks.size === 0 ? undefined : Math.max(...networks.keys()),
        denyLists: Array.from(denyLists, ([issuer, { version }]) => ({ issuer, version })),
      }
    },
    async network(version) {
      reach()
      return networks.get(version)
    },
    async saveRegistration(row) {
      reach()
      if ((registrations.get(row.peer)?.time ?? -1) >= row.time) return false
      registrations.set(row.peer, row)
      writes.push('registration')
      return true
    },
    async saveLiar(row) {
      reach()
      if (!liars.has(row.peer)) liars.set(row.peer, row)
      writes.push('liar')
    },
    async saveNetwork(version, text) {
      reach()
      if (!networks.has(version)) networks.set(version, text)
      writes.push('network')
    },
    async denyList(issuer) {
      reach()
      return denyLists.get(issuer)?.text
    },
    async saveDenyList(issuer, version, text) {
      reach()
      if ((denyLists.get(issuer)?.version ?? -1) < version) denyLists.set(issuer, { version, text })
      writes.push('deny_list')
    },
    async expire(leaseBefore) {
      reach()
      for (const [peer, row] of registrations) if (row.leaseUntil < leaseBefore) registrations.delete(peer)
      const newest = Math.max(...networks.keys())
      for (const version of networks.keys()) if (version !== newest) networks.delete(version)
    },
  }
  return store
}
