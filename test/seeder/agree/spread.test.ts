// How a bundle that one member took comes to the others: who is asked, how often, and what of their answers counts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { err, ok } from '#protocol/codec/result.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { type ContentMessage, contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { answerContent, type ContentServer } from '#seeder/agree/content-server.ts'
import { createSpreading } from '#seeder/agree/spread.ts'
import { updateToBytes } from '#seeder/agree/update.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'

const network = testNetwork({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }] })
const job = network.job('wiki')
const [ana, ben, cleo] = ['ana', 'ben', 'cleo'].map((name) => network.peer(name)) as [PeerName, PeerName, PeerName]

function updateOf(content: string) {
  const root = cidFromDigest(CODEC_DAG_PB, taggedHash(content))
  const body = { job, sequence: 1, code_root: root, account: 'peer:test', time: 1 }
  return signStatement(network.domain, 'update', signerNamed('uploader of wiki'), body)
}

/** Links on which peers answer with these bytes. */
function links(answers: Map<PeerName, () => Promise<Uint8Array | undefined>>) {
  const asked: PeerName[] = []
  return {
    asked,
    link: (peer: PeerName) => ({ connected: answers.has(peer) }) as never,
    request: async (peer: PeerName, question: Uint8Array) => {
      asked.push(peer)
      const read = contentFromBytes(question)
      assert.ok(read.ok && read.value.type === 'want_bundle')
      const answer = await answers.get(peer)?.()
      return answer === undefined ? err({ code: 'timeout' } as never) : ok(answer)
    },
  }
}

const told = (whole: boolean, bytes: number) => async () => contentToBytes({ type: 'bundle', whole, bytes })

test('who is linked is asked, who has all of it once, and answers of another kind do not count', async () => {
  const answers = new Map<PeerName, () => Promise<Uint8Array | undefined>>([
    [ana, told(true, 0)],
    [ben, told(false, 7)],
    [cleo, async () => contentToBytes({ type: 'noted' })],
  ])
  const at = links(answers)
  const spreading = createSpreading(at)
  const others = [ana, ben, cleo, network.peer('dan')]
  for (let round = 0; round < 3; round++)
    assert.deepEqual(await spreading.ask(job, others, updateOf('a')), [
      { peer: ana, whole: true, bytes: 0 },
      { peer: ben, whole: false, bytes: 7 },
    ])
  assert.deepEqual(at.asked, [ana, ben, cleo, ben, cleo, ben, cleo])
  answers.set(ben, async () => undefined)
  answers.set(cleo, async () => Uint8Array.of(1, 2, 3))
  assert.deepEqual(await spreading.ask(job, others, updateOf('a')), [{ peer: ana, whole: true, bytes: 0 }])
})

test('of a bundle one round is under way, however many ask; of another one, another', async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  const at = links(new Map([[ana, () => promise]]))
  const spreading = createSpreading(at)
  const many = Array.from({ length: 9 }, () => spreading.ask(job, [ana], updateOf('a')))
  const other = spreading.ask(job, [ana], updateOf('b'))
  resolve(contentToBytes({ type: 'bundle', whole: false, bytes: 1 }))
  for (const each of [...many, other]) assert.deepEqual(await each, [{ peer: ana, whole: false, bytes: 1 }])
  assert.deepEqual(at.asked, [ana, ana])
})

test('a member is asked by a co-member of the job alone, and begins nothing that its uploader did not sign', async () => {
  const heard: Uint8Array[] = []
  const server: ContentServer = {
    store: undefined as never,
    site: (asked: Digest) =>
      Buffer.from(asked).equals(job)
        ? {
            job,
            sharesWith: (peer) => peer === ana,
            bodies: undefined as never,
            hasState: () => true,
            offeredState: () => null,
          }
        : undefined,
    networkText: () => undefined,
    onNetworkVersion: () => {},
    fetchBundle: async (_, update) => {
      heard.push(update)
      return heard.length === 1 ? { whole: false, bytes: 5 } : undefined
    },
  }
  const ask = async (peer: PeerName, question: ContentMessage): Promise<ContentMessage | string> => {
    const answer = await answerContent(server, peer, contentToBytes(question))
    if (!answer.ok) return answer.error
    const read = contentFromBytes(answer.value)
    assert.ok(read.ok)
    return read.value
  }
  const update = updateToBytes(updateOf('a'))
  assert.deepEqual(await ask(ana, { type: 'want_bundle', job, update }), { type: 'bundle', whole: false, bytes: 5 })
  assert.deepEqual(await ask(ana, { type: 'want_bundle', job, update }), { type: 'bundle', whole: false, bytes: 0 })
  assert.equal(await ask(ben, { type: 'want_bundle', job, update }), 'not_a_member')
  assert.equal(await ask(ana, { type: 'want_bundle', job: taggedHash('other') as Digest, update }), 'not_a_member')
  assert.equal(await ask(ana, { type: 'bundle', whole: true, bytes: 1 }), 'unexpected')
  const long = await answerContent(
    server,
    ana,
    contentToBytes({ type: 'want_bundle', job, update: new Uint8Array(5_000) }),
  )
  assert.deepEqual(long, { ok: false, error: 'malformed' })
  assert.equal(heard.length, 2)
})
