// Scripted clients that believe nobody: an ordered input is done when its answer's evidence holds, whoever gave it, and is tried again at the
// next member, under the same idempotency key, until then. What they held for true is one history, which has to be linearizable.

import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as pass } from 'node:timers/promises'
import type { HttpAnswer } from '#cli/network/http.ts'
import { checkAnswer } from '#protocol/answer/check.ts'
import { evidenceFromHeaders } from '#protocol/answer/evidence.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { blockHash } from '#protocol/message/block.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import { verify } from '#seeder/identity/keys.ts'
import { rawPairs } from '#test/support/edge.ts'
import {
  type CounterInput,
  counter,
  linearize,
  type Operation,
  type RegisterInput,
  register,
} from '#test/support/linearizability.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { SITE } from './group.ts'

const OBJECTS = ['/a', '/b']
/** Tries of one input before its client gives it up: then nobody knows whether it happened. */
const TRIES_MAX = 60
const PAUSE_MS = 50
const ANSWER_MS = 10_000

export type Load = {
  /** Ends it, and waits for the clients. */
  end(): Promise<void>
  /** After the end: every object is read once more, so that what was acknowledged last is missed too when it was lost. */
  lookBack(): Promise<void>
  readonly acknowledged: number
  readonly unanswered: number
  /** Answers that came with evidence which did not hold, by the label of who gave them. */
  readonly refused: ReadonlyMap<string, number>
  /** Different blocks with valid certificates, by height; empty unless more members lie than are borne. */
  readonly forks: ReadonlyMap<number, ReadonlySet<string>>
  /** What is wrong with the history; undefined when nothing is. */
  fault(): string | undefined
}

export type LoadOptions = {
  readonly clients?: number
  /** Who is asked; absent: everybody, liars too. */
  readonly members?: readonly SeederProcess[]
}

export function startLoad(seeders: Seeders, options: LoadOptions = {}): Load {
  const file = seeders.admission.file()
  const job = file.jobs.find(({ name }) => name === SITE)
  assert(job !== undefined, 'the site is in the network file')
  const group = groupOf(job)
  const domain = domainOf(file)
  const counts: Operation<CounterInput, number>[] = []
  const values: Operation<RegisterInput, string>[] = []
  const refused = new Map<string, number>()
  const blocks = new Map<number, Set<string>>()
  const forks = new Map<number, Set<string>>()
  const origins = new Map<SeederProcess, string>()
  let over = false
  let acknowledged = 0
  let unanswered = 0

  const members = (): readonly SeederProcess[] => options.members ?? seeders.all

  /** Whether the group says so. */
  function holds(answer: HttpAnswer, origin: string, path: string, body: Buffer, headers: Record<string, string>) {
    const pairs = rawPairs(answer)
    const evidence = evidenceFromHeaders(pairs)
    if (!evidence.ok) return false
    const asked = {
      job: group.job,
      method: 'POST',
      target: path,
      headers: requestHeaders(Object.entries(headers), origin, SITE),
      bodyHash: sha256(body),
    }
    const given = { status: answer.status, headers: pairs, body: new Uint8Array(answer.body) }
    const checked = checkAnswer(
      { domain, group, now: Date.now(), freshMs: file.settings.idempotency_ms },
      asked,
      { form: 'whole', ...given, at: { origin, siteName: SITE } },
      evidence.value,
      verify,
    )
    if (!checked.ok || checked.value.kind !== 'write') return false
    const { block } = evidence.value.cert
    const known = blocks.get(block.height) ?? new Set()
    blocks.set(block.height, known.add(hexFromBytes(blockHash(domain, block))))
    if (known.size > 1) forks.set(block.height, known)
    return true
  }

  async function ask(
    path: string,
    text: string,
    first: number,
    isOver: () => boolean,
  ): Promise<{ count: number; value: string } | undefined> {
    const body = Buffer.from(text)
    const headers = { 'idempotency-key': randomBytes(16).toString('base64url') }
    for (let turn = first; turn < first + TRIES_MAX && !(isOver() && turn > first); turn++) {
      const all = members()
      const seeder = all[turn % all.length]
      if (seeder === undefined) continue
      try {
        const origin = origins.get(seeder) ?? (await seeder.site(SITE))?.origin
        if (origin === undefined) continue
        origins.set(seeder, origin)
        const answer = await seeder.ask(SITE, path, { method: 'POST', body, headers, timeoutMs: ANSWER_MS })
        if (answer.status === 200) {
          if (holds(answer, origin, path, body, headers)) {
            const [count = '', value = ''] = answer.body.toString().split(' ')
            return { count: Number(count), value }
          }
          refused.set(seeder.label, (refused.get(seeder.label) ?? 0) + 1)
          continue
        }
      } catch {
        // That member is away just now: the next one is asked.
      }
      await pass(PAUSE_MS)
    }
    return undefined
  }

  /** Asks, and notes what came of it. One row holds both objects, so that every answer tells of both. */
  async function operate(
    by: number,
    path: string,
    text: string,
    first: number,
    isOver: () => boolean,
  ): Promise<boolean> {
    const [kind, value = ''] = text.split(' ')
    const calledAt = performance.now()
    const answer = await ask(path, text, first, isOver)
    const returnedAt = answer === undefined ? null : performance.now()
    const common = { key: path, client: by, calledAt, returnedAt }
    const counted: CounterInput = { type: kind === 'add' ? 'add' : 'read' }
    const written: RegisterInput = kind === 'write' ? { type: 'write', value } : { type: 'read' }
    counts.push({ ...common, input: counted, ...(answer === undefined ? {} : { output: answer.count }) })
    values.push({ ...common, input: written, ...(answer === undefined ? {} : { output: answer.value }) })
    return answer !== undefined
  }

  async function visit(client: number): Promise<void> {
    for (let turn = 0; !over; turn++) {
      const path = OBJECTS[randomInt(OBJECTS.length)] ?? '/a'
      const text = ['add', `write ${client}-${turn}`, 'read'][randomInt(3)] ?? 'read'
      if (await operate(client, path, text, client + turn, () => over)) acknowledged++
      else unanswered++
    }
  }

  const clients = Array.from({ length: options.clients ?? 4 }, (_, client) => visit(client))
  return {
    async end() {
      over = true
      await Promise.all(clients)
    },
    async lookBack() {
      for (const path of OBJECTS) assert(await operate(clients.length, path, 'read', 0, () => false), `${path} is read`)
    },
    get acknowledged() {
      return acknowledged
    },
    get unanswered() {
      return unanswered
    },
    refused,
    forks,
    fault() {
      for (const [what, found] of [
        ['counter', linearize(counts, counter)],
        ['register', linearize(values, register)],
      ] as const)
        if (!found.linearizable) return `${what} ${found.key}: ${JSON.stringify(found.stuck.slice(0, 4))}`
      return undefined
    },
  }
}
