// The disk under a seeder's directory: room, whether what is written is there, how long that takes, who holds it, how its key lies there.
//
// The one thing that is written is a file of a few bytes whose name is gone before its bytes come: nothing is left, even by a SIGKILL.

import { closeSync, fsyncSync, openSync, readFileSync, statfsSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { median } from '#cli/doctor/clock.ts'
import { bytesText, type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import type { Scene } from '#cli/doctor/scene.ts'

const FREE_WARN_BYTES = 1024 ** 3
const FREE_BAD_BYTES = 128 * 1024 ** 2
const INODES_WARN = 1_000
const FSYNCS = 5
const FSYNC_BYTES = 4_096
/** A vote is one fsync: slower than this and the member is the group's last. */
const FSYNC_WARN_MS = 50
const FSYNC_BAD_MS = 1_000

function freeSpace(directory: string): Finding {
  const { bavail, bsize, ffree, files } = statfsSync(directory)
  const free = bavail * bsize
  const facts = { freeBytes: free, freeInodes: ffree }
  const remedy = 'Free some, give the seeder a larger disk, or bound what it takes with --disk.'
  if (free < FREE_BAD_BYTES)
    return trouble(
      'bad',
      'disk',
      'free_space',
      `${bytesText(free)} free: a seeder that cannot write stops voting`,
      remedy,
      facts,
    )
  if (free < FREE_WARN_BYTES) return trouble('warn', 'disk', 'free_space', `${bytesText(free)} free`, remedy, facts)
  if (files > 0 && ffree < INODES_WARN)
    return trouble('warn', 'disk', 'free_space', `only ${ffree} more files can be made`, remedy, facts)
  return fine('disk', 'free_space', `${bytesText(free)} free`, facts)
}

/** ms of each of some small durable writes; throws what the disk throws. */
function timeFsyncs(directory: string): readonly number[] {
  const path = join(directory, `.doctor-${process.pid}`)
  const handle = openSync(path, 'wx', 0o600)
  try {
    unlinkSync(path)
    return Array.from({ length: FSYNCS }, () => {
      const began = performance.now()
      writeFileSync(handle, Buffer.alloc(FSYNC_BYTES))
      fsyncSync(handle)
      return performance.now() - began
    })
  } finally {
    closeSync(handle)
  }
}

function durableWrites(directory: string): Finding {
  let times: readonly number[]
  try {
    times = timeFsyncs(directory)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const remedy =
      code === 'EROFS'
        ? 'The file system is mounted read-only: see `dmesg` for why, then remount it.'
        : code === 'EACCES' || code === 'EPERM'
          ? `Run this as the seeder's user, or give ${directory} to it.`
          : 'See `dmesg` for errors of the disk; a seeder on it keeps serving and stops voting.'
    return trouble('bad', 'disk', 'fsync', `nothing can be written durably: ${message}`, remedy, {
      error: code ?? 'unknown',
    })
  }
  const typical = median(times) ?? 0
  const facts = { medianMs: Math.round(typical * 1000) / 1000, worstMs: Math.round(Math.max(...times) * 1000) / 1000 }
  const found = `a durable write takes ${typical.toFixed(1)} ms (at worst ${Math.max(...times).toFixed(1)} ms)`
  const remedy = 'Put the directory on an SSD that does not share its time; each vote is one such write.'
  if (typical > FSYNC_BAD_MS) return trouble('bad', 'disk', 'fsync', found, remedy, facts)
  return typical > FSYNC_WARN_MS
    ? trouble('warn', 'disk', 'fsync', found, remedy, facts)
    : fine('disk', 'fsync', found, facts)
}

/** Who holds the kernel's lock on the file, as Linux tells everybody; asking by trying would take it from a seeder that starts. */
function lockHolder(directory: string): number | undefined {
  try {
    const { ino } = statSync(join(directory, 'store', 'lock'))
    const line = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .find((each) => each.split(/\s+/).some((word) => word.endsWith(`:${ino}`)))
    const pid = line?.split(/\s+/)[4]
    return pid === undefined ? undefined : Number(pid)
  } catch {
    return undefined
  }
}

function lock(scene: Scene, directory: string): Finding {
  const holder = lockHolder(directory)
  if (scene.running !== undefined)
    return fine('disk', 'lock', `held by the seeder that runs (process ${scene.running.pid})`, {
      pid: scene.running.pid,
    })
  if (holder === undefined) return fine('disk', 'lock', 'free: no seeder runs here', { pid: null })
  const remedy = `See what it does (\`ps ${holder}\`, its log): it holds the directory and answers at no control port. It may be starting or stopping.`
  return trouble('warn', 'disk', 'lock', `held by process ${holder}, which does not answer`, remedy, { pid: holder })
}

function keyFile(scene: Scene, directory: string): Finding {
  if (scene.keyProblem !== undefined)
    return trouble(
      'bad',
      'disk',
      'key',
      scene.keyProblem,
      'A seeder does not start with this key: put its backup in place, mode 600.',
    )
  if (scene.self === undefined)
    return trouble(
      'warn',
      'disk',
      'key',
      `no key in ${directory}`,
      'The first start of a seeder makes one; in the directory of an older seeder, put the backup back first.',
    )
  return fine('disk', 'key', `readable by its owner alone; peer ${scene.self.slice(0, 12)}…`, { peer: scene.self })
}

export function checkDisk(scene: Scene): readonly Finding[] {
  const { directory } = scene
  if (directory === undefined) return []
  return [freeSpace(directory), durableWrites(directory), lock(scene, directory), keyFile(scene, directory)]
}
