// A representation: what was hashed and certified about an answer, in the form in which it is sent. Codings, ranges and
// conditions are choices about it that leave its response hash alone.

import { createHash, hash } from 'node:crypto'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { isHtml } from '#page/bar/place.ts'
import { isWide } from '#page/cookies.ts'
import { dateOf } from '#protocol/answer/condition.ts'
import { type Coding, codedTag, derivedTag } from '#protocol/answer/etag.ts'
import { contentDigest } from '#protocol/answer/http-signature.ts'
import { base64FromBytes } from '#protocol/codec/bytes.ts'
import type { Digest, Sha256 } from '#protocol/codec/digest.ts'
import { merkleLeaf, merkleRoot } from '#protocol/codec/merkle.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import {
  BODY_CHUNK_BYTES,
  bodyRoot,
  coveredHeaders,
  type Headers,
  responseHash,
  UNCOVERED_HEADERS,
  UNCOVERED_PREFIX,
} from '#protocol/site/response-hash.ts'
import type { ScriptResponse } from '#seeder/execute/port.ts'
import { code, worthCoding } from '#seeder/serve/coding.ts'
import { ANSWER_BYTES_MAX, CODED_FILE_BYTES_MAX } from '#seeder/serve/limits.ts'
import type { SiteFile } from '#seeder/serve/port.ts'

export const nativeSha256: Sha256 = (bytes) => hash('sha256', bytes, 'buffer')

/** One way to send the body whole. */
export type Selected = {
  readonly coding: Coding | undefined
  readonly etag: string | undefined
  readonly bytes: Buffer | undefined
  readonly length: number
  readonly digest: string
}

export type Representation = {
  readonly status: number
  /** Covered headers and the script's `Link`s: name, value, name, value, … */
  readonly fields: readonly string[]
  /** The script's own `Vary`. */
  readonly vary: string | undefined
  /** It sets a cookie for more than its own host. */
  readonly wideCookies: boolean
  readonly contentType: string | undefined
  readonly isHtml: boolean
  /** Mark of the bar that `plain` has beyond what is certified; undefined: it is the certified body. */
  readonly bar: string | undefined
  readonly root: Digest
  readonly rootText: string
  readonly responseHash: Digest
  /** ms; of the script's Last-Modified. */
  readonly modified: number | undefined
  /** The identity coding; the file behind it when it streams. */
  readonly plain: Selected
  readonly file: SiteFile | undefined
  readonly codable: boolean
  /** `no-transform`: it is sent as it is or not at all (RFC 9111 §5.2.2.6). */
  readonly sealed: boolean
  readonly coded: Map<Coding, Selected>
  readonly coding: Map<Coding, Promise<Selected>>
}

/** What is kept about a large file, by its CID: one pass over its bytes. */
export type FileDigests = { readonly leaves: readonly Digest[]; readonly root: Digest; readonly sha256: Uint8Array }

/** Headers and evidence of an answer, in a few codings. */
export const OVERHEAD_BYTES = 4096

/** What a representation weighs in a cache, its codings to come included, and of a page itself with the bar. */
export function weightOf(representation: Representation): number {
  const body = representation.file === undefined ? representation.plain.length : 0
  const ways = representation.codable ? body + Math.ceil(body / 2) : body
  return OVERHEAD_BYTES + (representation.isHtml ? 2 * ways : ways)
}

const NULL_BODY = new Set([204, 205, 304])

/** A header that would come out of the wire as it went in. */
function carries(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  } catch {
    return false
  }
  return value === value.trim()
}

function fieldOf(headers: Headers, name: string): string | undefined {
  return headers.find(([key]) => key === name)?.[1]
}

type Parts = {
  readonly status: number
  readonly headers: Headers
  readonly root: Digest
  readonly sha256: Uint8Array
  readonly bytes: Buffer | undefined
  readonly length: number
  readonly file: SiteFile | undefined
  readonly ownTag: boolean
}

function assemble(parts: Parts): Representation {
  const { status, root, length } = parts
  const covered = coveredHeaders(parts.headers)
  const certified = responseHash(status, parts.headers, root)
  const fields = covered.flatMap(([name, value]) => (name === 'etag' ? [] : [name, value]))
  const all = parts.headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [name, value] of all) if (name === 'link') fields.push(name, value)
  const vary = all.filter(([name]) => name === 'vary').map(([, value]) => value)
  const contentType = fieldOf(covered, 'content-type')
  const etag = fieldOf(covered, 'etag') ?? (parts.ownTag && status === 200 ? derivedTag(certified) : undefined)
  const sealed = fieldOf(covered, 'cache-control')?.toLowerCase().includes('no-transform') === true
  const small = parts.file === undefined || length <= CODED_FILE_BYTES_MAX
  return {
    status,
    fields,
    vary: vary.length === 0 ? undefined : vary.join(', '),
    wideCookies: covered.some(([name, value]) => name === 'set-cookie' && isWide(value)),
    contentType,
    isHtml: isHtml(contentType),
    bar: undefined,
    root,
    rootText: base64FromBytes(root),
    responseHash: certified,
    modified: dateOf(fieldOf(covered, 'last-modified')),
    plain: { coding: undefined, etag, bytes: parts.bytes, length, digest: contentDigest(parts.sha256) },
    file: parts.file,
    codable: !sealed && small && worthCoding(length, contentType),
    sealed,
    coded: new Map(),
    coding: new Map(),
  }
}

/**
 * A script's answer. Our own headers, hop-by-hop ones and those of the coding are dropped, as the response hash has it: a script answers
 * with its identity body. `ownTag`: add a derived ETag to a 200 without one (reads only: of a write's answer it could not be undone).
 */
export function representationOf(response: ScriptResponse, ownTag: boolean): Result<Representation, 'script_answer'> {
  const { status, headers, body } = response
  if (!Number.isInteger(status) || status < 200 || status > 599 || body.length > ANSWER_BYTES_MAX)
    return err('script_answer')
  if (NULL_BODY.has(status) && body.length > 0) return err('script_answer')
  const kept: [string, string][] = []
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if ((UNCOVERED_HEADERS.has(key) && key !== 'link' && key !== 'vary') || key.startsWith(UNCOVERED_PREFIX)) continue
    if (!carries(name, value)) return err('script_answer')
    kept.push([key, value])
  }
  if (kept.filter(([name]) => name === 'etag').length > 1) return err('script_answer')
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return ok(
    assemble({
      status,
      headers: kept,
      root: bodyRoot(bytes, nativeSha256),
      sha256: nativeSha256(bytes),
      bytes,
      length: bytes.length,
      file: undefined,
      ownTag,
    }),
  )
}

/** A file of the bundle in memory or, with its digests, to be streamed. */
export function representationOfFile(
  status: number,
  headers: Headers,
  content: { readonly bytes: Buffer } | { readonly file: SiteFile; readonly digests: FileDigests },
): Representation {
  if ('bytes' in content) {
    const { bytes } = content
    return assemble({
      status,
      headers,
      root: bodyRoot(bytes, nativeSha256),
      sha256: nativeSha256(bytes),
      bytes,
      length: bytes.length,
      file: undefined,
      ownTag: true,
    })
  }
  const { file, digests } = content
  return assemble({
    status,
    headers,
    root: digests.root,
    sha256: digests.sha256,
    bytes: undefined,
    length: file.size,
    file,
    ownTag: true,
  })
}

/** How much is hashed before other visitors get a turn. */
const TURN_BYTES = 1024 * 1024

/** One pass over a file, in turns. */
export async function digestFile(file: SiteFile): Promise<FileDigests> {
  const leaves: Digest[] = []
  const whole = createHash('sha256')
  let sinceTurn = 0
  for (let offset = 0; offset < file.size; offset += BODY_CHUNK_BYTES) {
    const chunk = file.read(offset, Math.min(BODY_CHUNK_BYTES, file.size - offset))
    leaves.push(merkleLeaf(chunk, nativeSha256))
    whole.update(chunk)
    sinceTurn += chunk.length
    if (sinceTurn >= TURN_BYTES) {
      sinceTurn = 0
      await turn()
    }
  }
  return { leaves, root: merkleRoot(leaves), sha256: whole.digest() }
}

/** Bytes of a representation's identity body, whole or in part. */
export function bodyBytes(representation: Representation, start: number, length: number): Buffer {
  const { bytes } = representation.plain
  if (bytes !== undefined) return bytes.subarray(start, start + length)
  const { file } = representation
  if (file === undefined) return Buffer.alloc(0)
  const part = file.read(start, length)
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
}

async function encode(representation: Representation, coding: Coding): Promise<Selected> {
  const { plain } = representation
  const bytes = await code(coding, plain.bytes ?? bodyBytes(representation, 0, plain.length))
  const selected: Selected =
    bytes.length >= plain.length
      ? plain
      : {
          coding,
          etag: plain.etag === undefined ? undefined : codedTag(plain.etag, coding),
          bytes,
          length: bytes.length,
          digest: contentDigest(nativeSha256(bytes)),
        }
  representation.coded.set(coding, selected)
  return selected
}

/** The body in a coding, or plain where coding gains nothing; at once when it was made before. */
export function select(representation: Representation, coding: Coding | undefined): Selected | Promise<Selected> {
  if (coding === undefined || !representation.codable) return representation.plain
  const made = representation.coded.get(coding)
  if (made !== undefined) return made
  let making = representation.coding.get(coding)
  if (making === undefined) {
    making = encode(representation, coding).finally(() => representation.coding.delete(coding))
    representation.coding.set(coding, making)
  }
  return making
}
