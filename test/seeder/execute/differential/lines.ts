// What `core.ts` gives on a Node, in a process of its own.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Work } from '#test/seeder/execute/differential/core.ts'

const RUN_MS = 300_000
const ENTRY = fileURLToPath(new URL('./node.ts', import.meta.url))

export async function nodeLines(node: string, work: Work, env: Record<string, string> = {}): Promise<string[]> {
  const { stdout } = await promisify(execFile)(node, [ENTRY, JSON.stringify(work)], {
    env: { ...process.env, ...env },
    timeout: RUN_MS,
    maxBuffer: 2 ** 26,
  })
  return stdout.trimEnd().split('\n')
}
