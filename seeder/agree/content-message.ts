// Questions and answers of `/interpeer/content/1`: everything too large or too rare for an agreement message.
// The four of the transfer (`wire.ts`) and these, canonical DAG-CBOR as they.
//
//   want_content  content blocks by CID, a batch at a time         content
//   want_state    the certificate of a state at that height or above  state
//   want_network  the network file, if it is higher than mine       network
//   have_network  "mine is of this version"                         noted
//   want_bundle   "get the bundle of this UPDATE, as I did"         bundle

import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Result } from '#protocol/codec/result.ts'
import {
  array,
  boolean,
  bytes,
  cid,
  digest,
  nullable,
  object,
  oneOf,
  readCbor,
  type Shape,
  type Shaped,
  text,
  uint,
  union,
} from '#protocol/codec/shape.ts'
import { BLOCK_BYTES_MAX } from '#protocol/content/limits.ts'
import { NETWORK_FILE_BYTES_MAX } from '#protocol/directory/network-file.ts'
import { certShape } from '#protocol/message/certificate.ts'
import { TRANSFER_BYTES_MAX, type TransferMessage, transferShape, type WireError } from '#protocol/message/wire.ts'
import { UPDATE_BYTES_MAX } from '#seeder/agree/update.ts'

/** CIDs in one question. */
export const CONTENT_CIDS_MAX = 256
/** An answer stops growing beyond this; what did not fit is asked again. */
export const CONTENT_ANSWER_BYTES = 2 * 1024 * 1024

const ownShape = union('type', {
  want_content: object({ type: oneOf('want_content'), job: digest(), cids: array(cid(), CONTENT_CIDS_MAX) }),
  /** In the order of the question; null: not here, or not in this answer. */
  content: object({ type: oneOf('content'), blocks: array(nullable(bytes(BLOCK_BYTES_MAX)), CONTENT_CIDS_MAX) }),
  want_state: object({ type: oneOf('want_state'), job: digest(), height: uint() }),
  state: object({ type: oneOf('state'), cert: nullable(certShape) }),
  want_network: object({ type: oneOf('want_network'), above: uint() }),
  network: object({ type: oneOf('network'), file: nullable(text(NETWORK_FILE_BYTES_MAX)) }),
  have_network: object({ type: oneOf('have_network'), version: uint() }),
  noted: object({ type: oneOf('noted') }),
  /** `update`: signed by the uploader, canonical. */
  want_bundle: object({ type: oneOf('want_bundle'), job: digest(), update: bytes(UPDATE_BYTES_MAX) }),
  /** So many bytes of it came in this run; 0 too when it was whole before. */
  bundle: object({ type: oneOf('bundle'), whole: boolean(), bytes: uint() }),
})
export type OwnMessage = Shaped<typeof ownShape>
export type ContentMessage = OwnMessage | TransferMessage
export type ContentOf<T extends ContentMessage['type']> = Extract<ContentMessage, { type: T }>

const TRANSFER_TYPES: ReadonlySet<unknown> = new Set(['want_blocks', 'blocks', 'want_bodies', 'bodies'])

const contentShape: Shape<ContentMessage> = (value, path) => {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  return TRANSFER_TYPES.has(type) ? transferShape(value, path) : ownShape(value, path)
}

export function contentToBytes(message: ContentMessage): Uint8Array {
  return cborFromValue(message)
}

export function contentFromBytes(encoded: Uint8Array): Result<ContentMessage, WireError> {
  return readCbor(contentShape, encoded, TRANSFER_BYTES_MAX)
}
