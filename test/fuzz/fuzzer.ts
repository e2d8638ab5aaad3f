// The search: an input is made of known ones, run, and kept when its verdict is new. Whatever throws, takes too long, or leaves memory behind is a
// finding, with the input that did it.
//
// What guides it is the decoder's own verdict (code, path, rule), some microseconds an input. V8's precise coverage would see more and costs
// milliseconds an input (docs/FUZZING.md): a thousand inputs for one.

import { createHash } from 'node:crypto'
import { changeCbor, changeJson, changeWords, cross, type Dice, damage, dice, noise } from './mutate.ts'
import type { Target } from './target.ts'

/** Longest that an input of at most 64 KiB may take, ms; measured again before it is told, for the machine has other things to do. */
export const SLOW_MS = 200
const SLOW_AGAIN = 3
/** Inputs that are kept of one target. */
export const CORPUS_MAX = 1024

export type Finding = {
  readonly target: string
  readonly kind: 'threw' | 'slow' | 'hung' | 'memory'
  readonly text: string
  readonly input: Uint8Array
}

export type Session = {
  readonly target: Target
  readonly roll: Dice
  readonly corpus: Uint8Array[]
  readonly verdicts: Map<string, number>
  inputs: number
  accepted: number
}

export function createSession(target: Target, seed: number): Session {
  const name = createHash('sha256').update(target.name).digest().readUInt32BE(0)
  return { target, roll: dice(seed ^ name), corpus: [...target.seeds], verdicts: new Map(), inputs: 0, accepted: 0 }
}

function nextInput({ target, roll, corpus }: Session): Uint8Array {
  const base = corpus[roll.below(corpus.length)] ?? new Uint8Array(0)
  const kind = roll.below(16)
  if (kind === 0) return noise(roll.below(200), roll)
  if (kind === 1) return cross(base, corpus[roll.below(corpus.length)] ?? base, roll)
  if (kind < 12 && target.words !== undefined) return changeWords(base, target.words, roll)
  if (kind < 8 && target.form !== 'bytes') {
    const changed = target.form === 'cbor' ? changeCbor(base, roll) : changeJson(base, roll)
    if (changed !== undefined) return changed
  }
  return damage(base, roll)
}

export function judge(target: Target, input: Uint8Array): { readonly verdict: string } | { readonly finding: Finding } {
  const began = performance.now()
  const found = (kind: Finding['kind'], text: string) => ({ finding: { target: target.name, kind, text, input } })
  try {
    const verdict = target.run(input)
    let took = performance.now() - began
    for (let again = 0; again < SLOW_AGAIN && took > SLOW_MS; again++) {
      const from = performance.now()
      target.run(input)
      took = Math.min(took, performance.now() - from)
    }
    return took > SLOW_MS ? found('slow', `${took.toFixed(0)} ms for ${input.length} bytes`) : { verdict }
  } catch (cause) {
    return found('threw', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
  }
}

/** `before`: told of each input before it is run, so that somebody else can say what hung. */
export function runInputs(session: Session, count: number, before?: (input: Uint8Array) => void): readonly Finding[] {
  const { target, corpus, verdicts } = session
  const findings: Finding[] = []
  for (let index = 0; index < count; index++) {
    const input =
      session.inputs < target.seeds.length ? (target.seeds[session.inputs] ?? nextInput(session)) : nextInput(session)
    session.inputs++
    before?.(input)
    const result = judge(target, input)
    if ('finding' in result) {
      findings.push(result.finding)
      continue
    }
    if (result.verdict.startsWith('accepted')) session.accepted++
    const seen = verdicts.get(result.verdict) ?? 0
    verdicts.set(result.verdict, seen + 1)
    if (seen > 0) continue
    if (corpus.length < CORPUS_MAX) corpus.push(input)
    else corpus[target.seeds.length + session.roll.below(CORPUS_MAX - target.seeds.length)] = input
  }
  return findings
}
