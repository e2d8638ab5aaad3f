// A site that is larger than memory should be: so many bytes in files and so many in its database, made on the fly. It is published by the
// command, written to, exported, handed over to an empty member, and imported under another name, on real processes; meanwhile the memory
// of each is watched. The same at any size: a small one runs with the tests, 1 GB and 500 MB with `npm run test:large`.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exchangeStream } from '#cli/network/http.ts'
import { MemoryWatch, type Peaks } from '#test/large/memory.ts'
import { startCommand } from '#test/support/command.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const MEMBERS = 4
const FILE_BYTES = 24 * 2 ** 20
const BLOB_BYTES = 1_000_000
const BLOBS_A_WRITE = 4
/** The slowest that anything may be. */
const BYTES_A_SECOND_MIN = 1_000_000
const START_MS = 90_000

/** What a process may take above what it took before the site came, whatever the site's size. */
export const SEEDER_GROWTH_BYTES_MAX = 320 * 2 ** 20
/** What the command may take. */
export const COMMAND_BYTES_MAX = 320 * 2 ** 20

export type LargeOptions = {
  readonly fileBytes: number
  readonly databaseBytes: number
  readonly note: (text: string) => void
}

export type LargeStep = {
  readonly step: string
  readonly seconds: number
  readonly bytes: number
  /** Of the command. */
  readonly commandPeak: number | undefined
  /** Of the seeder that took the most, and how much that is above what it took before. */
  readonly seederPeak: number
  readonly seederGrowth: number
}

const CONFIG = `{
  "name": "large", "main": "main.js", "assets": { "directory": "public" },
  "d1_databases": [{ "binding": "DB", "migrations_dir": "migrations" }]
}`
const SCRIPT = `export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url)
    if (request.method === 'POST') {
      const insert = () => env.DB.prepare('INSERT INTO blobs (bytes) VALUES (randomblob(${BLOB_BYTES}))')
      await env.DB.batch(Array.from({ length: Number(searchParams.get('blobs')) }, insert))
      return new Response(null, { status: 201 })
    }
    const { results } = await env.DB.prepare('SELECT count(*) AS count, coalesce(sum(length(bytes)), 0) AS bytes FROM blobs').all()
    return Response.json(results[0])
  },
}`

type Shown = { readonly count: number; readonly bytes: number }

/** Throws when anything is not as it was published, or a process takes more memory than the bounds allow. */
export async function runLargeSite(options: LargeOptions): Promise<readonly LargeStep[]> {
  const { fileBytes, databaseBytes, note } = options
  await using seeders = await startSeeders({ count: MEMBERS })
  using memory = new MemoryWatch()
  const watch = (seeder: SeederProcess): void => memory.watch(seeder.label, () => seeder.ready.pid)
  for (const seeder of seeders.all) watch(seeder)
  await until('members at rest', async () =>
    (await Promise.all(seeders.all.map((each) => each.report()))).every(Boolean),
  )
  const before = new Map(memory.take())
  const steps: LargeStep[] = []
  const folder = join(seeders.directory, 'site')
  const sums = writeSite(folder, fileBytes)
  const key = join(seeders.directory, 'uploader.pem')
  const places = ['--network', seeders.networkPath, '--key', key]
  const msFor = (bytes: number): number => START_MS + (bytes / BYTES_A_SECOND_MIN) * 1_000

  const step = async (name: string, bytes: number, work: () => Promise<void>): Promise<void> => {
    memory.take()
    const begin = performance.now()
    await work()
    const seconds = (performance.now() - begin) / 1_000
    const taken = report(name, seconds, bytes, memory.take(), before)
    steps.push(taken)
    note(rowOf(taken))
    assert.ok(taken.seederGrowth <= SEEDER_GROWTH_BYTES_MAX, `${name}: a seeder took ${taken.seederGrowth} bytes more`)
    assert.ok((taken.commandPeak ?? 0) <= COMMAND_BYTES_MAX, `${name}: the command took ${taken.commandPeak} bytes`)
  }
  const command = async (...words: string[]): Promise<readonly Record<string, unknown>[]> => {
    await using running = startCommand(words)
    memory.watch('command', () => running.pid)
    const code = await running.exited
    assert.equal(code, 0, `${words[0]}: ${JSON.stringify(running.events)} ${running.stderr}`)
    return running.events
  }

  await step('publish', fileBytes, async () => void (await command('publish', folder, ...places)))
  rmSync(folder, { recursive: true })
  const blobs = Math.ceil(databaseBytes / BLOB_BYTES)
  await step('write', databaseBytes, () => fill(seeders, blobs))
  const expected: Shown = { count: blobs, bytes: blobs * BLOB_BYTES }

  const archive = join(seeders.directory, 'large.car')
  const whole = fileBytes + databaseBytes
  await step('export', whole, async () => void (await command('export', 'large', '--to', archive, ...places)))
  assert.ok(statSync(archive).size > whole, 'the archive holds files and database')

  const [out, ...stay] = seeders.all
  assert.ok(out !== undefined)
  const joiner = await seeders.start('t1')
  watch(joiner)
  await until(
    'the joiner in the network file',
    () => seeders.admission.file().peers.some(({ peer }) => peer === joiner.ready.peer),
    START_MS,
  )
  before.set(joiner.label, memory.take().get(joiner.label) ?? 0)
  await step('catch up', whole, async () => {
    const replace = ['--replace', out.ready.peer, '--with', joiner.ready.peer]
    await command('members', 'large', ...replace, '--network', seeders.networkPath, '--key', seeders.networkKey)
    await until(
      'the empty member agrees',
      async () => {
        const [own, other] = await Promise.all([joiner.site('large'), stay[0]?.site('large')])
        return own?.state === 'agreeing' && own.epoch === 1 && own.height >= (other?.height ?? 0) - 1
      },
      msFor(whole),
    )
  })
  assert.deepEqual(await shown(joiner, 'large'), expected)
  await step('read of all files at the new member', fileBytes, () => readFiles(joiner, 'large', sums))

  await step('import', whole, async () => void (await command('import', archive, '--name', 'copy', ...places)))
  const hosts = await until(
    'a member of the copy',
    async () => {
      const sites = await Promise.all(
        [...stay, joiner].map(async (each) => ((await each.site('copy'))?.height ? each : undefined)),
      )
      return sites.find((seeder) => seeder !== undefined)
    },
    START_MS,
  )
  assert.deepEqual(await shown(hosts, 'copy'), expected)
  await readFiles(hosts, 'copy', new Map([...sums].slice(-1)))
  return steps
}

/** Returns the SHA-256 of each file by its path. */
function writeSite(folder: string, fileBytes: number): ReadonlyMap<string, string> {
  mkdirSync(join(folder, 'public'), { recursive: true })
  mkdirSync(join(folder, 'migrations'))
  writeFileSync(join(folder, 'interpeer.jsonc'), CONFIG)
  writeFileSync(join(folder, 'main.js'), SCRIPT)
  writeFileSync(
    join(folder, 'migrations', '0001_blobs.sql'),
    'CREATE TABLE blobs (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);',
  )
  const sums = new Map<string, string>()
  for (let left = fileBytes, index = 0; left > 0; left -= FILE_BYTES, index++) {
    const bytes = randomBytes(Math.min(left, FILE_BYTES))
    writeFileSync(join(folder, 'public', `${index}.bin`), bytes)
    sums.set(`/${index}.bin`, createHash('sha256').update(bytes).digest('hex'))
  }
  return sums
}

async function fill(seeders: Seeders, blobs: number): Promise<void> {
  for (let done = 0; done < blobs; done += BLOBS_A_WRITE) {
    const key = randomBytes(16).toString('base64url')
    const count = Math.min(BLOBS_A_WRITE, blobs - done)
    let turn = 0
    await until(
      `blob ${done}`,
      async () => {
        const seeder = seeders.all[turn++ % MEMBERS]
        const options = { method: 'POST', headers: { 'idempotency-key': key } }
        const answer = await seeder?.ask('large', `/?blobs=${count}`, options).catch(() => undefined)
        assert.ok(
          answer === undefined || answer.status === 201 || answer.status === 503 || answer.status === 504,
          `${answer?.status} ${answer?.body}`,
        )
        return answer?.status === 201
      },
      START_MS,
    )
  }
}

async function shown(seeder: SeederProcess, site: string): Promise<Shown> {
  return until(
    `an answer of ${site}`,
    async () => {
      const answer = await seeder.ask(site, '/count').catch(() => undefined)
      return answer?.status === 200 && (JSON.parse(answer.body.toString()) as Shown)
    },
    START_MS,
  )
}

async function readFiles(seeder: SeederProcess, site: string, sums: ReadonlyMap<string, string>): Promise<void> {
  const origin = (await seeder.report())?.sites.find((each) => each.name === site)?.origin
  for (const [path, sum] of sums) {
    const answer = await exchangeStream(`${origin}${path}`)
    const digest = createHash('sha256')
    for await (const piece of answer.body) digest.update(piece)
    assert.deepEqual([answer.status, digest.digest('hex')], [200, sum], path)
  }
}

function report(step: string, seconds: number, bytes: number, peaks: Peaks, before: Peaks): LargeStep {
  let seederPeak = 0
  let seederGrowth = 0
  for (const [label, peak] of peaks) {
    const base = before.get(label)
    if (base === undefined) continue
    seederPeak = Math.max(seederPeak, peak)
    seederGrowth = Math.max(seederGrowth, peak - base)
  }
  return { step, seconds, bytes, commandPeak: peaks.get('command'), seederPeak, seederGrowth }
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

/** A row of the table in docs/BENCHMARKS.md. */
export function rowOf({ step, seconds, bytes, commandPeak, seederPeak, seederGrowth }: LargeStep): string {
  const cells = [
    step,
    mib(bytes),
    seconds.toFixed(1),
    (bytes / 2 ** 20 / seconds).toFixed(1),
    mib(seederPeak),
    mib(seederGrowth),
    commandPeak === undefined ? '' : mib(commandPeak),
  ]
  return `| ${cells.join(' | ')} |`
}

export const TABLE_HEAD = `| step | MiB | seconds | MiB/s | most memory of a seeder, MiB | of it above its rest | of the command |
|---|---:|---:|---:|---:|---:|---:|`
