// §5 Consistency, on real processes: clients add, write and read at once through all members while members are killed and stopped, every input
// under an idempotency key of its own, tried again until it is answered. The history of each object is linearizable; a GET at a member never
// shows less than an earlier one there, nor less than what that member has acknowledged.

import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import {
  type CounterInput,
  counter,
  linearize,
  type Operation,
  type RegisterInput,
  register,
} from '#test/support/linearizability.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'objects'
const CLIENTS = 6
const OBJECTS = ['/a', '/b']
const CHAOS_MS = 15_000
/** Tries of one input before its client gives it up: then nobody knows whether it happened. */
const TRIES_MAX = 40

type Glance = {
  readonly member: string
  readonly path: string
  readonly calledAt: number
  readonly returnedAt: number
  readonly count: number
}

class Recorder {
  readonly counts: Operation<CounterInput, number>[] = []
  readonly values: Operation<RegisterInput, string>[] = []
  readonly glances: Glance[] = []
  readonly acknowledged: {
    readonly member: string
    readonly path: string
    readonly at: number
    readonly count: number
  }[] = []
}

/** One input, through the members in turn until one answers it; undefined: nobody did. */
async function ask(seeders: Seeders, path: string, body: string, first: number) {
  const key = randomBytes(16).toString('base64url')
  for (let turn = first; turn < first + TRIES_MAX; turn++) {
    const seeder = seeders.all[turn % seeders.all.length]
    try {
      const options = {
        method: 'POST',
        body: Buffer.from(body),
        headers: { 'idempotency-key': key },
        timeoutMs: 10_000,
      }
      const answer = await seeder?.ask(SITE, path, options)
      if (answer?.status === 200) {
        const [count = '', value = ''] = answer.body.toString().split(' ')
        return { member: seeder?.label ?? '', count: Number(count), value }
      }
    } catch {
      // That member is away just now: the next one is asked.
    }
    await pass(50)
  }
  return undefined
}

async function visit(seeders: Seeders, recorder: Recorder, client: number, isOver: () => boolean): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    const path = OBJECTS[randomInt(OBJECTS.length)] ?? '/a'
    const kind = randomInt(4)
    const value = `${client}-${turn}`
    const calledAt = performance.now()
    if (kind === 3) {
      const seeder = seeders.all[randomInt(seeders.all.length)]
      const answer = await seeder?.ask(SITE, path, { timeoutMs: 2_000 }).catch(() => undefined)
      const returnedAt = performance.now()
      if (seeder === undefined || answer?.status !== 200) continue
      const count = Number(answer.body.toString().split(' ')[0])
      recorder.glances.push({ member: seeder.label, path, calledAt, returnedAt, count })
      continue
    }
    const body = kind === 0 ? 'add' : kind === 1 ? `write ${value}` : 'read'
    const answer = await ask(seeders, path, body, client + turn)
    const returnedAt = answer === undefined ? null : performance.now()
    const common = { key: path, client, calledAt, returnedAt }
    // One row holds both objects, so that every answer tells of both.
    const counted: CounterInput = { type: kind === 0 ? 'add' : 'read' }
    recorder.counts.push({ ...common, input: counted, ...(answer === undefined ? {} : { output: answer.count }) })
    const written: RegisterInput = kind === 1 ? { type: 'write', value } : { type: 'read' }
    recorder.values.push({ ...common, input: written, ...(answer === undefined ? {} : { output: answer.value }) })
    if (answer !== undefined && returnedAt !== null)
      recorder.acknowledged.push({ member: answer.member, path, at: returnedAt, count: answer.count })
  }
}

async function disturb(seeders: Seeders): Promise<string> {
  const victim = seeders.all[randomInt(seeders.all.length)]
  assert.ok(victim)
  if (randomInt(3) === 0) {
    victim.kill('SIGSTOP')
    await pass(2_000)
    victim.kill('SIGCONT')
    return `stopped ${victim.label}`
  }
  victim.kill('SIGKILL')
  await seeders.restart(victim)
  return `killed ${victim.label}`
}

test('§5 the history of concurrent clients is linearizable while members are killed and stopped', async (context) => {
  await using seeders = await startSeeders()
  await seeders.publish(join(import.meta.dirname, 'objects'))
  for (const seeder of seeders.all)
    await until(`${SITE} at ${seeder.label}`, async () => (await seeder.site(SITE))?.state === 'agreeing')
  const recorder = new Recorder()
  const disturbances: string[] = []
  let over = false
  const clients = Array.from({ length: CLIENTS }, (_, client) => visit(seeders, recorder, client, () => over))
  const end = performance.now() + CHAOS_MS
  while (performance.now() < end) {
    await pass(1_000 + randomInt(2_000))
    disturbances.push(await disturb(seeders))
  }
  over = true
  await Promise.all(clients)
  const told = disturbances.join(', ')

  const counts = linearize(recorder.counts, counter)
  assert.deepEqual(counts.linearizable ? [] : { stuck: counts.stuck, after: counts.longest.slice(-5) }, [], told)
  const values = linearize(recorder.values, register)
  assert.deepEqual(values.linearizable ? [] : { stuck: values.stuck, after: values.longest.slice(-5) }, [], told)
  for (const glance of recorder.glances) {
    const here = ({ member, path }: { member: string; path: string }) =>
      member === glance.member && path === glance.path
    const earlier = recorder.glances.filter((each) => here(each) && each.returnedAt < glance.calledAt)
    const own = recorder.acknowledged.filter((each) => here(each) && each.at < glance.calledAt)
    const least = Math.max(0, ...[...earlier, ...own].map(({ count }) => count))
    assert.ok(
      glance.count >= least,
      `${glance.member} shows ${glance.count} at ${glance.path} after ${least} (${told})`,
    )
  }
  const unanswered = recorder.counts.filter(({ returnedAt }) => returnedAt === null).length
  const ordered = recorder.counts.length
  assert.ok(ordered > 30, `only ${ordered} inputs in ${CHAOS_MS} ms`)
  context.diagnostic(
    `${ordered} ordered inputs (${unanswered} never answered), ${recorder.glances.length} reads, ${counts.tried + values.tried} orders tried; ${told}`,
  )
})
