// Who is named in the groups of a job that are known, by the index that the machine counts with, and whom 'all' means in the present epoch.
// An index stays who it is: a later group only adds to it (§6).

import { hears, rosterOf } from '#protocol/agreement/members.ts'
import { assert } from '#protocol/codec/result.ts'
import { type PeerName, type PublicKey, peerName } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'
import type { WireType } from '#protocol/message/wire.ts'

export class Roster {
  readonly #groups: Group[]
  readonly #own: PeerName
  #names: readonly PeerName[]
  #present: number
  readonly #audiences = new Map<WireType, readonly PeerName[]>()

  /** `groups`: one epoch after the other. */
  constructor(groups: readonly Group[], own: PublicKey, present: number) {
    this.#groups = [...groups]
    this.#own = peerName(own)
    this.#names = rosterOf(groups).map(peerName)
    this.#present = present
    assert(this.#names.includes(this.#own), 'a seeder hosts only jobs in one of whose groups it is')
  }

  get names(): readonly PeerName[] {
    return this.#names
  }

  /** Everybody but this member. */
  get others(): readonly PeerName[] {
    return this.#names.filter((name) => name !== this.#own)
  }

  isOwn(name: PeerName): boolean {
    return name === this.#own
  }

  at(index: number): PeerName {
    const name = this.#names[index]
    assert(name !== undefined, 'the machine and the frames name members by their index')
    return name
  }

  /** Undefined: no other member. */
  indexOf(name: PeerName): number | undefined {
    const index = this.#names.indexOf(name)
    return index < 0 || name === this.#own ? undefined : index
  }

  group(epoch: number): Group {
    const group = this.#groups.find((known) => known.epoch === epoch)
    assert(group !== undefined, 'a member is in an epoch whose group is known')
    return group
  }

  /** False when it is not the group of the epoch that follows those that are known. */
  add(group: Group): boolean {
    if (group.epoch !== (this.#groups.at(-1)?.epoch ?? 0) + 1) return false
    this.#groups.push(group)
    this.#names = rosterOf(this.#groups).map(peerName)
    this.#audiences.clear()
    return true
  }

  /** This member is in that epoch now. */
  enter(epoch: number): void {
    this.#present = epoch
    this.#audiences.clear()
  }

  /** Whom `'all'` means for a message of this type, in the present epoch. */
  audience(type: WireType): readonly PeerName[] {
    let names = this.#audiences.get(type)
    if (names === undefined) {
      const sitting = this.#groups.filter(({ epoch }) => hears(type, epoch, this.#present))
      names = rosterOf(sitting)
        .map(peerName)
        .filter((name) => name !== this.#own)
      this.#audiences.set(type, names)
    }
    return names
  }
}
