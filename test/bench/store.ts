// The durable commit of a height and the commit of a state tree, beside what they cannot go below: a bare SQLite commit of as
// many bytes, and the hashes of the blocks that came new.

import { hash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPeer } from '#test/bench/processes.ts'
import { type Bench, compared, measured, median } from '#test/bench/report.ts'
import { measureStateCommit } from '#test/seeder/execute/state/bench.ts'
import { measureStoreCommit } from '#test/seeder/store/bench.ts'

const ROUNDS = 4
const COMMITS = 200
const FILE_BYTES = 4 * 2 ** 20
const PAGES = 4
const COMMITS_MS = 1_000
const TREE_BYTES = 16 * 2 ** 20

export const store: Bench = async ({ note }) => {
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  try {
    await using bare = await startPeer('sqlite', { directory, name: 'bare' })
    const commits: { ours: number; peer: number }[] = []
    const trees: { ours: number; peer: number }[] = []
    const cpu: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const height = measureStoreCommit(directory, COMMITS, FILE_BYTES, PAGES, true)
      const row = await bare.ask({ durationMs: COMMITS_MS, bytes: Math.round(height.walBytes) })
      commits.push({ ours: height.p50Us / 1000, peer: Number(row.p50Ms) })
      cpu.push(height.cpuUs / 1000)
      const tree = measureStateCommit(COMMITS, TREE_BYTES)
      trees.push({ ours: tree.p50Us, peer: hashingUs(tree.newBytes / tree.commits, tree.newBlocks / tree.commits) })
      note(
        `round ${round + 1} of ${ROUNDS}: height ${(height.p50Us / 1000).toFixed(2)} ms for ${Math.round(height.walBytes)} bytes, tree ${tree.p50Us.toFixed(0)} µs`,
      )
    }
    return [
      compared('commit of a height p50, against a bare commit of as many bytes', 'ms', commits),
      measured('CPU of the commit of a height', 'ms', median(cpu)),
      compared('commit of 100 bytes into a state of 16 MB p50, against hashing its new blocks', 'µs', trees),
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Of so many blocks of so many bytes together, µs. */
function hashingUs(bytes: number, blocks: number): number {
  const block = randomBytes(Math.ceil(bytes / blocks))
  const began = performance.now()
  for (let round = 0; round < COMMITS; round++)
    for (let index = 0; index < blocks; index++) hash('sha256', block, 'buffer')
  return ((performance.now() - began) * 1000) / COMMITS
}
