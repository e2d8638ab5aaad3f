// `--relay` and `--relay-bandwidth`: what a seeder that others can dial does for those that nobody can.

import { err, ok, type Result } from '#protocol/codec/result.ts'
import { quotaErrorText, quotaFromText } from '#seeder/config/quota.ts'
import type { RelayLimits } from '#seeder/network/relay-server.ts'

export const RESERVATIONS_MAX = 1_024
export const RELAYING_DEFAULTS: RelayLimits = { reservations: 16, bytesPerSecond: 8 * 1024 * 1024 }

/** What is not given has its default. The error is a sentence for people. */
export function relayingOf(relay: string | undefined, bandwidth: string | undefined): Result<RelayLimits, string> {
  let { reservations, bytesPerSecond } = RELAYING_DEFAULTS
  if (relay !== undefined) {
    reservations = /^\d{1,4}$/.test(relay) ? Number(relay) : Number.POSITIVE_INFINITY
    if (reservations > RESERVATIONS_MAX)
      return err(`--relay takes a whole number from 0 to ${RESERVATIONS_MAX}, not '${relay}'`)
  }
  if (bandwidth !== undefined) {
    const read = quotaFromText('bandwidth', bandwidth)
    if (!read.ok) return err(quotaErrorText(read.error).replace('--bandwidth', '--relay-bandwidth'))
    bytesPerSecond = read.value
  }
  return ok({ reservations, bytesPerSecond })
}
