// How visitors reach this seeder, as far as it knows: what it told each gateway, what came of that, and which rung that is for each site.
//
//   https        the site's own HTTPS name here            sites_domain   the gateway's origin for a site that wants one for all its members
//   tunnel       through a gateway's tunnel                http           plain HTTP, by host or port
//   none         no gateway was told of it: it has nothing current to show, or nobody can reach it

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Register } from '#protocol/message/statement.ts'

export const RUNGS = ['https', 'sites_domain', 'tunnel', 'http', 'none'] as const
export type Rung = (typeof RUNGS)[number]

/** What a gateway made of this seeder's registrations. */
export type GatewayStanding = {
  readonly gateway: string
  /** Undefined: it has not answered yet. */
  readonly taken: boolean | undefined
  /** Why it was not taken, as the gateway or the network said. */
  readonly problem?: string
  /** When one was taken last, ms. */
  readonly takenAt?: number
  /** How far its clock is ahead of this one, ms, and how far off that may be: half of the round trip. */
  readonly clockAheadMs?: number
  readonly clockWithinMs?: number
}

export type ReachFacts = {
  /** As its operator told it. */
  readonly mode: string
  readonly http: string
  readonly gateways: readonly (GatewayStanding & { readonly tunnel: boolean })[]
  /** By site name. */
  readonly rungs: Readonly<Record<string, Rung>>
}

export type ReachParts = {
  readonly mode: string
  readonly http: string
  readonly gateways: readonly GatewayStanding[]
  readonly hasTunnel: (gateway: string) => boolean
  readonly announced: Register['sites']
  readonly hosted: readonly { readonly name: string; readonly job: Uint8Array }[]
}

export function reachFacts({ mode, http, gateways, hasTunnel, announced, hosted }: ReachParts): ReachFacts {
  const told = gateways.map((standing) => ({ ...standing, tunnel: hasTunnel(standing.gateway) }))
  const isTunnelled = told.some(({ tunnel }) => tunnel)
  const byJob = new Map(announced.map((site) => [hexFromBytes(site.job), site]))
  const rungs = hosted.map(({ name, job }) => [name, rungOf(byJob.get(hexFromBytes(job)), isTunnelled)] as const)
  return { mode, http, gateways: told, rungs: Object.fromEntries(rungs) }
}

function rungOf(site: Register['sites'][number] | undefined, isTunnelled: boolean): Rung {
  if (site === undefined) return 'none'
  if (site.stable && isTunnelled) return 'sites_domain'
  if (site.origin?.startsWith('https:') === true) return 'https'
  if (site.origin !== null) return 'http'
  return isTunnelled ? 'tunnel' : 'none'
}
