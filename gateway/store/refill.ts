// What other isolates wrote, and what a gateway knew before it was restarted: read once before an isolate's first answer,
// then every few seconds behind answers that are already on their way.

import { takeStoredDenyList } from '#gateway/deny/denials.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { registrationOf } from '#gateway/locate/registration.ts'
import { takeStoredNetwork } from '#gateway/network/carry.ts'
import { contentOf } from '#gateway/register/content.ts'
import { FRESH_MS, REFILL_MS, REFILL_OVERLAP_MS, REGISTRATION_BYTES_MAX } from '#gateway/settings.ts'
import type { StoredRegistration } from '#gateway/store/port.ts'
import { bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { signedShape } from '#protocol/message/statement.ts'

const registerShape = signedShape('register')

async function fill(gateway: Gateway): Promise<void> {
  const { store, now } = gateway.ports
  const began = now()
  const changes = await store.changes(Math.max(0, gateway.filledAt - REFILL_OVERLAP_MS))
  const newest = changes.networkVersion
  if (newest !== undefined && newest > (gateway.network?.file.version ?? -1)) await takeStoredNetwork(gateway, newest)
  for (const { issuer, version } of changes.denyLists) await takeStoredDenyList(gateway, issuer, version)
  for (const { peer } of changes.liars) {
    gateway.savedLiars.add(peer)
    gateway.locations.setLiar(peer)
  }
  for (const row of changes.registrations) takeRow(gateway, row)
  gateway.startedAt ??= now()
  gateway.filledAt = began
}

function takeRow(gateway: Gateway, row: StoredRegistration): void {
  const known = gateway.locations.registration(row.peer)
  const mark = gateway.marks.get(row.peer)
  if (mark !== undefined && mark.time >= row.time) return
  const record = bytesFromBase64(row.record)
  const read = record.ok ? readCbor(registerShape, record.value, REGISTRATION_BYTES_MAX) : record
  if (!read.ok) {
    gateway.ports.log('warn', 'stored_registration_refused', { peer: row.peer, code: read.error.code })
    return
  }
  const { body } = read.value
  gateway.marks.set(row.peer, { ...row, content: contentOf(body), ours: false })
  if (known !== undefined && known.time >= row.time) return
  const freshUntil = row.updated + Math.min(FRESH_MS, body.expires - body.time)
  gateway.locations.setRegistration(registrationOf(row.peer, body, { freshUntil, leaseUntil: row.leaseUntil }))
}

/** Reads the database unless a reading is under way; both then end with the same one. Throws when it cannot be reached. */
export function refill(gateway: Gateway): Promise<void> {
  gateway.filling ??= fill(gateway).finally(() => {
    gateway.filling = undefined
  })
  return gateway.filling
}

export function refillIsDue(gateway: Gateway, now: number): boolean {
  return now - gateway.filledAt >= REFILL_MS && gateway.filling === undefined
}

/** The time that a peer's next registration has to be above: nothing that was ever taken can be taken again. */
export function timeFloor(gateway: Gateway, peer: PeerName, driftMs: number): number {
  const last = gateway.lastTime.get(peer)
  const mark = gateway.marks.get(peer)
  if (last !== undefined) return Math.max(last, mark?.time ?? 0)
  if (mark === undefined) return 0
  // Not every registration is written down. What an earlier life of this gateway took and did not write was taken before
  // this life began, with the clock difference that is written down, give or take `driftMs`.
  return Math.max(mark.time, (gateway.startedAt ?? 0) + mark.skewMs + driftMs)
}
