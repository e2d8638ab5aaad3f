// `interpeer status`: every site of a network and how its members are, as they say it themselves.

import { type Command, type CommandContext, NETWORK_OPTION } from '#cli/command.ts'
import { EXIT } from '#cli/failure.ts'
import { membersOf, type SeederReport, type SiteReport, seederReport } from '#cli/network/peers.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { type Style, tableLines } from '#cli/terminal/output.ts'
import { proofJudge } from '#cli/verify/judge.ts'
import { provenLiars } from '#cli/verify/members.ts'
import { groupOf, type NetworkFile, type NetworkJob } from '#protocol/directory/network-file.ts'
import { quorumOf } from '#protocol/message/certificate.ts'

export const command: Command = {
  name: 'status',
  summary: 'show the sites of a network, their heights, members and evidence',
  usage: 'status [SITE] [--network FILE] [--json]',
  about:
    'Members are asked themselves; one that does not answer is shown as silent. ★ is the leader; beside each member stands its height. The exit code is 3 when nobody answered.',
  options: { network: NETWORK_OPTION },
  positionals: { min: 0, max: 1 },
  examples: ['interpeer status', 'interpeer status wiki --json'],
  run,
}

export type MemberLine = {
  readonly peer: string
  readonly state: string
  readonly height: number
  readonly degraded?: string
  /** With `not_hosting`: the quota of its operator that leaves no room. */
  readonly refused?: string
  /** Peers through which others are linked to it. */
  readonly relays?: readonly string[]
}

export type JobLine = {
  readonly job: string
  readonly name: string
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly stateRoot: string
  readonly members: readonly MemberLine[]
  /** What is proven, or said by more members than may lie together. */
  readonly evidence: SiteReport['evidence']
  /** Per member, the highest count that another one reports: silence, staleness, time-outs. */
  readonly counts: Readonly<Record<string, number>>
}

/** Each accusation once. A liar accuses the honest as easily as they accuse it: what it cannot prove is left out. */
async function believedEvidence(
  file: NetworkFile,
  job: NetworkJob,
  own: ReadonlyMap<string, SiteReport>,
): Promise<SiteReport['evidence']> {
  const evidence = new Map([...own.values()].flatMap((report) => report.evidence.map((each) => [each.hash, each])))
  if (evidence.size === 0) return []
  const group = groupOf(job)
  const origins = [...own].flatMap(([peer, { origin }]) => (origin === undefined ? [] : [{ peer, origin }]))
  const liars = await provenLiars(origins, proofJudge(file, job), group.members.length - quorumOf(group) + 1)
  return [...evidence.values()]
    .filter(({ accused }) => liars.has(accused))
    .map(({ kind, accused, hash }) => ({ kind, accused, hash }))
}

/**
 * The report that speaks for the job: of the newest height that more members claim than may lie, with the state root that most of them name.
 * Undefined: nobody reports.
 */
export function speakerOf(reports: readonly SiteReport[], mayLie: number): SiteReport | undefined {
  const byHeight = [...reports].sort((a, b) => b.height - a.height)
  const height = byHeight[Math.min(mayLie, byHeight.length - 1)]?.height
  const level = byHeight.filter((report) => report.height === height)
  const agreeing = (report: SiteReport) => level.filter(({ stateRoot }) => stateRoot === report.stateRoot).length
  return level.sort((a, b) => agreeing(b) - agreeing(a) || b.view - a.view)[0]
}

/** Through whom others are linked to it, as more of them say than may lie; none when fewer do. */
function relaysTo(peer: string, own: ReadonlyMap<string, SiteReport>, mayLie: number): readonly string[] {
  const relays = [...own.values()].flatMap(({ members }) =>
    members.flatMap((member) => (member.peer === peer && member.relay !== undefined ? [member.relay] : [])),
  )
  return relays.length > mayLie ? [...new Set(relays)].toSorted() : []
}

/** What the members' own reports come to, each of which speaks for its member. */
async function jobLine(
  file: NetworkFile,
  job: NetworkJob,
  reports: ReadonlyMap<string, SeederReport>,
): Promise<JobLine> {
  const own = new Map<string, SiteReport>()
  for (const peer of job.members) {
    const report = reports.get(peer)?.sites.find((site) => site.job === job.job)
    if (report !== undefined) own.set(peer, report)
  }
  const group = groupOf(job)
  const newest = speakerOf([...own.values()], group.members.length - quorumOf(group))
  const counts: Record<string, number> = {}
  for (const report of own.values()) {
    for (const [name, count] of Object.entries(report.counts)) counts[name] = Math.max(counts[name] ?? 0, count)
  }
  const members = job.members.map((peer): MemberLine => {
    const report = own.get(peer)
    const relays = relaysTo(peer, own, group.members.length - quorumOf(group))
    const through = relays.length === 0 ? {} : { relays }
    if (report === undefined) {
      const seen = Math.max(
        0,
        ...[...own.values()].flatMap((other) =>
          other.members.filter((member) => member.peer === peer).map(({ height }) => height),
        ),
      )
      const seeder = reports.get(peer)
      const refused = seeder?.refused?.find(({ site }) => site === job.name)?.reason
      return {
        peer,
        // Behind NAT it does not answer us, but its peers.
        state: seeder !== undefined ? 'not_hosting' : relays.length > 0 ? 'relayed' : 'silent',
        height: seen,
        ...through,
        ...(refused === undefined ? {} : { refused }),
      }
    }
    return {
      peer,
      state: report.state,
      height: report.height,
      ...through,
      ...(report.degraded === undefined ? {} : { degraded: report.degraded }),
    }
  })
  return {
    job: job.job,
    name: job.name,
    epoch: newest?.epoch ?? job.epoch,
    height: newest?.height ?? 0,
    view: newest?.view ?? 0,
    leader: newest?.leader ?? '',
    stateRoot: newest?.stateRoot ?? '',
    members,
    evidence: await believedEvidence(file, job, own),
    counts,
  }
}

async function reportsOf(file: NetworkFile, jobs: readonly NetworkJob[]): Promise<Map<string, SeederReport>> {
  const places = new Map(jobs.flatMap((job) => membersOf(file, job)).map((member) => [member.peer, member]))
  const reports = new Map<string, SeederReport>()
  await Promise.all(
    [...places.values()].map(async (member) => {
      const report = await seederReport(member)
      if (report !== undefined) reports.set(member.peer, report)
    }),
  )
  return reports
}

function coloured(state: string, style: Style): string {
  if (state === 'agreeing') return style.good(state)
  if (state === 'relayed') return state
  return state === 'joining' ? style.warn(state) : style.bad(state)
}

/** What is behind a state, as its operator has to hear it. */
function why({ degraded, refused, relays = [] }: MemberLine): string {
  if (relays.length > 0 && degraded === undefined && refused === undefined)
    return ` (through ${relays.map((relay) => `${relay.slice(0, 12)}…`).join(', ')})`
  if (degraded !== undefined) return ` (${degraded})`
  return refused === undefined ? '' : ` (its operator's quota is full: ${refused})`
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const { style } = output
  const file = await newestNetwork(networkPath(context))
  const [wanted] = context.positionals
  const jobs = file.jobs.filter((job) => wanted === undefined || job.name === wanted || job.job === wanted)
  const reports = await reportsOf(file, jobs)
  const lines = await Promise.all(jobs.map((job) => jobLine(file, job, reports)))
  output.event({ jobs: lines, network: { version: file.version, profile: file.profile, peers: file.peers.length } })
  if (jobs.length === 0)
    output.line(wanted === undefined ? 'The network has no sites yet.' : `The network has no site '${wanted}'.`)
  for (const line of lines) {
    output.line(
      `${style.bold(line.name)}  height ${line.height}  view ${line.view}  ${style.dim(`state ${line.stateRoot.slice(0, 20)}…  job ${line.job.slice(0, 12)}…`)}`,
    )
    const rows = line.members.map((member) => [
      `  ${member.peer === line.leader ? '★' : ' '}`,
      `${member.peer.slice(0, 12)}…`,
      `${member.height}`,
      coloured(member.state, style) + why(member),
    ])
    for (const row of tableLines(rows)) output.line(row)
    for (const { kind, accused, hash } of line.evidence) {
      output.line(style.bad(`    evidence: ${kind} by ${accused.slice(0, 12)}… (${hash.slice(0, 12)}…)`))
    }
    output.line()
  }
  if (wanted !== undefined && jobs.length === 0) return EXIT.failed
  if (jobs.length === 0 || reports.size > 0) return EXIT.ok
  output.note("No member of them answered. Is the network running? 'interpeer doctor' says who cannot be reached.")
  return EXIT.network
}
