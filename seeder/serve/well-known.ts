// `/.well-known/interpeer/…`: what a site's member says beside the site itself, readable from any page (CORS).
//
//   status              JSON: epoch, height, members, evidence, counts
//   certificate/<h>     canonical CBOR of CERT; `latest` for the newest
//   log?limit=&after=   JSON: lines of the site's log
//   evidence/<hash>     canonical CBOR of a proof
//   chunks/<root>       leaf hashes of a streamed body by its body root (hexadecimal), 32 bytes each
//   state?path=         JSON: CID and size of a file of the present state
//   reach?gateway=&challenge=   canonical CBOR of a signed `reach`: this origin is this seeder's (§5.2)
//   bar-<hash>.js       the script of the bar, which pages for browsers name

import type { ServerResponse } from 'node:http'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { peerName } from '#protocol/identity/keys.ts'
import type { AssetFinder } from '#seeder/serve/assets.ts'
import { barScript } from '#seeder/serve/barred-page.ts'
import type { HostedSite } from '#seeder/serve/port.ts'
import { refuse } from '#seeder/serve/refusal.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

export const LOG_LINES_DEFAULT = 100
export const LOG_LINES_MAX = 1000
const STATE_PATH_MAX = 1024

const CORS = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Allow-Methods',
  'GET, HEAD, OPTIONS',
  'Access-Control-Allow-Headers',
  '*',
  'X-Content-Type-Options',
  'nosniff',
] as const

/** The JSON of `status`, here and at the control port. */
export function siteStatusJson(site: HostedSite, now: number): Record<string, unknown> {
  const status = site.status()
  const head = site.head()
  return {
    job: hexFromBytes(site.job),
    name: site.name,
    epoch: status.epoch,
    height: status.height,
    view: status.view,
    leader: peerName(status.leader),
    stateRoot: textFromCid(status.stateRoot),
    state: status.state,
    ...(status.degraded === undefined ? {} : { degraded: status.degraded }),
    ...(head === undefined ? {} : { time: head.time, ageMs: now - head.time }),
    members: status.members.map((member) => ({
      peer: peerName(member.peer),
      state: member.state,
      height: member.height,
      ...(member.relay === undefined ? {} : { relay: member.relay }),
    })),
    evidence: status.evidence.map(({ kind, accused, hash }) => ({
      kind,
      accused: peerName(accused),
      hash: hexFromBytes(hash),
    })),
    counts: status.counts,
    queued: status.queued,
  }
}

type Sent = { readonly type: string; readonly body: Uint8Array; readonly immutable?: boolean }

function json(value: unknown): Sent {
  return { type: 'application/json', body: Buffer.from(`${JSON.stringify(value)}\n`) }
}

function bounded(text: string | null, otherwise: number, max: number): number {
  if (text === null || !/^[0-9]{1,15}$/.test(text)) return otherwise
  return Math.min(Number(text), max)
}

/** The seeder's word that a site's origin is its own; undefined: it has none. */
export type ReachAnswer = (siteName: string, gateway: string, challenge: Uint8Array) => Uint8Array | undefined

const CHALLENGE_BYTES = 32
const GATEWAY_LENGTH_MAX = 256

function reachAnswer(site: HostedSite, asked: URLSearchParams, reach: ReachAnswer): Sent | undefined {
  const challenge = bytesFromHex(asked.get('challenge') ?? '')
  const gateway = asked.get('gateway') ?? ''
  const isFit = challenge.ok && challenge.value.length === CHALLENGE_BYTES && /^[\x21-\x7e]+$/.test(gateway)
  if (!isFit || gateway.length > GATEWAY_LENGTH_MAX) return undefined
  const body = reach(site.name, gateway, challenge.value)
  return body === undefined ? undefined : { type: 'application/cbor', body }
}

function answerOf(site: HostedSite, assets: AssetFinder, url: URL, now: number, reach: ReachAnswer): Sent | undefined {
  const [what = '', argument, ...more] = url.pathname.slice(WELL_KNOWN.length).split('/')
  if (more.length > 0) return undefined
  if (argument === undefined) {
    if (what === 'status') return json(siteStatusJson(site, now))
    if (what === 'reach') return reachAnswer(site, url.searchParams, reach)
    if (what === 'log') {
      const limit = bounded(url.searchParams.get('limit'), LOG_LINES_DEFAULT, LOG_LINES_MAX)
      const after = url.searchParams.get('after')
      const from = after === null ? undefined : bounded(after, 0, Number.MAX_SAFE_INTEGER)
      return json({ lines: site.logs({ limit, ...(from === undefined ? {} : { after: from }) }) })
    }
    if (what === 'state') {
      const path = url.searchParams.get('path') ?? ''
      const head = site.head()
      if (head === undefined || path === '' || path.length > STATE_PATH_MAX) return undefined
      const file = site.file(head.stateRoot, path)
      if (file === undefined) return undefined
      const stateRoot = textFromCid(head.stateRoot)
      return json({ height: head.height, stateRoot, path, cid: textFromCid(file.cid), size: file.size })
    }
    return undefined
  }
  if (what === 'certificate') {
    const height =
      argument === 'latest' ? site.head()?.height : /^[0-9]{1,15}$/.test(argument) ? Number(argument) : undefined
    const cert = height === undefined ? undefined : site.certificate(height)
    if (cert === undefined) return undefined
    return { type: 'application/cbor', body: cborFromValue(cert), immutable: argument !== 'latest' }
  }
  if (what === 'evidence') {
    const found = site.status().evidence.find(({ hash }) => hexFromBytes(hash) === argument)
    return found === undefined ? undefined : { type: 'application/cbor', body: found.proof, immutable: true }
  }
  if (what === 'chunks') {
    const leaves = assets.leaves(argument)
    return leaves === undefined ? undefined : { type: 'application/octet-stream', body: leaves, immutable: true }
  }
  return undefined
}

export function serveWellKnown(
  response: ServerResponse,
  request: RequestHead,
  site: HostedSite,
  assets: AssetFinder,
  now: number,
  reach: ReachAnswer,
): void {
  if (request.method === 'OPTIONS') {
    response.writeHead(204, [...CORS, 'Allow', 'GET, HEAD, OPTIONS'])
    response.end()
    return
  }
  if (!request.reads) {
    const headers = [['Allow', 'GET, HEAD, OPTIONS']] as const
    refuse(response, { code: 'method_not_allowed', headers }, { accept: request.accept, close: request.hasBody })
    return
  }
  const script = barScript(request)
  if (script !== undefined) {
    const { headers, body } = script
    response.writeHead(200, [...CORS, ...headers.flat(), 'Content-Length', String(body.length)])
    response.end(request.method === 'HEAD' ? undefined : body)
    return
  }
  const sent = URL.canParse(request.target, 'http://site')
    ? answerOf(site, assets, new URL(request.target, 'http://site'), now, reach)
    : undefined
  if (sent === undefined) {
    const headers = [['Access-Control-Allow-Origin', '*']] as const
    refuse(response, { code: 'not_found', headers }, { accept: request.accept, head: request.method === 'HEAD' })
    return
  }
  response.writeHead(200, [
    ...CORS,
    'Content-Type',
    sent.type,
    'Content-Length',
    String(sent.body.length),
    'Cache-Control',
    sent.immutable === true ? 'public, max-age=3600, immutable' : 'no-store',
  ])
  response.end(request.method === 'HEAD' ? undefined : sent.body)
}
