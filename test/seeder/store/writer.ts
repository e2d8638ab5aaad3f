// A process that commits heights as fast as it can until it is killed; prints each height once it is durable.
// Arguments: the data directory.

import { openStore } from '#seeder/store/store.ts'
import { bytesOf, JOB, siteOn } from '#test/seeder/store/fixture.ts'

const [, , directory] = process.argv
if (directory === undefined) throw new Error('usage: writer.ts <directory>')
const store = openStore(directory)
const site = siteOn(store)
process.stdout.write('open\n')
for (let height = (store.certified.head(JOB)?.height ?? 0) + 1; ; height++) {
  const file = site.tree.open('db/main.sqlite', { create: true })
  for (let write = 0; write < 3; write++)
    file?.write(((height * 7 + write * 31) % 90) * 16_384, bytesOf(5_000, height + write))
  site.tree.write(`files/${height % 20}`, bytesOf(100 + height, height))
  store.votes.save(JOB, Uint8Array.of(1, height & 255, height >> 8))
  site.commit(height, {
    votes: Uint8Array.of(2, height & 255, height >> 8),
    releaseStates: height > 2 ? [height - 2] : [],
  })
  if (height % 16 === 0) store.certified.prune(JOB, height - 8)
  process.stdout.write(`${height}\n`)
}
