// When to dial again: doubling pauses with jitter, between fixed bounds, so that restarted groups do not dial in step.

export const BACKOFF_FIRST_MS = 100
export const BACKOFF_LAST_MS = 5_000
/** A pause is stretched by up to this share of itself. */
export const BACKOFF_JITTER = 0.5

/** The pause before attempt `failures` + 1, for a `chance` in [0, 1): between the bounds and at most 1.5 × the upper one. */
export function backoffMs(failures: number, chance: number): number {
  const base = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16))
  return Math.round(base * (1 + BACKOFF_JITTER * chance))
}
