// The Directory port: names → jobs → groups → keys. A network file stands behind it; whoever asks cannot tell from a chain.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import {
  groupOf,
  groupsOf,
  type NetworkFile,
  type NetworkJob,
  type NetworkPeer,
} from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'

export type Directory = {
  readonly version: number
  jobByName(name: string): NetworkJob | undefined
  jobById(job: Digest): NetworkJob | undefined
  /** The group of a job in its present epoch. */
  group(job: Digest): Group | undefined
  /** Its groups of all epochs that are known, oldest first. */
  groups(job: Digest): readonly Group[]
  peer(name: PeerName | string): NetworkPeer | undefined
  /** Jobs that a peer is a member of, in the epoch that is named. */
  jobsOf(name: PeerName | string): readonly NetworkJob[]
}

export function directoryOf(file: NetworkFile): Directory {
  const byName = new Map(file.jobs.map((job) => [job.name, job]))
  const byId = new Map(file.jobs.map((job) => [job.job, job]))
  const peers = new Map(file.peers.map((peer) => [peer.peer, peer]))
  const groups = new Map<string, Group>()
  return {
    version: file.version,
    jobByName: (name) => byName.get(name),
    jobById: (job) => byId.get(hexFromBytes(job)),
    group(job) {
      const key = hexFromBytes(job)
      const known = groups.get(key)
      if (known !== undefined) return known
      const found = byId.get(key)
      if (found === undefined) return undefined
      const group = groupOf(found)
      groups.set(key, group)
      return group
    },
    groups(job) {
      const found = byId.get(hexFromBytes(job))
      return found === undefined ? [] : groupsOf(found)
    },
    peer: (name) => peers.get(name),
    jobsOf: (name) => file.jobs.filter((job) => job.members.includes(name)),
  }
}
