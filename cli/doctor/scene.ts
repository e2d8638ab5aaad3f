// What the checks of the doctor look at: the directory of a seeder (if one was named), what its process says (if it runs), the network
// file, and what the gateways and some members answered to one question each. Everything is read; nothing here changes anything.

import { existsSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { loadNetworkFile } from '#cli/admission/server.ts'
import { exchange } from '#cli/network/http.ts'
import type { NetworkFile, NetworkPeer } from '#protocol/directory/network-file.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import type { SeederFacts } from '#seeder/control/facts.ts'
import { loadSigner } from '#seeder/identity/keys.ts'

/** Members asked, those of this seeder's own groups first. */
export const MEMBERS_ASKED_MAX = 16
const ANSWER_MS = 3_000
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const STATUS_PATH = '/.well-known/interpeer/status'

/** One question and what came of it. */
export type Answer = {
  readonly url: string
  /** ms since the epoch, by this machine's clock. */
  readonly sentAt: number
  readonly answeredAt: number
  /** Undefined: nobody answered. */
  readonly status?: number
  /** Why nobody did, for people. */
  readonly problem?: string
  readonly date?: string
  readonly body?: string
}

export type GatewayView = { readonly url: string; readonly answer: Answer }
export type MemberView = {
  readonly peer: string
  readonly http: Answer
  /** It has no address of its own: peers that have relay for it. */
  readonly isRelayed: boolean
  /** Of its libp2p address: undefined when it has none that can be asked, '' when it took the connection, else why not. */
  readonly p2p?: string
}

export type Scene = {
  readonly directory?: string
  readonly networkPath: string
  readonly file?: NetworkFile
  /** Why `file` is missing. */
  readonly fileProblem?: string
  /** The seeder's own key. */
  readonly self?: PeerName
  readonly keyProblem?: string
  /** What its process says of itself; undefined when none answers at the control port. */
  readonly running?: SeederFacts
  readonly controlUrl?: string
  readonly own?: MemberView
  readonly gateways: readonly GatewayView[]
  readonly members: readonly MemberView[]
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused: nothing listens there, or a firewall rejects it (ECONNREFUSED)',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  ETIMEDOUT: 'silent: a firewall drops it, or the machine is off (ETIMEDOUT)',
  EHOSTUNREACH: 'no way to that machine (EHOSTUNREACH)',
  ENETUNREACH: 'no way to that network (ENETUNREACH)',
  ENOTFOUND: 'the name is unknown (ENOTFOUND)',
  EAI_AGAIN: 'the name server does not answer (EAI_AGAIN)',
}

/** An error of a socket as people understand it. */
function reasonOf(message: string): string {
  const code = /\bE[A-Z_]{4,}\b/.exec(message)?.[0]
  if (code !== undefined && REASONS[code] !== undefined) return REASONS[code]
  if (/no answer within|timed? ?out/i.test(message)) return `silent: no answer within ${ANSWER_MS / 1000} s`
  return message
}

export async function ask(url: string): Promise<Answer> {
  const sentAt = Date.now()
  try {
    const { status, headers, body } = await exchange(url, { timeoutMs: ANSWER_MS, maxBytes: ANSWER_BYTES_MAX })
    const { date } = headers
    return {
      url,
      sentAt,
      answeredAt: Date.now(),
      status,
      body: body.toString('utf8'),
      ...(date === undefined ? {} : { date }),
    }
  } catch (cause) {
    return { url, sentAt, answeredAt: Date.now(), problem: reasonOf((cause as Error).message) }
  }
}

/** '' when the port takes a connection, else why not. */
export function knock(host: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = new Socket()
  socket.setTimeout(ANSWER_MS)
  const end = (outcome: string): void => {
    socket.destroy()
    resolve(outcome)
  }
  socket.once('connect', () => end(''))
  socket.once('timeout', () => end(reasonOf('ETIMEDOUT')))
  socket.once('error', (error) => end(reasonOf(error.message)))
  socket.connect(port, host)
  return promise
}

/** Host and port of a TCP multiaddress; undefined for any other. */
function tcpPlace(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(address)
  return match?.[1] === undefined ? undefined : { host: match[1], port: Number(match[2]) }
}

export function jsonOf(answer: Answer): Readonly<Record<string, unknown>> | undefined {
  if (answer.status !== 200 || answer.body === undefined) return undefined
  try {
    const value: unknown = JSON.parse(answer.body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

async function viewOf(peer: string, http: string, addresses: readonly string[]): Promise<MemberView> {
  const [place] = addresses.flatMap((address) => tcpPlace(address) ?? [])
  const [answer, p2p] = await Promise.all([
    ask(`${http}${STATUS_PATH}`),
    place === undefined ? undefined : knock(place.host, place.port),
  ])
  const isRelayed = addresses.length > 0 && addresses.every((address) => address.includes('/p2p-circuit'))
  return { peer, http: answer, isRelayed, ...(p2p === undefined ? {} : { p2p }) }
}

/** Members of the seeder's own groups before others, in the file's order. */
function membersToAsk(file: NetworkFile, self: string | undefined): readonly NetworkPeer[] {
  const mates = new Set(
    file.jobs.filter(({ members }) => self !== undefined && members.includes(self)).flatMap((job) => job.members),
  )
  const others = file.peers.filter(({ peer }) => peer !== self)
  return [...others.filter(({ peer }) => mates.has(peer)), ...others.filter(({ peer }) => !mates.has(peer))].slice(
    0,
    MEMBERS_ASKED_MAX,
  )
}

function controlPortIn(directory: string): number {
  try {
    return Number(
      (JSON.parse(readFileSync(join(directory, 'seeder.json'), 'utf8')) as { controlPort?: number }).controlPort ?? 0,
    )
  } catch {
    return 0
  }
}

/** The seeder whose control port the directory remembers; it may be another's by now. */
export async function runningIn(directory: string): Promise<Pick<Scene, 'running' | 'controlUrl'>> {
  const port = controlPortIn(directory)
  if (port === 0) return {}
  const controlUrl = `http://127.0.0.1:${port}`
  const facts = jsonOf(await ask(`${controlUrl}/status`)) as SeederFacts | undefined
  return typeof facts?.pid === 'number' ? { running: facts, controlUrl } : {}
}

/** Whose directory it is. */
export function keyIn(directory: string): Pick<Scene, 'self' | 'keyProblem'> {
  const path = join(directory, 'key.pem')
  if (!existsSync(path)) return {}
  try {
    return { self: peerName(loadSigner(path).publicKey) }
  } catch (cause) {
    return { keyProblem: (cause as Error).message }
  }
}

/** Asks everybody at once; takes a few seconds at most. */
export async function lookAround(networkPath: string, directory: string | undefined): Promise<Scene> {
  let file: NetworkFile | undefined
  let fileProblem: string | undefined
  try {
    file = loadNetworkFile(networkPath)
  } catch (cause) {
    fileProblem = (cause as Error).message
  }
  const key = directory === undefined ? {} : keyIn(directory)
  const process = directory === undefined ? {} : await runningIn(directory)
  // Another seeder may have taken the port that this one had.
  const running = process.running?.peer === key.self ? process : {}
  const { self } = key
  const entry = file?.peers.find(({ peer }) => peer === self)
  const [own, gateways, members] = await Promise.all([
    entry === undefined ? undefined : viewOf(entry.peer, entry.http, entry.addresses),
    Promise.all((file?.gateways ?? []).map(async (url) => ({ url, answer: await ask(`${url}/bootstrap`) }))),
    Promise.all(
      (file === undefined ? [] : membersToAsk(file, self)).map(({ peer, http, addresses }) =>
        viewOf(peer, http, addresses),
      ),
    ),
  ])
  return {
    networkPath,
    gateways,
    members,
    ...key,
    ...running,
    ...(directory === undefined ? {} : { directory }),
    ...(file === undefined ? {} : { file }),
    ...(fileProblem === undefined ? {} : { fileProblem }),
    ...(own === undefined ? {} : { own }),
  }
}
