// Faults of a machine, rehearsed: a seeder of the `local` profile can be told, by a file that is looked at again and again, that its
// disk is full, read-only, slow or fails to sync, that its clock is wrong, and to end at its N-th persist point.
//
//   {"disk": "full" | "read_only" | "fsync" | "slow", "slowMs": 800, "aheadMs": 7200000, "behindMs": 0,
//    "kill": {"point": 7, "of": "start" | "now", "when": "before" | "after", "by": "seeder/agree/site"}}
//
// A persist point is a moment at which something becomes durable: each COMMIT of the store, each file that is written whole, the
// key. Every one is noted in `<file>.points`: its number since the start and who asked for it. What the kernel itself does when a disk
// fails is not rehearsed here: `npm run test:faults` has that.

import { openSync, readFileSync, statSync, writeSync } from 'node:fs'
import process from 'node:process'
import { object, oneOf, optional, readShape, type Shaped, text, uint } from '#protocol/codec/shape.ts'
import type { PersistPoints } from '#seeder/store/points.ts'

const CLOCK_MS_MAX = 365 * 24 * 3_600_000
const SLOW_MS_MAX = 60_000
const POINTS_MAX = 1_000_000
const FILE_BYTES_MAX = 4_096
const BY_LENGTH_MAX = 64

const faultsShape = object({
  disk: optional(oneOf('full', 'read_only', 'fsync', 'slow')),
  slowMs: optional(uint(SLOW_MS_MAX)),
  aheadMs: optional(uint(CLOCK_MS_MAX)),
  behindMs: optional(uint(CLOCK_MS_MAX)),
  /** `point` counts from the start of the process, or from when this was read; `by`: those alone for which this asked, from when it was read. */
  kill: optional(
    object({
      point: uint(POINTS_MAX),
      of: oneOf('start', 'now'),
      when: oneOf('before', 'after'),
      by: optional(text(BY_LENGTH_MAX)),
    }),
  ),
})
type FaultsFile = Shaped<typeof faultsShape>

/** What `node:sqlite` throws when the system says this (SQLite's extended result codes). */
const DISK_ERRORS = {
  full: { errcode: 13, message: 'database or disk is full' },
  read_only: { errcode: 8, message: 'attempt to write a readonly database' },
  fsync: { errcode: 1034, message: 'disk I/O error' },
} as const

export type Faults = {
  readonly points: PersistPoints
  /** A wall clock, as wrong as the file says. */
  readonly wall: () => number
}

/** Nothing fails while there is no such file, or none that can be read. */
export function rehearsedFaults(path: string, wall: () => number = Date.now): Faults {
  // Once: descriptors may be what the machine runs out of.
  const noted = openSync(`${path}.points`, 'a')
  let stamp = ''
  let present: FaultsFile = {}
  let count = 0
  let countThen = 0
  /** Of those that `by` means; whether the last point is one of them. */
  let countBy = 0
  let isMeant = false

  const look = (): FaultsFile => {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true })
    const isRead = found?.isFile() === true && found.size <= FILE_BYTES_MAX
    const seen = isRead ? `${found.ino} ${found.mtimeNs}` : ''
    if (seen === stamp) return present
    stamp = seen
    countThen = count
    countBy = 0
    present = {}
    try {
      const shaped = seen === '' ? undefined : readShape(faultsShape, JSON.parse(readFileSync(path, 'utf8')))
      if (shaped?.ok) present = shaped.value
    } catch {
      // It is being written just now.
      stamp = ''
    }
    return present
  }

  const endAt = (when: 'before' | 'after'): void => {
    const { kill } = present
    if (kill?.by !== undefined && !isMeant) return
    const at = kill?.by !== undefined ? countBy : kill?.of === 'now' ? count - countThen : count
    if (kill?.point === at && kill.when === when) process.kill(process.pid, 'SIGKILL')
  }

  return {
    points: {
      before(synced) {
        const { disk, slowMs = 0, kill } = look()
        const who = callers()
        count++
        isMeant = kill?.by !== undefined && who.startsWith(kill.by)
        if (isMeant) countBy++
        writeSync(noted, `${count} ${who}\n`)
        endAt('before')
        if (disk === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slowMs)
        else if (disk !== undefined && (disk !== 'fsync' || synced)) throw diskError(disk)
      },
      after: () => endAt('after'),
    },
    wall() {
      const { aheadMs = 0, behindMs = 0 } = look()
      return wall() + aheadMs - behindMs
    },
  }
}

function diskError(disk: keyof typeof DISK_ERRORS): Error {
  const { errcode, message } = DISK_ERRORS[disk]
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
}

const FRAME = /at (?:async )?(?:new )?(?:(\S+) \()?.*\/(seeder\/[\w/-]+)\.ts:/
const OWN_FRAMES = /^seeder\/(config\/(faults|place)|store\/(database|store|records))$/

/** Who asked for what becomes durable here: the first function outside what keeps it. */
function callers(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 24
  const { stack = '' } = new Error('here')
  Error.stackTraceLimit = limit
  for (const line of stack.split('\n').slice(2)) {
    const [, name, file = ''] = FRAME.exec(line) ?? []
    if (file !== '' && !OWN_FRAMES.test(file)) return `${file} ${name ?? 'anonymous'}`
  }
  return 'unknown'
}
