// Seeded chance (sfc32, seeded through splitmix32): the only source of it in a run, so that one seed replays everything.
// Each part of a world draws from a stream of its own, so that a longer stream of one leaves the others as they were.

export type Random = {
  /** Uniform in [0, 1). */
  real(): number
  /** Uniform integer in [0, below). */
  below(below: number): number
  /** Uniform real in [low, high). */
  between(low: number, high: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** Each element with this probability, in order. */
  some<T>(from: readonly T[], probability: number): T[]
  /** A new array, Fisher–Yates. */
  shuffled<T>(from: readonly T[]): T[]
  bytes(length: number): Uint8Array
  /** An independent stream named by `label`. */
  fork(label: string): Random
}

function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

export function randomFromSeed(seed: number, label = ''): Random {
  let mixing = (seed ^ Math.imul(Math.floor(seed / 2 ** 32) + 1, 0x9e3779b1) ^ hashText(label)) >>> 0
  const splitmix = () => {
    mixing = (mixing + 0x9e3779b9) | 0
    let t = mixing ^ (mixing >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) | 0
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let warm = 0; warm < 12; warm++) next()
  const real = () => next() / 4294967296
  const below = (bound: number) => Math.floor(real() * bound)
  return {
    real,
    below,
    between: (low, high) => low + real() * (high - low),
    chance: (probability) => real() < probability,
    pick: (from) => {
      const found = from[below(from.length)]
      if (found === undefined) throw new Error('pick from nothing')
      return found
    },
    some: (from, probability) => from.filter(() => real() < probability),
    shuffled: (from) => {
      const out = from.slice()
      for (let index = out.length - 1; index > 0; index--) {
        const other = below(index + 1)
        const held = out[index] as (typeof out)[number]
        out[index] = out[other] as (typeof out)[number]
        out[other] = held
      }
      return out
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() & 255),
    fork: (name) => randomFromSeed(seed, `${label}/${name}`),
  }
}
