// What a seeder answers on its own origin, beside publishing: what it hosts and how each site is, for `interpeer status`, `logs`,
// `export` and `publish --rollback`. All but the state itself is public: that holds what visitors trust the site with.
//
//   GET /.well-known/interpeer/status               {"peer","version","sites":[…with "origin","codeRoot"],"refused":[{"site","reason"}]}
//   GET /.well-known/interpeer/log/<job>?limit=&after=
//   GET /.well-known/interpeer/codes/<job>          [{"height","codeRoot"}], newest first
//   GET /.well-known/interpeer/export/<job>         CAR of the certified state, for the uploader alone: `Interpeer-Export` has its signed
//                                                   `export` statement in base64; answers `Interpeer-Certificate`, `Interpeer-State-Root`

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { base64FromBytes, bytesEqual, bytesFromBase64, bytesFromHex } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { statementHash } from '#protocol/message/domain.ts'
import { signedShape } from '#protocol/message/statement.ts'
import { codesOf } from '#seeder/agree/code-history.ts'
import type { UpdateRule } from '#seeder/agree/update.ts'
import type { Log } from '#seeder/config/log.ts'
import type { QuotaFacts } from '#seeder/control/quota-keeper.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'
import { siteStatusJson } from '#seeder/serve/well-known.ts'
import type { Store } from '#seeder/store/port.ts'

const PREFIX = '/.well-known/interpeer/'
const JOB_ROUTE = /^(log|codes|export)\/([0-9a-f]{64})$/
const LOG_LINES_DEFAULT = 100
const LOG_LINES_MAX = 1000
/** Exports under way; more are told to come later. */
export const EXPORTS_MAX = 2
/** An `export` statement's time may be this far from this clock. */
export const EXPORT_SKEW_MS = 60_000
const EXPORT_STATEMENT_BYTES_MAX = 1024
const exportShape = signedShape('export')

export type OwnOriginOptions = {
  readonly peer: PeerName
  readonly sites: HostedSites
  readonly store: Store
  readonly version: () => number
  /** Sites that the network gives this seeder and that its quotas leave no room for. */
  readonly refused: () => QuotaFacts['refused']
  /** Whose signature an export of a job needs. */
  readonly rule: (job: Digest) => UpdateRule | undefined
  readonly originOf: (siteName: string) => string | undefined
  readonly now: () => number
  readonly log: Log
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    ...(status === 503 ? { 'retry-after': '2' } : {}),
  })
  response.end(text)
}

function bounded(text: string | null, otherwise: number, max: number): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Math.min(Number(text), max) : otherwise
}

/** Why an export is refused, or undefined when the uploader asks for it now. */
function exportRefusal(
  rule: UpdateRule | undefined,
  header: string | string[] | undefined,
  now: number,
): { code: string; message: string } | undefined {
  const bytes = typeof header === 'string' ? bytesFromBase64(header) : undefined
  const read = bytes?.ok ? readCbor(exportShape, bytes.value, EXPORT_STATEMENT_BYTES_MAX) : undefined
  if (rule === undefined || !read?.ok) {
    return { code: 'export_unsigned', message: 'a state is given to its uploader alone: sign an export statement' }
  }
  const { from, body, signature } = read.value
  const own = bytesEqual(from, rule.uploader) && bytesEqual(body.job, rule.job)
  if (!own || !verify(from, statementHash(rule.domain, 'export', body), signature)) {
    return { code: 'not_the_uploader', message: 'only the key that published this job may export its state' }
  }
  if (Math.abs(now - body.time) > EXPORT_SKEW_MS) {
    return { code: 'clock_skew', message: `the statement is ${Math.abs(now - body.time)} ms away from this clock` }
  }
  return undefined
}

/** False: the request is about something else. */
export function createOwnOrigin(
  options: OwnOriginOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { sites, store, log } = options
  let exports = 0

  const exportSite = async (site: HostedSite, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = exportRefusal(options.rule(site.job), request.headers['interpeer-export'], options.now())
    if (refused !== undefined) return answer(response, 403, refused)
    const head = site.head()
    if (head === undefined)
      return answer(response, 503, { code: 'not_ready', message: 'nothing of this site is certified here yet' })
    if (exports >= EXPORTS_MAX) return answer(response, 503, { code: 'busy', message: 'other exports are under way' })
    exports++
    // The tree stays whole while it is sent, whatever is committed meanwhile.
    const label = `export/${randomBytes(8).toString('hex')}`
    store.blocks.addRoot(site.job, label, head.stateRoot)
    try {
      response.writeHead(200, {
        'content-type': 'application/vnd.ipld.car; version=1',
        'interpeer-height': String(head.height),
        'interpeer-state-root': textFromCid(head.stateRoot),
        'interpeer-certificate': base64FromBytes(cborFromValue(head.cert)),
        'cache-control': 'no-store',
      })
      await pipeline(Readable.from(store.exportCar(head.stateRoot), { objectMode: false }), response)
    } catch (cause) {
      log.warn('export_broke', { site: site.name, cause })
      response.destroy()
    } finally {
      exports--
      store.blocks.releaseRoot(site.job, label)
    }
  }

  return (request, response) => {
    const target = request.url ?? ''
    if (!target.startsWith(PREFIX) || !URL.canParse(target, 'http://seeder')) return false
    const url = new URL(target, 'http://seeder')
    const path = url.pathname.slice(PREFIX.length)
    const route = JOB_ROUTE.exec(path)
    if (path !== 'status' && route === null) return false
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      answer(response, 405, { code: 'method_not_allowed', message: 'GET only' })
      return true
    }
    if (route === null) {
      const reports = sites.all().map((site) => {
        const head = site.head()
        const origin = options.originOf(site.name)
        return {
          ...siteStatusJson(site, options.now()),
          ...(origin === undefined ? {} : { origin }),
          ...(head === undefined ? {} : { codeRoot: textFromCid(head.codeRoot) }),
        }
      })
      const refused = options.refused()
      answer(response, 200, {
        peer: options.peer,
        version: options.version(),
        sites: reports,
        ...(refused.length === 0 ? {} : { refused }),
      })
      return true
    }
    const [, what, name = ''] = route
    const site = sites.all().find((each) => Buffer.from(each.job).toString('hex') === name)
    const job = bytesFromHex(name)
    if (site === undefined || !job.ok) {
      answer(response, 404, { code: 'not_hosted', message: 'this seeder does not host that job' })
      return true
    }
    if (what === 'log') {
      const limit = bounded(url.searchParams.get('limit'), LOG_LINES_DEFAULT, LOG_LINES_MAX)
      const after = url.searchParams.get('after')
      const from = after === null ? {} : { after: bounded(after, 0, Number.MAX_SAFE_INTEGER) }
      answer(response, 200, { lines: site.logs({ limit, ...from }) })
    } else if (what === 'codes') {
      const codes = codesOf(store, site.job).map(({ height, codeRoot }) => ({
        height,
        codeRoot: textFromCid(codeRoot),
      }))
      answer(response, 200, codes)
    } else {
      exportSite(site, request, response).catch((cause: unknown) => {
        log.error('export_broke', { site: site.name, cause })
        response.destroy()
      })
    }
    return true
  }
}
