// Bytes of a member's disk change under real processes: what it serves is always what the group agreed on, blocks come back from the
// others, and what cannot be healed is said (`degraded`), not guessed.

import assert from 'node:assert/strict'
import { hash, randomBytes, randomInt } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ASIDE_SUFFIX } from '#seeder/config/lost-store.ts'
import { STORE_FILE } from '#seeder/store/store.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'lines'
const HEALED_MS = 60_000

const storeOf = (seeders: Seeders, { label }: SeederProcess): string =>
  join(seeders.directory, label, 'store', STORE_FILE)

/** Adds a line by any member but `not`. */
async function write(seeders: Seeders, line: string, not?: SeederProcess): Promise<void> {
  const key = randomBytes(16).toString('base64url')
  const options = { method: 'POST', body: Buffer.from(line), headers: { 'idempotency-key': key } }
  let turn = 0
  await until(
    `${line} is written`,
    async () => {
      const seeder = seeders.all.filter(({ label }) => label !== not?.label)[turn++ % 3]
      return (await seeder?.ask(SITE, '/', options).catch(() => undefined))?.status === 201
    },
    HEALED_MS,
  )
}

async function linesOf(seeder: SeederProcess): Promise<readonly string[] | undefined> {
  try {
    const answer = await seeder.ask(SITE, '/')
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as string[]) : undefined
  } catch {
    return undefined
  }
}

function change(path: string, offset: number): void {
  const handle = openSync(path, 'r+')
  try {
    const byte = readFileSync(path).subarray(offset, offset + 1)
    writeSync(handle, Buffer.from([(byte[0] ?? 0) ^ (1 + randomInt(255))]), 0, 1, offset)
  } finally {
    closeSync(handle)
  }
}

/** Stops a member, changes its store, starts it again while the others go on; whatever it shows meanwhile is a beginning of what was agreed. */
async function damaged(
  seeders: Seeders,
  label: string,
  disturb: (path: string) => void,
  lines: string[],
): Promise<SeederProcess> {
  const victim = seeders.all.find((each) => each.label === label)
  assert.ok(victim !== undefined)
  victim.kill('SIGTERM')
  await victim.exited
  disturb(storeOf(seeders, victim))
  const again = await seeders.restart(victim)
  const line = `after ${label} ${lines.length}`
  await write(seeders, line, again)
  lines.push(line)
  await until(
    `${label} shows what the others do`,
    async () => {
      const shown = await linesOf(again)
      if (shown === undefined) return false
      assert.deepEqual(shown, lines.slice(0, shown.length), 'never anything else than what was agreed')
      return shown.length === lines.length
    },
    HEALED_MS,
  )
  return again
}

test('a store whose bytes changed while its member was down: healed from the others, or set aside and said so', async () => {
  await using seeders = await startSeeders()
  await seeders.publish(join(import.meta.dirname, 'lines'))
  const lines: string[] = []
  for (let count = 0; count < 12; count++) {
    await write(seeders, `line ${count}`)
    lines.push(`line ${count}`)
  }
  // All of it happens to one member: who took a state over votes on no requests for two minutes (R9), and the others are a quorum.
  // Bodies of blocks: everything that the state says.
  const bodies = await damaged(
    seeders,
    's2',
    (path) => {
      const database = new DatabaseSync(path)
      const ids = database.prepare('SELECT id, length(bytes) AS size FROM bodies WHERE length(bytes) > 100').all()
      for (const { id, size } of ids) {
        const at = randomInt(Number(size))
        const bytes = database.prepare('SELECT bytes FROM bodies WHERE id = ?').get(id ?? 0)?.bytes as Uint8Array
        bytes[at] = (bytes[at] ?? 0) ^ 1
        database.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(bytes, id ?? 0)
      }
      database.close()
    },
    lines,
  )
  await until(
    'votes were whole: it votes once its blocks are back',
    async () => {
      const site = await bodies.site(SITE)
      return site !== undefined && site.degraded === undefined
    },
    HEALED_MS,
  )
  // The row that holds votes back.
  const votes = await damaged(
    seeders,
    's2',
    (path) => {
      const database = new DatabaseSync(path)
      const record = database.prepare('SELECT record FROM votes').get()?.record as Uint8Array
      database.close()
      const at = readFileSync(path).indexOf(Buffer.from(record).subarray(0, 64))
      assert.ok(at > 0, 'the record is found in the file')
      change(path, at + randomInt(64))
    },
    lines,
  )
  const site = await votes.site(SITE)
  assert.deepEqual([site?.state, site?.degraded], ['degraded', 'votes_lost'])
  // The pages themselves.
  const pages = await damaged(
    seeders,
    's2',
    (path) => {
      for (let page = 1; page < 6; page++) change(path, page * 8_192 + randomInt(12))
    },
    lines,
  )
  assert.ok(existsSync(`${storeOf(seeders, pages)}${ASIDE_SUFFIX}`), 'the damaged store is kept aside')
  assert.match(readFileSync(join(seeders.directory, 's2', 'stderr.log'), 'utf8'), /store_damaged/)
  assert.equal((await pages.site(SITE))?.degraded, 'votes_lost')
  for (const seeder of seeders.all) assert.deepEqual((await seeder.site(SITE))?.evidence, [], 'damage makes no liar')
})

test('a file whose bytes change on the disk of a running member is never served in part wrong, and comes back from the others', async () => {
  const bytes = randomBytes(14 * 1024 * 1024)
  const wanted = hash('sha256', bytes, 'hex')
  await using seeders = await startSeeders()
  const folder = join(seeders.directory, 'files')
  mkdirSync(join(folder, 'public'), { recursive: true })
  writeFileSync(join(folder, 'interpeer.jsonc'), '{ "name": "files", "assets": { "directory": "public" } }')
  writeFileSync(join(folder, 'public', 'large.bin'), bytes)
  await seeders.publish(folder)
  const [member] = seeders.all
  assert.ok(member !== undefined)
  const served = async (): Promise<string | undefined> => {
    try {
      const answer = await member.ask('files', '/large.bin')
      return answer.status === 200 ? hash('sha256', answer.body, 'hex') : undefined
    } catch {
      return undefined
    }
  }
  await until('the file', async () => (await served()) === wanted, HEALED_MS)
  const path = storeOf(seeders, member)
  const database = new DatabaseSync(path)
  database.exec('PRAGMA wal_checkpoint(PASSIVE)')
  database.close()
  const onDisk = readFileSync(path)
  let changed = 0
  for (let piece = 0; piece < 20; piece++) {
    const at = onDisk.indexOf(bytes.subarray(piece * 700_000, piece * 700_000 + 48))
    if (at < 0) continue
    change(path, at + randomInt(48))
    changed++
  }
  assert.ok(changed > 10, `${changed} places were found on disk`)
  let noticed = false
  await until(
    'the file, whole again',
    async () => {
      const shown = await served()
      assert.ok(shown === undefined || shown === wanted, 'never other bytes')
      noticed ||= readFileSync(join(seeders.directory, member.label, 'stderr.log'), 'utf8').includes('block_damaged')
      return noticed && shown === wanted
    },
    HEALED_MS,
  )
  const again = await until('healed on disk', async () => {
    const text = readFileSync(join(seeders.directory, member.label, 'stderr.log'), 'utf8')
    return text.includes('state_is_whole') && (await served())
  })
  assert.equal(again, wanted)
})
