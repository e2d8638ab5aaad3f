// The local gateway's log: lines appended to one file, which is put aside when it has grown.

import { appendFileSync, renameSync, statSync } from 'node:fs'

const LOG_BYTES_MAX = 4 * 1024 * 1024

export type AppendingLog = { write(line: string): void; close(): void }

export function appendingLog(file: string): AppendingLog {
  let closed = false
  return {
    write(line) {
      if (closed) return
      const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
      if (size > LOG_BYTES_MAX) renameSync(file, `${file}.1`)
      appendFileSync(file, `${line}\n`)
    },
    close() {
      closed = true
    },
  }
}
