// What the gateway keeps beyond one isolate's life. Everything in it is a cache that seeders and the network key's holder
// can fill again; it is read once at an isolate's start and then off the way of any request.

import type { PeerName } from '#protocol/identity/keys.ts'

export type StoredRegistration = {
  readonly peer: PeerName
  /** Canonical CBOR of the signed REGISTER, base64. */
  readonly record: string
  /** `time` of the statement, by the peer's clock. */
  readonly time: number
  /** Peer's clock minus ours when it was taken. */
  readonly skewMs: number
  /** Believed until then by who has not heard the peer itself. */
  readonly leaseUntil: number
  /** When it was written, by our clock. */
  readonly updated: number
}

export type StoredLiar = {
  readonly peer: PeerName
  readonly job: string
  readonly kind: string
  /** Hash of the proof, hexadecimal. */
  readonly evidence: string
  /** Canonical CBOR of the proof, base64. */
  readonly proof: string
  readonly updated: number
}

export type StoreChanges = {
  readonly registrations: readonly StoredRegistration[]
  readonly liars: readonly StoredLiar[]
  /** Version of the newest network file, when there is one. */
  readonly networkVersion: number | undefined
  readonly denyLists: readonly { readonly issuer: string; readonly version: number }[]
}

export type Store = {
  /** Everything written at or after `updatedFrom`. */
  changes(updatedFrom: number): Promise<StoreChanges>
  network(version: number): Promise<string | undefined>
  /** False when one with the same or a later time stands there: nothing was changed. */
  saveRegistration(row: StoredRegistration): Promise<boolean>
  /** The first proof against a peer stays. */
  saveLiar(row: StoredLiar): Promise<void>
  saveNetwork(version: number, text: string): Promise<void>
  denyList(issuer: string): Promise<string | undefined>
  /** One with the same or a higher version stays. */
  saveDenyList(issuer: string, version: number, text: string): Promise<void>
  /** Deletes registrations whose lease ended before `leaseBefore`, and all network files but the newest. */
  expire(leaseBefore: number): Promise<void>
}
