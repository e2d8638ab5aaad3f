// A group that agrees at once: one shared history in memory, certified by the real keys of its members, seen through one
// `HostedSite` a member. Whoever tests the edge or the checks of answers needs no network, store or runtime for it.

import { hash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, sha256, ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { merklePath } from '#protocol/codec/merkle.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Cid, CODEC_RAW, cidFromDigest, cidKey } from '#protocol/content/cid.ts'
import { directoryOf } from '#protocol/directory/directory.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import {
  type Block,
  blockHash,
  genesisHash,
  type ReceiptLeaf,
  receiptLeaf,
  receiptsRoot,
  writeSeed,
} from '#protocol/message/block.ts'
import { type Cert, type Group, quorumOf } from '#protocol/message/certificate.ts'
import { signStatement, statementHash } from '#protocol/message/domain.ts'
import { orderedRequestHash, readSeed, requestsRoot, saltHash } from '#protocol/message/request.ts'
import { type AssetEntry, manifestToText, type SiteManifest } from '#protocol/site/manifest.ts'
import { bodyRoot, responseHash } from '#protocol/site/response-hash.ts'
import type { ScriptRequest, ScriptResponse } from '#seeder/execute/port.ts'
import type {
  Committed,
  EvidenceSummary,
  Head,
  HostedSite,
  HostedSites,
  Refusal,
  SiteFile,
  SiteStatus,
} from '#seeder/serve/port.ts'
import { type TestNetwork, testNetwork } from '#test/support/network.ts'

export type AppContext = {
  readonly state: Map<string, string>
  /** Block time; asking for it is noted. */
  time(): number
  /** 32 bytes of this request's chance; asking for it is noted. */
  chance(): Uint8Array
}
export type App = (request: ScriptRequest, context: AppContext) => ScriptResponse | Promise<ScriptResponse>

export type HostedGroupOptions = {
  readonly app?: App
  readonly assets?: Readonly<Record<string, string | Uint8Array>>
  readonly manifest?: Partial<SiteManifest>
  readonly types?: Readonly<Record<string, string>>
  readonly members?: readonly string[]
  readonly now?: () => number
  readonly network?: TestNetwork
}

export type Member = { readonly site: HostedSite; readonly sites: HostedSites; readonly signer: Signer }

export type HostedGroup = {
  readonly network: TestNetwork
  readonly name: string
  readonly group: Group
  member(index: number): Member
  head(): Head
  /** Runs of the script for reads, so far. */
  readonly reads: number
  /** An empty block: the time moves on, the state stays. */
  heartbeat(): void
  /** Makes every further write end this way, or as it should again. */
  refuseWrites(refusal: Refusal | undefined): void
  evidence: EvidenceSummary[]
}

export function textResponse(
  status: number,
  body: string,
  headers: readonly (readonly [string, string])[] = [],
): ScriptResponse {
  return { status, headers: [['content-type', 'text/plain; charset=utf-8'], ...headers], body: bytesFromText(body) }
}

const IMAGE = sha256(bytesFromText('test image'))
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  css: 'text/css',
  js: 'text/javascript',
  png: 'image/png',
}

function manifestOf(
  name: string,
  options: HostedGroupOptions,
): { manifest: SiteManifest; files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>()
  const entries: Record<string, AssetEntry> = {}
  for (const [path, content] of Object.entries(options.assets ?? {})) {
    const bytes = typeof content === 'string' ? bytesFromText(content) : content
    files.set(`app/assets${path}`, bytes)
    const type = TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
    entries[path] = { size: bytes.length, type, hash: hash('sha256', bytes, 'hex').slice(0, 32) }
  }
  const manifest: SiteManifest = {
    version: 1,
    name,
    scriptBytes: options.app === undefined ? 0 : 100,
    databases: [],
    kv: [],
    files: [],
    crons: [],
    assets: { htmlHandling: 'auto-trailing-slash', notFoundHandling: 'none', scriptFirst: false, files: entries },
    headers: [],
    volatile: [],
    origin: null,
    ...options.manifest,
  }
  files.set('app/site.json', bytesFromText(manifestToText(manifest)))
  return { manifest, files }
}

export function hostedGroup(name: string, options: HostedGroupOptions = {}): HostedGroup {
  const members = options.members ?? ['ann', 'ben', 'cleo', 'dan']
  const network = options.network ?? testNetwork({ sites: [{ name, members }] })
  const now = options.now ?? Date.now
  const { domain } = network
  const found = directoryOf(network.file).group(network.job(name))
  assert(found !== undefined, 'the site is in its network')
  const group = found
  const q = quorumOf(group)
  const app = options.app ?? (() => textResponse(404, 'nothing'))
  const { files } = manifestOf(name, options)
  const codeRoot = cidFromDigest(CODEC_RAW, sha256(cborFromValue(Object.fromEntries(files))))

  let state = new Map<string, string>()
  const states = new Map<string, Map<string, string>>()
  const certs = new Map<number, Cert>()
  const heads = new EventEmitter()
  heads.setMaxListeners(0)
  let reads = 0
  let refusal: Refusal | undefined
  let current: Head | undefined
  let parent: Digest = genesisHash(domain, group.job)
  let lastTime = 0
  let turn: Promise<unknown> = Promise.resolve()

  function rootOf(values: Map<string, string>): Cid {
    const root = cidFromDigest(CODEC_RAW, sha256(bytesConcat(codeRoot, cborFromValue([...values].sort()))))
    states.set(cidKey(root), new Map(values))
    return root
  }

  function certify(block: Block): Cert {
    const place = {
      job: group.job,
      epoch: group.epoch,
      height: block.height,
      view: 3,
      block_hash: blockHash(domain, block),
    }
    const signers = members.slice(0, q).map((member) => network.signer(member))
    const vote1 = { ...place, jview: null }
    return {
      block,
      qc1: {
        ...place,
        votes: signers.map((signer, index) => [index, null, signer.sign(statementHash(domain, 'vote1', vote1))]),
      },
      qc2: {
        ...place,
        votes: signers.map((signer, index) => [index, signer.sign(statementHash(domain, 'vote2', place))]),
      },
    }
  }

  function commit(
    kind: Block['kind'],
    requests: Parameters<typeof requestsRoot>[0],
    leaves: readonly ReceiptLeaf[],
  ): Head {
    const height = (current?.height ?? 0) + 1
    lastTime = Math.max(lastTime + 1, now())
    const block: Block = {
      job: group.job,
      height,
      parent,
      time: lastTime,
      kind,
      image: IMAGE,
      code_root: codeRoot,
      requests_root: requestsRoot(requests),
      receipts_root: receiptsRoot(leaves),
      state_root: rootOf(state),
    }
    parent = blockHash(domain, block)
    const cert = certify(block)
    certs.set(height, cert)
    current = { height, cert, stateRoot: block.state_root, codeRoot, time: block.time }
    heads.emit('head', current)
    return current
  }

  const head = (): Head => {
    assert(current !== undefined, 'the group starts with a block')
    return current
  }

  function fileOf(path: string): SiteFile | undefined {
    const bytes = files.get(path)
    if (bytes === undefined) return undefined
    return {
      cid: cidFromDigest(CODEC_RAW, hash('sha256', bytes, 'buffer') as Uint8Array as Digest),
      size: bytes.length,
      read: (offset, length) => bytes.subarray(offset, offset + length),
    }
  }

  const group_: HostedGroup = {
    network,
    name,
    group,
    evidence: [],
    head,
    get reads() {
      return reads
    },
    heartbeat: () => void commit('heartbeat', [], []),
    refuseWrites(next) {
      refusal = next
    },
    member(index) {
      const memberName = members[index]
      assert(memberName !== undefined, 'the group has that many members')
      const signer = network.signer(memberName)
      const site: HostedSite = {
        job: group.job,
        name,
        group,
        head: () => current,
        status: (): SiteStatus => ({
          epoch: group.epoch,
          height: head().height,
          view: 3,
          leader: group.members[0] ?? signer.publicKey,
          stateRoot: head().stateRoot,
          state: 'agreeing',
          members: group.members.map((peer, at) => ({
            peer,
            state: at === index ? ('self' as const) : ('connected' as const),
            height: head().height,
          })),
          evidence: group_.evidence,
          counts: {},
          queued: 0,
          viewTimerMs: 2_000,
        }),
        async read(at, job) {
          reads++
          const before = states.get(cidKey(at.stateRoot))
          if (before === undefined) throw new Error('no such state')
          const asked = { time: false, chance: false }
          const values = new Map(before)
          const response = await app(job.request, {
            state: values,
            time: () => {
              asked.time = true
              return at.time
            },
            chance: () => {
              asked.chance = true
              return readSeed(at.stateRoot, job.requestHash, job.nonce)
            },
          })
          const wrote = JSON.stringify([...values]) !== JSON.stringify([...before])
          return { response, fuel: 1, asked, wrote, logs: [] }
        },
        submit(request, body) {
          const ordered = turn.then(async (): Promise<Committed | Refusal> => {
            if (refusal !== undefined) return refusal
            const requestHash = orderedRequestHash(request)
            const values = new Map(state)
            const time = Math.max(lastTime + 1, now())
            const { method, target, headers } = request
            const seed = writeSeed(parent, requestHash, request.salt)
            const response = await app(
              { method, target, headers, body },
              { state: values, time: () => time, chance: () => seed },
            )
            state = values
            const answered = responseHash(response.status, response.headers, bodyRoot(response.body))
            // Two neighbours in the block, so that the path has steps on both sides.
            const neighbour = (text: string): ReceiptLeaf => ({
              requestHash: sha256(bytesFromText(text)),
              responseHash: ZERO_DIGEST,
              fuel: 7,
            })
            const leaf: ReceiptLeaf = { requestHash, responseHash: answered, fuel: 123_456 }
            const leaves = [neighbour('a'), leaf, neighbour('b'), neighbour('c'), neighbour('d')]
            const made = commit('normal', [request], leaves)
            return {
              height: made.height,
              cert: made.cert,
              response,
              requestHash,
              responseHash: answered,
              saltHash: saltHash(request.salt),
              fuel: leaf.fuel,
              index: 1,
              count: leaves.length,
              path: merklePath(leaves.map(receiptLeaf), 1),
            }
          })
          turn = ordered.catch(() => {})
          return ordered
        },
        receipt: (body) => signStatement(domain, 'receipt', signer, body),
        certificate: (height) => certs.get(height),
        file: (stateRoot, path) => (states.has(cidKey(stateRoot)) ? fileOf(path) : undefined),
        logs: ({ limit }) =>
          [{ sequence: 1, level: 'info' as const, text: 'hello', time: head().time }].slice(0, limit),
        onHead(listener) {
          heads.on('head', listener)
          return () => void heads.off('head', listener)
        },
      }
      const sites: HostedSites = {
        byName: (asked) => (asked === name ? site : undefined),
        all: () => [site],
        onChange: () => () => {},
      }
      return { site, sites, signer }
    },
  }
  commit('heartbeat', [], [])
  return group_
}
