// Punycode (RFC 3492) of one label, both ways.

const BASE = 36
const T_MIN = 1
const T_MAX = 26
const SKEW = 38
const DAMP = 700
const INITIAL_BIAS = 72
const INITIAL_N = 128
const MAX = 0x7fffffff

function adapt(delta: number, points: number, first: boolean): number {
  let value = first ? Math.floor(delta / DAMP) : delta >> 1
  value += Math.floor(value / points)
  let k = 0
  while (value > ((BASE - T_MIN) * T_MAX) >> 1) {
    value = Math.floor(value / (BASE - T_MIN))
    k += BASE
  }
  return k + Math.floor(((BASE - T_MIN + 1) * value) / (value + SKEW))
}

function threshold(k: number, bias: number): number {
  return k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias
}

function digitOf(value: number): string {
  return String.fromCharCode(value < 26 ? value + 97 : value + 22)
}

/** The part after `xn--`; undefined on overflow. */
export function punycodeEncode(label: string): string | undefined {
  const points = Array.from(label, (char) => char.codePointAt(0) ?? 0)
  let out = points
    .filter((point) => point < 0x80)
    .map((point) => String.fromCharCode(point))
    .join('')
  const basic = out.length
  let handled = basic
  if (basic > 0) out += '-'
  let n = INITIAL_N
  let delta = 0
  let bias = INITIAL_BIAS
  while (handled < points.length) {
    const next = Math.min(...points.filter((point) => point >= n))
    delta += (next - n) * (handled + 1)
    if (delta > MAX) return undefined
    n = next
    for (const point of points) {
      if (point < n) delta++
      if (point !== n) continue
      let rest = delta
      for (let k = BASE; ; k += BASE) {
        const t = threshold(k, bias)
        if (rest < t) break
        out += digitOf(t + ((rest - t) % (BASE - t)))
        rest = Math.floor((rest - t) / (BASE - t))
      }
      out += digitOf(rest)
      bias = adapt(delta, handled + 1, handled === basic)
      delta = 0
      handled++
    }
    delta++
    n++
  }
  return out
}

/** Undefined when the text is not punycode. */
export function punycodeDecode(text: string): string | undefined {
  const dash = text.lastIndexOf('-')
  const points = dash > 0 ? Array.from(text.slice(0, dash), (char) => char.charCodeAt(0)) : []
  if (points.some((point) => point >= 0x80)) return undefined
  let n = INITIAL_N
  let i = 0
  let bias = INITIAL_BIAS
  let index = dash > 0 ? dash + 1 : 0
  while (index < text.length) {
    const start = i
    let weight = 1
    for (let k = BASE; ; k += BASE) {
      const code = text.charCodeAt(index++)
      const digit = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : BASE
      if (digit >= BASE || Number.isNaN(code)) return undefined
      i += digit * weight
      if (i > MAX) return undefined
      const t = threshold(k, bias)
      if (digit < t) break
      weight *= BASE - t
    }
    bias = adapt(i - start, points.length + 1, start === 0)
    n += Math.floor(i / (points.length + 1))
    i %= points.length + 1
    if (n > 0x10ffff) return undefined
    points.splice(i++, 0, n)
  }
  return String.fromCodePoint(...points)
}
