// Publishing over HTTP, on the seeder's own origin (not a site's): what `interpeer publish` speaks.
//
//   POST /.well-known/interpeer/upload/<job>   body: CAR of the bundle; header `Interpeer-Update`: the signed UPDATE, base64
//        200 {"blocks","bytes"}
//   POST /.well-known/interpeer/fetch/<job>    body: the signed UPDATE: this member gets its bundle from the one that has it
//        200 {"whole":true}   202 {"whole":false,"bytes"}: so much came; ask again   503 others come first
//   POST /.well-known/interpeer/spread/<job>   body: the signed UPDATE: this member has the others that it is linked to do the same
//        200 {"members":[{"peer","whole","bytes"}]}
//   POST /.well-known/interpeer/update/<job>   body: the signed UPDATE, canonical CBOR
//        200 {"height","status","answer","stateRoot","codeRoot"}   409 bundle_missing   422 update_failed   503 try again
//
// Nothing is read of a body before the uploader's signature is checked.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { base64FromBytes, bytesFromBase64, bytesFromHex } from '#protocol/codec/bytes.ts'
import { digestFromBytes } from '#protocol/codec/digest.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Update } from '#protocol/message/statement.ts'
import type { Bundles } from '#seeder/agree/bundles.ts'
import type { Publisher } from '#seeder/agree/publish.ts'
import { certToBytes } from '#seeder/agree/record.ts'
import { type FetchedAt, fetchHere } from '#seeder/agree/spread.ts'
import { UPDATE_BYTES_MAX, type UpdateRule, updateFromBytes } from '#seeder/agree/update.ts'
import type { HostedSite } from '#seeder/serve/port.ts'
import { smallBody } from '#seeder/serve/small-body.ts'

const ROUTE = /^\/\.well-known\/interpeer\/(upload|fetch|spread|update)\/([0-9a-f]{64})$/
/** An upload that stands still for this long is cut. */
const IDLE_MS = 30_000
const RETRY_AFTER_SECONDS = 5

export type PublishSites = {
  site(job: Uint8Array): PublishSite | undefined
}

/** The hosted site of a job, who may update it, and how to get a bundle that another member took. */
export type PublishSite = {
  readonly site: HostedSite
  readonly rule: UpdateRule
  readonly bundles: Pick<Bundles, 'fetch' | 'bytesOf' | 'hasRoom'>
  /** Has the other members get it, and says how much each has. */
  readonly spread: (update: Signed<Update>) => Promise<readonly FetchedAt[]>
}

export type PublishHandler = (request: IncomingMessage, response: ServerResponse) => boolean

/** False: the request is about something else. */
export function createPublishHandler(publisher: Publisher, sites: PublishSites): PublishHandler {
  return (request, response) => {
    const route = ROUTE.exec((request.url ?? '').split('?')[0] ?? '')
    if (route === null) return false
    const [, action, jobText = ''] = route
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST')
      answer(response, 405, { code: 'method', message: 'POST only' })
      return true
    }
    const bytes = bytesFromHex(jobText)
    const job = bytes.ok ? digestFromBytes(bytes.value) : bytes
    const hosted = job.ok ? sites.site(job.value) : undefined
    if (hosted === undefined) {
      answer(response, 404, {
        code: 'not_hosted',
        message: 'this seeder does not host that job (yet): try another member',
      })
      return true
    }
    const work =
      action === 'upload'
        ? upload(publisher, hosted.site, hosted.rule, request, response)
        : update(publisher, hosted, action === 'fetch' || action === 'spread' ? action : 'order', request, response)
    work.catch((cause: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy()
      else answer(response, 500, { code: 'internal', message: cause instanceof Error ? cause.message : String(cause) })
    })
    return true
  }
}

async function upload(
  publisher: Publisher,
  site: HostedSite,
  rule: UpdateRule,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const header = request.headers['interpeer-update']
  const bytes = typeof header === 'string' ? bytesFromBase64(header) : undefined
  const signed = bytes?.ok ? updateFromBytes(rule, bytes.value) : undefined
  if (signed === undefined) {
    answer(response, 400, {
      code: 'update_form',
      message: 'the header Interpeer-Update has the signed UPDATE in base64',
    })
    return
  }
  if (!signed.ok) {
    answer(response, 403, { code: signed.error.code, message: 'the UPDATE is not signed by the uploader of this job' })
    return
  }
  request.setTimeout(IDLE_MS, () => request.destroy(new Error('the upload stood still')))
  const taken = await publisher.takeBundle(site, signed.value, request as AsyncIterable<Uint8Array>)
  if (taken.ok) return answer(response, 200, taken.value)
  const { code, ...facts } = taken.error
  const status = code === 'car_too_large' ? 413 : code === 'store_failed' ? 503 : 400
  const message =
    'bytesMax' in facts && code === 'car_too_large'
      ? `a bundle, with the data that it begins with, may have ${facts.bytesMax} bytes`
      : `the bundle was not taken: ${code}`
  answer(response, status, { code, message, ...printable(facts) })
}

async function update(
  publisher: Publisher,
  { site, rule, bundles, spread }: PublishSite,
  what: 'fetch' | 'spread' | 'order',
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const bytes = await smallBody(request, UPDATE_BYTES_MAX)
  if (bytes === undefined)
    return answer(response, 413, { code: 'too_large', message: `at most ${UPDATE_BYTES_MAX} bytes` })
  const signed = updateFromBytes(rule, bytes)
  if (!signed.ok) {
    const status = signed.error.code === 'update_form' ? 400 : 403
    answer(response, status, {
      code: signed.error.code,
      message: 'this is no UPDATE signed by the uploader of this job',
    })
    return
  }
  if (what === 'fetch') {
    const fetched = await fetchHere(bundles, signed.value)
    if (fetched === undefined) {
      response.setHeader('retry-after', String(RETRY_AFTER_SECONDS))
      return answer(response, 503, {
        code: 'bundles_waiting',
        message: 'other bundles of this job come first: try again',
      })
    }
    publisher.keepBundle(site, signed.value)
    const { whole, bytes: came } = fetched
    return answer(response, whole ? 200 : 202, whole ? { whole } : { whole, bytes: came })
  }
  if (what === 'spread') {
    publisher.keepBundle(site, signed.value)
    return answer(response, 200, { members: await spread(signed.value) })
  }
  const outcome = await publisher.takeUpdate(site, signed.value, (root) => bundles.fetch(root))
  if (!outcome.ok) {
    if (outcome.error.code === 'bundle_missing') {
      answer(response, 409, { code: 'bundle_missing', message: 'upload the bundle to this member first' })
      return
    }
    response.setHeader('retry-after', String(outcome.error.retryAfterSeconds))
    answer(response, 503, { code: outcome.error.code, message: 'the group did not take the UPDATE now: try again' })
    return
  }
  const { height, cert, response: said } = outcome.value
  const text = Buffer.from(said.body).toString('utf8')
  if (said.status >= 400) {
    answer(response, 422, { code: 'update_failed', status: said.status, height, message: text })
    return
  }
  answer(response, 200, {
    height,
    status: said.status,
    answer: text,
    stateRoot: textFromCid(cert.block.state_root),
    codeRoot: textFromCid(cert.block.code_root),
    certificate: base64FromBytes(certToBytes(cert)),
  })
}

function printable(facts: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    ]),
  )
}

function answer(response: ServerResponse, status: number, value: object): void {
  const text = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    // What is left of a body that was refused is not read.
    ...(status >= 400 ? { connection: 'close' } : {}),
  })
  response.end(text)
}
