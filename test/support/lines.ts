// The site that keeps lines in order, on a group of real seeders: writing to it as a patient visitor does, and what its members show.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { type SeederProcess, type Seeders, type SeedersOptions, startSeeders } from './seeders.ts'
import { until } from './until.ts'

export const SITE = 'lines'
export const LINES = join(import.meta.dirname, '..', 'seeder', 'processes', SITE)
const WRITE_MS = 120_000

/** A group with the site at all its members. */
export async function published(options: SeedersOptions = {}): Promise<Seeders> {
  const seeders = await startSeeders(options)
  try {
    await seeders.publish(LINES)
    for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => agrees(seeder))
  } catch (cause) {
    await seeders[Symbol.asyncDispose]()
    throw cause
  }
  return seeders
}

export async function agrees(seeder: SeederProcess): Promise<boolean> {
  const site = await seeder.site(SITE)
  return site?.origin !== undefined && site.height > 0 && site.state === 'agreeing'
}

export async function linesAt(seeder: SeederProcess): Promise<readonly string[] | undefined> {
  try {
    const answer = await seeder.ask(SITE, '/', { timeoutMs: 5_000 })
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as string[]) : undefined
  } catch {
    return undefined
  }
}

/**
 * One line, through the members in turn from `first` on until one acknowledges it, under one key: it runs once (R9). `refusals`: with what a
 * member may answer that it did not; 504 leaves open whether it was agreed on.
 */
export async function writeLine(
  seeders: Pick<Seeders, 'all'>,
  line: string,
  first: number,
  refusals: readonly number[] = [503, 504],
): Promise<void> {
  const key = randomBytes(16).toString('base64url')
  const end = performance.now() + WRITE_MS
  for (let turn = first; ; turn++) {
    const seeder = seeders.all[turn % seeders.all.length]
    assert.ok(seeder)
    try {
      const headers = { 'idempotency-key': key }
      const answer = await seeder.ask(SITE, '/', { method: 'POST', body: Buffer.from(line), headers })
      if (answer.status === 201) return
      assert.ok(refusals.includes(answer.status), `${answer.status} ${answer.body}`)
    } catch (cause) {
      // It is away just now: the next one is asked.
      if (cause instanceof assert.AssertionError) throw cause
    }
    assert.ok(performance.now() < end, `nobody took ${line}`)
    await pass(50)
  }
}

/** What all of them show, once they show the same. */
export function levelLines(seeders: Pick<Seeders, 'all'>): Promise<readonly string[]> {
  return until('the same lines at every member', async () => {
    const all = await Promise.all(seeders.all.map(linesAt))
    const [one] = all
    return one !== undefined && all.every((lines) => JSON.stringify(lines) === JSON.stringify(one)) ? one : undefined
  })
}

export async function noEvidence(seeders: Pick<Seeders, 'all'>, why = 'a broken machine is no liar'): Promise<void> {
  for (const seeder of seeders.all) {
    const site = await until(`the word of ${seeder.label}`, () => seeder.site(SITE))
    assert.deepEqual(site.evidence, [], `${seeder.label}: ${why}`)
  }
}
