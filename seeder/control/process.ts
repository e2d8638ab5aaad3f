// What every process of ours tells of itself: memory, processor time, files, what runs it.

import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { one, type Registry } from '#protocol/metrics/registry.ts'

/**
 * Named as Prometheus' own client libraries name them, so that ready-made dashboards and alerts find them; `buildInfo`: the name by which seeders and
 * gateways are told apart.
 */
export function observeProcess(registry: Registry, buildInfo: string): void {
  const startedAt = Math.round(performance.timeOrigin) / 1000
  registry.observed('process_resident_memory_bytes', 'Resident memory size in bytes.', [], () =>
    one(process.memoryUsage.rss()),
  )
  registry.observed('nodejs_heap_size_used_bytes', 'Used JavaScript heap in bytes.', [], () =>
    one(process.memoryUsage().heapUsed),
  )
  registry.observed('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', [], () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / 1_000_000)
  })
  registry.observed('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', [], () =>
    one(startedAt),
  )
  // Where the system does not tell (it is no Linux), they are absent.
  registry.observed('process_open_fds', 'Number of open file descriptors.', [], () => {
    const open = openFiles()
    return open === undefined ? [] : one(open)
  })
  const most = openFilesMax()
  registry.observed('process_max_fds', 'Maximum number of open file descriptors.', [], () =>
    most === undefined ? [] : one(most),
  )
  registry.observed(buildInfo, 'What runs here; always 1.', ['node', 'platform'], () => [
    { labels: [process.version, `${process.platform}-${process.arch}`], value: 1 },
  ])
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}

function openFilesMax(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
