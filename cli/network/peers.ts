// Asking seeders and gateways of a network: which member answers, what it says of its sites.

import { exchange, type HttpOptions } from '#cli/network/http.ts'
import type { NetworkFile, NetworkJob } from '#protocol/directory/network-file.ts'

const ASK_MS = 5_000

/** A member of a job as the network file has it; `http` is the base of its own origin. */
export type MemberPlace = { readonly peer: string; readonly http: string }

export function membersOf(file: NetworkFile, job: NetworkJob): readonly MemberPlace[] {
  return job.members.flatMap((peer) => {
    const known = file.peers.find((entry) => entry.peer === peer)
    return known === undefined ? [] : [{ peer, http: known.http }]
  })
}

/** What a seeder says of a site it hosts (its own origin, `/.well-known/interpeer/status`). */
export type SiteReport = {
  readonly job: string
  readonly name: string
  readonly origin?: string
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly stateRoot: string
  readonly codeRoot?: string
  readonly state: string
  readonly degraded?: string
  readonly time?: number
  readonly ageMs?: number
  readonly members: readonly {
    readonly peer: string
    readonly state: string
    readonly height: number
    /** Who relays the link to it. */
    readonly relay?: string
  }[]
  readonly evidence: readonly { readonly kind: string; readonly accused: string; readonly hash: string }[]
  readonly counts: Readonly<Record<string, number>>
  readonly queued: number
}

export type SeederReport = {
  readonly peer: string
  readonly sites: readonly SiteReport[]
  /** Sites that its operator's quotas leave no room for, by name. */
  readonly refused?: readonly { readonly site: string; readonly reason: string }[]
}

/** A JSON answer, or undefined when nobody answered in time or it was no 200. */
export async function askJson<T>(url: string, options: HttpOptions = {}): Promise<T | undefined> {
  try {
    const answer = await exchange(url, { timeoutMs: ASK_MS, maxBytes: 4 * 1024 * 1024, ...options })
    return answer.status === 200 ? (JSON.parse(answer.body.toString('utf8')) as T) : undefined
  } catch {
    return undefined
  }
}

export function seederReport(member: MemberPlace): Promise<SeederReport | undefined> {
  return askJson<SeederReport>(`${member.http}/.well-known/interpeer/status`)
}
