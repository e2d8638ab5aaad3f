// The other members of a site: where they are reached, what they hold against whom, and whether they say the same.

import { setTimeout as pause } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { askAgain, type Question, type Received, servedAt } from '#cli/verify/fetch.ts'
import { type CheckRules, checkAnswer, type Verified } from '#protocol/answer/check.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { NetworkFile, NetworkJob } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { verify } from '#seeder/identity/keys.ts'

const WAIT_MS = 3_000
const JSON_BYTES_MAX = 1024 * 1024
/** A member that is a few blocks behind is waited for. */
const CATCH_UP_MS = 3_000
const CATCH_UP_PAUSE_MS = 150
const PROOFS_MAX = 32
const PROOF_BYTES_MAX = 4 * 1024 * 1024

export type MemberOrigin = { readonly peer: string; readonly origin: string }

async function json(url: string): Promise<unknown> {
  try {
    const answer = await exchange(url, { timeoutMs: WAIT_MS, maxBytes: JSON_BYTES_MAX })
    return answer.status === 200 ? JSON.parse(answer.body.toString('utf8')) : undefined
  } catch {
    return undefined
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const found = fieldOf(value, name)
  return Array.isArray(found) ? found : []
}

/** By the gateways' look-up; where none answers, by the host bases in the network file. An origin is a hint: whoever answers there has to prove itself. */
export async function memberOrigins(file: NetworkFile, job: NetworkJob): Promise<readonly MemberOrigin[]> {
  const found = new Map<string, string>()
  for (const gateway of file.gateways) {
    for (const entry of listOf(await json(`${gateway}/lookup/name/${job.name}`), 'members')) {
      const peer = fieldOf(entry, 'peer')
      const origin = fieldOf(entry, 'origin')
      if (typeof peer === 'string' && typeof origin === 'string' && URL.canParse(origin))
        found.set(peer, new URL(origin).origin)
    }
    if (found.size > 0) break
  }
  for (const peer of file.peers) {
    if (!job.members.includes(peer.peer) || found.has(peer.peer) || !URL.canParse(peer.http)) continue
    const base = new URL(peer.http)
    if (/[a-z]/.test(base.hostname)) found.set(peer.peer, `${base.protocol}//${job.name}.${base.host}`)
  }
  return job.members.flatMap((peer) => {
    const origin = found.get(peer)
    return origin === undefined ? [] : [{ peer, origin }]
  })
}

/** Whom a proof accuses; `selfContained`: its signatures alone decide, nothing has to be run again. Undefined: it is no proof. */
export type ProofJudge = (
  proof: Uint8Array,
) => { readonly accused: string; readonly selfContained: boolean } | undefined

/**
 * Members that are shown to have lied: by a proof that stands for itself, whoever holds it, or by proofs that as many other members hold as cannot
 * all be liars themselves (`vouchersMin`: f + 1), each of whom ran the request again before it accused.
 */
export async function provenLiars(
  origins: readonly MemberOrigin[],
  judge: ProofJudge,
  vouchersMin: number,
): Promise<ReadonlySet<string>> {
  const liars = new Set<string>()
  const vouchers = new Map<string, Set<string>>()
  const hear = (holder: string, proof: Uint8Array): void => {
    const judged = judge(proof)
    if (judged === undefined || judged.accused === holder) return
    const { accused, selfContained } = judged
    const holders = vouchers.get(accused) ?? new Set<string>()
    vouchers.set(accused, holders.add(holder))
    if (selfContained || holders.size >= vouchersMin) liars.add(accused)
  }
  await Promise.all(
    origins.map(async ({ peer, origin }) => {
      const status = await json(`${origin}${WELL_KNOWN}status`)
      for (const entry of listOf(status, 'evidence').slice(0, PROOFS_MAX)) {
        const hash = fieldOf(entry, 'hash')
        if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) continue
        try {
          const proof = await exchange(`${origin}${WELL_KNOWN}evidence/${hash}`, {
            timeoutMs: WAIT_MS,
            maxBytes: PROOF_BYTES_MAX,
          })
          if (proof.status === 200) hear(peer, new Uint8Array(proof.body))
        } catch {
          // A member that does not answer accuses nobody.
        }
      }
    }),
  )
  return liars
}

/** Hands a proof to the gateways, so that nobody is led to the liar any more; how many took it. */
export async function reportProof(file: NetworkFile, proof: Uint8Array): Promise<number> {
  const answers = await Promise.all(
    file.gateways.map(async (gateway) => {
      try {
        const answer = await exchange(`${gateway}/evidence`, { method: 'POST', body: proof, timeoutMs: WAIT_MS })
        return answer.status
      } catch {
        return 0
      }
    }),
  )
  return answers.filter((status) => status >= 200 && status < 300).length
}

export type Comparison =
  /** `against`: members that answer otherwise, outnumbered by what cannot all be liars. */
  | { readonly outcome: 'same'; readonly peer: string; readonly against: readonly string[] }
  | { readonly outcome: 'different'; readonly peer: string }
  /** No other member could answer the same read at the same height; `movedOn`: one said that it has newer ones only. */
  | { readonly outcome: 'nobody'; readonly movedOn: boolean }

/** The response hash that a member signs for the same read at the same height, undefined when it gives no valid answer to it, `gone` when it moved on. */
async function askMember(
  rules: CheckRules,
  job: NetworkJob,
  { peer, origin }: MemberOrigin,
  received: Received,
  verified: Verified,
  question: Question,
): Promise<string | undefined> {
  const end = performance.now() + CATCH_UP_MS
  do {
    const again = await askAgain(job, origin, received, question, verified.height, verified.nonce)
    if (again === undefined) {
      await pause(CATCH_UP_PAUSE_MS)
      continue
    }
    if (again === 'gone') return again
    if (!again.ok) return undefined
    const { asked, status, headers, body, evidence } = again.value
    const checked = checkAnswer(
      rules,
      asked,
      { form: 'whole', status, headers, body, at: servedAt(again.value) },
      evidence,
      verify,
    )
    if (!checked.ok || checked.value.height !== verified.height) return undefined
    const { signer, responseHash } = checked.value
    return signer !== undefined && peerName(signer) === peer ? hexFromBytes(responseHash) : undefined
  } while (performance.now() < end)
  return undefined
}

/**
 * Asks the other members the same, one after the other. The first that agrees settles it. Where one differs, more are asked until either answer is
 * signed by `vouchersMin` members (f + 1: one of them is honest); the signer's answer stands only then.
 */
export async function compareRead(
  rules: CheckRules,
  job: NetworkJob,
  others: readonly MemberOrigin[],
  received: Received,
  verified: Verified,
  question: Question,
  vouchersMin: number,
): Promise<Comparison> {
  const own = hexFromBytes(verified.responseHash)
  const agreeing: string[] = []
  const differing = new Map<string, string[]>()
  let movedOn = false
  for (const member of others) {
    const answered = await askMember(rules, job, member, received, verified, question)
    if (answered === 'gone') movedOn = true
    if (answered === undefined || answered === 'gone') continue
    if (answered === own) agreeing.push(member.peer)
    else differing.set(answered, [...(differing.get(answered) ?? []), member.peer])
    const [first] = agreeing
    if (first !== undefined && (differing.size === 0 || agreeing.length + 1 >= vouchersMin))
      return { outcome: 'same', peer: first, against: [...differing.values()].flat() }
    if ([...differing.values()].some((peers) => peers.length >= vouchersMin)) break
  }
  const [against] = [...differing.values()].flat()
  return against === undefined ? { outcome: 'nobody', movedOn } : { outcome: 'different', peer: against }
}
