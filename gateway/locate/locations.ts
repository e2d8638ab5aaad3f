// Where every site is reached now: the isolate's own table, which the hot path reads and nothing but memory stands behind.
//
//   network file ──> groups ──┐
//   registrations ────────────┼──> targets by name (made at first need, until the first of their reasons ends)
//   proven liars ─────────────┤
//   origins that were tried ──┘
//
// Invariant: `targets` has no name that the network file lacks, and no origin whose reason has ended; so it is bounded by
// the file (JOBS_MAX × MEMBERS_MAX), and registrations and liars by its members.

import { type Candidate, type Choice, choose, type Here, isPlaced } from '#gateway/locate/choice.ts'
import { type GroupView, type LocatedMember, locateMembers, targetsOf } from '#gateway/locate/living.ts'
import type { Reach } from '#gateway/locate/reach.ts'
import type { Registration } from '#gateway/locate/registration.ts'
import { RESERVED_NAMES } from '#protocol/directory/admission.ts'
import type { NetworkFile, NetworkJob } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { fieldOf, type Place, placeOfField } from '#protocol/place/place.ts'

/** A member that can be asked through its tunnel. */
export type Host = { readonly peer: PeerName }

/** The living hosts of one site. */
export type Target = {
  /** Where visitors are sent, each once. */
  readonly origins: readonly string[]
  /** Which of them, for a visitor of whom no place is known, or where it does not matter. */
  readonly choice: Choice
  /** By the field of the earth (`fieldOf`) that a visitor comes from; undefined: that does not matter. */
  readonly byField: Map<number, Choice> | undefined
  readonly candidates: readonly Candidate[]
  /** Whom the gateway itself asks for those that it carries. */
  readonly hosts: readonly Host[]
  /** Whom those are of. */
  readonly living: readonly LocatedMember[]
  /** Value of the `Link` header up to the path. */
  readonly linkStart: string
  /** Visits that the gateway carried. */
  next: number
  until: number
}

function formerMembers(job: NetworkJob): readonly string[] {
  return job.past?.[0]?.members ?? []
}

/** Where the gateway itself serves sites: the domain, with its port, and how it is reached. */
export type SitesDomain = { readonly scheme: 'http' | 'https'; readonly host: string }

/** A member's own origin, and until when what is known of it stands. */
type OwnOrigin = Candidate & { readonly until: number }

/**
 * The ladder: a site that logs people in (as half of those who live say) has one origin for all its members, where this gateway has one to give;
 * else members' own HTTPS that was tried, the sites domain, and plain HTTP, which comes before it only where the gateway itself is reached so.
 */
function rungOf(
  name: string,
  members: readonly LocatedMember[],
  own: readonly OwnOrigin[],
  domain: SitesDomain | undefined,
): readonly OwnOrigin[] {
  const isCarried = domain !== undefined && members.some((member) => member.tunnel)
  const carried: readonly OwnOrigin[] = isCarried
    ? [{ origin: `${domain.scheme}://${name}.${domain.host}`, ...{ load: 0, place: undefined }, ...NOT_MEASURED }]
    : []
  const secure = own.filter(({ origin }) => origin.startsWith('https:'))
  const plain = own.filter(({ origin }) => !origin.startsWith('https:'))
  // One that lies would else take a site that has no tunnel away from everybody.
  const isStable = members.length > 0 && 2 * members.filter((member) => member.stable).length >= members.length
  if (isStable && domain !== undefined) return carried
  const rungs = domain?.scheme === 'https' ? [secure, carried, plain] : [secure, plain, carried]
  return rungs.find((rung) => rung.length > 0) ?? []
}

const NOT_MEASURED = { measuredMs: undefined, until: Number.POSITIVE_INFINITY }

export type LocationsOptions = {
  /** The gateway's own address without a slash at its end. */
  readonly publicUrl: string
  readonly domain?: SitesDomain | undefined
  /** Not everybody is led to this job. */
  readonly isGuarded: (job: string) => boolean
  readonly reach: Pick<Reach, 'provenUntil' | 'latencyMs' | 'heard'>
  readonly here: Here
  /** Where a request comes from; undefined: nobody knows. */
  readonly visitorPlace: (request: Request) => Place | undefined
  /** 0 … 1. */
  readonly chance: () => number
}

export class Locations {
  readonly #options: LocationsOptions
  #canonicalBase: string
  /** Sites that were unpublished lately. */
  #endedNames: ReadonlySet<string> = new Set()
  #jobByName = new Map<string, NetworkJob>()
  #jobById = new Map<string, NetworkJob>()
  #jobsByPeer = new Map<PeerName, NetworkJob[]>()
  #registrations = new Map<PeerName, Registration>()
  #liars = new Set<PeerName>()
  #targets = new Map<string, Target>()

  constructor(options: LocationsOptions) {
    this.#options = options
    this.#canonicalBase = options.publicUrl
  }

  /** Takes a new network file's groups; registrations of peers that left every group are forgotten. */
  setNetwork(file: NetworkFile): void {
    const jobs = file.jobs.filter((job) => !RESERVED_NAMES.has(job.name))
    this.#canonicalBase = file.gateways[0] ?? this.#options.publicUrl
    this.#endedNames = new Set(file.ended?.flatMap(({ name }) => name ?? []))
    this.#jobByName = new Map(jobs.map((job) => [job.name, job]))
    this.#jobById = new Map(jobs.map((job) => [job.job, job]))
    this.#jobsByPeer = new Map()
    for (const job of jobs) {
      for (const member of new Set([...job.members, ...formerMembers(job)])) {
        const known = this.#jobsByPeer.get(member as PeerName)
        if (known === undefined) this.#jobsByPeer.set(member as PeerName, [job])
        else known.push(job)
      }
    }
    for (const peer of this.#registrations.keys()) if (!this.#jobsByPeer.has(peer)) this.#registrations.delete(peer)
    this.#targets.clear()
  }

  /** The gateway by whose addresses sites are to be known: the first that the network names, so that each page has one address. */
  get canonicalBase(): string {
    return this.#canonicalBase
  }

  /** There was a site of this name until lately, and there is none now. */
  isGone(name: string): boolean {
    return this.#endedNames.has(name) && !this.#jobByName.has(name)
  }

  jobByName(name: string): NetworkJob | undefined {
    return this.#jobByName.get(name)
  }

  jobById(job: string): NetworkJob | undefined {
    return this.#jobById.get(job)
  }

  /** It is in the group, or was until the last hand-over. */
  isOf(peer: PeerName, job: string): boolean {
    return this.jobsOf(peer).some((each) => each.job === job)
  }

  /** Jobs that it is or was lately a member of. */
  jobsOf(peer: PeerName): readonly NetworkJob[] {
    return this.#jobsByPeer.get(peer) ?? []
  }

  jobs(): Iterable<NetworkJob> {
    return this.#jobByName.values()
  }

  registration(peer: PeerName): Registration | undefined {
    return this.#registrations.get(peer)
  }

  registrations(): Iterable<Registration> {
    return this.#registrations.values()
  }

  /** Replaces what was believed about the peer; of a peer that is in no group nothing is kept. */
  setRegistration(registration: Registration): void {
    if (!this.#jobsByPeer.has(registration.peer)) return
    this.#registrations.set(registration.peer, registration)
    this.#options.reach.heard(registration)
    this.forgetTargetsOf(registration.peer)
  }

  get liarCount(): number {
    return this.#liars.size
  }

  isLiar(peer: PeerName): boolean {
    return this.#liars.has(peer)
  }

  setLiar(peer: PeerName): void {
    this.#liars.add(peer)
    this.forgetTargetsOf(peer)
  }

  members(job: NetworkJob, now: number, members = job.members): readonly LocatedMember[] {
    const view: GroupView = {
      job: job.job,
      members: members as readonly PeerName[],
      registration: (peer) => this.#registrations.get(peer),
      isLiar: (peer) => this.#liars.has(peer),
    }
    return locateMembers(view, now)
  }

  /** Where to send a visitor of this name. `undefined`: the name is unknown. No origin: nobody is living. */
  target(name: string, now: number): Target | undefined {
    const known = this.#targets.get(name)
    if (known !== undefined && known.until > now) return known
    const job = this.#jobByName.get(name)
    if (job === undefined) return undefined
    let members = this.members(job, now)
    let living = targetsOf(members)
    let rung = this.#rungOf(name, living, now)
    if (rung.length === 0 && formerMembers(job).length > 0) {
      // The new group takes the state over, and until then the former one goes on.
      const former = this.members(job, now, formerMembers(job))
      members = [...members, ...former]
      living = targetsOf(former)
      rung = this.#rungOf(name, living, now)
    }
    const hosts = living.filter(({ tunnel }) => tunnel).map(({ peer }) => ({ peer }))
    let until = Number.POSITIVE_INFINITY
    for (const member of [...members, ...rung]) until = Math.min(until, member.until)
    const { here, chance } = this.#options
    const choice = choose(rung, undefined, here, chance)
    // The round goes on where the one before was left.
    choice.next = known === undefined || choice.turns.length === 0 ? 0 : known.choice.next % choice.turns.length
    const target: Target = {
      origins: rung.map(({ origin }) => origin),
      candidates: rung,
      choice,
      byField: isPlaced(rung) ? new Map() : undefined,
      hosts,
      living,
      linkStart: `<${this.#canonicalBase}/${name}`,
      next: known?.next ?? 0,
      until,
    }
    // Whoever asks for one that is guarded is looked at first: not on the hot path.
    if (!this.#options.isGuarded(job.job)) this.#targets.set(name, target)
    return target
  }

  #rungOf(name: string, members: readonly LocatedMember[], now: number): readonly OwnOrigin[] {
    const { reach, domain } = this.#options
    const own = members.flatMap(({ peer, origin, load, place }): OwnOrigin[] => {
      if (origin === undefined) return []
      if (!origin.startsWith('https:')) return [{ origin, load, place, ...NOT_MEASURED }]
      const until = reach.provenUntil(peer, origin)
      return until > now ? [{ origin, load, place, measuredMs: reach.latencyMs(peer, origin), until }] : []
    })
    return rungOf(name, members, own, domain)
  }

  /** The round that a visitor's next turn is taken from. */
  choiceFor(target: Target, request: Request | undefined): Choice {
    const { byField, candidates, choice } = target
    if (byField === undefined || request === undefined) return choice
    const { here, chance, visitorPlace } = this.#options
    const place = visitorPlace(request)
    if (place === undefined) return choice
    const field = fieldOf(place)
    let near = byField.get(field)
    if (near === undefined) {
      near = choose(candidates, placeOfField(field), here, chance)
      byField.set(field, near)
    }
    return near
  }

  /** The hot path's question: a made target that still stands, and nothing is made. */
  madeTarget(name: string): Target | undefined {
    return this.#targets.get(name)
  }

  /** Made again as they are asked for. */
  forgetTargets(): void {
    this.#targets.clear()
  }

  /** What they rest on changed. */
  forgetTargetsOf(peer: PeerName): void {
    for (const job of this.jobsOf(peer)) {
      const target = this.#targets.get(job.name)
      if (target !== undefined) target.until = 0
    }
  }
}
