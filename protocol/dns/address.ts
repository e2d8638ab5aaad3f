// IP addresses as records have them: 4 or 16 bytes, in network order.

/** Dotted decimal, strict: four numbers without a zero before them. */
function ip4FromText(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Uint8Array.from(parts, Number)
}

/** RFC 4291 §2.2, without a zone; its last 32 bits may be dotted. */
function ip6FromText(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2 || text.length > 45) return undefined
  const words = halves.map((half, index) => wordsOf(half, index === halves.length - 1))
  const [before, after] = words
  if (before === undefined || (halves.length === 2 && after === undefined)) return undefined
  const given = before.length + (after?.length ?? 0)
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined
  const all = [...before, ...new Array<number>(8 - given).fill(0), ...(after ?? [])]
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]))
}

function wordsOf(half: string, isLast: boolean): readonly number[] | undefined {
  if (half === '') return []
  const words: number[] = []
  const groups = half.split(':')
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) words.push(Number.parseInt(group, 16))
    else {
      const dotted = isLast && index === groups.length - 1 ? ip4FromText(group) : undefined
      if (dotted === undefined) return undefined
      const [a = 0, b = 0, c = 0, d = 0] = dotted
      words.push((a << 8) | b, (c << 8) | d)
    }
  }
  return words
}

/** Of a text without brackets; undefined: no address. */
export function addressFromText(text: string): Uint8Array | undefined {
  return text.includes(':') ? ip6FromText(text) : ip4FromText(text)
}

/** RFC 5952. */
export function addressToText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.')
  const words = Array.from(
    { length: 8 },
    (_, index) => ((address[2 * index] ?? 0) << 8) | (address[2 * index + 1] ?? 0),
  )
  let best = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && words[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  if (best.length < 2) return hex(words)
  return `${hex(words.slice(0, best.start))}::${hex(words.slice(best.start + best.length))}`
}

/** First addresses and prefix lengths of what is not the public network (IANA's special-purpose registries, and multicast). */
const NOT_GLOBAL_4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]
/** Within 2000::/3, where all public ones are: Teredo and other tests, documentation, 6to4 (which carries an IPv4 address). */
const NOT_GLOBAL_6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

function isWithin(address: Uint8Array, [start, bits]: readonly [string, number]): boolean {
  const first = addressFromText(start)
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7)
    if (((address[bit >> 3] ?? 0) & mask) !== ((first?.[bit >> 3] ?? 0) & mask)) return false
  }
  return true
}

/** Of the public network: a name that gave another one would let its page reach into its visitor's own network. */
export function isGlobal(address: Uint8Array): boolean {
  if (address.length === 4) return !NOT_GLOBAL_4.some((range) => isWithin(address, range))
  return isWithin(address, ['2000::', 3]) && !NOT_GLOBAL_6.some((range) => isWithin(address, range))
}
