// One case of the matrix: a group with these liars under load, and what is promised of it, seen with the clients', the gateway's and the
// honest members' own eyes.

import assert from 'node:assert/strict'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { evidenceFromBytes } from '#protocol/agreement/evidence-shape.ts'
import { verifyEvidence } from '#protocol/agreement/evidence-verdict.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { certChecks, certShape, runChecks } from '#protocol/message/certificate.ts'
import { WIRE_BYTES_MAX } from '#protocol/message/wire.ts'
import type { ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'
import { type Lie, type LyingGroup, SITE, startGroup } from './group.ts'
import { type Load, startLoad } from './load.ts'

/** Which proofs a kind of liar gives against itself; none: what it does is counted and is no lie. */
export const PROOFS: Readonly<Record<ByzantineKind, readonly string[]>> = {
  'wrong-result': ['wrong_result', 'wrong_receipt'],
  equivocate: ['double_proposal', 'double_vote1'],
  silent: [],
  stale: [],
  forge: ['wrong_receipt'],
  fork: ['double_proposal', 'double_vote1', 'double_vote2'],
}
/** It need not say anything that proves it: a forker alone follows nobody, and the others do not let it lead. */
export const isQuiet = ({ kind }: Lie): boolean => PROOFS[kind].length === 0 || kind === 'fork'
/** How long a proof may take on a busy machine; audits come every few seconds. */
const PROOF_MS = 90_000
/** Promised: the gateway sends nobody to a proven liar this long after the proof. */
const DROP_MS_MAX = 10_000
/** Fewer say nothing about the history; a machine that does much else gets no more done. */
const ACKNOWLEDGED_MIN = 5
const ACKNOWLEDGED_MS = 120_000
/** A fork needs one of the two to lead, and the honest ones in different halves. */
const FORK_MS = 60_000
const FORK_GROUPS_MAX = 3
const ASKED_OF_GATEWAY = 40
const POLL_MS = 50
export const OUT: ReadonlySet<string> = new Set(['proven_liar', 'accused'])

export type Outcome = {
  readonly name: string
  readonly acknowledged: number
  readonly unanswered: number
  readonly refusedAnswers: number
  /** From the start of the load to the first proof, and from it to the gateway's leaving the liar out. */
  readonly proofMs?: number
  readonly dropMs?: number
  readonly forks: number
  /** From the start of the load to two certificates of one height, where that is what was waited for. */
  readonly forkMs?: number
  readonly forkedHeight?: number
  /** How the members of groups before stood that came to a standstill without a fork. */
  readonly standings?: readonly string[]
  readonly proofs: readonly string[]
}

export function nameOf(lies: readonly Lie[]): string {
  return lies.map(({ kind, part }) => `${kind} (${part})`).join(' + ')
}

/** The kinds of proof that honest members have, none of which is against one of them. */
export async function proofsAgainst({ honest, liars }: LyingGroup, site = SITE): Promise<readonly string[]> {
  const all = await Promise.all(honest.map(async (seeder) => (await seeder.site(site))?.evidence ?? []))
  const lying = new Set(liars.map(({ ready }) => ready.peer))
  for (const evidence of all.flat()) assert.ok(lying.has(evidence.accused), `${evidence.kind} against an honest member`)
  return [...new Set(all.flat().map(({ kind }) => kind))]
}

/** Nobody is sent to these origins. */
async function assertLeftOut(group: LyingGroup): Promise<void> {
  const lying = new Set(group.liars.map(({ ready }) => new URL(ready.http).host))
  for (let count = 0; count < ASKED_OF_GATEWAY; count++) {
    const answer = await exchange(`${group.gateway}/${SITE}/a`)
    assert.equal(answer.status, 307)
    const { host } = new URL(String(answer.headers.location))
    assert.ok(![...lying].some((bare) => host.endsWith(bare)), `sent to ${host}`)
  }
}

/** Within the bound: one liar of four. */
export async function runAlone(lie: Lie, loadMs: number): Promise<Outcome> {
  await using group = await startGroup([lie])
  const expected = PROOFS[lie.kind]
  const load = startLoad(group.seeders)
  const began = performance.now()
  let proofMs: number | undefined
  let dropMs: number | undefined
  try {
    if (!isQuiet(lie)) {
      await until(`proof of ${expected.join(' or ')}`, async () => (await proofsAgainst(group)).length > 0, PROOF_MS)
      const provenAt = performance.now()
      proofMs = provenAt - began
      const [liar] = group.liars
      await until(
        'the gateway leaves the liar out',
        async () => (await group.located()).some(({ peer, state }) => peer === liar?.ready.peer && OUT.has(state)),
        DROP_MS_MAX,
      )
      dropMs = performance.now() - provenAt
      await assertLeftOut(group)
    }
    while (performance.now() - began < loadMs) await pass(POLL_MS)
    await until('enough is acknowledged', () => load.acknowledged >= ACKNOWLEDGED_MIN, ACKNOWLEDGED_MS)
  } finally {
    await load.end()
  }
  await load.lookBack()
  const proofs = await proofsAgainst(group)
  for (const kind of proofs) assert.ok(expected.includes(kind), kind)
  assert.equal(load.fault(), undefined)
  assert.equal(load.forks.size, 0)
  for (const label of load.refused.keys())
    assert.ok(
      group.liars.some((liar) => liar.label === label),
      label,
    )
  await assertLevel(group)
  return outcome(nameOf([lie]), load, proofs, proofMs, dropMs)
}

/** Hash of the block that this member has a valid certificate for, hexadecimal; undefined: it has none at this height. */
async function certifiedAt(
  group: LyingGroup,
  seeder: SeederProcess,
  site: string,
  height: number,
): Promise<string | undefined> {
  const answer = await seeder.ask(site, `/.well-known/interpeer/certificate/${height}`)
  if (answer.status !== 200) return undefined
  const cert = readCbor(certShape, new Uint8Array(answer.body), WIRE_BYTES_MAX)
  assert.ok(cert.ok)
  const { domain, members } = rulesOf(group, site)
  const checks = certChecks(domain, members, cert.value)
  assert.ok(checks.ok && runChecks(checks.value, verify).ok, `certificate ${height} of ${seeder.label} holds`)
  return hexFromBytes(cert.value.qc1.block_hash)
}

function rulesOf({ seeders }: LyingGroup, site: string) {
  const file = seeders.admission.file()
  const job = file.jobs.find(({ name }) => name === site)
  assert.ok(job)
  return { domain: domainOf(file), members: groupOf(job) }
}

/** Heights of which honest members have valid certificates for different blocks. */
export async function forkedHeights(group: LyingGroup, site = SITE): Promise<readonly number[]> {
  const heights = await Promise.all(group.honest.map(async (seeder) => (await seeder.site(site))?.height ?? 0))
  const forked: number[] = []
  for (let height = 1; height <= Math.max(...heights); height++) {
    const blocks = await Promise.all(group.honest.map((seeder) => certifiedAt(group, seeder, site, height)))
    if (new Set(blocks.filter((block) => block !== undefined)).size > 1) forked.push(height)
  }
  return forked
}

/** Whom the proofs that this member hands out show, each judged by the group's keys alone. */
async function shownBy(group: LyingGroup, seeder: SeederProcess): Promise<ReadonlySet<string>> {
  const { domain, members } = rulesOf(group, SITE)
  const shown = new Set<string>()
  for (const { hash, accused } of (await seeder.site(SITE))?.evidence ?? []) {
    const answer = await seeder.ask(SITE, `/.well-known/interpeer/evidence/${hash}`)
    const evidence = evidenceFromBytes(new Uint8Array(answer.body))
    assert.ok(answer.status === 200 && evidence.ok, hash)
    const verdict = verifyEvidence(domain, members, evidence.value, verify)
    assert.ok(verdict.ok && peerName(verdict.value.accused) === accused, hash)
    if (verdict.value.proof === 'self-contained') shown.add(accused)
  }
  return shown
}

/** Two of four make two certificates of one height: whoever made them is named by every honest member, nobody else is, and both are left out. */
export async function runFork(): Promise<Outcome> {
  const standings: string[] = []
  for (let group = 0; group < FORK_GROUPS_MAX; group++) {
    const found = await forkOf(standings)
    if (found !== undefined) return standings.length === 0 ? found : { ...found, standings }
  }
  throw new Error(`no fork in ${FORK_GROUPS_MAX} groups, which stood so:\n${standings.join('\n')}`)
}

/** Of one group. Over the bound nobody promises that it goes on: undefined, and how it stands, when it does not come to a fork. */
async function forkOf(standings: string[]): Promise<Outcome | undefined> {
  const lies = [
    { kind: 'fork', part: 'leader' },
    { kind: 'fork', part: 'follower' },
  ] as const
  await using group = await startGroup(lies)
  const culprits = new Set(group.liars.map(({ ready }) => ready.peer))
  const load = startLoad(group.seeders)
  const began = performance.now()
  try {
    const forked = await until(
      'a fork',
      async () => {
        const found = await forkedHeights(group)
        return found.length > 0 && found
      },
      FORK_MS,
    ).catch(() => undefined)
    if (forked === undefined) {
      standings.push(...(await Promise.all(group.seeders.all.map(standingOf))))
      return undefined
    }
    const [height] = forked
    const forkedAt = performance.now()
    for (const seeder of group.honest)
      await until(`the culprits at ${seeder.label}`, async () => {
        const shown = await shownBy(group, seeder)
        for (const peer of shown) assert.ok(culprits.has(peer), 'nobody honest is shown')
        return shown.size === culprits.size
      })
    const namedAt = performance.now()
    await until(
      'the gateway leaves both out',
      async () =>
        (await group.located()).filter(({ peer, state }) => culprits.has(peer) && OUT.has(state)).length === 2,
      DROP_MS_MAX,
    )
    const dropMs = performance.now() - namedAt
    await assertLeftOut(group)
    await load.end()
    const proofs = await proofsAgainst(group)
    const found = outcome(nameOf(lies), load, proofs, namedAt - forkedAt, dropMs)
    return { ...found, forks: Math.max(found.forks, 1), forkMs: forkedAt - began, forkedHeight: height ?? 0 }
  } finally {
    await load.end()
  }
}

/** For whoever reads why something failed. */
async function standingOf(seeder: SeederProcess): Promise<string> {
  const { height, view, leader, state, counts, evidence } = (await seeder.site(SITE).catch(() => undefined)) ?? {}
  return `${seeder.label} ${seeder.ready.peer}: ${JSON.stringify({ height, view, leader, state, counts, evidence })}`
}

/** The honest ones end at one height with one state. */
async function assertLevel({ honest }: LyingGroup): Promise<void> {
  await until(
    'one state at every honest member',
    async () => {
      const sites = await Promise.all(honest.map((seeder) => seeder.site(SITE)))
      return new Set(sites.map((site) => `${site?.height} ${site?.stateRoot}`)).size === 1
    },
    30_000,
  )
}

/**
 * Over the bound: two of four. Promised is that a fork names its culprits, that nobody honest is accused, and that without a fork what was
 * certified is served, with 503 or 504 to whom nothing more is agreed for.
 */
export async function runPair(lies: readonly [Lie, Lie], loadMs: number): Promise<Outcome> {
  await using group = await startGroup(lies)
  const load = startLoad(group.seeders)
  await pass(loadMs)
  await load.end()
  const lying = new Set(group.liars.map(({ ready }) => ready.peer))
  const forked = new Set([...load.forks.keys(), ...(await forkedHeights(group))])
  if (forked.size > 0) {
    const culprits = await until('the culprits of the fork', async () => {
      const all = await Promise.all(group.honest.map(async (seeder) => (await seeder.site(SITE))?.evidence ?? []))
      const named = new Set(all.flat().map(({ accused }) => accused))
      return named.size > 0 && named
    })
    for (const culprit of culprits) assert.ok(lying.has(culprit))
  } else assert.equal(load.fault(), undefined)
  const proofs = await proofsAgainst(group)
  for (const seeder of group.honest) {
    const read = await seeder.ask(SITE, '/a')
    assert.equal(read.status, 200, 'the last certified state is served')
    assert.match(read.body.toString(), /^\d+ \S*$/)
    const write = await seeder.ask(SITE, '/a', { method: 'POST', body: Buffer.from('read'), timeoutMs: 60_000 })
    assert.ok([200, 503, 504].includes(write.status), `${write.status} ${write.body}`)
  }
  return { ...outcome(nameOf(lies), load, proofs), forks: forked.size }
}

function outcome(name: string, load: Load, proofs: readonly string[], proofMs?: number, dropMs?: number): Outcome {
  return {
    name,
    acknowledged: load.acknowledged,
    unanswered: load.unanswered,
    refusedAnswers: [...load.refused.values()].reduce((sum, count) => sum + count, 0),
    ...(proofMs === undefined ? {} : { proofMs }),
    ...(dropMs === undefined ? {} : { dropMs }),
    forks: load.forks.size,
    proofs,
  }
}
