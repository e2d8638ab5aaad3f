// The fake executor: a site whose state is the list of writes it has taken. Its root is a hash over everything that led to it,
// so two members agree on a root only if they ran the same requests in the same order at the same block times.
//
//   state, block (parent hash, time, steps) ──> state', one leaf a step        equal keys run once (R9)

import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { type Digest, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { type Cid, CODEC_DAG_PB, cidFromDigest, cidKey, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { ReceiptLeaf } from '#protocol/message/block.ts'
import { idempotencyKey, orderedRequestHash, type Request } from '#protocol/message/request.ts'
import { brief } from './chronicle.ts'

/** One write as the executor sees it. */
export type LedgerStep = {
  readonly requestHash: Digest
  readonly bodyHash: Digest
  /** The agreed key (R9), when the request carries one. */
  readonly idempotency?: Digest
}

export type LedgerBlock = {
  readonly parent: Digest
  readonly time: number
  readonly steps: readonly LedgerStep[]
  /** An UPDATE: its one step brings new code. */
  readonly update: boolean
}

export type Applied = {
  readonly leaf: ReceiptLeaf
  /** `ran`: took effect now. `repeated`: the earlier answer. `conflict`: same key, other body (422). */
  readonly outcome: 'ran' | 'repeated' | 'conflict'
}

export type LedgerState = {
  readonly root: Cid
  readonly code: Cid
  readonly before: LedgerState | null
  readonly time: number
  readonly applied: readonly Applied[]
  /** Keys first seen in this state. */
  readonly keys: ReadonlyMap<
    number,
    { readonly bodyHash: Digest; readonly responseHash: Digest; readonly time: number }
  >
}

export const GENESIS_STATE: LedgerState = {
  root: EMPTY_DIRECTORY,
  code: EMPTY_DIRECTORY,
  before: null,
  time: 0,
  applied: [],
  keys: new Map(),
}

/** States of a world by root: content-addressed, so a root that anybody computed can be looked up. */
export type Ledger = {
  state(root: Cid): LedgerState | undefined
  /** Runs a block; `wrong` gives what a broken executor gives. */
  run(state: LedgerState, block: LedgerBlock, wrong: boolean): LedgerState
}

function timeBytes(time: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, time)
  return bytes
}

/** What the executor sees of requests, in order. */
export function ledgerSteps(requests: readonly Request[], hashes: readonly Digest[]): LedgerStep[] {
  return requests.map((request, index) => {
    const requestHash = hashes[index] ?? orderedRequestHash(request)
    const key = request.headers.find(([name]) => name === 'idempotency-key')?.[1]
    const step = { requestHash, bodyHash: request.body_hash }
    return key === undefined ? step : { ...step, idempotency: idempotencyKey(key, request.method, request.target) }
  })
}

export type LedgerLimits = {
  /** How long a key is remembered, block time. */
  readonly idempotencyMs: number
  /** R8: no step is begun when the block's fuel might not suffice for it; the rest does not run. */
  readonly requestFuel: number
  readonly blockFuel: number
}

export function createLedger({ idempotencyMs, requestFuel, blockFuel }: LedgerLimits): Ledger {
  const byRoot = new Map<string, LedgerState>([[cidKey(EMPTY_DIRECTORY), GENESIS_STATE]])
  const byWork = new Map<string, LedgerState>()

  const seen = (state: LedgerState, key: number, now: number) => {
    for (let at: LedgerState | null = state; at !== null && at.time > now - idempotencyMs; at = at.before) {
      const found = at.keys.get(key)
      if (found !== undefined) return found
    }
    return undefined
  }

  return {
    state: (root) => byRoot.get(cidKey(root)),
    run(state, block, wrong) {
      const steps = block.steps.map((step) => brief(step.requestHash)).join()
      const work = `${cidKey(state.root)}/${brief(block.parent)}/${block.time}/${steps}/${wrong}`
      const known = byWork.get(work)
      if (known !== undefined) return known
      const keys = new Map<number, { bodyHash: Digest; responseHash: Digest; time: number }>()
      const applied: Applied[] = []
      let trail: Uint8Array = bytesConcat(
        state.root,
        block.parent,
        timeBytes(block.time),
        bytesFromText(wrong ? 'wrong' : ''),
      )
      let spent = 0
      for (const step of block.steps) {
        if (applied.length > 0 && spent + requestFuel > blockFuel) break
        const fuel = Math.floor(requestFuel * (0.2 + 0.8 * ((brief(step.requestHash) % 97) / 97)))
        spent += fuel
        const key = step.idempotency === undefined ? undefined : brief(step.idempotency)
        const earlier = key === undefined ? undefined : (keys.get(key) ?? seen(state, key, block.time))
        let outcome: Applied['outcome'] = 'ran'
        let responseHash = taggedHash('response', trail, step.requestHash)
        if (earlier !== undefined) {
          outcome = brief(earlier.bodyHash) === brief(step.bodyHash) ? 'repeated' : 'conflict'
          responseHash = outcome === 'repeated' ? earlier.responseHash : taggedHash('conflict', step.requestHash)
        } else if (key !== undefined) keys.set(key, { bodyHash: step.bodyHash, responseHash, time: block.time })
        applied.push({ leaf: { requestHash: step.requestHash, responseHash, fuel }, outcome })
        trail = sha256(bytesConcat(trail, responseHash))
      }
      const root = cidFromDigest(CODEC_DAG_PB, taggedHash('state', trail))
      const first = block.steps[0]
      const update = block.update && first !== undefined
      const code = update ? cidFromDigest(CODEC_DAG_PB, taggedHash('code', first.requestHash)) : state.code
      const next: LedgerState = { root, code, before: state, time: block.time, applied, keys }
      byWork.set(work, next)
      byRoot.set(cidKey(root), next)
      return next
    },
  }
}
