// A network on the page: keys from names, a network file signed by its own key, statements signed by its members.
// Everything is derived from the names given, so that two runs see the same bytes.

import { hash } from 'node:crypto'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import {
  domainOf,
  type NetworkFile,
  type NetworkSettings,
  signNetworkFile,
  type UnsignedNetworkFile,
} from '#protocol/directory/network-file.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { type Domain, type Signed, signStatement } from '#protocol/message/domain.ts'
import type { PeerRecord, Register } from '#protocol/message/statement.ts'
import type { Place } from '#protocol/place/place.ts'
import { signerFromSeed } from '#seeder/identity/keys.ts'

/** The same key for the same name, always. */
export function signerNamed(name: string): Signer {
  return signerFromSeed(hash('sha256', `test key ${name}`, 'buffer'))
}

export const LOCAL_SETTINGS: NetworkSettings = {
  delta_ms: 1000,
  heartbeat_ms: 10_000,
  idempotency_ms: 7_200_000,
  request_fuel: 1_000_000_000,
  fresh_ms: 30_000,
  snapshot_heights: 1024,
}

export type TestSite = {
  readonly name: string
  /** Names of its members' keys, in group order. */
  readonly members: readonly string[]
  readonly quorum?: 'bft' | 'all'
  readonly epoch?: number
  /** Members until the last hand-over. */
  readonly former?: readonly string[]
}

export type TestNetworkOptions = {
  /** `local` unless told. */
  readonly profile?: 'local' | 'main'
  readonly sites: readonly TestSite[]
  /** Peers beside the members of sites. */
  readonly peers?: readonly string[]
  readonly version?: number
  readonly gateways?: readonly string[]
  readonly admission?: string
  readonly settings?: Partial<NetworkSettings>
  readonly time?: number
  /** Names the network key and with it the chain id. */
  readonly networkName?: string
}

export type TestNetwork = {
  readonly file: NetworkFile
  /** The file as it stands on disk and on the wire. */
  readonly text: string
  readonly domain: Domain
  readonly networkSigner: Signer
  /** By the name used in the options. */
  signer(name: string): Signer
  peer(name: string): PeerName
  /** The job id of a site. */
  job(name: string): Digest
  /** The next version of the file with other options; keys and chain stay. */
  next(changes: Partial<TestNetworkOptions>): TestNetwork
}

export function testJob(domain: Domain, name: string): Digest {
  return taggedHash('test job', domain.chainId, bytesFromText(name))
}

export function testNetwork(options: TestNetworkOptions): TestNetwork {
  const { sites, version = 1, networkName = 'network', time = 1_800_000_000_000 } = options
  const networkSigner = signerNamed(networkName)
  const chainId = hexFromBytes(taggedHash('test chain', bytesFromText(networkName)))
  const domain = domainOf({ chain_id: chainId, generation: 0 })
  const names = [
    ...new Set([...sites.flatMap((site) => [...site.members, ...(site.former ?? [])]), ...(options.peers ?? [])]),
  ]
  const signers = new Map(names.map((name) => [name, signerNamed(name)]))
  const jobs = new Map(sites.map((site) => [site.name, testJob(domain, site.name)]))
  const signer = (name: string): Signer => {
    const found = signers.get(name)
    assert(found !== undefined, `${name} is a peer of this network`)
    return found
  }
  const peer = (name: string): PeerName => peerName(signer(name).publicKey)
  const unsigned: UnsignedNetworkFile = {
    format: 'interpeer-network/1',
    chain_id: chainId,
    generation: 0,
    profile: options.profile ?? 'local',
    network_key: peerName(networkSigner.publicKey),
    version,
    time,
    image: '00'.repeat(32),
    settings: { ...LOCAL_SETTINGS, ...options.settings },
    gateways: options.gateways ?? ['http://127.0.0.1:8787'],
    admission: options.admission ?? 'http://127.0.0.1:8788',
    peers: names.map((name, index) => {
      const record: PeerRecord = {
        peer: signer(name).publicKey,
        addresses: [`/ip4/127.0.0.1/tcp/${4001 + index}`],
        http: `http://127.0.0.1:${8001 + index}`,
        sequence: 1,
        time,
      }
      const { signature } = signStatement(domain, 'peer_record', signer(name), record)
      return { ...record, peer: peer(name), proof: hexFromBytes(signature) }
    }),
    jobs: sites.map((site) => ({
      job: hexFromBytes(testJob(domain, site.name)),
      name: site.name,
      uploader: peerName(signerNamed(`uploader of ${site.name}`).publicKey),
      account: '',
      epoch: site.epoch ?? 1,
      quorum: site.quorum ?? 'bft',
      members: site.members.map(peer),
      ...(site.former === undefined
        ? {}
        : { past: [{ epoch: (site.epoch ?? 1) - 1, members: site.former.map(peer) }] }),
    })),
  }
  const file = signNetworkFile(unsigned, networkSigner)
  return {
    file,
    text: JSON.stringify(file),
    domain,
    networkSigner,
    signer,
    peer,
    job(name) {
      const found = jobs.get(name)
      assert(found !== undefined, `${name} is a site of this network`)
      return found
    },
    next: (changes) => testNetwork({ ...options, version: version + 1, ...changes }),
  }
}

export type TestRegistration = {
  readonly gateway: string
  /** ms since the epoch. */
  readonly time: number
  readonly expires?: number
  /** Origins by site name; null: through the tunnel alone. */
  readonly sites: Readonly<Record<string, string | null>>
  readonly tunnel?: boolean
  /** Names of its sites that want one origin for all members. */
  readonly stable?: readonly string[]
  /** Thousandths. */
  readonly load?: number
  readonly place?: Place
  /** Names of members that it sees. */
  readonly sees?: readonly string[]
  readonly accuses?: readonly { readonly peer: string; readonly evidence: Digest }[]
}

export function signRegistration(
  network: TestNetwork,
  by: string | Signer,
  options: TestRegistration,
): Signed<Register> {
  const body: Register = {
    gateway: options.gateway,
    time: options.time,
    expires: options.expires ?? options.time + 15_000,
    sites: Object.entries(options.sites).map(([name, origin]) => ({
      job: network.job(name),
      origin,
      stable: options.stable?.includes(name) === true,
    })),
    tunnel: options.tunnel ?? false,
    ...(options.load === undefined ? {} : { load: options.load }),
    ...(options.place === undefined ? {} : { place: options.place }),
    sees: (options.sees ?? []).map((name) => network.signer(name).publicKey),
    accuses: (options.accuses ?? []).map(({ peer, evidence }) => ({ peer: network.signer(peer).publicKey, evidence })),
  }
  return signStatement(network.domain, 'register', typeof by === 'string' ? network.signer(by) : by, body)
}

/** What `POST /register` takes: canonical CBOR of `{from, body, signature}`. */
export function registrationBytes(registration: Signed<Register>): Uint8Array {
  return cborFromValue(registration)
}
