// What a seeder process takes of its machine at a moment: memory, disk, descriptors, processor time; and how high its site is.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SeederProcess } from '#test/support/seeders.ts'

const TICKS_PER_SECOND = 100

export type Usage = {
  readonly residentBytes: number
  readonly heapBytes: number
  readonly diskBytes: number
  readonly descriptors: number
  readonly cpuSeconds: number
  readonly height: number
}

/** Linux only: read from /proc. The log is left out: it has its own bound. */
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
    heapBytes: gauge(metrics, 'nodejs_heap_size_used_bytes'),
    diskBytes: bytesUnder(seeder.ready.dir),
    descriptors: readdirSync(`${proc}/fd`).length,
    cpuSeconds: (user + system) / TICKS_PER_SECOND,
    height: gauge(metrics, `interpeer_site_height{site="${site}"}`),
  }
}

function gauge(metrics: string, name: string): number {
  const line = metrics.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? Number.NaN)
}

function bytesUnder(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.log'))
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
}
