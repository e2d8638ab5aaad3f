// One gateway in one isolate: its settings, what it was handed, and what it knows. The app and the hot path share it.
//
//   worker.ts / a test ── Config, Ports ──> Gateway { network, locations, marks } <── register, carry, refill
//
// Invariant: what stands in `network` verified under the pinned network key, and its version only rises.

import { Copies } from '#gateway/carry/copies.ts'
import { createKnownEvidence, type KnownEvidence } from '#gateway/carry/known-evidence.ts'
import { Lengths } from '#gateway/carry/length.ts'
import { createRooms, type Rooms } from '#gateway/carry/room.ts'
import type { Sockets } from '#gateway/carry/socket-port.ts'
import type { Counts } from '#gateway/counts.ts'
import { Denials } from '#gateway/deny/denials.ts'
import { namesTlsProblem } from '#gateway/dns/names-tls.ts'
import { type Bodies, createBodies } from '#gateway/http/body.ts'
import type { Here } from '#gateway/locate/choice.ts'
import { Locations, type SitesDomain } from '#gateway/locate/locations.ts'
import { type Probe, Reach } from '#gateway/locate/reach.ts'
import { VISIT_BODIES_BYTES_MAX, VISIT_BODY_MS_MAX, VISITS_BYTES_MAX } from '#gateway/settings.ts'
import type { Store } from '#gateway/store/port.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Result } from '#protocol/codec/result.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import type { PeerName, PublicKey, Signature, Signer } from '#protocol/identity/keys.ts'
import type { Group } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { Place } from '#protocol/place/place.ts'

export type GatewayConfig = {
  /** What the world calls this gateway: an origin, without a slash at its end. */
  readonly publicUrl: string
  /** The network key that is pinned, 64 hexadecimal digits. */
  readonly networkKey: string
  /** Under which sites have origins of their own at this gateway, with its port; undefined: it carries none. */
  readonly sitesDomain?: string
  /** Keys whose deny-lists it follows, 64 hexadecimal digits each. */
  readonly denyKeys?: readonly string[]
  /** Where those who find something wrong turn to, as `security.txt` says (RFC 9116): a URL or a `mailto:`. */
  readonly securityContact?: string
  /** Addresses at which it answers on port 80, which DNS gives for sites that no member has there. */
  readonly addresses?: readonly string[]
  /** What TLS speaks there on port 443 (ALPN), for any `<site>.peer` and with a certificate that its visitors trust; absent: there is none. */
  readonly namesTls?: readonly string[]
  /** Where it stands; absent: nobody knows. */
  readonly here?: Here
}

/** A key that signs asynchronously, as WebCrypto does. */
export type AsyncSigner = {
  readonly publicKey: PublicKey
  sign(message: Uint8Array): Promise<Signature>
}

/** What a piece of evidence says that is well formed and signed by whom it accuses. */
export type Judgement = {
  readonly accused: PublicKey
  readonly job: Digest
  readonly kind: string
  readonly hash: Digest
  /** It shows the lie by itself; otherwise only a re-execution can. */
  readonly isProven: boolean
}

/** Judges canonical bytes of evidence; `groupsOf` takes a job's id, hexadecimal. */
export type EvidenceJudge = (
  domain: Domain,
  groupsOf: (job: string) => readonly Group[] | undefined,
  bytes: Uint8Array,
) => Promise<Result<Judgement, { readonly code: string }>>

/** Is given what goes on behind an answer; it does not reject. */
export type Later = (work: Promise<void>) => void

export type Limiter = (key: string) => Promise<boolean>

/** One line of the operator's log. From `info` on it has no visitor's address, and no query of theirs. */
export type GatewayLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  event: string,
  facts: Readonly<Record<string, unknown>>,
) => void

export type GatewayPorts = {
  readonly store: Store
  /** ms since the epoch. */
  readonly now: () => number
  /** The one verification rule on this runtime. */
  readonly verify: (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>
  /** Undefined: this gateway has no key and signs nothing. */
  readonly signer: () => Promise<AsyncSigner | undefined>
  readonly judge: EvidenceJudge
  /** Country of a visitor (ISO 3166-1 alpha-2), for deny-lists; undefined: not known. */
  readonly placeOf: (request: Request) => string | undefined
  /** Where a visitor is, for the choice of a near member; absent or undefined: not known. */
  readonly visitorPlace?: (request: Request) => Place | undefined
  /** Tries an HTTPS origin of a member; absent: nobody is sent to any. */
  readonly probe?: Probe
  /** Whose request it is, as whoever took it saw; undefined: not known. */
  readonly addressOf: (request: Request) => string | undefined
  /** True: go on. By address. */
  readonly registerLimit: Limiter
  readonly carryLimit: Limiter
  /** Absent: this gateway keeps none. */
  readonly tunnels?: Tunnels
  /** Of visitors; absent: a request for one is answered as any other. */
  readonly sockets?: Sockets
  readonly random: (bytes: number) => Uint8Array
  /** Absent: nobody counts. */
  readonly counts?: Counts
  readonly log: GatewayLog
}

/** The newest network file that verified. */
export type HeldNetwork = {
  readonly file: NetworkFile
  /** As it is given out: JSON in ASCII. */
  readonly text: string
  /** The 32 bytes that the network key signed, hexadecimal. */
  readonly hash: string
  readonly domain: Domain
}

/** What the database has of a peer, as far as this isolate knows. */
export type StoredMark = {
  readonly time: number
  readonly skewMs: number
  readonly leaseUntil: number
  /** Everything in the registration but its times. */
  readonly content: string
  /** Written by this isolate, not read from the database. */
  readonly ours: boolean
}

export type Gateway = {
  readonly config: GatewayConfig
  readonly ports: GatewayPorts
  readonly locations: Locations
  /** HTTPS origins of members that were tried from here. */
  readonly reach: Reach
  readonly denials: Denials
  readonly bodies: Bodies
  /** Of visitors whose sites it carries. */
  readonly visitBodies: Bodies
  /** What those visits hold. */
  readonly rooms: Rooms
  /** What is shown of them while nobody of their groups answers. */
  readonly copies: Copies
  /** Of bodies whose length was shown. */
  readonly lengths: Lengths
  /** Of what their members said. */
  readonly known: KnownEvidence
  network: HeldNetwork | undefined
  readonly marks: Map<PeerName, StoredMark>
  /** Newest `time` of each peer that this isolate took itself. */
  readonly lastTime: Map<PeerName, number>
  /** Proofs that were judged, hexadecimal. */
  readonly judged: Set<string>
  /** Liars that the database knows. */
  readonly savedLiars: Set<PeerName>
  /** When the database was first and last read, our clock. */
  startedAt: number | undefined
  filledAt: number
  filling: Promise<void> | undefined
}

/** Throws when the settings contradict each other. */
export function createGateway(config: GatewayConfig, ports: GatewayPorts): Gateway {
  const { namesTls, addresses = [] } = config
  const problem = namesTls === undefined ? undefined : namesTlsProblem(namesTls, addresses)
  if (problem !== undefined) throw new Error(`NAMES_TLS ${problem}`)
  const denials = new Denials()
  const { probe, verify, random, now, visitorPlace = () => undefined } = ports
  const reach = new Reach({
    gateway: config.publicUrl,
    ...(probe === undefined ? {} : { probe }),
    ...{ verify, random, now },
    domain: () => gateway.network?.domain,
    onChange: (peer) => gateway.locations.forgetTargetsOf(peer),
  })
  const locations = new Locations({
    publicUrl: config.publicUrl,
    domain: sitesDomainOf(config),
    isGuarded: (job) => denials.concerns(job),
    ...{ reach, visitorPlace, here: config.here },
    chance: () => chanceOf(random(4)),
  })
  const gateway: Gateway = {
    config,
    ports,
    locations,
    reach,
    denials,
    bodies: createBodies(),
    visitBodies: createBodies({ bytesMax: VISIT_BODIES_BYTES_MAX, msMax: VISIT_BODY_MS_MAX }),
    rooms: createRooms(VISITS_BYTES_MAX),
    copies: new Copies(),
    lengths: new Lengths(),
    known: createKnownEvidence(verify),
    network: undefined,
    marks: new Map(),
    lastTime: new Map(),
    judged: new Set(),
    savedLiars: new Set(),
    startedAt: undefined,
    filledAt: 0,
    filling: undefined,
  }
  return gateway
}

/** 0 … 1 of four bytes. */
function chanceOf([a = 0, b = 0, c = 0, d = 0]: Uint8Array): number {
  return (((a * 256 + b) * 256 + c) * 256 + d) / 2 ** 32
}

function sitesDomainOf({ publicUrl, sitesDomain }: GatewayConfig): SitesDomain | undefined {
  if (sitesDomain === undefined) return undefined
  return { scheme: publicUrl.startsWith('https:') ? 'https' : 'http', host: sitesDomain }
}

/** A synchronous signer as the asynchronous one that a gateway is given. */
export function asyncSigner(signer: Signer): AsyncSigner {
  return { publicKey: signer.publicKey, sign: async (message) => signer.sign(message) }
}
