import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EXIT, type Failure } from '#cli/failure.ts'
import type { Output } from '#cli/terminal/output.ts'
import { proofJudge } from '#cli/verify/judge.ts'
import { memberOrigins, provenLiars } from '#cli/verify/members.ts'
import { runVerify, type VerifyOptions } from '#cli/verify/verify.ts'
import { type Evidence, evidenceHash, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { directoryOf } from '#protocol/directory/directory.ts'
import type { NetworkJob } from '#protocol/directory/network-file.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'

const MEMBERS = ['ann', 'ben', 'cleo', 'dan']
const directory = mkdtempSync(join(tmpdir(), 'interpeer-verify-'))

/** A gateway as a visitor sees it: redirects links to the first member and tells where all are. */
function startGateway(origins: () => readonly (string | null)[], peers: () => readonly string[]): Promise<Server> {
  const { promise, resolve } = Promise.withResolvers<Server>()
  const server = createServer((request, response) => {
    const url = request.url ?? '/'
    if (url === '/evidence') {
      request.on('data', (chunk: Buffer) => reported.push(chunk))
      request.on('end', () => response.end('{}'))
      return
    }
    if (url.startsWith('/lookup/name/')) {
      const members = peers().map((peer, index) => ({ peer, state: 'living', origin: origins()[index] ?? null }))
      response.end(JSON.stringify({ members }))
      return
    }
    const [, name = ''] = url.split('/')
    const rest = url.slice(1 + name.length)
    if (name !== 'demo') response.writeHead(404).end()
    else if (rest === '') response.writeHead(308, { location: '/demo/' }).end()
    else if (rest === '/elsewhere') response.writeHead(307, { location: `${origins()[0]}/other` }).end()
    else response.writeHead(307, { location: `${origins()[0]}${rest}` }).end()
  })
  server.listen(0, '127.0.0.1', () => resolve(server))
  return promise
}

type World = { group: HostedGroup; edges: Edge[]; gateway: string; network: string }
let world: World

const app = (lie = false): Parameters<typeof hostedGroup>[1] => ({
  app(request, context) {
    if (request.method === 'POST') {
      context.state.set('n', Buffer.from(request.body).toString())
      return textResponse(303, '', [['location', '/']])
    }
    if (request.target === '/chance') return textResponse(200, Buffer.from(context.chance()).toString('hex'))
    return textResponse(200, lie ? 'lie' : `truth ${context.state.get('n') ?? ''}`)
  },
})

const origins: (string | null)[] = []
const reported: Buffer[] = []

async function build(): Promise<World> {
  const server = await startGateway(
    () => origins,
    () => MEMBERS.map((member) => group.network.peer(member)),
  )
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const network = testNetwork({ sites: [{ name: 'demo', members: MEMBERS }], gateways: [gateway], admission: gateway })
  const group = hostedGroup('demo', { ...app(), network })
  const edges = await Promise.all(MEMBERS.map((_, member) => startEdge(group, { member })))
  origins.push(...edges.map(({ origin }) => origin))
  const path = join(directory, 'network.json')
  writeFileSync(path, network.text)
  after(async () => {
    for (const edge of edges) await edge[Symbol.asyncDispose]()
    server.closeAllConnections()
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { group, edges, gateway, network: path }
}

world = await build()

type Run = { exit: number; json: Record<string, unknown>; text: string }

async function run(options: Partial<VerifyOptions>): Promise<Run> {
  const plain = (text: string): string => text
  const lines: string[] = []
  let json: Record<string, unknown> = {}
  const output: Output = {
    json: false,
    line: (text = '') => void lines.push(text),
    event: (value) => {
      json = value as Record<string, unknown>
    },
    note: () => {},
    progress: () => ({ at: () => {}, end: () => {} }),
    style: { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, link: plain },
  }
  const exit = await runVerify({ network: world.network, output, ...options }).catch((cause: Failure) => {
    if (cause.exit === undefined) throw cause
    lines.push(cause.message)
    return cause.exit
  })
  return { exit, json, text: lines.join('\n') }
}

test('§6 a gateway’s link and a member’s own address are valid, and another member says the same', async () => {
  for (const url of [`${world.gateway}/demo/`, `${world.gateway}/demo`, `${world.edges[2]?.origin}/page?x=1`]) {
    const { exit, json, text } = await run({ url })
    assert.equal(exit, EXIT.ok, text)
    assert.equal(json.valid, true)
    assert.equal(json.height, world.group.head().height)
    assert.equal(json.epoch, 1)
    assert.ok(typeof json.ageMs === 'number' && json.job !== undefined && json.signer !== json.comparedWith)
    assert.ok((json.checked as string[]).includes('members_agree'))
    assert.match(text, /✓ comparison/)
    assert.match(text, /Valid/)
  }
})

test('§6 an answer with chance in it is compared with its nonce', async () => {
  const { exit, json } = await run({ url: `${world.gateway}/demo/chance` })
  assert.equal(exit, EXIT.ok)
  assert.ok((json.checked as string[]).includes('members_agree'))
})

test('§6 a write is verified by the group’s own certificate', async () => {
  const { exit, json, text } = await run({ url: `${world.gateway}/demo/`, data: 'seven' })
  assert.equal(exit, EXIT.ok, text)
  assert.equal(json.kind, 'write')
  assert.equal(json.signer, null)
})

test('§6 a saved answer is valid from its file, judged at its own time or at another', async () => {
  for (const [name, more] of [
    ['read.answer', {}],
    ['write.answer', { data: 'eight' }],
  ] as const) {
    const file = join(directory, name)
    assert.equal((await run({ url: `${world.gateway}/demo/saved`, save: file, ...more })).exit, EXIT.ok)
    const again = await run({ from: file })
    assert.equal(again.exit, EXIT.ok, again.text)
    assert.equal(again.json.at, again.json.time)
    assert.equal(again.json.ageMs, 0)
    const time = Number(again.json.time)
    assert.equal((await run({ from: file, at: String(time + 30_000) })).exit, EXIT.ok)
    const late = await run({ from: file, at: new Date(time + 31_000).toISOString() })
    assert.equal(late.exit, EXIT.failed)
    assert.equal(late.json.code, 'stale')
    const bytes = readFileSync(file)
    for (const index of [0, 10, bytes.length >> 1, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 4
      writeFileSync(join(directory, 'changed.answer'), changed)
      const refused = await run({ from: join(directory, 'changed.answer') })
      assert.equal(refused.exit, EXIT.failed)
      assert.equal(refused.json.valid, false)
      assert.ok(typeof refused.json.code === 'string')
    }
  }
})

test('§6 a member that answers otherwise is found out, and takes nothing from those that are right', async () => {
  const { group, edges } = world
  const liar = hostedGroup('demo', { ...app(true), network: group.network, now: () => group.head().time })
  // The liar signs what it made up for the state that the others certified.
  const { site, signer } = liar.member(0)
  const lying = {
    ...site,
    head: () => group.head(),
    file: () => undefined,
    read: (...[, asked]: Parameters<typeof site.read>) => site.read(liar.head(), asked),
  }
  const sites = { byName: () => lying, all: () => [lying], onChange: () => () => {} }
  await using edge = await startEdge(liar, { sites, signer })
  const { exit, json, text } = await run({ url: `${edge.origin}/` })
  assert.equal(exit, EXIT.failed, text)
  assert.equal(json.code, 'members_differ')
  const before = origins[0] ?? null
  origins[0] = edge.origin
  const honest = await run({ url: `${edges[1]?.origin}/` })
  assert.equal(honest.exit, EXIT.ok, honest.text)
  assert.match(honest.text, /answers otherwise, against more members/)
  origins.splice(2, 2, null, null)
  const undecided = await run({ url: `${edges[1]?.origin}/` })
  assert.equal(undecided.json.code, 'members_differ', 'one word against another: neither is believed')
  origins.splice(0, 4, before, ...edges.slice(1).map((each) => each.origin))
})

test('§6 an answer at a height that the living others have left behind is not believed on one signature', async () => {
  const { edges } = world
  const movedOn = createServer((_, response) => response.writeHead(410).end())
  movedOn.listen(0, '127.0.0.1')
  await once(movedOn, 'listening')
  const away = `http://127.0.0.1:${(movedOn.address() as AddressInfo).port}`
  origins.splice(1, 3, away, away, away)
  const { exit, json } = await run({ url: `${edges[0]?.origin}/` })
  assert.equal(exit, EXIT.failed)
  assert.equal(json.code, 'height_gone')
  origins.splice(1, 3, null, null, null)
  assert.equal((await run({ url: `${edges[0]?.origin}/` })).exit, EXIT.ok, 'members that do not live cannot be asked')
  origins.splice(0, 4, ...edges.map((each) => each.origin))
  movedOn.close()
})

test('§6 a signer against whom a member holds a valid proof is refused', async () => {
  const { group } = world
  const { signer } = group.member(0)
  const place = { job: group.group.job, epoch: 1, height: 5, view: 2, jview: null }
  const vote = (by: typeof signer, text: string) =>
    signStatement(group.network.domain, 'vote1', by, { ...place, block_hash: sha256(bytesFromText(text)) })
  const accuse = (evidence: Evidence): void => {
    const proof = evidenceToBytes(evidence)
    group.evidence = [{ kind: evidence.kind, accused: signer.publicKey, hash: evidenceHash(evidence), proof }]
  }
  const first = vote(signer, 'one')
  accuse({ kind: 'double_vote1', first, second: vote(signer, 'two') })
  const refused = await run({ url: `${world.edges[0]?.origin}/` })
  assert.equal(refused.exit, EXIT.failed)
  assert.equal(refused.json.code, 'signer_proven_liar')
  assert.equal((await run({ url: `${world.edges[1]?.origin}/` })).exit, EXIT.ok)
  accuse({ kind: 'double_vote1', first, second: { ...vote(signerNamed('stranger'), 'two'), from: first.from } })
  assert.equal((await run({ url: `${world.edges[0]?.origin}/` })).exit, EXIT.ok, 'an accusation without proof is none')
  group.evidence = []
})

test('§6 a lie that only a re-execution shows counts when more members vouch for it than may be liars', async () => {
  const origins = await memberOrigins(
    world.group.network.file,
    directoryOf(world.group.network.file).jobByName('demo') as NetworkJob,
  )
  assert.equal(origins.length, 4)
  const accused = world.group.network.peer('dan')
  const proof = bytesFromText('proof')
  world.group.evidence = [
    { kind: 'wrong_result', accused: world.group.member(3).signer.publicKey, hash: sha256(proof), proof },
  ]
  const judge = () => ({ accused, selfContained: false })
  assert.deepEqual([...(await provenLiars(origins.slice(0, 2), judge, 2))], [accused])
  assert.deepEqual([...(await provenLiars(origins.slice(0, 1), judge, 2))], [])
  assert.deepEqual([...(await provenLiars(origins.slice(2, 4), judge, 2))], [], 'the accused is no witness')
  world.group.evidence = []
})

test('§6 what the network file does not vouch for is not valid', async () => {
  const stranger = hostedGroup('demo', { ...app(), members: ['eve', 'fay', 'gus', 'hal'] })
  await using edge = await startEdge(stranger)
  const { exit, json } = await run({ url: `${edge.origin}/` })
  assert.equal(exit, EXIT.failed)
  assert.equal(json.code, 'http_signature_not_member')
  const led = await run({ url: `${world.gateway}/demo/elsewhere` })
  assert.equal(led.json.code, 'redirect_target')
  assert.equal((await run({ url: `${world.gateway}/unknown/` })).json.code, 'no_receipt')
})

test('§6 a forged receipt is refused', async () => {
  const { site, signer } = world.group.member(0)
  const forging = {
    ...site,
    receipt: (body: Parameters<typeof site.receipt>[0]) =>
      signStatement(world.group.network.domain, 'receipt', signer, { ...body, request_hash: body.response_hash }),
  }
  const sites = { byName: () => forging, all: () => [forging], onChange: () => () => {} }
  await using edge = await startEdge(world.group, { sites, signer })
  assert.equal((await run({ url: `${edge.origin}/` })).json.code, 'request_hash')
})

test('§6 a receipt for a state that nobody certified is refused, and its proof handed to the gateway', async () => {
  const { group } = world
  const { site, signer } = group.member(0)
  const forging = {
    ...site,
    receipt: (body: Parameters<typeof site.receipt>[0]) =>
      signStatement(group.network.domain, 'receipt', signer, { ...body, state_root: EMPTY_DIRECTORY }),
  }
  const sites = { byName: () => forging, all: () => [forging], onChange: () => () => {} }
  await using edge = await startEdge(group, { sites, signer })
  const refused = await run({ url: `${edge.origin}/` })
  assert.equal(refused.json.code, 'state_root')
  assert.match(refused.text, /proof of a lie/)
  const job = directoryOf(group.network.file).jobByName('demo') as NetworkJob
  const judged = proofJudge(group.network.file, job)(new Uint8Array(Buffer.concat(reported)))
  assert.deepEqual(judged, { accused: group.network.peer('ann'), selfContained: true })
})

test('§6 exit codes: 2 for usage, 3 for nobody there, 1 for a network file that was changed', async () => {
  assert.equal((await run({})).exit, EXIT.usage)
  assert.equal((await run({ url: 'nonsense' })).exit, EXIT.usage)
  assert.equal((await run({ from: join(directory, 'nowhere') })).exit, EXIT.usage)
  assert.equal((await run({ url: `${world.gateway}/demo/`, network: join(directory, 'nowhere') })).exit, EXIT.usage)
  assert.equal((await run({ url: 'http://127.0.0.1:1/' })).exit, EXIT.network)
  const changed = join(directory, 'changed.json')
  writeFileSync(
    changed,
    JSON.stringify({ ...signNetworkFile(world.group.network.file, world.group.network.networkSigner), version: 9 }),
  )
  assert.equal((await run({ url: `${world.gateway}/demo/`, network: changed })).exit, EXIT.failed)
})
