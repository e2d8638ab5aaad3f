// Content codings: which one a visitor wants (RFC 9110 §12.5.3), what is worth coding, and the coding itself.

import { promisify } from 'node:util'
import { brotliCompress, gzip, constants as zlib } from 'node:zlib'
import { CODINGS, type Coding } from '#protocol/answer/etag.ts'
import { CODED_BYTES_MIN } from '#seeder/serve/limits.ts'

const brotliAsync = promisify(brotliCompress)
const gzipAsync = promisify(gzip)

/** Good size for little time: answers are coded while a visitor waits. */
const BROTLI_QUALITY = 5
const GZIP_LEVEL = 6

const KNOWN_MAX = 256
const known = new Map<string, readonly Coding[]>()

function parse(field: string): readonly Coding[] {
  const weights = new Map<string, number>()
  for (const item of field.toLowerCase().split(',')) {
    const [name, ...parameters] = item.split(';').map((part) => part.trim())
    if (name === undefined || name === '') continue
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2))
    weights.set(name === 'x-gzip' ? 'gzip' : name, Number.isFinite(weight) ? weight : 0)
  }
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0
  const plain = weights.get('identity') ?? 0
  return CODINGS.filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= plain).sort(
    (a, b) => weightOf(b) - weightOf(a),
  )
}

/** The coding to use, or undefined for none. */
export function wantedCoding(acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return undefined
  let wanted = known.get(acceptEncoding)
  if (wanted === undefined) {
    wanted = parse(acceptEncoding)
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(acceptEncoding, wanted)
  }
  return wanted[0]
}

const TEXTUAL =
  /^(?:text\/|application\/(?:json|javascript|ecmascript|xml|wasm|manifest\+json|x-javascript|x-ndjson|rtf)|image\/(?:svg\+xml|bmp|x-icon|vnd\.microsoft\.icon)|font\/(?:ttf|otf)|[a-z]+\/[a-z0-9.+-]+\+(?:json|xml|text))/

/** True for what shrinks: text of some length. */
export function worthCoding(bytes: number, contentType: string | undefined): boolean {
  if (bytes < CODED_BYTES_MIN || contentType === undefined) return false
  return TEXTUAL.test(contentType.toLowerCase())
}

export function code(coding: Coding, body: Uint8Array): Promise<Buffer> {
  if (coding === 'gzip') return gzipAsync(body, { level: GZIP_LEVEL })
  return brotliAsync(body, {
    params: { [zlib.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [zlib.BROTLI_PARAM_SIZE_HINT]: body.length },
  })
}
