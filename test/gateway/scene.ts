// A gateway in this process: the same app that workerd runs, with a clock that the test turns and a store in memory.

import { createApp } from '#gateway/app.ts'
import {
  asyncSigner,
  createGateway,
  type EvidenceJudge,
  type Gateway,
  type GatewayConfig,
  type GatewayPorts,
} from '#gateway/gateway.ts'
import { hotAnswer } from '#gateway/hot.ts'
import { carryNetwork } from '#gateway/network/carry.ts'
import { refill } from '#gateway/store/refill.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { assert, err } from '#protocol/codec/result.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Register } from '#protocol/message/statement.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type MemoryStore, memoryStore } from '#test/support/gateway-store.ts'
import {
  registrationBytes,
  signerNamed,
  signRegistration,
  type TestNetwork,
  type TestRegistration,
  testNetwork,
} from '#test/support/network.ts'

export const GATEWAY_URL = 'https://gateway.example'
export const START = 1_800_000_000_000
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']

export type Scene = {
  readonly gateway: Gateway
  readonly network: TestNetwork
  readonly store: MemoryStore
  readonly clock: { now: number }
  /** Any request, as workerd hands it over: the hot path first, then the router. A path, or an address of another host. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** Signs and sends. */
  register(by: string, options?: Partial<TestRegistration>): Promise<Response>
  send(registration: Signed<Register>): Promise<Response>
  /** Another life of the gateway on the same store: a restart, or a second isolate. */
  again(): Promise<Scene>
}

export type SceneOptions = {
  readonly network?: TestNetwork
  readonly judge?: EvidenceJudge
  /** By whom the limit counts; false: too often. */
  readonly limit?: (key: string) => boolean
  readonly store?: MemoryStore
  readonly tunnels?: Tunnels
  readonly clock?: { now: number }
  /** In place of chance without a surprise, and of visitors and members of whom no place is known. */
  readonly ports?: Partial<Pick<GatewayPorts, 'probe' | 'random' | 'visitorPlace'>>
  /** What whoever runs it chose beside its address and its network. */
  readonly config?: Omit<Partial<GatewayConfig>, 'publicUrl' | 'networkKey'>
}

export function wikiNetwork(): TestNetwork {
  return testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }], peers: ['eve'], gateways: [GATEWAY_URL] })
}

export function originOf(peer: string): string {
  return `http://wiki.${peer}.localhost:8080`
}

export async function scene(options: SceneOptions = {}): Promise<Scene> {
  const { network = wikiNetwork(), store = memoryStore(), clock = { now: START } } = options
  const gateway = createGateway(
    {
      publicUrl: GATEWAY_URL,
      networkKey: network.file.network_key,
      ...options.config,
    },
    {
      store,
      now: () => clock.now,
      verify: async (...check) => verify(...check),
      signer: async () => asyncSigner(signerNamed('gateway')),
      judge: options.judge ?? (async () => err({ code: 'unknown_kind' })),
      placeOf: (request) => request.headers.get('cf-ipcountry') ?? undefined,
      addressOf: (request) => request.headers.get('cf-connecting-ip') ?? undefined,
      registerLimit: async (key) => options.limit?.(key) ?? true,
      carryLimit: async (key) => options.limit?.(key) ?? true,
      ...(options.tunnels === undefined ? {} : { tunnels: options.tunnels }),
      random: (bytes) => new Uint8Array(bytes),
      log: () => {},
      ...options.ports,
    },
  )
  await refill(gateway)
  if (gateway.network === undefined) {
    const taken = await carryNetwork(gateway, network.text)
    assert(taken.ok, 'the scene begins with its network file')
  }
  const app = createApp(gateway)
  const ask = async (path: string, init?: RequestInit): Promise<Response> => {
    const request = new Request(path.startsWith('/') ? `${GATEWAY_URL}${path}` : path, init)
    return hotAnswer(gateway, request, clock.now) ?? (await app.request(request))
  }
  const send = (registration: Signed<Register>): Promise<Response> =>
    ask('/register', { method: 'POST', body: registrationBytes(registration) as Uint8Array<ArrayBuffer> })
  return {
    gateway,
    network,
    store,
    clock,
    ask,
    send,
    register: (by, changes) =>
      send(
        signRegistration(network, by, {
          gateway: GATEWAY_URL,
          time: clock.now,
          sites: { wiki: originOf(by) },
          sees: MEMBERS.filter((other) => other !== by),
          ...changes,
        }),
      ),
    again: () => scene({ ...options, network, store, clock }),
  }
}

export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}

/** Peers that `count` visits to a path are sent to, in order. */
export async function visits(at: Scene, count: number): Promise<string[]> {
  const hosts: string[] = []
  for (let visit = 0; visit < count; visit++) {
    const location = (await at.ask('/wiki/')).headers.get('location')
    hosts.push(location === null ? 'nobody' : (new URL(location).hostname.split('.')[1] ?? ''))
  }
  return hosts
}
