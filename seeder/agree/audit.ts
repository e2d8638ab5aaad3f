// Members look at each other's answers the way a visitor does: now and then one asks another's origin for a page and holds
// the signed receipt against the certificate of its height. A receipt for a state that was never certified is proof of a lie by itself; so is
// an answer that differs from one's own of the same height and nonce, to whoever runs the request again.
//
//   one (site, member) pair a turn ──GET /──> receipt ──> own certificate of that height ──> evidence; where theirs is valid too, of who made both
//                                        └──> own origin at the same height ──> the same response hash, or evidence
//
// Invariant: the cost is one look a turn, however many sites there are, and a member that does not answer costs nothing.

import { forkEvidence } from '#protocol/agreement/evidence.ts'
import { evidenceFromHeaders, HEIGHT_HEADER, NONCE_HEADER, type ReadEvidence } from '#protocol/answer/evidence.ts'
import { base64FromBytes, bytesEqual } from '#protocol/codec/bytes.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { certChecks, runChecks } from '#protocol/message/certificate.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { requestHash } from '#protocol/message/request.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import { NO_BODY } from '#protocol/site/response-hash.ts'
import type { Site } from '#seeder/agree/site.ts'
import type { Log } from '#seeder/config/log.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type CallAnswer, call } from '#seeder/register/http.ts'

export const AUDIT_INTERVAL_MS = 10_000
const JITTER = 0.5
/** Of an ordinary visitor with the plug-in. */
const SENT_HEADERS = { accept: '*/*', 'interpeer-client': '1' }
const PAGE_BYTES_MAX = 8 * 1024 * 1024
const STATUS_BYTES_MAX = 4 * 1024 * 1024

export type AuditOptions = {
  readonly domain: Domain
  readonly sites: () => readonly Site[]
  /** A member's own origin, as the network file has it. */
  readonly httpOf: (peer: PeerName) => string | undefined
  readonly ownOriginOf: (siteName: string) => string | undefined
  readonly chance: () => number
  readonly log: Log
}

type Pair = { readonly site: Site; readonly peer: PeerName }

export function startAudits(options: AuditOptions): Disposable {
  const { chance, log } = options
  let stopped = false
  let turn = Math.floor(chance() * 1024)
  let timer: NodeJS.Timeout | undefined

  const next = (): Pair | undefined => {
    const pairs = options.sites().flatMap((site) => site.others.map((peer): Pair => ({ site, peer })))
    return pairs.length === 0 ? undefined : pairs[turn++ % pairs.length]
  }
  const look = async (): Promise<void> => {
    const pair = next()
    try {
      if (pair !== undefined) await audit(options, pair)
    } catch (cause) {
      log.debug('audit_failed', { site: pair?.site.name, peer: pair?.peer, cause })
    }
    later()
  }
  const later = (): void => {
    if (stopped) return
    timer = setTimeout(() => void look(), AUDIT_INTERVAL_MS * (1 - JITTER * chance()))
    timer.unref()
  }
  later()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

async function audit(options: AuditOptions, { site, peer }: Pair): Promise<void> {
  const { domain } = options
  const http = options.httpOf(peer)
  const { origin } = (http === undefined ? undefined : await originAt(http, site.name)) ?? {}
  if (origin === undefined) return
  const theirs = receiptOf(await get(`${origin}/`))
  if (theirs === undefined) return
  const { from, body, signature } = theirs.receipt
  const isTheirs =
    peerName(from) === peer &&
    bytesEqual(body.job, site.job) &&
    body.epoch === site.group.epoch &&
    verify(from, statementHash(domain, 'receipt', body), signature)
  // What they did not sign says nothing about them: anybody on the way may have put it there.
  if (!isTheirs) {
    site.count('audit_unsigned', peer)
    return
  }
  const cert = site.certificate(body.height)
  if (cert === undefined) return
  if (!bytesEqual(cert.block.state_root, body.state_root)) {
    // More lied together than are borne, and what they certified there is not what they certified here: who believed them is no liar.
    if (isCertified(options, site, theirs)) {
      for (const evidence of forkEvidence(site.group, cert, theirs.cert)) site.record(evidence)
      return
    }
    site.record({ kind: 'wrong_receipt', receipt: theirs.receipt, cert, request: null })
    return
  }
  const own = options.ownOriginOf(site.name)
  const ours = own === undefined ? undefined : receiptOf(await get(`${own}/`, theirs))
  if (ours === undefined || ours.receipt.body.height !== body.height) return
  if (bytesEqual(ours.receipt.body.response_hash, body.response_hash)) return
  const facts = {
    method: 'GET',
    target: '/',
    headers: requestHeaders(Object.entries(SENT_HEADERS), origin, site.name),
    bodyHash: NO_BODY,
  }
  // A site that lists more headers than usual was sent what it was: only what both hash alike can be run again.
  const hash = requestHash({ ...facts, job: site.job })
  if (!bytesEqual(hash, body.request_hash) || !bytesEqual(hash, ours.receipt.body.request_hash)) return
  const { bodyHash: body_hash, ...request } = facts
  site.record({ kind: 'wrong_receipt', receipt: theirs.receipt, cert, request: { ...request, body_hash } })
}

/** What the receipt says is what the certificate beside it says, and that one is valid. */
function isCertified({ domain }: AuditOptions, site: Site, { receipt, cert }: ReadEvidence): boolean {
  if (cert.block.height !== receipt.body.height || !bytesEqual(cert.block.state_root, receipt.body.state_root))
    return false
  const checks = certChecks(domain, site.group, cert)
  return checks.ok && runChecks(checks.value, verify).ok
}

/** As a member itself says: where its site is reached, and whether the member agrees with the group now. */
export type OwnOrigin = { readonly origin: string; readonly isAgreeing: boolean }

export async function originAt(http: string, siteName: string): Promise<OwnOrigin | undefined> {
  const answer = await call(`${http}/.well-known/interpeer/status`, { method: 'GET', answerBytesMax: STATUS_BYTES_MAX })
  const { sites } = JSON.parse(answer.body.toString('utf8')) as {
    sites?: { name?: string; origin?: string; state?: string }[]
  }
  const { origin, state } = sites?.find(({ name, state }) => name === siteName && state !== 'left') ?? {}
  return origin !== undefined && isOriginOf(http, origin) ? { origin, isAgreeing: state === 'agreeing' } : undefined
}

/** A member names places of its own: its host or one below it, so that nobody is sent to knock on other doors. */
export function isOriginOf(http: string, origin: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, hostname } = new URL(origin)
  const own = new URL(http).hostname
  return /^https?:$/.test(protocol) && (hostname === own || hostname.endsWith(`.${own}`))
}

function get(url: string, at?: ReadEvidence): Promise<CallAnswer> {
  const nonce = at?.receipt.body.nonce
  return call(url, {
    method: 'GET',
    answerBytesMax: PAGE_BYTES_MAX,
    headers: {
      ...SENT_HEADERS,
      ...(at === undefined ? {} : { [HEIGHT_HEADER]: String(at.receipt.body.height) }),
      ...(nonce === undefined ? {} : { [NONCE_HEADER]: base64FromBytes(nonce) }),
    },
  })
}

function receiptOf(answer: CallAnswer): ReadEvidence | undefined {
  const evidence = evidenceFromHeaders(answer.headers)
  return evidence.ok && evidence.value.kind === 'read' ? evidence.value : undefined
}
