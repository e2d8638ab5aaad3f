// Host parsing and serialising (URL §3.5): domains, IPv4 in its many spellings, IPv6, opaque hosts.
// Domains: Unicode NFKC + lower case + punycode stand in for the mapping table of UTS 46, which is larger than this whole
// library; ASCII domains are exact. A few case foldings of rare scripts therefore differ from a browser's.

import { C0_CONTROL, percentDecode, percentEncode } from '#seeder/execute/guest/percent.ts'
import { punycodeDecode, punycodeEncode } from '#seeder/execute/guest/punycode.ts'

const FORBIDDEN_HOST = /[\0\t\n\r #/:<>?@[\\\]^|]/
const FORBIDDEN_DOMAIN = /[\0-\x20#%/:<>?@[\\\]^|\x7f]/
const IGNORED = /\u00ad|\u200b|\u2060|\ufeff|[\ufe00-\ufe0f]/g
const LABEL_BYTES_MAX = 63

/** The serialised host, or undefined: failure. */
export function parseHost(input: string, special: boolean): string | undefined {
  if (input.startsWith('[')) {
    if (!input.endsWith(']')) return undefined
    const pieces = parseIpv6(input.slice(1, -1))
    return pieces === undefined ? undefined : `[${serializeIpv6(pieces)}]`
  }
  if (!special) return FORBIDDEN_HOST.test(input) ? undefined : percentEncode(input, C0_CONTROL)
  const domain = domainToAscii(percentDecode(input))
  if (domain === undefined || domain === '' || FORBIDDEN_DOMAIN.test(domain)) return undefined
  if (!endsInNumber(domain)) return domain
  const address = parseIpv4(domain)
  return address === undefined ? undefined : serializeIpv4(address)
}

function domainToAscii(domain: string): string | undefined {
  if (/^[\0-\x7f]*$/.test(domain)) {
    const lower = domain.toLowerCase()
    return lower.includes('xn--') && !lower.split('.').every(isWholesomeAscii) ? undefined : lower
  }
  const mapped = domain
    .replace(IGNORED, '')
    .replace(/\u1e9e/g, 'ss')
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replace(/[\u3002\uff0e\uff61]/g, '.')
  const labels: string[] = []
  for (const label of mapped.split('.')) {
    if (/^[\0-\x7f]*$/.test(label)) {
      if (!isWholesomeAscii(label)) return undefined
      labels.push(label)
      continue
    }
    if (!isWholesomeUnicode(label)) return undefined
    const encoded = punycodeEncode(label)
    if (encoded === undefined || encoded.length + 4 > LABEL_BYTES_MAX) return undefined
    labels.push(`xn--${encoded}`)
  }
  return labels.join('.')
}

/** A label written in punycode has to decode to something that needed it. */
function isWholesomeAscii(label: string): boolean {
  if (!label.startsWith('xn--')) return true
  const decoded = punycodeDecode(label.slice(4))
  return decoded !== undefined && decoded !== '' && !/^[\0-\x7f]*$/.test(decoded) && isWholesomeUnicode(decoded)
}

function isWholesomeUnicode(label: string): boolean {
  return (
    label.isWellFormed() && !/^\p{M}/u.test(label) && !/[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zs}\u2028\u2029\ufffd]/u.test(label)
  )
}

function endsInNumber(domain: string): boolean {
  const parts = domain.split('.')
  if (parts.at(-1) === '') {
    if (parts.length === 1) return false
    parts.pop()
  }
  const last = parts.at(-1) ?? ''
  return /^[0-9]+$/.test(last) || /^0[xX][0-9A-Fa-f]*$/.test(last)
}

function parseIpv4Number(text: string): number | undefined {
  if (text === '') return undefined
  if (/^0[xX][0-9A-Fa-f]*$/.test(text)) return text.length === 2 ? 0 : Number.parseInt(text.slice(2), 16)
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8)
  return /^(0|[1-9][0-9]*)$/.test(text) ? Number.parseInt(text, 10) : undefined
}

function parseIpv4(domain: string): number | undefined {
  const parts = domain.split('.')
  if (parts.at(-1) === '' && parts.length > 1) parts.pop()
  if (parts.length > 4) return undefined
  const numbers: number[] = []
  for (const part of parts) {
    const number = parseIpv4Number(part)
    if (number === undefined) return undefined
    numbers.push(number)
  }
  const last = numbers.pop() ?? 0
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return undefined
  return numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), last)
}

function serializeIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

function parseIpv6(input: string): number[] | undefined {
  const halves = input.split('::')
  if (halves.length > 2) return undefined
  const head = parsePieces(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? parsePieces(halves[1] ?? '', true) : []
  if (head === undefined || tail === undefined) return undefined
  if (halves.length === 1) return head.length === 8 ? head : undefined
  const missing = 8 - head.length - tail.length
  return missing < 1 ? undefined : [...head, ...Array<number>(missing).fill(0), ...tail]
}

/** 16-bit pieces of one side of `::`; an IPv4 address may only end the whole. */
function parsePieces(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const pieces: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      pieces.push(Number.parseInt(part, 16))
      continue
    }
    const bytes = part.split('.')
    const isIpv4 =
      bytes.length === 4 && bytes.every((byte) => /^(0|[1-9][0-9]{0,2})$/.test(byte) && Number(byte) <= 255)
    if (!isIpv4 || !mayEndInIpv4 || index !== parts.length - 1) return undefined
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number)
    pieces.push(a * 256 + b, c * 256 + d)
  }
  return pieces
}

function serializeIpv6(pieces: readonly number[]): string {
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && pieces[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const text = (from: number, to: number): string =>
    pieces
      .slice(from, to)
      .map((piece) => piece.toString(16))
      .join(':')
  return best.start < 0 ? text(0, 8) : `${text(0, best.start)}::${text(best.start + best.length, 8)}`
}
