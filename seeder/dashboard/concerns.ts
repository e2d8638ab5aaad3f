// What an operator should look at, worst first: drawn from the same facts that the page shows, so that one look tells whether all is well.

import type { SeederFacts, SiteFacts } from '#seeder/control/facts.ts'
import { bytesText, clockText } from '#seeder/dashboard/words.ts'

export type Concern = { readonly kind: 'bad' | 'warn'; readonly text: string; readonly remedy: string }

/** As `interpeer doctor` has them. */
const CLOCK_WARN_MS = 2_000
const CLOCK_BAD_MS = 30_000
const FREE_WARN_BYTES = 1024 ** 3
const FREE_BAD_BYTES = 128 * 1024 ** 2
export const STALE_MS = 30_000

export function concernsOf(facts: SeederFacts): readonly Concern[] {
  const found: Concern[] = []
  const bad = (text: string, remedy: string): void => void found.push({ kind: 'bad', text, remedy })
  const warn = (text: string, remedy: string): void => void found.push({ kind: 'warn', text, remedy })
  for (const site of facts.sites) ofSite(site, facts.peer, bad, warn)

  const { freeBytes } = facts.disk
  if (freeBytes !== undefined && freeBytes < FREE_BAD_BYTES)
    bad(`The disk has ${bytesText(freeBytes)} left.`, 'Free some: a seeder that cannot write stops voting.')
  else if (freeBytes !== undefined && freeBytes < FREE_WARN_BYTES)
    warn(`The disk has ${bytesText(freeBytes)} left.`, 'Free some, or bound what the seeder takes with --disk.')
  if (facts.disk.missing > 0)
    warn(
      `${facts.disk.missing} blocks of content are missing.`,
      'They are asked of the other members; nothing to do unless it stays so.',
    )

  const { exceeded = [], refused = [] } = facts.quotas ?? {}
  if (exceeded.length > 0)
    warn(
      `Over its quota: ${exceeded.join(', ')}.${refused.length === 0 ? '' : ` Not taken: ${refused.map(({ site }) => site).join(', ')}.`}`,
      'Raise the quota or free something. Sites that are held go on.',
    )

  const { clock } = facts
  if (clock !== undefined && Math.abs(clock.aheadMs) > CLOCK_WARN_MS) {
    const say = Math.abs(clock.aheadMs) > CLOCK_BAD_MS ? bad : warn
    say(
      `This clock is ${clockText(clock.aheadMs)} against ${clock.compared} others.`,
      'Turn on time synchronisation: timedatectl set-ntp true, or chrony.',
    )
  }
  if (facts.sites.length > 0 && facts.network.connected.length === 0)
    bad('No other seeder is linked.', 'interpeer doctor looks at firewall, address and network file.')

  const gateways = facts.reach?.gateways ?? []
  const failed = gateways.filter(({ taken }) => taken === false)
  if (gateways.length > 0 && failed.length === gateways.length)
    bad('No gateway takes the registration of this seeder, so no visitor is sent here.', failed[0]?.problem ?? '')
  else
    for (const { gateway, problem = '' } of failed)
      warn(`${gateway} does not take the registration of this seeder.`, problem)
  if (
    facts.reach?.mode !== undefined &&
    facts.reach.mode !== 'direct' &&
    gateways.length > 0 &&
    !gateways.some(({ tunnel }) => tunnel)
  )
    bad(
      'No tunnel to a gateway is open, and nobody can dial this machine.',
      'Look whether outgoing connections to the gateways work.',
    )
  for (const { host, message } of facts.https?.problems ?? [])
    warn(`There is no certificate that holds${host === undefined ? '' : ` for ${host}`}.`, message)
  for (const { gateway, reason } of facts.https?.unproven ?? [])
    warn(`${gateway} sends nobody to the HTTPS of this seeder.`, reason)
  if (facts.network.reservedAt?.length === 0)
    bad(
      'No public seeder relays for this one, so other members cannot reach it.',
      'Look whether outgoing connections to other seeders work.',
    )
  return [...found.filter(({ kind }) => kind === 'bad'), ...found.filter(({ kind }) => kind === 'warn')]
}

type Say = (text: string, remedy: string) => void

function ofSite({ name, state, degraded, ageMs, evidence }: SiteFacts, self: string, bad: Say, warn: Say): void {
  if (state === 'degraded')
    bad(
      `${name} is degraded: ${degraded ?? 'it cannot be stored or run here'}.`,
      'It signs nothing until the cause is gone; the other members go on. interpeer doctor.',
    )
  if (state === 'disputed')
    bad(
      `The members of ${name} disagree.`,
      'Writes are refused until it is settled. interpeer status compares the members.',
    )
  if (state === 'joining') warn(`${name} is catching up.`, 'Nothing to do, unless it stays so for long.')
  if (state === 'agreeing' && ageMs !== undefined && ageMs > STALE_MS)
    warn(
      `${name} has had no certificate for ${Math.round(ageMs / 1000)} s.`,
      'Fewer members than the quorum answer: interpeer status.',
    )
  for (const { kind, accused } of evidence)
    if (accused === self)
      bad(
        `There is a proof that this seeder lied about ${name} (${kind}).`,
        'Stop it, keep its directory, and see whether its key ran twice.',
      )
    else warn(`There is a proof that a member of ${name} lied (${kind}).`, 'It is left out; nothing to do here.')
}
