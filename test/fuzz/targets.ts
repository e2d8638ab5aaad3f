// Every decoder that takes bytes or text of a stranger, with inputs that it accepts and what else has to hold. A target answers a short name of
// its verdict: new names are what guides the search. It may throw only when the product broke its word.

import assert from 'node:assert/strict'
import { createDoor, wireChecks } from '#protocol/agreement/door.ts'
import { evidenceFromBytes, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { evidenceChecks } from '#protocol/agreement/evidence-verdict.ts'
import { recordFromBytes, recordToBytes } from '#protocol/agreement/record.ts'
import { examineAnswer } from '#protocol/answer/check.ts'
import { leavesFromBytes } from '#protocol/answer/chunks.ts'
import {
  CERTIFICATE_HEADER,
  certificateFromBytes,
  certificateText,
  evidenceFromHeaders,
  PATH_HEADER,
  pathText,
  RECEIPT_HEADER,
  receiptText,
  SALT_HASH_HEADER,
} from '#protocol/answer/evidence.ts'
import { digestFromContentDigest, httpSignatureCheck } from '#protocol/answer/http-signature.ts'
import { savedAnswerFromBytes } from '#protocol/answer/saved.ts'
import { base64FromBytes, bytesEqual, bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue, valueFromCbor } from '#protocol/codec/cbor.ts'
import { sha256, taggedHash } from '#protocol/codec/digest.ts'
import { merkleRoot } from '#protocol/codec/merkle.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { carBlock, carHeader, createCarParser } from '#protocol/content/car.ts'
import { CODEC_DAG_PB, cidFromDigest, cidFromText } from '#protocol/content/cid.ts'
import { buildDirectory } from '#protocol/content/directory.ts'
import { buildFile, readRange } from '#protocol/content/file.ts'
import { decodeNode } from '#protocol/content/node.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { readBootstrap } from '#protocol/directory/bootstrap.ts'
import { readNetworkFile } from '#protocol/directory/network-file.ts'
import { DNS_MESSAGE_BYTES_MAX, TYPE } from '#protocol/dns/constants.ts'
import { answerFromBytes, answerToBytes, queryFromBytes, queryToBytes } from '#protocol/dns/message.ts'
import { siteRecords } from '#protocol/dns/site-records.ts'
import { createZone, settle, siteAnswer } from '#protocol/dns/zone.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { membersHash, reconfigOf, reconfigRequest, startShape } from '#protocol/message/epoch.ts'
import { STATEMENTS, type StatementBody, type StatementType, signedShape } from '#protocol/message/statement.ts'
import { type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { manifestFromText, manifestToText } from '#protocol/site/manifest.ts'
import { frameToBytes as frameToTunnel, type OpenHead } from '#protocol/tunnel/frame.ts'
import { TunnelStreams } from '#protocol/tunnel/streams.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { certFromBytes, heightFromBytes, heightToBytes, voteFromBytes, voteToBytes } from '#seeder/agree/record.ts'
import { updateFromBytes, updateToBytes } from '#seeder/agree/update.ts'
import { FrameReader, frameToBytes } from '#seeder/network/frame.ts'
import { DOMAIN, JOB, requestAt, signerOf } from '#test/protocol/agreement/cluster.ts'
import { Lone, START } from '#test/protocol/agreement/lone.ts'
import { memoryBlocks, nativeHash } from '#test/protocol/content/blocks.ts'
import { readAnswer, rulesOf, savedBytes, writeAnswer } from '#test/support/answers.ts'
import { optOf, queryOf, questionOf } from '#test/support/dns.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'

export type Target = {
  readonly name: string
  readonly form: 'cbor' | 'json' | 'bytes'
  readonly seeds: readonly Uint8Array[]
  readonly run: (input: Uint8Array) => string
}

const NAMES_MAX = 65_536

type Failure = { readonly code: string; readonly path?: string; readonly detail?: string; readonly rule?: string }
const names = new Map<string, string>()
/** Numbers in it (an index, a length) make no other verdict. */
function nameOf({ code, path = '', detail = '', rule = '' }: Failure): string {
  const whole = `${code} ${path} ${detail} ${rule}`
  const known = names.get(whole)
  if (known !== undefined) return known
  const name = whole.replaceAll(/\d+/g, 'n').slice(0, 160)
  if (names.size < NAMES_MAX) names.set(whole, name)
  return name
}

/** Whatever is accepted is written again byte for byte. */
function codec<T>(
  name: string,
  seeds: readonly Uint8Array[],
  read: (
    bytes: Uint8Array,
  ) => { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Failure },
  write: ((value: T) => Uint8Array) | undefined,
  more: (value: T) => string = () => '',
): Target {
  return {
    name,
    form: 'cbor',
    seeds,
    run(input) {
      const result = read(input)
      if (!result.ok) return nameOf(result.error)
      if (write !== undefined && !bytesEqual(write(result.value), input)) assert.fail('it is written again otherwise')
      return `accepted ${more(result.value)}`
    },
  }
}

const OPENED: OpenHead = {
  site: 'wiki',
  scheme: 'https',
  method: 'POST',
  target: '/a',
  host: 'wiki.sites.example',
  headers: [['accept', 'text/html']],
  source: '203.0.113.7',
  body: null,
}

const DNS_ZONE = createZone({ server: 'gateway.example', serial: 7, isSite: (name) => name === 'wiki' })

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

export async function fuzzTargets(): Promise<readonly Target[]> {
  const member = { peer: 'aa', origin: 'http://10.0.0.1', http: 'http://[2001:db8::1]' }
  const dnsRecords = siteRecords({
    job: hexFromBytes(JOB),
    epoch: 0,
    members: [member],
    direct: [member],
    gateway: [],
    isLocal: true,
  })
  const dnsQuestion = questionOf('wiki.peer', TYPE.TXT)
  const asked = queryFromBytes(queryToBytes(dnsQuestion))
  assert.ok(asked.ok)
  const said = siteAnswer(TYPE.TXT, DNS_ZONE, { ttl: 5, records: dnsRecords })
  const dnsAnswer = answerToBytes(asked.value, said, { maxBytes: DNS_MESSAGE_BYTES_MAX, isPrivate: true })
  const lone = new Lone()
  const requests = [requestAt(START)]
  const block = lone.block(requests)
  const [a = 0, b = 1] = lone.others()
  const door = createDoor(DOMAIN, lone.group)
  const next = { ...lone.group, epoch: 1 }
  door.groups.set(1, next)
  const cert = lone.cert(block)
  const close = {
    job: JOB,
    epoch: 0,
    high_cert: null,
    high_qc1: null,
    last_vote1: { height: 1, view: 0 },
    last_vote2: null,
    members_hash: membersHash(next),
  }
  const closed = { from: signerOf(a).publicKey, body: close, signature: signerOf(a).sign(taggedHash('close')) }
  const ready = { job: JOB, epoch: 1, height: 0, state_root: block.state_root }
  const readied = { from: signerOf(a).publicKey, body: ready, signature: signerOf(a).sign(taggedHash('ready')) }
  const reconfig = reconfigRequest(JOB, START, {
    epoch: 1,
    membersHash: membersHash(next),
    ready: [{ index: 0, height: 0, state_root: block.state_root, signature: readied.signature }],
  })
  const start = { job: JOB, epoch: 1, cert: null, reconfig: null, closes: [closed, closed, closed], qc1s: [] }
  const nay = {
    ...lone.place(1, 0),
    block_hash: cert.qc1.block_hash,
    receipts_root: block.receipts_root,
    state_root: block.state_root,
  }
  const messages: readonly WireMessage[] = [
    { type: 'request', request: requests[0] ?? requestAt(START), body: bytesFromText('body') },
    lone.propose(block, requests, { view: 1, tc: lone.tc(0), qc1s: [lone.qc1(block)] }),
    { ...lone.propose(lone.block([reconfig], { kind: 'reconfig' }), [reconfig]), start },
    lone.vote1(a, block, 1, 0, [lone.qc1(block)]),
    lone.vote2(a, block),
    { type: 'nay', nay: { from: signerOf(a).publicKey, body: nay, signature: closed.signature } },
    { type: 'qc1', qc1s: [lone.qc1(block)], content: { block, requests } },
    { type: 'cert', cert },
    { type: 'timeout', timeout: lone.timeout(a, 3), qc1s: [] },
    { type: 'tc', timeouts: lone.tc(3), qc1s: [lone.qc1(block)] },
    { type: 'ready', ready: readied },
    { type: 'close', close: closed, cert: null, qc1s: [] },
    { type: 'start', start },
    { type: 'status', job: JOB, epoch: 0, height: 3, view: 2, first: 1, snapshot: null, disputed: false, ask: true },
  ]
  const persisted = new Lone()
  const [persist] = persisted.execute(persisted.hear(persisted.propose(persisted.block([]), [])))
  assert.ok(persist?.type === 'persist')
  const { vote: vote2 } = lone.vote2(a, block)
  const { vote: vote1 } = lone.vote1(a, block, 1, 0)
  const evidences = [
    evidenceToBytes({ kind: 'double_vote2', first: vote2, second: lone.vote2(a, block, 1).vote }),
    evidenceToBytes({ kind: 'double_vote1', first: vote1, second: lone.vote1(b, block).vote }),
    evidenceToBytes({ kind: 'amnesia', vote2, vote1 }),
    evidenceToBytes({ kind: 'hidden_lock', vote2, timeout: lone.timeout(a, 3) }),
  ]
  const group = hostedGroup('demo', {
    app: (request) =>
      request.method === 'POST' ? textResponse(303, '', [['location', '/made']]) : textResponse(200, 'hello'),
  })
  const read = await readAnswer(group, 1, '/lottery')
  const write = await writeAnswer(group, 2, '/new', bytesFromText('hello'))
  const rules = rulesOf(group)
  assert.ok(read.evidence.kind === 'read' && write.evidence.kind === 'write')
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

  const headerLines = (headers: readonly (readonly [string, string])[]) =>
    bytesFromText(headers.map((pair) => pair.join(': ')).join('\n'))
  const readHeaders = headerLines([
    [RECEIPT_HEADER, receiptText(read.evidence.receipt)],
    [CERTIFICATE_HEADER, certificateText(read.evidence.cert)],
  ])
  const writeHeaders = headerLines([
    [CERTIFICATE_HEADER, certificateText(write.evidence.cert)],
    [PATH_HEADER, pathText(write.evidence.fuel, write.evidence.path)],
    [SALT_HASH_HEADER, base64FromBytes(write.evidence.saltHash)],
  ])
  const linked = headerLines([
    ['Link', '</.well-known/interpeer/certificate/12>; rel="interpeer-certificate"'],
    [RECEIPT_HEADER, receiptText(read.evidence.receipt)],
  ])
  const signedHeaders = headerLines([
    ['content-digest', `sha-256=:${base64FromBytes(sha256(new Uint8Array(0)))}:`],
    ['signature-input', `interpeer=("@status" "content-digest");created=1;keyid="${'ab'.repeat(32)}";alg="ed25519"`],
    ['signature', `interpeer=:${base64FromBytes(new Uint8Array(64))}:`],
  ])
  const headersOf = (input: Uint8Array) =>
    text(input)
      .split('\n', 64)
      .map((line) => {
        const at = line.indexOf(':')
        return at < 0 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 1)] as const)
      })

  const bodies: { readonly [T in StatementType]: StatementBody<T> } = {
    propose: { ...lone.place(1, 0), block_hash: cert.qc1.block_hash },
    vote1: vote1.body,
    vote2: vote2.body,
    nay,
    timeout: lone.timeout(a, 3).body,
    close,
    ready,
    receipt: read.evidence.receipt.body,
    job_new: { name: 'wiki', account: 'local:a', quorum: 'bft', size: 4, nonce: new Uint8Array(16), time: 1 },
    job_end: { job: JOB, time: 1 },
    members: { job: JOB, epoch: 1, members: next.members, time: 1 },
    export: { job: JOB, time: 1 },
    update: { job: JOB, sequence: 1, code_root: root, account: 'local:a', time: 1 },
    tunnel: { gateway: 'http://gateway.example', challenge: new Uint8Array(32) },
    reach: { gateway: 'http://gateway.example', origin: 'https://a.example', challenge: new Uint8Array(32) },
    register: {
      gateway: 'http://gateway.example',
      time: 1,
      expires: 2,
      sites: [{ job: JOB, origin: 'http://a.example:1', stable: false }],
      tunnel: true,
      load: 1,
      place: { latitude: 1425, longitude: 1934 },
      sees: next.members,
      accuses: [{ peer: signerOf(a).publicKey, evidence: JOB }],
    },
    peer_record: {
      peer: signerOf(a).publicKey,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      http: 'http://a',
      sequence: 1,
      time: 1,
    },
  }
  const statement = (type: StatementType): Uint8Array =>
    cborFromValue({ from: signerOf(a).publicKey, body: bodies[type], signature: closed.signature })
  const anyStatement = statement('vote1')
  const uploader = signerNamed('uploader')
  const leavesRoot = merkleRoot([JOB, JOB])
  const framed = frameToBytes(3, Uint8Array.of(0, 0, 0, 7, 1, 2, 3))

  const answered = { status: 200, headers: [['Content-Type', 'text/plain']] as const, body: null }
  const tunnelled = [
    frameToTunnel({ type: 'open', stream: 2, head: cborFromValue(OPENED) }),
    frameToTunnel({ type: 'answer', stream: 1, head: cborFromValue(answered) }),
    frameToTunnel({ type: 'answer', stream: 1, head: cborFromValue({ ...answered, body: Uint8Array.of(1, 2) }) }),
    frameToTunnel({ type: 'data', stream: 1, bytes: Uint8Array.of(1, 2, 3) }),
    frameToTunnel({ type: 'end', stream: 1 }),
    frameToTunnel({ type: 'cancel', stream: 1, reason: 0 }),
    frameToTunnel({ type: 'credit', stream: 0, bytes: 7 }),
    frameToTunnel({ type: 'reset' }),
  ]

  return [
    codec('wire', messages.map(wireToBytes), wireFromBytes, wireToBytes, (message) => {
      const checks = wireChecks(door, message)
      if (message.type === 'propose') for (const request of message.requests) reconfigOf(request)
      return `${message.type} ${checks.ok ? checks.value.length : checks.error.code}`
    }),
    codec(
      'content',
      [
        contentToBytes({ type: 'blocks', job: JOB, blocks: [{ cert, requests, bodies: [bytesFromText('b')] }] }),
        contentToBytes({ type: 'want_bodies', job: JOB, hashes: [JOB] }),
        contentToBytes({ type: 'want_blocks', job: JOB, from: 1, count: 2 }),
        contentToBytes({ type: 'want_content', job: JOB, cids: [root] }),
        contentToBytes({ type: 'content', blocks: [null, bytesFromText('x')] }),
        contentToBytes({ type: 'state', cert }),
        contentToBytes({ type: 'network', file: networkText }),
      ],
      contentFromBytes,
      contentToBytes,
      ({ type }) => type,
    ),
    codec('record', [persist.record], recordFromBytes, recordToBytes),
    codec('stored votes', [voteToBytes(persist.record, [JOB])], voteFromBytes, undefined),
    codec('stored height', [heightToBytes(requests, [bytesFromText('b')])], heightFromBytes, undefined),
    codec('stored certificate', [cborFromValue(cert)], certFromBytes, cborFromValue),
    codec('evidence', evidences, evidenceFromBytes, evidenceToBytes, (evidence) => {
      const judged = evidenceChecks(DOMAIN, [lone.group, next], evidence)
      return `${evidence.kind} ${judged.ok ? 'judged' : judged.error.code}`
    }),
    codec('certificate', [cborFromValue(cert), cborFromValue(read.evidence.cert)], certificateFromBytes, cborFromValue),
    codec(
      'start',
      [cborFromValue(start)],
      (bytes) => readCbor(startShape, bytes, 1 << 16),
      cborFromValue,
      (value) => {
        const checks = wireChecks(door, { type: 'start', start: value })
        return checks.ok ? 'good' : checks.error.code
      },
    ),
    codec(
      'saved answer',
      [savedBytes(read), savedBytes(write)],
      savedAnswerFromBytes,
      undefined,
      ({ asked, answer, evidence }) => {
        const examined = examineAnswer(rules, asked, answer, evidence)
        return examined.ok ? 'good' : examined.error.code
      },
    ),
    codec(
      'update',
      [updateToBytes(signStatement(DOMAIN, 'update', uploader, bodies.update))],
      (bytes) => updateFromBytes({ domain: DOMAIN, job: JOB, uploader: uploader.publicKey }, bytes),
      updateToBytes,
    ),
    codec(
      'cbor',
      [anyStatement, cborFromValue({ a: [1, 'b', { c: null }] })],
      (bytes) => valueFromCbor(bytes, 1 << 16),
      cborFromValue,
    ),
    ...(Object.keys(STATEMENTS) as StatementType[]).map((type) => {
      const shape = signedShape(type)
      return codec(
        `statement ${type}`,
        [statement(type)],
        (bytes) => readCbor(shape, bytes, 1 << 16),
        cborFromValue as (value: unknown) => Uint8Array,
      )
    }),
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
      name: 'evidence headers',
      form: 'bytes',
      seeds: [readHeaders, writeHeaders, linked],
      run: (input) => {
        const result = evidenceFromHeaders(headersOf(input))
        return result.ok ? `accepted ${result.value.kind}` : result.error.code
      },
    },
    {
      name: 'signature headers',
      form: 'bytes',
      seeds: [signedHeaders],
      run: (input) => {
        const headers = headersOf(input)
        for (const [name, value] of headers) if (name === 'content-digest') digestFromContentDigest(value.trim())
        const result = httpSignatureCheck(200, headers)
        return result.ok ? 'accepted' : result.error.code
      },
    },
    {
      name: 'tunnel',
      form: 'bytes',
      seeds: tunnelled,
      run: (input) => {
        // A stream is open at both ends, so that what comes on it is looked at.
        const [gateway, seeder] = [new TunnelStreams('gateway'), new TunnelStreams('seeder')]
        gateway.open(OPENED)
        const open = gateway.next([])
        assert.ok(open !== undefined && seeder.receive(open).ok)
        const verdicts = [gateway, seeder].map((end) => {
          const found = end.receive(input)
          if (!found.ok) return nameOf({ detail: '', ...found.error })
          return `accepted ${found.value.map(({ type }) => type).join()}`
        })
        return verdicts.join(' / ')
      },
    },
    {
      name: 'dns',
      form: 'bytes',
      seeds: [
        queryOf('wiki.peer', TYPE.A, optOf(1232, 0, [0, 12, 0, 2, 0, 0])),
        queryOf('peer', TYPE.SOA),
        queryOf('x.ipn', TYPE.ANY),
        dnsAnswer,
      ],
      run: (input) => {
        const taken = answerFromBytes(input, dnsQuestion)
        const query = queryFromBytes(input)
        if (!query.ok) {
          const { error } = query
          if (taken.ok) return `accepted answer ${Math.min(8, taken.value.answers.length)}`
          return `${nameOf({ code: error.code, detail: error.code === 'bad_query' ? error.detail : '' })} ${taken.error.detail}`
        }
        const settled = settle(query.value, DNS_ZONE)
        const { question } = query.value
        const answer =
          settled.kind === 'answer'
            ? settled.answer
            : siteAnswer(question.type, DNS_ZONE, { ttl: 5, records: dnsRecords })
        for (const maxBytes of [0, 512, DNS_MESSAGE_BYTES_MAX]) {
          const bytes = answerToBytes(query.value, answer, { maxBytes, isPrivate: true })
          assert.ok(bytes.length <= Math.max(maxBytes, 12 + question.bytes.length + 11), 'as long as may be')
          const again = answerFromBytes(bytes, question.bytes)
          assert.ok(again.ok, 'it is read again')
          assert.ok(again.value.rcode === answer.rcode || answer.rcode > 15, 'the code')
          assert.ok(again.value.isTruncated || again.value.answers.length === answer.answers.length, 'all of it')
        }
        return `accepted ${answer.rcode} ${answer.answers.length}`
      },
    },
    {
      name: 'frames',
      form: 'bytes',
      seeds: [Uint8Array.from([...framed[0], ...framed[1], ...framed[0], ...framed[1]])],
      run: (input) => {
        const reader = new FrameReader(4096)
        let frames = 0
        for (let at = 0; at < input.length; at += 7) {
          reader.push(input.subarray(at, at + 7))
          for (let frame = reader.next(); ; frame = reader.next()) {
            if (!frame.ok) return frame.error.code
            if (frame.value === undefined) break
            frames++
          }
        }
        assert.ok(reader.heldBytes <= 4096 + 16 + 7, 'no more than a frame and a chunk is held')
        return `accepted ${Math.min(8, frames)}`
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
