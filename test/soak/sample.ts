// What a seeder process takes of its machine at a moment: memory, disk, descriptors, processor time; and how high its site is.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Asked, Said } from '#test/soak/probe.ts'
import type { SeederProcess } from '#test/support/seeders.ts'

const TICKS_PER_SECOND = 100
const ANSWER_MS = 60_000

export type Usage = {
  readonly residentBytes: number
  readonly diskBytes: number
  readonly cpuSeconds: number
  readonly height: number
}

/** After a forced collection; of the worker undefined while none runs. `outside`: buffers and WebAssembly memories. */
export type Alive = {
  readonly mainHeapBytes: number
  readonly mainOutsideBytes: number
  readonly workerHeapBytes: number | undefined
  readonly workerOutsideBytes: number | undefined
}

/** The environment of a seeder that is asked by `aliveOf`. */
export const PROBE = (directory: string): Readonly<Record<string, string>> => ({
  SOAK_PROBE: directory,
  NODE_OPTIONS: `--import=${join(import.meta.dirname, 'probe.ts')}`,
})

/** Makes it collect. `snapshot`: heap snapshots are written to files of that beginning. */
export async function aliveOf(directory: string, pid: number, snapshot?: string): Promise<Alive> {
  const socket = connect(join(directory, String(pid)))
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('it did not answer')))
  socket.write(`${JSON.stringify({ ...(snapshot === undefined ? {} : { snapshot }) } satisfies Asked)}\n`)
  const { threads } = JSON.parse(await text(socket)) as Said
  const [main, worker] = threads
  if (main === undefined) throw new Error('a process has a main thread')
  return {
    mainHeapBytes: main.heapBytes,
    mainOutsideBytes: main.externalBytes + main.wasmBytes,
    workerHeapBytes: worker?.heapBytes,
    workerOutsideBytes: worker && worker.externalBytes + worker.wasmBytes,
  }
}

/** Linux only, as what follows. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Read from /proc. The log is left out: it has its own bound. */
export async function usageOf(seeder: SeederProcess, site: string): Promise<Usage> {
  const proc = `/proc/${seeder.pid}`
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1]
  const stat = readFileSync(`${proc}/stat`, 'utf8')
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  const metrics = await seeder.metrics()
  return {
    residentBytes: Number(resident) * 1024,
    diskBytes: bytesUnder(seeder.ready.dir),
    cpuSeconds: (user + system) / TICKS_PER_SECOND,
    // Before the first block there is none to tell of.
    height: gauge(metrics, `interpeer_site_height{site="${site}"}`) ?? 0,
  }
}

function gauge(metrics: string, name: string): number | undefined {
  const line = metrics.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

function bytesUnder(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.log'))
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
}
