// `npm run test:hostile`: each attack on the HTTP origin of the real member that leads its group at that moment, or on the gateway, while an honest client of another address
// counts what it gets and when; a line an attack: the honest client's times, the victim's memory and descriptors before, at most, after.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange, type HttpAnswer } from '#cli/network/http.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { assert, err } from '#protocol/codec/result.ts'
import { groupOf } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { type Request, SALT_BYTES } from '#protocol/message/request.ts'
import { INLINE_BODY_BYTES_MAX, wireToBytes } from '#protocol/message/wire.ts'
import { placeAt } from '#seeder/config/place.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'
import { startNetwork } from '#seeder/network/node.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { siteWithFiles } from '#test/support/site-copy.ts'
import { until } from '#test/support/until.ts'
import type { Tally } from './attacks.ts'
import { byPart } from './group.ts'

const SITE = 'objects'
const LARGE_BYTES = 24 * 1024 * 1024
const MEDIUM_BYTES = 512 * 1024
const HONEST_PAUSE_MS = 25
export const HONEST_MS_MAX = 30_000
const SETTLE_MS = 20_000
const READY_MS = 120_000

export type Times = {
  readonly asked: number
  readonly failed: number
  /** What was answered instead, by status and code. */
  readonly failures: Readonly<Record<string, number>>
  readonly p50: number
  readonly p99: number
}
export type Suffered = {
  readonly attack: string
  /** What the honest client got, by what it asked for. */
  readonly honest: Readonly<Record<string, Times>>
  readonly rssBefore: number
  readonly rssMax: number
  readonly rssAfter: number
  readonly descriptorsBefore: number
  readonly descriptorsMax: number
  readonly descriptorsAfter: number
  readonly tally: Tally
}

/** The resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

function timesOf(good: readonly number[], failures: Readonly<Record<string, number>>): Times {
  const sorted = good.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN)
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0)
  return { asked: good.length + failed, failed, failures, p50: at(0.5), p99: at(0.99) }
}

/** Asks again and again until told. */
async function honest(
  ask: () => Promise<HttpAnswer>,
  isRight: (answer: HttpAnswer) => boolean,
  isOver: () => boolean,
): Promise<Times> {
  const good: number[] = []
  const failures: Record<string, number> = {}
  while (!isOver()) {
    const began = performance.now()
    const answer = await ask().catch((cause: Error) => cause)
    if (!(answer instanceof Error) && isRight(answer)) good.push(performance.now() - began)
    else {
      const what = answer instanceof Error ? answer.message : `${answer.status} ${answer.body.toString().slice(0, 80)}`
      failures[what] = (failures[what] ?? 0) + 1
    }
    await pass(HONEST_PAUSE_MS)
  }
  return timesOf(good, failures)
}

/** Who is attacked, and the others, among whom the last is the one that lends its key to an attack. */
export type Victim = {
  readonly victim: SeederProcess
  readonly origin: string
  readonly others: readonly SeederProcess[]
}

/** Who leads as an attack begins: the one without whom the group has to change its view. */
export async function victimOf(group: Seeders): Promise<Victim> {
  return until('the leader with its site', async () => {
    if ((await group.all[0]?.site(SITE)) === undefined) return undefined
    const [victim, ...others] = await byPart(group, SITE)
    const origin = (await victim?.site(SITE))?.origin
    return victim !== undefined && origin !== undefined && { victim, origin, others }
  })
}

/** A group whose site has a large and a medium file beside its script. */
export async function startVictims(): Promise<Seeders> {
  await using stack = new AsyncDisposableStack()
  const copy = stack.use(
    siteWithFiles(join(import.meta.dirname, '..', 'seeder', 'processes', SITE), {
      'large.bin': Buffer.alloc(LARGE_BYTES, 1),
      'medium.txt': Buffer.alloc(MEDIUM_BYTES, 'medium '),
    }),
  )
  const seeders = stack.use(await startSeeders())
  await seeders.publish(copy.folder)
  for (const seeder of seeders.all)
    await until(
      `${SITE} at ${seeder.label}`,
      async () => {
        const site = await seeder.site(SITE)
        return site?.state === 'agreeing' && site.height > 0
      },
      READY_MS,
    )
  const held = stack.move()
  return Object.assign(Object.create(seeders) as Seeders, { [Symbol.asyncDispose]: () => held.disposeAsync() })
}

export type Asks = Readonly<Record<string, () => Promise<HttpAnswer>>>

/** What the process `pid` and an honest client of it go through until `attack` is over. Right is an answer with this status. */
export async function endure(
  pid: number,
  asks: Asks,
  name: string,
  attack: () => Promise<Tally>,
  isRight: (answer: HttpAnswer) => boolean = ({ status }) => status === 200,
): Promise<Suffered> {
  const [rssBefore, descriptorsBefore] = [residentBytes(pid), descriptors(pid)]
  let [rssMax, descriptorsMax] = [rssBefore, descriptorsBefore]
  const watching = setInterval(() => {
    rssMax = Math.max(rssMax, residentBytes(pid))
    descriptorsMax = Math.max(descriptorsMax, descriptors(pid))
  }, 100)
  let over = false
  const isOver = (): boolean => over
  const asked = Promise.all(
    Object.entries(asks).map(async ([what, ask]) => [what, await honest(ask, isRight, isOver)] as const),
  )
  let tally: Tally
  let times: Suffered['honest']
  try {
    tally = await attack().finally(() => {
      over = true
    })
    times = Object.fromEntries(await asked)
  } finally {
    clearInterval(watching)
  }
  await until('its descriptors are back', () => descriptors(pid) <= descriptorsBefore + 8, SETTLE_MS).catch(() => {})
  return {
    attack: name,
    honest: times,
    rssBefore,
    rssMax,
    rssAfter: residentBytes(pid),
    descriptorsBefore,
    descriptorsMax,
    descriptorsAfter: descriptors(pid),
    tally,
  }
}

export function asksOf(origin: string): Asks {
  let turn = 0
  return {
    reads: () => exchange(`${origin}/a?honest=${turn++}`, { timeoutMs: HONEST_MS_MAX }),
    writes: () => exchange(`${origin}/honest`, { method: 'POST', body: Buffer.from('add'), timeoutMs: HONEST_MS_MAX }),
  }
}

/** An attack of this file, of this folder, on an origin. */
export async function attackBy(file: string, attack: string, origin: string, ms: number): Promise<Tally> {
  const { port, host } = new URL(origin)
  const child = spawn(process.execPath, [join(import.meta.dirname, file), attack, port, host, String(ms)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert(code === 0, `the attack ${attack} ran`)
  return JSON.parse(said) as Tally
}

/** An attack of `attacks.ts` on the leader's origin. */
export async function suffer(group: Seeders, attack: string, ms: number): Promise<Suffered> {
  const { victim, origin } = await victimOf(group)
  return endure(victim.pid, asksOf(origin), attack, () => attackBy('attacks.ts', attack, origin, ms))
}

/** An attack of `peer-attacks.ts` on the port on which the leader meets the others. */
export async function sufferAtPeerPort(group: Seeders, attack: string, ms: number): Promise<Suffered> {
  const { victim, origin } = await victimOf(group)
  const peers = group.admission.file().peers
  const [address = ''] = peers.find(({ peer }) => peer === victim.ready.peer)?.addresses ?? []
  const port = /\/tcp\/(\d+)/.exec(address)?.[1]
  assert(port !== undefined, 'the network file says where the victim is met')
  const met = `http://127.0.0.1:${port}`
  return endure(victim.pid, asksOf(origin), attack, () => attackBy('peer-attacks.ts', attack, met, ms))
}

/** A member whose frames were garbage a moment ago is not let in again for half a minute (`seeder/network/node.ts`). */
const LINK_MS = 120_000

/**
 * A member that does not lead becomes one that shares requests with 64 KiB of body, each valid and of its own, with the leader as fast as they are taken.
 * It speaks by its own key, over the product's own wire.
 */
export async function sufferMember(group: Seeders, ms: number): Promise<Suffered> {
  const { victim, origin, others } = await victimOf(group)
  return endure(victim.pid, asksOf(origin), 'a member that shares all that it can', async () => {
    const file = group.admission.file()
    const job = file.jobs.find(({ name }) => name === SITE)
    const flooder = others.at(-1)
    assert(job !== undefined && flooder !== undefined, 'the group is there')
    flooder.kill('SIGKILL')
    await flooder.exited
    const signer = loadOrCreateSigner(placeAt(flooder.ready.dir).keyFile)
    await using network = await startNetwork({
      signer,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      now: Date.now,
      chance: Math.random,
      handlers: { onMessage: () => undefined, onRequest: async () => err('busy'), onLink: () => {} },
    })
    network.setKnown(file.peers.map(({ peer, addresses }) => ({ peer: peer as PeerName, addresses })))
    const leader = victim.ready.peer as PeerName
    network.setWanted(new Set([leader]))
    await until('a link to the leader', () => network.link(leader).connected, LINK_MS)
    const body = new Uint8Array(INLINE_BODY_BYTES_MAX)
    const bodyHash = sha256(body)
    const id = groupOf(job).job
    const tally: Tally = {}
    const end = performance.now() + ms
    for (let salt = 0; performance.now() < end; salt++) {
      const salted = new Uint8Array(SALT_BYTES)
      new DataView(salted.buffer).setUint32(0, salt)
      const request: Request = {
        job: id,
        method: 'POST',
        target: '/flood',
        headers: [],
        body_hash: bodyHash,
        body_bytes: body.length,
        salt: salted,
        time: Date.now(),
      }
      const taken = network.send(leader, bytesConcat(id, wireToBytes({ type: 'request', request, body })))
      const what = taken ? 'sent' : 'held back'
      tally[what] = (tally[what] ?? 0) + 1
      if (!taken || salt % 16 === 0) await pass(1)
    }
    tally.linked = network.link(leader).connected ? 1 : 0
    return tally
  })
}
