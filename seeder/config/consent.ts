// F45: nothing of this machine is lent before its operator said so. What was said stands in the seeder's directory.
//
// Invariant: without it no key is made, nothing is stored, nobody is told anything.

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { object, readShape, text, uint } from '#protocol/codec/shape.ts'
import { writeWhole } from '#seeder/config/place.ts'
import { QUOTA_NAMES, type Quotas, sizeText } from '#seeder/config/quota.ts'

/** Raised when a seeder comes to do something with a machine that its operator was not told. */
const VERSION = 1
const FILE = 'consent.json'
const consentShape = object({ version: uint(), accepted: text(32) })

export function isAccepted(directory: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(join(directory, FILE), 'utf8'))
  } catch {
    // Not there, or no JSON: nothing was said.
    return false
  }
  const consent = readShape(consentShape, value)
  return consent.ok && consent.value.version >= VERSION
}

export function accept(directory: string, now: number): void {
  if (isAccepted(directory)) return
  mkdirSync(directory, { recursive: true })
  writeWhole(join(directory, FILE), `${JSON.stringify({ version: VERSION, accepted: new Date(now).toISOString() })}\n`)
}

/** What an operator is asked to accept, a line each. */
export function whatSeedingMeans(directory: string, quotas: Quotas): readonly string[] {
  const bound = Object.fromEntries(
    QUOTA_NAMES.map((name) => [name, name === 'slots' ? String(quotas[name]) : sizeText(quotas[name])]),
  )
  return [
    `keep files and databases of other people's sites in ${directory} (--disk ${bound.disk})`,
    `run their scripts, which reach nothing else of this machine (--memory ${bound.memory}, --slots ${bound.slots})`,
    `show them to whoever asks, from the address of this machine (--bandwidth ${bound.bandwidth})`,
    'tell the network and its gateways its key and its addresses, as long as it runs',
    'pass on what seeders behind NAT say to each other, which it cannot read (--relay, --relay-bandwidth; not with --reach nat)',
  ]
}
