// What `interpeer doctor` says: one finding a line, each with what was looked at, how it is, what was found, and what to do about it.
// Invariant: a finding that is not `ok` has a remedy, and none holds a secret.

import { assert } from '#protocol/codec/result.ts'

export const CHECKS = ['clock', 'disk', 'reach', 'limits', 'versions', 'network'] as const
export type Check = (typeof CHECKS)[number]
export type Verdict = 'ok' | 'warn' | 'bad'

export type Finding = {
  readonly check: Check
  /** What of it, in a word or two that stay the same: `free_space`, `gateway`. */
  readonly subject: string
  readonly verdict: Verdict
  readonly found: string
  readonly remedy?: string
  /** The same in numbers, for scripts. */
  readonly facts?: Readonly<Record<string, string | number | boolean | null>>
}

export type Facts = NonNullable<Finding['facts']>

export function fine(check: Check, subject: string, found: string, facts?: Facts): Finding {
  return { check, subject, verdict: 'ok', found, ...(facts === undefined ? {} : { facts }) }
}

export function trouble(
  verdict: 'warn' | 'bad',
  check: Check,
  subject: string,
  found: string,
  remedy: string,
  facts?: Facts,
): Finding {
  assert(remedy !== '', 'what is wrong has a remedy')
  return { check, subject, verdict, found, remedy, ...(facts === undefined ? {} : { facts }) }
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
