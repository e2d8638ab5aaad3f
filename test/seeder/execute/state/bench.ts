// What a small write into a big file of a site's state costs, for `npm run bench`.

import { randomBytes, randomInt } from 'node:crypto'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { createFileBuilder } from '#protocol/content/file.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import { memoryBlocks, nativeHash } from '#test/protocol/content/blocks.ts'

export type StateCommitFigures = {
  readonly commits: number
  readonly fileBytes: number
  /** Wall-clock time of mark, write and commit. */
  readonly p50Us: number
  readonly p99Us: number
  readonly newBlocks: number
  readonly newBytes: number
}

/** Commits `commits` times after one write of `writeBytes` at a random place of a file of `fileBytes`; blocks are in memory. */
export function measureStateCommit(commits: number, fileBytes = 64 * 2 ** 20, writeBytes = 100): StateCommitFigures {
  const blocks = memoryBlocks()
  const builder = createFileBuilder(blocks.sink, nativeHash)
  const piece = 2 ** 20
  for (let offset = 0; offset < fileBytes; offset += piece)
    builder.push(randomBytes(Math.min(piece, fileBytes - offset)))
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.link('db/DB.sqlite', builder.finish().cid)
  for (const { cid, bytes } of tree.commit().blocks.values()) blocks.sink(cid, bytes)
  const file = tree.open('db/DB.sqlite')
  const bytes = randomBytes(writeBytes)
  const durations: number[] = []
  let newBlocks = 0
  let newBytes = 0
  for (let commit = 0; commit < commits; commit++) {
    const offset = randomInt(fileBytes - writeBytes)
    const start = performance.now()
    tree.mark()
    file?.write(offset, bytes)
    const made = tree.commit().blocks
    durations.push((performance.now() - start) * 1_000)
    for (const block of made.values()) {
      newBlocks++
      newBytes += block.bytes.length
      blocks.sink(block.cid, block.bytes)
    }
  }
  durations.sort((a, b) => a - b)
  const at = (share: number) => durations[Math.min(durations.length - 1, Math.floor(durations.length * share))] ?? 0
  return { commits, fileBytes, p50Us: at(0.5), p99Us: at(0.99), newBlocks, newBytes }
}
