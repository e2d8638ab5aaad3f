// Where a request's chance comes from (agreement.md §5): nobody outside the group can guess it, everybody inside gets the same.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import type { BlockJob, ReadJob, Step } from '#seeder/execute/port.ts'

/** A write's: H("seed" ‖ parent ‖ request_hash ‖ salt). */
export function writeSeed(job: BlockJob, step: Extract<Step, { kind: 'request' }>): Digest {
  return taggedHash('seed', job.parent, step.requestHash, step.salt)
}

/** A read's: H("seed" ‖ state_root ‖ request_hash ‖ nonce). */
export function readSeed(job: ReadJob): Digest {
  return taggedHash('seed', job.stateRoot, job.requestHash, job.nonce)
}

/** A cron's: no visitor brings a salt, so who knows the chain of blocks knows it. */
export function cronSeed(job: BlockJob, cron: string): Digest {
  return taggedHash('seed', job.parent, bytesFromText(`cron ${cron}`))
}
