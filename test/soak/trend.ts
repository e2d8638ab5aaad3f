// Whether a figure that was sampled over time is flat: a straight line by least squares, the standard error of its slope, and what the line
// rises by over the samples. The error takes into account that neighbouring samples resemble each other: with their correlation r, n of them
// tell as much as n·(1 − r)/(1 + r).

import { assert } from '#protocol/codec/result.ts'

/** `at` in any unit of time. */
export type Sample = { readonly at: number; readonly value: number }

export type Trend = {
  readonly mean: number
  /** A unit of time. */
  readonly slope: number
  readonly slopeError: number
  /** Over all samples: what the line rises by, and at most with 95 %. */
  readonly rise: number
  readonly riseAtMost: number
}

/** Fewer make no line. */
export const SAMPLES_MIN = 8
/** Of a normal distribution, one side: 97.5 %. */
const Z = 1.96

export function trendOf(samples: readonly Sample[]): Trend {
  const n = samples.length
  assert(n >= SAMPLES_MIN, 'a trend needs samples')
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / n
  const middle = samples.reduce((sum, { at }) => sum + at, 0) / n
  const spread = samples.reduce((sum, { at }) => sum + (at - middle) ** 2, 0)
  const slope = samples.reduce((sum, { at, value }) => sum + (at - middle) * (value - mean), 0) / spread
  const residuals = samples.map(({ at, value }) => value - mean - slope * (at - middle))
  const squares = residuals.reduce((sum, each) => sum + each ** 2, 0)
  const neighbours = residuals.slice(1).reduce((sum, each, index) => sum + each * (residuals[index] ?? 0), 0)
  const correlation = squares === 0 ? 0 : Math.min(0.95, Math.max(0, neighbours / squares))
  const effective = Math.max(3, (n * (1 - correlation)) / (1 + correlation))
  const slopeError = Math.sqrt(((squares / n) * (n / Math.max(1, effective - 2))) / spread)
  const times = samples.map(({ at }) => at)
  const span = Math.max(...times) - Math.min(...times)
  return { mean, slope, slopeError, rise: slope * span, riseAtMost: (slope + Z * slopeError) * span }
}
