// Conditional requests and ranges (RFC 9110 §13 and §14): pure decisions about one selected representation.

/** A request for more ranges than this is answered with the whole (RFC 9110 §14.2). */
export const RANGES_MAX = 8

/** Conditions and range, as sent; absent in most requests. */
export type Conditions = {
  ifMatch?: string
  ifNoneMatch?: string
  ifModifiedSince?: string
  ifUnmodifiedSince?: string
  ifRange?: string
  range?: string
}

/** What the conditions are held against. `modified`: ms since the epoch, when the answer has a Last-Modified. */
export type Validators = { readonly etag: string | undefined; readonly modified: number | undefined }

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

function tagsOf(field: string): readonly string[] | '*' {
  return field.trim() === '*' ? '*' : (field.match(TAG) ?? [])
}

function strip(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

function isStrong(tag: string): boolean {
  return !tag.startsWith('W/')
}

/** An HTTP date in ms, or undefined: a condition with a date that is none is ignored. */
export function dateOf(field: string | undefined): number | undefined {
  if (field === undefined || !/^[A-Za-z]{3,9}, /.test(field)) return undefined
  const ms = Date.parse(field)
  return Number.isNaN(ms) ? undefined : ms
}

/** RFC 9110 §13.2.2, steps 1 to 4, for an answer that would be a 200 to GET or HEAD. */
export function evaluate(
  conditions: Conditions,
  { etag, modified }: Validators,
): 'proceed' | 'not_modified' | 'failed' {
  if (conditions.ifMatch !== undefined) {
    const tags = tagsOf(conditions.ifMatch)
    const holds = tags === '*' || (etag !== undefined && isStrong(etag) && tags.includes(etag))
    if (!holds) return 'failed'
  } else {
    const since = dateOf(conditions.ifUnmodifiedSince)
    if (since !== undefined && modified !== undefined && modified > since) return 'failed'
  }
  if (conditions.ifNoneMatch !== undefined) {
    const tags = tagsOf(conditions.ifNoneMatch)
    const matches = tags === '*' || (etag !== undefined && tags.some((tag) => strip(tag) === strip(etag)))
    return matches ? 'not_modified' : 'proceed'
  }
  const since = dateOf(conditions.ifModifiedSince)
  if (since !== undefined && modified !== undefined && modified <= since) return 'not_modified'
  return 'proceed'
}

export type ByteRange = { readonly start: number; readonly end: number }

/**
 * The ranges of `size` bytes that a request asks for, ends included. `whole`: answer as if there were no Range (a unit that we do not know, a form
 * that is none, more ranges than is reasonable, or If-Range names another representation). `unsatisfiable`: 416.
 */
export function rangesOf(
  conditions: Conditions,
  size: number,
  { etag, modified }: Validators,
): readonly ByteRange[] | 'whole' | 'unsatisfiable' {
  const { range, ifRange } = conditions
  if (range === undefined) return 'whole'
  if (ifRange !== undefined) {
    const date = dateOf(ifRange)
    const same =
      date === undefined ? etag !== undefined && isStrong(etag) && etag === ifRange.trim() : date === modified
    if (!same) return 'whole'
  }
  const list = /^bytes\s*=\s*(.+)$/i.exec(range.trim())?.[1]
  if (list === undefined) return 'whole'
  const found: ByteRange[] = []
  const items = list.split(',').map((item) => item.trim())
  if (items.length > RANGES_MAX) return 'whole'
  for (const item of items) {
    const [, first, last] = /^([0-9]{0,15})-([0-9]{0,15})$/.exec(item) ?? []
    if (first === undefined || last === undefined || (first === '' && last === '')) return 'whole'
    if (first === '') {
      const length = Math.min(Number(last), size)
      if (length > 0) found.push({ start: size - length, end: size - 1 })
      continue
    }
    const start = Number(first)
    const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
    if (last !== '' && Number(last) < start) return 'whole'
    if (start < size) found.push({ start, end })
  }
  if (found.length === 0) return 'unsatisfiable'
  // Ranges that overlap are a way to ask for the same bytes many times (RFC 9110 §17.15).
  const sorted = [...found].sort((a, b) => a.start - b.start)
  for (const [index, next] of sorted.entries()) {
    const before = sorted[index - 1]
    if (before !== undefined && next.start <= before.end) return 'whole'
  }
  return found
}
