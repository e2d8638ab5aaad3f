// Files that a seeder or a gateway is given: of the network, of a site, and of its content.

import assert from 'node:assert/strict'
import { Denials } from '#gateway/deny/denials.ts'
import { leavesFromBytes } from '#protocol/answer/chunks.ts'
import { bytesEqual, bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { merkleRoot } from '#protocol/codec/merkle.ts'
import { carBlock, carHeader, createCarParser } from '#protocol/content/car.ts'
import { CODEC_DAG_PB, cidFromDigest, cidFromText } from '#protocol/content/cid.ts'
import { buildDirectory } from '#protocol/content/directory.ts'
import { buildFile, readRange } from '#protocol/content/file.ts'
import { decodeNode } from '#protocol/content/node.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { readBootstrap } from '#protocol/directory/bootstrap.ts'
import { appliesTo, type DenyEntry, readDenyList, signDenyList } from '#protocol/directory/deny-list.ts'
import { readNetworkFile } from '#protocol/directory/network-file.ts'
import { manifestFromText, manifestToText } from '#protocol/site/manifest.ts'
import { JOB } from '#test/protocol/agreement/cluster.ts'
import { memoryBlocks, nativeHash } from '#test/protocol/content/blocks.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'
import { type Failure, nameOf, type Target, text } from '../target.ts'

export function contentTargets(): readonly Target[] {
  const network = testNetwork({ sites: [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }] })
  const networkText = JSON.stringify(network.file)
  const { chain_id, generation, network_key, version } = network.file
  const bootstrap = {
    format: 'interpeer-bootstrap/1',
    gateway: 'http://gateway.example',
    gateway_key: network_key,
    time: 1,
    network: { chain_id, generation, network_key, version, hash: 'ab'.repeat(32) },
    peers: [{ peer: network_key, addresses: ['/ip4/127.0.0.1/tcp/1'], http: 'http://a' }],
    signature: 'ab'.repeat(64),
  }
  const manifest = manifestToText({
    assets: null,
    crons: ['* * * * *'],
    databases: [],
    files: [],
    headers: ['accept'],
    kv: ['KV'],
    name: 'wiki',
    origin: null,
    scriptBytes: 10,
    version: 1,
    volatile: ['kv/KV'],
  })

  const signer = signerNamed('issuer')
  const issuer = hexFromBytes(signer.publicKey)
  const entry: DenyEntry = {
    number: 1,
    job: 'ab'.repeat(32),
    reason: 'law',
    text: 'A court ordered it.',
    reference: 'https://court.example/1',
    places: ['DE'],
    since: 1_000,
  }
  const unsigned = {
    ...{ version: 1, issuer, title: 'Example e. V.', appeal: 'mailto:appeal@example.org', time: 1_000 },
    entries: [entry],
  }
  const denied = signDenyList(unsigned, signer)
  const more = { ...entry, number: 2, lifted: 3_000, places: [] }
  const added = signDenyList({ ...unsigned, version: 2, entries: [entry, more] }, signer)
  const blocks = memoryBlocks()
  const content = new Uint8Array(300_000).map((_, index) => index * 31)
  const file = buildFile(content, blocks.sink, nativeHash)
  const directory = buildDirectory(
    [
      { name: 'a.txt', ...file },
      { name: 'b', cid: file.cid, total: 9 },
    ],
    blocks.sink,
    nativeHash,
  )
  assert.ok(directory.ok)
  const root = directory.value.cid
  const nodes = [...blocks.map.values()].filter((bytes) => bytes.length < 4096)
  const car = [carHeader(root), carBlock(root, nodes[0] ?? new Uint8Array(0)), carBlock(root, bytesFromText('leaf'))]
  const carBytes = Uint8Array.from(car.flatMap((part) => [...part]))
  const nodeCid = cidFromDigest(CODEC_DAG_PB, sha256(new Uint8Array(0)))
  const leavesRoot = merkleRoot([JOB, JOB])
  return [
    {
      name: 'network file',
      form: 'json',
      seeds: [bytesFromText(networkText)],
      run: (input) => {
        const result = readNetworkFile(text(input))
        return result.ok ? 'accepted' : nameOf(result.error)
      },
    },
    {
      name: 'bootstrap',
      form: 'json',
      seeds: [bytesFromText(JSON.stringify(bootstrap))],
      run: (input) => {
        const result = readBootstrap(text(input))
        return result.ok ? 'accepted' : nameOf(result.error)
      },
    },
    {
      name: 'deny list',
      form: 'json',
      seeds: [denied, added].map((list) => bytesFromText(JSON.stringify(list))),
      run: (input) => {
        const result = readDenyList(text(input), issuer)
        const grown = readDenyList(text(input), issuer, denied)
        if (!result.ok) {
          assert.ok(!grown.ok, 'what is no list is no later one')
          return nameOf(result.error as Failure)
        }
        const { list, message } = result.value
        const again = readDenyList(JSON.stringify(list), issuer)
        assert.ok(again.ok && bytesEqual(again.value.message, message), 'it is given out as it was signed')
        const replayed = readDenyList(text(input), issuer, list)
        assert.ok(!replayed.ok && replayed.error.code === 'old_version', 'the same list twice')
        for (const entry of list.entries) appliesTo(entry, 'DE', list.time)
        const denials = new Denials()
        denials.hold({ list, text: '', hash: '' })
        for (const { job, places } of list.entries) denials.of(job, places[0], list.time)
        if (!grown.ok) return `accepted ${nameOf(grown.error as Failure)}`
        assert.ok(list.entries.length >= denied.entries.length && list.version > denied.version, 'a list only grows')
        return `accepted ${Math.min(4, list.entries.length)}`
      },
    },
    {
      name: 'site manifest',
      form: 'json',
      seeds: [bytesFromText(manifest)],
      run: (input) => {
        const result = manifestFromText(text(input))
        return result.ok ? 'accepted' : nameOf(result.error as Failure)
      },
    },
    {
      name: 'car',
      form: 'bytes',
      seeds: [carBytes],
      run: (input) => {
        const parser = createCarParser(root)
        let blocksRead = 0
        // In two pieces, cut where the input says.
        const cut = (input[input.length - 1] ?? 0) % (input.length + 1)
        for (const piece of [input.subarray(0, cut), input.subarray(cut)]) {
          const parts = parser.push(piece)
          if (!parts.ok) return nameOf(parts.error)
          blocksRead += parts.value.length
          for (const { cid, bytes } of parts.value) decodeNode(cid, bytes)
        }
        const end = parser.finish()
        return end.ok ? `accepted ${Math.min(8, blocksRead)}` : nameOf(end.error)
      },
    },
    {
      name: 'unixfs',
      form: 'bytes',
      seeds: nodes,
      run: (input) => {
        const node = decodeNode(nodeCid, input)
        if (!node.ok) return nameOf(node.error)
        linksOfBlock(nodeCid, input)
        if (node.value.kind !== 'file')
          return `accepted ${node.value.kind} ${node.value.kind === 'directory' ? Math.min(8, node.value.links.length) : ''}`
        // A hostile node whose children are itself: reading has to end.
        const range = readRange(() => input, nodeCid, 0, Math.min(node.value.size, 1 << 20))
        return `accepted file ${range.ok ? 'read' : range.error.code}`
      },
    },
    {
      name: 'cid text',
      form: 'bytes',
      seeds: [bytesFromText('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354'), bytesFromText('bafkrei')],
      run: (input) => (cidFromText(text(input)).ok ? 'accepted' : 'refused'),
    },
    {
      name: 'chunk leaves',
      form: 'bytes',
      seeds: [Uint8Array.from([...JOB, ...JOB])],
      run: (input) => {
        const result = leavesFromBytes(input.subarray(0, 4096), leavesRoot)
        return result.ok ? 'accepted' : result.error.code
      },
    },
  ]
}
