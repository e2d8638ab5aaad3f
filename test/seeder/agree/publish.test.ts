import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { carBlock, carHeader } from '#protocol/content/car.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { Update } from '#protocol/message/statement.ts'
import { createPublisher } from '#seeder/agree/publish.ts'
import { createPublishHandler } from '#seeder/agree/publish-http.ts'
import { createSpreading } from '#seeder/agree/spread.ts'
import { updateToBytes } from '#seeder/agree/update.ts'
import { call } from '#seeder/register/http.ts'
import { testBundle } from '#test/support/ledger-runtime.ts'
import { SITE, type TestMember, type TestMembers, testMembers } from '#test/support/members.ts'
import { signerNamed } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const NAMES = ['a', 'b', 'c', 'd']
const ANSWER = { method: 'POST', answerBytesMax: 1024 * 1024, timeoutMs: 30_000 } as const

type Origin = { readonly url: string } & AsyncDisposable

async function serve(member: TestMember): Promise<Origin> {
  const publisher = createPublisher(member.store, Date.now)
  const spreading = createSpreading(member.network)
  const handler = createPublishHandler(publisher, {
    site(job) {
      const hosted = member.host.byJob(job)
      return (
        hosted && {
          ...hosted,
          bundles: hosted.site.bundles,
          spread: (update: Signed<Update>) => spreading.ask(hosted.site.job, hosted.site.others, update),
        }
      )
    },
  })
  const server = createServer((request, response) => {
    if (!handler(request, response)) response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/interpeer`,
    async [Symbol.asyncDispose]() {
      publisher[Symbol.dispose]()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function startAll(group: TestMembers): Promise<readonly TestMember[]> {
  const members = await Promise.all(NAMES.map((name) => group.start(name)))
  await until('links', () => members.every((member) => member.network.connected().length === 3))
  return members
}

function updateOf(
  group: TestMembers,
  content: string,
  sequence: number,
  by = `uploader of ${SITE}`,
  scriptBytes?: number,
) {
  const bundle = testBundle(content, scriptBytes)
  const body: Update = {
    job: group.network.job(SITE),
    sequence,
    code_root: bundle.root,
    account: 'peer:test',
    time: Date.now(),
  }
  const update: Signed<Update> = signStatement(group.network.domain, 'update', signerNamed(by), body)
  const car = Buffer.concat([
    carHeader(bundle.root),
    ...bundle.blocks.toReversed().map(({ cid, bytes }) => carBlock(cid, bytes)),
  ])
  return { update, car, root: bundle.root }
}

const header = (update: Signed<Update>) => ({ 'interpeer-update': base64FromBytes(updateToBytes(update)) })

test('F6 a bundle uploaded to one member is live on all at one height, fetched by its CID', async () => {
  await using group = testMembers()
  const members = await startAll(group)
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(group.get('a'))
  const { update, car, root } = updateOf(group, 'export default 1', 1)
  const taken = await call(`${origin.url}/upload/${job}`, { ...ANSWER, body: car, headers: header(update) })
  assert.equal(taken.status, 200, taken.body.toString())
  const ordered = await call(`${origin.url}/update/${job}`, { ...ANSWER, body: updateToBytes(update) })
  assert.equal(ordered.status, 200, ordered.body.toString())
  for (const member of members) {
    await until(`the code at ${member.name}`, () => {
      const codeRoot = member.site.head()?.codeRoot
      return codeRoot !== undefined && hexFromBytes(codeRoot) === hexFromBytes(root)
    })
    assert.equal(Buffer.from(member.site.file(root, 'script.js')?.read(0, 100) ?? []).toString(), 'export default 1')
    assert.equal(
      [...member.store.blocks.roots(group.network.job(SITE)).keys()].some((label) => label.startsWith('bundle/')),
      false,
    )
  }
})

test('an UPDATE sent to a member that has not got the bundle fetches it from the one that has', async () => {
  await using group = testMembers()
  await startAll(group)
  const job = hexFromBytes(group.network.job(SITE))
  await using one = await serve(group.get('a'))
  await using other = await serve(group.get('c'))
  const { update, car } = updateOf(group, 'export default 2', 1)
  await call(`${one.url}/upload/${job}`, { ...ANSWER, body: car, headers: header(update) })
  const ordered = await call(`${other.url}/update/${job}`, { ...ANSWER, body: updateToBytes(update) })
  assert.equal(ordered.status, 200, ordered.body.toString())
})

test('a member that has a bundle has the others get it over their links: nobody reaches them otherwise', async () => {
  await using group = testMembers()
  const members = await startAll(group)
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(group.get('a'))
  const { update, car, root } = updateOf(group, `export default 4 // ${'x'.repeat(100_000)}`, 1)
  const taken = await call(`${origin.url}/upload/${job}`, { ...ANSWER, body: car, headers: header(update) })
  assert.equal(taken.status, 200, taken.body.toString())
  const spread = async () => {
    const answer = await call(`${origin.url}/spread/${job}`, { ...ANSWER, body: updateToBytes(update) })
    assert.equal(answer.status, 200, answer.body.toString())
    return (JSON.parse(answer.body.toString()) as { members: { peer: string; whole: boolean }[] }).members
  }
  const told = await until('all to have it', async () => {
    const found = await spread()
    return found.length === 3 && found.every(({ whole }) => whole) && found
  })
  const others = members.filter(({ name }) => name !== 'a').map(({ peer }) => peer as string)
  assert.deepEqual(told.map(({ peer }) => peer).sort(), others.sort())
  for (const member of members) assert.ok(member.store.blocks.missing(root).next(1).length === 0, member.name)
  const stranger = updateOf(group, 'export default 5', 2, 'a stranger')
  const refused = await call(`${origin.url}/spread/${job}`, { ...ANSWER, body: updateToBytes(stranger.update) })
  assert.equal(refused.status, 403)
})

test('what the uploader did not sign is refused before a byte of it is stored', async () => {
  await using group = testMembers()
  const alone = await group.start('a')
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(alone)
  const { update, car } = updateOf(group, 'export default 3', 1, 'a stranger')
  const forged = { ...update, from: signerNamed(`uploader of ${SITE}`).publicKey }
  const codes: string[] = []
  for (const attempt of [
    { path: `upload/${job}`, body: car, headers: header(update) },
    { path: `upload/${job}`, body: car, headers: header(forged) },
    { path: `upload/${job}`, body: car, headers: {} },
    { path: `update/${job}`, body: updateToBytes(update), headers: {} },
    { path: `update/${job}`, body: Buffer.from('no statement'), headers: {} },
    { path: `upload/${'00'.repeat(32)}`, body: car, headers: header(update) },
  ]) {
    const answer = await call(`${origin.url}/${attempt.path}`, { ...ANSWER, ...attempt })
    codes.push(`${answer.status} ${(JSON.parse(answer.body.toString()) as { code: string }).code}`)
  }
  assert.deepEqual(codes, [
    '403 not_the_uploader',
    '403 bad_signature',
    '400 update_form',
    '403 not_the_uploader',
    '400 update_form',
    '404 not_hosted',
  ])
  assert.equal(alone.store.stats().blocks, 0)
})

test('a bundle whose blocks are not what their CIDs say, or that lacks some, is refused', async () => {
  await using group = testMembers()
  const alone = await group.start('a')
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(alone)
  const { update, car } = updateOf(group, 'export default 4', 1)
  const broken = Buffer.from(car)
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
  for (const body of [broken, car.subarray(0, car.length - 20), Buffer.from('no car')]) {
    const answer = await call(`${origin.url}/upload/${job}`, { ...ANSWER, body, headers: header(update) })
    assert.equal(answer.status, 400, answer.body.toString())
  }
  const missing = await call(`${origin.url}/update/${job}`, { ...ANSWER, body: updateToBytes(update) })
  assert.equal(missing.status, 409)
})

test('a bundle whose manifest does not describe it is refused with the reason, and is not kept', async () => {
  await using group = testMembers()
  const alone = await group.start('a')
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(alone)
  const { update, car } = updateOf(group, 'export default 5', 1, undefined, 5)
  const answer = await call(`${origin.url}/upload/${job}`, { ...ANSWER, body: car, headers: header(update) })
  assert.equal(answer.status, 400)
  const { code, bytes, scriptBytes } = JSON.parse(answer.body.toString()) as Record<string, unknown>
  assert.deepEqual({ code, bytes, scriptBytes }, { code: 'bundle_script', bytes: 16, scriptBytes: 5 })
  assert.equal(alone.store.stats().blocks, 0)
})

test('F25 an uploader that asks for bundles which nobody has keeps a member busy with a few, and the right one comes all the same', async () => {
  await using group = testMembers()
  await startAll(group)
  const job = hexFromBytes(group.network.job(SITE))
  await using origin = await serve(group.get('a'))
  await using other = await serve(group.get('b'))
  const ask = (url: string, { update }: ReturnType<typeof updateOf>) =>
    call(`${url}/fetch/${job}`, { ...ANSWER, body: updateToBytes(update) })
  const nowhere = await Promise.all(
    Array.from({ length: 12 }, (_, index) => ask(origin.url, updateOf(group, `export default 'nowhere ${index}'`, 1))),
  )
  assert.deepEqual([...new Set(nowhere.map(({ status }) => status))].sort(), [202, 503])
  const right = updateOf(group, 'export default 6', 2)
  await call(`${other.url}/upload/${job}`, { ...ANSWER, body: right.car, headers: header(right.update) })
  await until('the bundle', async () => (await ask(origin.url, right)).status === 200)
})
