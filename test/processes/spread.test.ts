// A bundle above 4 MiB for a group of which one member alone takes connections: the others, behind NAT, get it over the links that they have, before
// it is ordered (decision 0031). Real seeders; the uploader reaches no home.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { bundleSite } from '#cli/bundle/bundle.ts'
import { exchange } from '#cli/network/http.ts'
import { packFiles } from '#cli/publish/pack.ts'
import { publishSite } from '#cli/publish/publish.ts'
import { base64FromBytes } from '#protocol/codec/bytes.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { domainOf, groupOf, type NetworkFile } from '#protocol/directory/network-file.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { updateToBytes } from '#seeder/agree/update.ts'
import { agrees, LINES, SITE } from '#test/support/lines.ts'
import { linkedAsTheyCan } from '#test/support/relayed.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { type SiteCopy, siteWithFiles } from '#test/support/site-copy.ts'
import { until } from '#test/support/until.ts'

const FILE_BYTES = 12 * 2 ** 20
const NAT = ['--reach', 'nat']
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1'
const LONG_MS = 180_000

let copy: SiteCopy
let seeders: Seeders
let homes: readonly SeederProcess[]
before(async () => {
  copy = siteWithFiles(LINES, { 'file.bin': randomBytes(FILE_BYTES) })
  seeders = await startSeeders({ arguments: { s2: NAT, s3: NAT, s4: NAT } })
  homes = seeders.all.slice(1)
})
after(async () => {
  await seeders?.[Symbol.asyncDispose]()
  copy?.[Symbol.dispose]()
})

/** The network as who sees it that reaches no home. */
function fromOutside(): NetworkFile {
  const file = seeders.admission.file()
  const isHome = (peer: string): boolean => homes.some(({ ready }) => ready.peer === peer)
  return { ...file, peers: file.peers.map((entry) => (isHome(entry.peer) ? { ...entry, http: NOWHERE } : entry)) }
}

test('the homes have the bundle whole before it is ordered, and the site is published', async () => {
  // A first site makes the group, so that its links are there; its bundle is small.
  const [open] = seeders.all
  assert.ok(open)
  await seeders.publish(LINES)
  for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => agrees(seeder), LONG_MS)
  await until('all links', () => linkedAsTheyCan(seeders.all, homes), LONG_MS)

  const file = seeders.admission.file()
  const job = file.jobs.find(({ name }) => name === SITE)
  const bundle = await bundleSite(copy.folder)
  must(job !== undefined && bundle.ok, 'there are both')
  const packed = packFiles(bundle.value.files, undefined, () => {})
  const time = Date.now()
  const update = signStatement(domainOf(file), 'update', seeders.uploader, {
    ...{ job: groupOf(job).job, sequence: time, code_root: packed.root, account: 'peer:test', time },
  })
  const own = file.peers.find(({ peer }) => peer === open.ready.peer)?.http
  const parts: Uint8Array[] = []
  for await (const part of packed.car()) parts.push(part)
  const taken = await exchange(`${own}/.well-known/interpeer/upload/${job.job}`, {
    method: 'POST',
    headers: { 'interpeer-update': base64FromBytes(updateToBytes(update)) },
    body: Buffer.concat(parts),
    timeoutMs: LONG_MS,
  })
  assert.equal(taken.status, 200, taken.body.toString())
  await until(
    'all homes to have it',
    async () => {
      const answer = await exchange(`${own}/.well-known/interpeer/spread/${job.job}`, {
        ...{ method: 'POST', body: updateToBytes(update), timeoutMs: LONG_MS },
      })
      assert.equal(answer.status, 200, answer.body.toString())
      const { members } = JSON.parse(answer.body.toString()) as { members: { peer: string; whole: boolean }[] }
      return homes.every(({ ready }) => members.some(({ peer, whole }) => peer === ready.peer && whole))
    },
    LONG_MS,
  )

  const missing: number[] = []
  const published = await publishSite({
    ...{ folder: copy.folder, network: async () => fromOutside(), signer: seeders.uploader },
    signal: AbortSignal.timeout(LONG_MS),
    progress: (step, done, total) => {
      if (step === 'spread') missing.push(total - done)
    },
  })
  assert.deepEqual(missing, [0], 'the command is told at once that a quorum has it, and waits for nobody')
  for (const seeder of seeders.all)
    await until(
      `the file at ${seeder.label}`,
      async () => (await seeder.site(SITE))?.codeRoot === published.codeRoot,
      LONG_MS,
    )
  assert.equal(published.codeRoot, textFromCid(packed.root))
})
