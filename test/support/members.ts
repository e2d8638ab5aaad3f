// Real members of a group in one process: real peers on loopback, real stores on disk, the real machine; only execution is a
// ledger of lines. No HTTP.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Request } from '#protocol/message/request.ts'
import { nativeSha256 } from '#seeder/agree/body-keeper.ts'
import { answerContent } from '#seeder/agree/content-server.ts'
import type { Member } from '#seeder/agree/driver.ts'
import { createMachine } from '#seeder/agree/machine.ts'
import type { Site } from '#seeder/agree/site.ts'
import { fetchHere } from '#seeder/agree/spread.ts'
import { updateFromBytes } from '#seeder/agree/update.ts'
import { createLog, type Log, type LogLevel, stderrSink } from '#seeder/config/log.ts'
import type { Runtime } from '#seeder/execute/port.ts'
import { openNetworkHolder } from '#seeder/host/network-holder.ts'
import { SiteHost } from '#seeder/host/site-host.ts'
import { startNetwork } from '#seeder/network/node.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { Committed, Refusal } from '#seeder/serve/port.ts'
import type { Store } from '#seeder/store/port.ts'
import { openStore } from '#seeder/store/store.ts'
import { createLedgerRuntime, LEDGER_IMAGE, ledgerOf } from './ledger-runtime.ts'
import { type TestNetwork, testNetwork } from './network.ts'

export const SITE = 'wiki'

export type TestMember = {
  readonly name: string
  readonly peer: PeerName
  readonly store: Store
  readonly network: PeerNetwork
  readonly host: SiteHost
  readonly site: Site
  readonly logged: string[]
  ledger(): string
  write(line: string): Promise<Committed | Refusal>
  stop(): Promise<void>
}

export type MemberWraps = {
  readonly store?: (honest: Store) => Store
  readonly runtime?: (honest: Runtime) => Runtime
  readonly network?: (honest: PeerNetwork) => PeerNetwork
  readonly member?: (honest: Member) => Member
}

export type TestMembers = AsyncDisposable & {
  readonly network: TestNetwork
  readonly directory: string
  /** Those that run, by name. */
  readonly running: ReadonlyMap<string, TestMember>
  /** Starts or restarts one on its own directory. */
  start(name: string, wraps?: MemberWraps): Promise<TestMember>
  get(name: string): TestMember
}

export type TestMembersOptions = {
  readonly names?: readonly string[]
  readonly settings?: Parameters<typeof testNetwork>[0]['settings']
  readonly logLevel?: LogLevel
  /** The time that blocks and requests are of; default: the machine's. */
  readonly wall?: () => number
}

function withImageAndAddresses(network: TestNetwork, addresses: ReadonlyMap<string, readonly string[]>) {
  const { signature: _, ...file } = network.file
  return signNetworkFile(
    {
      ...file,
      image: hexFromBytes(LEDGER_IMAGE),
      peers: file.peers.map((peer) => ({ ...peer, addresses: [...(addresses.get(peer.peer) ?? [])] })),
    },
    network.networkSigner,
  )
}

/** Nothing runs yet; the members find each other as they start. */
export function testMembers(options: TestMembersOptions = {}): TestMembers {
  const { names = ['a', 'b', 'c', 'd'], settings, wall = Date.now } = options
  const directory = mkdtempSync(join(tmpdir(), 'members-'))
  const network = testNetwork({
    sites: [{ name: SITE, members: names, epoch: 0 }],
    settings: { delta_ms: 300, heartbeat_ms: 2_000, ...settings },
  })
  const running = new Map<string, TestMember>()
  const addresses = new Map<string, readonly string[]>()
  const peersOf = () =>
    names.map((name) => ({ peer: network.peer(name), addresses: addresses.get(network.peer(name)) ?? [] }))

  const start = async (name: string, wraps: MemberWraps = {}): Promise<TestMember> => {
    assert(!running.has(name), `${name} does not run yet`)
    const folder = join(directory, name)
    mkdirSync(folder, { recursive: true })
    const given = join(folder, 'given.json')
    writeFileSync(given, JSON.stringify(withImageAndAddresses(network, addresses)))
    const logged: string[] = []
    const log: Log = createLog({
      level: options.logLevel ?? 'debug',
      form: 'text',
      always: { at: name },
      sink: (line) => {
        logged.push(line)
        if (process.env.LOG_MEMBERS !== undefined) stderrSink(line)
      },
    })
    const opened = openStore(join(folder, 'store'))
    const store = wraps.store?.(opened) ?? opened
    const holder = openNetworkHolder({ path: given, keptPath: join(folder, 'network.json') })
    const late: { host?: SiteHost } = {}
    const listen = addresses.get(network.peer(name))?.[0] ?? '/ip4/127.0.0.1/tcp/0'
    const node = await startNetwork({
      signer: network.signer(name),
      listen: [listen],
      now: Date.now,
      chance: Math.random,
      note: log.debug,
      handlers: {
        onMessage: (peer, bytes) => late.host?.receive(peer, bytes),
        onRequest: async (peer, bytes) =>
          late.host === undefined
            ? { ok: false, error: 'starting' }
            : answerContent(
                late.host.contentServer({
                  networkText: () => undefined,
                  onNetworkVersion: () => {},
                  fetchBundle: async (job, update) => {
                    const hosted = late.host?.byJob(job)
                    const read = hosted === undefined ? undefined : updateFromBytes(hosted.rule, update)
                    return hosted !== undefined && read?.ok ? fetchHere(hosted.site.bundles, read.value) : undefined
                  },
                }),
                peer,
                bytes,
              ),
        onLink: (peer, connected) => late.host?.linked(peer, connected),
      },
    })
    addresses.set(network.peer(name), node.addresses())
    const peers = wraps.network?.(node) ?? node
    const runtime = createLedgerRuntime(store.blocks.get)
    const host = new SiteHost({
      signer: network.signer(name),
      holder,
      store,
      runtime: wraps.runtime?.(runtime) ?? runtime,
      network: { ...bound(peers), setKnown: () => peers.setKnown(peersOf()) },
      createMember: (options) => wraps.member?.(createMachine(options)) ?? createMachine(options),
      now: Date.now,
      wall,
      log,
    })
    late.host = host
    await host.start()
    const site = host.all()[0]
    assert(site !== undefined, 'the site is hosted')
    const member: TestMember = {
      name,
      peer: network.peer(name),
      store,
      network: node,
      host,
      site,
      logged,
      ledger: () => ledgerOf(store.blocks.get, site.status().stateRoot),
      write: (line) => site.submit(...testRequest(site.job, line, wall())),
      async stop() {
        running.delete(name)
        await host.stop()
        await node[Symbol.asyncDispose]()
        holder[Symbol.dispose]()
        opened.close()
      },
    }
    running.set(name, member)
    for (const other of running.values()) other.network.setKnown(peersOf())
    return member
  }

  return {
    network,
    directory,
    running,
    start,
    get(name) {
      const member = running.get(name)
      assert(member !== undefined, `${name} runs`)
      return member
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map((member) => member.stop()))
      rmSync(directory, { recursive: true })
    },
  }
}

/** The methods of a network as a plain object, so that some can be replaced. */
export function bound(network: PeerNetwork): PeerNetwork {
  return {
    self: network.self,
    addresses: () => network.addresses(),
    setKnown: (peers) => network.setKnown(peers),
    setWanted: (peers) => network.setWanted(peers),
    send: (peer, bytes) => network.send(peer, bytes),
    request: (peer, bytes, deadlineMs) => network.request(peer, bytes, deadlineMs),
    link: (peer) => network.link(peer),
    connected: () => network.connected(),
    offend: (peer) => network.offend(peer),
    relays: () => network.relays(),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  }
}

function testRequest(job: Digest, line: string, time: number): [Request, Uint8Array] {
  const body = bytesFromText(line)
  return [
    {
      job,
      method: 'POST',
      target: '/lines',
      headers: [['content-type', 'text/plain']],
      body_hash: nativeSha256(body) as Digest,
      body_bytes: body.length,
      salt: randomBytes(16),
      time,
    },
    body,
  ]
}
