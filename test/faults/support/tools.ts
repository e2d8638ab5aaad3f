// Faults by the kernel itself: system calls that fail, wait or kill (strace), a disk of a few megabytes (tmpfs), limits (prlimit), a wall clock
// that is set (libfaketime). Whoever lacks one of them is told so by a test that fails, never by one that is left out.

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

/** Debian's package of each tool. */
const PACKAGES = { strace: 'strace', prlimit: 'util-linux', mount: 'mount' } as const

export function needs(tool: keyof typeof PACKAGES): void {
  const { error } = spawnSync(tool, ['-V'], { stdio: 'ignore' })
  assert.equal(error, undefined, `this test needs \`${tool}\`: install Debian's package \`${PACKAGES[tool]}\``)
}

const ATTACHED_MS = 10_000

/**
 * Makes system calls of a running process fail or wait until it is disposed of. `inject` is strace's, such as `fdatasync:error=EIO`; the calls
 * of all threads are meant.
 */
export async function straced(seeder: SeederProcess, inject: string): Promise<AsyncDisposable> {
  needs('strace')
  const [calls = ''] = inject.split(':')
  const child: ChildProcess = spawn(
    'strace',
    ['-f', '-p', String(seeder.pid), '-e', `trace=${calls}`, '-e', `inject=${inject}`, '-o', '/dev/null'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let attached = false
  let refused = ''
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (/attached/.test(line)) attached = true
      else refused = line
    })
  await until('strace at the process', () => attached, ATTACHED_MS).catch((cause: Error) => {
    throw new Error(`${cause.message} ${refused}`, { cause })
  })
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT')
      await exited
    },
  }
}

/** A disk of its own, of so many megabytes, at an empty directory; needs root. */
export function smallDisk(directory: string, megabytes: number): Disposable {
  needs('mount')
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'interpeer-test', directory])
  assert.equal(done.status, 0, `this test mounts a tmpfs, which takes root: ${done.stderr}`)
  return { [Symbol.dispose]: () => void spawnSync('umount', ['-l', directory]) }
}

export type DiskFault = 'full' | 'read-only'

/** Makes a disk of its own (`smallDisk`), in which no file is open for writing, one that takes nothing; returns what makes it well. */
export function breakDisk(directory: string, fault: DiskFault): () => void {
  if (fault === 'read-only') {
    const remount = (how: string): void => {
      const done = spawnSync('mount', ['-o', `remount,${how}`, directory])
      assert.equal(done.status, 0, String(done.stderr))
    }
    remount('ro')
    return () => remount('rw')
  }
  const filler = join(directory, 'filler')
  const handle = openSync(filler, 'w')
  try {
    for (;;) writeSync(handle, Buffer.alloc(4_096))
  } catch (cause) {
    assert.equal((cause as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    closeSync(handle)
  }
  return () => rmSync(filler)
}

/** Sets the soft limit of a running process; what of a file lies beyond it cannot be written (EFBIG). */
export function limitFiles(seeder: SeederProcess, bytes: number | 'unlimited'): void {
  needs('prlimit')
  execFileSync('prlimit', ['--pid', String(seeder.pid), `--fsize=${bytes}:unlimited`])
}

/** The environment under which a process has a wall clock as a file says: `+7200`, in seconds; timers stay right. */
export function setClock(file: string): Readonly<Record<string, string>> {
  const folder = readdirSync('/usr/lib')
    .map((each) => `/usr/lib/${each}/faketime/libfaketimeMT.so.1`)
    .find(existsSync)
  assert.ok(folder, "this test needs libfaketime: install Debian's package `libfaketime`")
  return { LD_PRELOAD: folder, FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1', DONT_FAKE_MONOTONIC: '1' }
}
