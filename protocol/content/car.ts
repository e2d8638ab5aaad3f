// CAR version 1 with one root: how a tree travels as one stream (IPLD CAR specification).
//
//   varint length ‖ dag-cbor {roots: [root], version: 1}, then for every block: varint length ‖ CID ‖ bytes
//
// The parser takes pieces of any size and holds at most one block; a length above the limit is refused before it is waited for.

import { bytesConcat, bytesEqual } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { CID_BYTES, type Cid, cidFromBytes } from '#protocol/content/cid.ts'
import { BLOCK_BYTES_MAX } from '#protocol/content/limits.ts'
import { readVarint, varintLength, writeVarint } from '#protocol/content/protobuf.ts'

/** `{"roots": [CID(…)], "version": 1}` up to the CID's bytes, and after them. */
const HEADER_BEFORE = Uint8Array.of(0xa2, 0x65, 0x72, 0x6f, 0x6f, 0x74, 0x73, 0x81, 0xd8, 0x2a, 0x58, CID_BYTES + 1, 0)
const HEADER_AFTER = Uint8Array.of(0x67, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x01)
const FRAME_BYTES_MAX = CID_BYTES + BLOCK_BYTES_MAX
const LENGTH_BYTES_MAX = 3

function frame(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const prefix = new Uint8Array(varintLength(length))
  writeVarint(prefix, 0, length)
  return bytesConcat(prefix, ...parts)
}

export function carHeader(root: Cid): Uint8Array {
  return frame(HEADER_BEFORE, root, HEADER_AFTER)
}

export function carBlock(cid: Cid, bytes: Uint8Array): Uint8Array {
  return frame(cid, bytes)
}

export type CarFormError = {
  readonly code: 'car_form'
  readonly detail: 'length' | 'header' | 'cid' | 'cut off'
}

/** `offset`: where its bytes begin in the stream. */
export type CarPart = { readonly cid: Cid; readonly bytes: Uint8Array; readonly offset: number }

export type CarParser = {
  /** Blocks that are whole now, in order; their bytes are copies. The CIDs are not checked against the bytes here. */
  push(bytes: Uint8Array): Result<CarPart[], CarFormError | { readonly code: 'car_root' }>
  /** Call at the end of the stream: an error when it ended within a block or before the header. */
  finish(): Result<undefined, CarFormError>
}

/** A parser for a CAR whose one root has to be `root`. After an error it is of no more use. */
export function createCarParser(root: Cid): CarParser {
  const expected = carHeader(root).subarray(1)
  let held = new Uint8Array(0)
  let headed = false
  /** Bytes of the stream before `held`. */
  let before = 0
  return {
    push(bytes) {
      const input = held.length === 0 ? bytes : bytesConcat(held, bytes)
      const parts: CarPart[] = []
      let offset = 0
      for (;;) {
        const cursor = { bytes: input, offset, end: Math.min(input.length, offset + LENGTH_BYTES_MAX) }
        const length = readVarint(cursor)
        if (length < 0) {
          if (cursor.end === offset + LENGTH_BYTES_MAX) return err({ code: 'car_form', detail: 'length' })
          break
        }
        if (length > FRAME_BYTES_MAX) return err({ code: 'car_form', detail: 'length' })
        if (cursor.offset + length > input.length) break
        const body = input.subarray(cursor.offset, cursor.offset + length)
        offset = cursor.offset + length
        if (!headed) {
          if (!bytesEqual(body, expected)) return err(headerError(body))
          headed = true
          continue
        }
        const cid = cidFromBytes(body.slice(0, CID_BYTES))
        if (!cid.ok) return err({ code: 'car_form', detail: 'cid' })
        parts.push({ cid: cid.value, bytes: body.slice(CID_BYTES), offset: before + offset - length + CID_BYTES })
      }
      held = input.slice(offset)
      before += offset
      return ok(parts)
    },
    finish() {
      return headed && held.length === 0 ? ok(undefined) : err({ code: 'car_form', detail: 'cut off' })
    },
  }
}

function headerError(body: Uint8Array): CarFormError | { readonly code: 'car_root' } {
  const start = body.subarray(0, HEADER_BEFORE.length)
  const sameShape = body.length === HEADER_BEFORE.length + CID_BYTES + HEADER_AFTER.length
  return sameShape && bytesEqual(start, HEADER_BEFORE) ? { code: 'car_root' } : { code: 'car_form', detail: 'header' }
}
