// What the system lets a seeder have: file descriptors and memory, of its process when it runs, else of this one.

import { readdirSync, readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import process from 'node:process'
import { bytesText, type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import type { Scene } from '#cli/doctor/scene.ts'

/** Visitors' connections, peers and files of one seeder (seeder/serve/limits.ts) with room to spare. */
const FILES_WANTED = 4_096
const FILES_BAD = 512
const FILES_USED_SHARE = 0.8
const MEMORY_WANTED_BYTES = 512 * 1024 ** 2
const MEMORY_BAD_BYTES = 192 * 1024 ** 2

function openFilesMax(pid: number | 'self'): number | undefined {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]
    return soft === undefined ? undefined : soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft)
  } catch {
    return undefined
  }
}

function openFiles(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return undefined
  }
}

function files(pid: number | undefined): Finding {
  const most = openFilesMax(pid ?? 'self')
  if (most === undefined) {
    const remedy = "`ulimit -n` in the seeder's shell tells; 4096 or more is wanted."
    return trouble('warn', 'limits', 'files', 'this system does not say how many files may be open', remedy)
  }
  const used = pid === undefined ? undefined : openFiles(pid)
  const facts = { max: most, used: used ?? null }
  const found = `${used === undefined ? '' : `${used} of `}${most} files may be open${pid === undefined ? ' (of this shell)' : ''}`
  const remedy = 'Raise it: LimitNOFILE= in the unit, `ulimit -n 65536` in a shell.'
  if (most < FILES_BAD) return trouble('bad', 'limits', 'files', found, remedy, facts)
  if (most < FILES_WANTED || (used ?? 0) > most * FILES_USED_SHARE)
    return trouble('warn', 'limits', 'files', found, remedy, facts)
  return fine('limits', 'files', found, facts)
}

function memory(scene: Scene): Finding {
  const bound = process.constrainedMemory()
  const total = bound > 0 && bound < totalmem() ? bound : totalmem()
  const available = process.availableMemory()
  const resident = scene.running?.memory.residentBytes
  const facts = { totalBytes: total, availableBytes: available, freeBytes: freemem(), residentBytes: resident ?? null }
  const found = `${bytesText(available)} available of ${bytesText(total)}${resident === undefined ? '' : `; the seeder takes ${bytesText(resident)}`}`
  const remedy = 'End something else, give the machine more, or bound the seeder with --memory and MemoryMax=.'
  // What runs already has its share.
  const room = available + (resident ?? 0)
  if (room < MEMORY_BAD_BYTES) return trouble('bad', 'limits', 'memory', found, remedy, facts)
  return room < MEMORY_WANTED_BYTES
    ? trouble('warn', 'limits', 'memory', found, remedy, facts)
    : fine('limits', 'memory', found, facts)
}

export function checkLimits(scene: Scene): readonly Finding[] {
  return [files(scene.running?.pid), memory(scene)]
}
