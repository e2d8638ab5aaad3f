// From a block under agreement to a job of the runtime, and from its result to what the machine compares.

import type { ExecutionContext, ExecutionResult } from '#protocol/agreement/port.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { NetworkSettings } from '#protocol/directory/network-file.ts'
import type { ReceiptLeaf } from '#protocol/message/block.ts'
import { idempotencyKey, type Request } from '#protocol/message/request.ts'
import { bodyRoot, responseHash } from '#protocol/site/response-hash.ts'
import type { BodyKeeper } from '#seeder/agree/body-keeper.ts'
import { nativeSha256 } from '#seeder/agree/body-keeper.ts'
import { type UpdateError, type UpdateRule, updateFromBytes } from '#seeder/agree/update.ts'
import type { BlockJob, BlockResult, ExecutionLimits, Outcome, ScriptResponse, Step } from '#seeder/execute/port.ts'

/** A response that is certified travels and is kept whole. */
export const RESPONSE_BYTES_MAX = 8 * 1024 * 1024
/** R9: shorter keys could be guessed; they are not agreed on. */
const IDEMPOTENCY_KEY_CHARS_MIN = 22

/** R8: what the requests of one block may burn together, in units of one request's limit. */
export const BLOCK_FUEL_REQUESTS = 4

export function executionLimits(settings: NetworkSettings): ExecutionLimits {
  return {
    requestFuelMax: settings.request_fuel,
    blockFuelMax: BLOCK_FUEL_REQUESTS * settings.request_fuel,
    idempotencyMs: settings.idempotency_ms,
    responseBytesMax: RESPONSE_BYTES_MAX,
  }
}

export type ExecutionSite = {
  readonly name: string
  readonly rule: UpdateRule
  readonly limits: ExecutionLimits
}

/** What is to be run. `refused`: nothing is, and the result is known already, the same for every member: the end of an epoch, or an UPDATE that its uploader did not sign. */
export type Prepared =
  | { readonly kind: 'run'; readonly job: BlockJob; readonly codeRoot?: BlockJob['stateRoot'] }
  | { readonly kind: 'refused'; readonly result: BlockResult }

export function prepare(site: ExecutionSite, context: ExecutionContext, bodies: BodyKeeper): Prepared {
  const base = {
    job: site.rule.job,
    name: site.name,
    height: context.height,
    parent: context.parent,
    time: context.time,
    stateRoot: context.stateRoot,
    limits: site.limits,
  }
  if (context.kind === 'reconfig') return { kind: 'refused', result: unchanged(context) }
  if (context.kind === 'update') {
    const request = context.requests[0]
    const requestHash = context.requestHashes[0]
    assert(request !== undefined && requestHash !== undefined, 'an update block has one request')
    const body = bodies.get(request.body_hash)
    assert(body !== undefined, 'bodies of a block are at hand before it is executed')
    const update = updateFromBytes(site.rule, body)
    if (!update.ok) return { kind: 'refused', result: refusedUpdate(context, update.error) }
    const { sequence, code_root: codeRoot } = update.value.body
    return { kind: 'run', codeRoot, job: { ...base, steps: [{ kind: 'update', requestHash, sequence, codeRoot }] } }
  }
  const steps = context.requests.map((request, index): Step => {
    const requestHash = context.requestHashes[index]
    const body = bodies.get(request.body_hash)
    assert(requestHash !== undefined && body !== undefined, 'hashes and bodies of a block are at hand')
    return {
      kind: 'request',
      requestHash,
      request: { method: request.method, target: request.target, headers: request.headers, body },
      salt: request.salt,
      ...idempotencyOf(request),
    }
  })
  return { kind: 'run', job: { ...base, steps } }
}

function idempotencyOf(request: Request): Pick<Extract<Step, { kind: 'request' }>, 'idempotency'> {
  const key = request.headers.find(([name]) => name === 'idempotency-key')?.[1]
  if (key === undefined || key.length < IDEMPOTENCY_KEY_CHARS_MIN) return {}
  return {
    idempotency: { key: idempotencyKey(key, request.method, request.target), bodyHash: request.body_hash },
  }
}

/** §6: the end of an epoch changes nothing of the site. */
function unchanged({ stateRoot, codeRoot }: ExecutionContext): BlockResult {
  const response: ScriptResponse = { status: 204, headers: [], body: new Uint8Array(0) }
  return { stateRoot, codeRoot, outcomes: [{ response, fuel: 0 }], blocks: [], logs: [] }
}

function refusedUpdate(context: ExecutionContext, error: UpdateError): BlockResult {
  const response: ScriptResponse = {
    status: 403,
    headers: [['content-type', 'application/json']],
    body: bytesFromText(JSON.stringify({ code: error.code })),
  }
  return {
    stateRoot: context.stateRoot,
    codeRoot: context.codeRoot,
    outcomes: [{ response, fuel: 0, failure: error.code }],
    blocks: [],
    logs: [],
  }
}

export function leafOf(requestHash: ReceiptLeaf['requestHash'], outcome: Outcome): ReceiptLeaf {
  const { status, headers, body } = outcome.response
  return {
    requestHash,
    responseHash: responseHash(status, headers, bodyRoot(body, nativeSha256)),
    fuel: outcome.fuel,
  }
}

export function resultOf(context: ExecutionContext, result: BlockResult): ExecutionResult {
  assert(result.outcomes.length <= context.requests.length, 'at most one outcome a step')
  const leaves = result.outcomes.map((outcome, index) => {
    const requestHash = context.requestHashes[index]
    assert(requestHash !== undefined, 'one hash a request')
    return leafOf(requestHash, outcome)
  })
  return { stateRoot: result.stateRoot, codeRoot: result.codeRoot, leaves }
}
