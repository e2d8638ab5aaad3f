// A gateway on Node with a site in each state that its pages speak of, for browsers: a group of which one member lies, sites that nobody answers for, that
// are denied, that ended, and one whose only member forges.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNodeGateway } from '#gateway/node/start.ts'
import { evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { signDenyList } from '#protocol/directory/deny-list.ts'
import { signNetworkFile } from '#protocol/directory/network-file.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { startTunnel } from '#seeder/tunnel/tunnel.ts'
import { startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { registrationBytes, signerNamed, signRegistration, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
/** More than one page of the list. */
const OTHER_SITES = 40
const RENEWED_MS = 3_000

export type GatewayScene = AsyncDisposable & {
  readonly url: string
  /** Where a site is carried. */
  carried(name: string): string
  /** That of `demo`; its member `ana` answers through a tunnel. */
  readonly group: HostedGroup
}

export async function gatewayScene(): Promise<GatewayScene> {
  await using stack = new AsyncDisposableStack()
  const issuer = signerNamed('issuer')
  const issuerKey = hexFromBytes(issuer.publicKey)
  const plain = testNetwork({
    sites: [
      { name: 'demo', members: MEMBERS },
      { name: 'empty', members: MEMBERS },
      { name: 'forged', members: ['eve', 'ben', 'cleo', 'dan'] },
      { name: 'unlawful', members: MEMBERS },
      { name: 'abusive', members: MEMBERS },
      ...Array.from({ length: OTHER_SITES }, (_, at) => ({
        name: `site-${String(at).padStart(2, '0')}`,
        members: MEMBERS,
      })),
    ],
  })
  const { signature: _, ...unsigned } = plain.file
  const ended = [{ job: 'ee'.repeat(32), name: 'over', time: unsigned.time }]
  const text = JSON.stringify(signNetworkFile({ ...unsigned, ended }, plain.networkSigner))
  const directory = stack.adopt(mkdtempSync(join(tmpdir(), 'gateway-pages-')), (path) =>
    rmSync(path, { recursive: true }),
  )
  const gateway = stack.use(
    await startNodeGateway({
      port: 0,
      directory,
      networkKey: plain.file.network_key,
      networkFile: text,
      denyKeys: [issuerKey],
      log: () => {},
    }),
  )
  const port = new URL(gateway.url).port

  const body = (bytes: Uint8Array): RequestInit => ({ method: 'POST', body: bytes as Uint8Array<ArrayBuffer> })
  const register = async (peer: string, sites: Record<string, string | null>, tunnel = false): Promise<void> => {
    const statement = signRegistration(plain, peer, {
      gateway: gateway.url,
      time: Date.now(),
      sites,
      tunnel,
      sees: MEMBERS.filter((other) => other !== peer && other !== 'cleo'),
    })
    await fetch(`${gateway.url}/register`, body(registrationBytes(statement)))
  }

  const group = hostedGroup('demo', {
    network: plain,
    members: MEMBERS,
    app: ({ method }) => textResponse(200, method),
  })
  // The same names and another chain: everything that it signs is of another network.
  const other = testNetwork({ sites: [{ name: 'forged', members: MEMBERS }], networkName: 'another' })
  const forging = hostedGroup('forged', { network: other, members: MEMBERS, app: () => textResponse(200, 'a lie') })
  const edge = stack.use(await startEdge(group))
  const forger = stack.use(await startEdge(forging))
  const common = { gateway: gateway.url, domain: plain.domain, chance: Math.random, onChange: () => {} }
  const tunnel = stack.use(startTunnel({ ...common, signer: plain.signer('ana'), carry: edge.server.carry }))
  const forgery = stack.use(startTunnel({ ...common, signer: plain.signer('eve'), carry: forger.server.carry }))
  await until('the tunnels', () => tunnel.isOpen && forgery.isOpen)

  const renew = async (): Promise<void> => {
    await register('ben', { demo: 'http://demo.ben.localhost:8080', 'site-01': 'http://site-01.ben.localhost:8080' })
    await register('eve', { forged: null }, true)
    await register('dan', { demo: 'http://demo.dan.localhost:8080' })
    await register('ana', { demo: null, 'site-00': 'http://site-00.ana.localhost:8080' }, true)
  }
  await renew()
  const timer = setInterval(() => void renew().catch(() => {}), RENEWED_MS)
  stack.defer(() => clearInterval(timer))

  const vote = (blockHash: Digest) =>
    signStatement(plain.domain, 'vote1', plain.signer('dan'), {
      job: plain.job('demo'),
      epoch: 1,
      height: 5,
      view: 2,
      block_hash: blockHash,
      jview: null,
    })
  const proof = evidenceToBytes({ kind: 'double_vote1', first: vote(taggedHash('x')), second: vote(taggedHash('y')) })
  const judged = (await (await fetch(`${gateway.url}/evidence`, body(proof))).json()) as { proven?: boolean }
  assert(judged.proven === true, 'the lie of dan is proven')

  const list = signDenyList(
    {
      version: 1,
      title: 'Example e. V.',
      appeal: 'https://example.org/appeal',
      issuer: issuerKey,
      time: Date.now(),
      entries: [
        {
          number: 1,
          job: hexFromBytes(plain.job('unlawful')),
          reason: 'law',
          text: 'Ordered by the court of Exampleton.',
          places: [],
          since: Date.now(),
          reference: 'https://example.org/order',
        },
        {
          number: 2,
          job: hexFromBytes(plain.job('abusive')),
          reason: 'abuse',
          text: 'It collects passwords.',
          places: [],
          since: Date.now(),
        },
      ],
    },
    issuer,
  )
  const denied = await fetch(`${gateway.url}/deny/${issuerKey}`, { method: 'PUT', body: JSON.stringify(list) })
  assert(denied.ok, 'the deny-list is followed')

  const held = stack.move()
  return {
    url: gateway.url,
    carried: (name) => `http://${name}.sites.localhost:${port}`,
    group,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
