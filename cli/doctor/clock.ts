// Is this machine's clock right? Nobody's clock is believed alone: the median of what gateways and members show counts.
//
// A `Date` header names a whole second, so it bounds the other clock instead of telling it: what is reported is the least skew that
// explains what was seen. A gateway's /bootstrap has milliseconds.

import { type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import { type Answer, jsonOf, type Scene } from '#cli/doctor/scene.ts'

/** Above: blocks of this member are judged late, its proposals early. */
export const SKEW_WARN_MS = 2_000
/** Above: gateways refuse its registration. */
export const SKEW_BAD_MS = 30_000

/** How far the other clock is at least ahead of this one (negative: behind), in ms; undefined when the answer has no time. */
function skewOf(answer: Answer): number | undefined {
  const exact = jsonOf(answer)?.time
  const shown = typeof exact === 'number' ? exact : answer.date === undefined ? Number.NaN : Date.parse(answer.date)
  if (!Number.isFinite(shown)) return undefined
  const coarseMs = typeof exact === 'number' ? 0 : 1_000
  const least = shown - answer.answeredAt
  const most = shown + coarseMs - answer.sentAt
  if (least > 0) return least
  return most < 0 ? most : 0
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

function secondsText(ms: number): string {
  return `${(Math.abs(ms) / 1000).toFixed(1)} s`
}

export function checkClock(scene: Scene): readonly Finding[] {
  const seen = [
    ...scene.gateways.map(({ url, answer }) => ({ who: `gateway ${url}`, skew: skewOf(answer) })),
    ...scene.members.map(({ peer, http }) => ({ who: `peer ${peer.slice(0, 12)}…`, skew: skewOf(http) })),
  ].flatMap(({ who, skew }) => (skew === undefined ? [] : [{ who, skew }]))
  const skew = median(seen.map((each) => each.skew))
  if (skew === undefined) {
    const remedy = 'See what cannot be reached below; meanwhile compare with `timedatectl` or any clock on the net.'
    return [trouble('warn', 'clock', 'skew', 'nobody answered with a time to compare with', remedy)]
  }
  const facts = { skewMs: skew, compared: seen.length }
  const ours = skew > 0 ? 'behind' : 'ahead'
  const remedy = 'Turn on time synchronisation (`timedatectl set-ntp true`, or chrony) and look again.'
  const findings: Finding[] = []
  if (Math.abs(skew) > SKEW_BAD_MS) {
    const found = `this clock is ${secondsText(skew)} ${ours} of ${seen.length} others: gateways refuse registrations over 30 s`
    findings.push(trouble('bad', 'clock', 'skew', found, remedy, facts))
  } else if (Math.abs(skew) > SKEW_WARN_MS) {
    const found = `this clock is ${secondsText(skew)} ${ours} of ${seen.length} others; more than 2 s delays blocks`
    findings.push(trouble('warn', 'clock', 'skew', found, remedy, facts))
  } else {
    findings.push(fine('clock', 'skew', `within ${secondsText(SKEW_WARN_MS)} of ${seen.length} others`, facts))
  }
  for (const { who, skew: theirs } of seen) {
    if (Math.abs(theirs - skew) <= SKEW_WARN_MS) continue
    const found = `the clock of ${who} is ${secondsText(theirs - skew)} ${theirs > skew ? 'ahead' : 'behind'} of the others`
    findings.push(
      trouble('warn', 'clock', 'other', found, 'Nothing to do here: tell whoever runs it.', { skewMs: theirs }),
    )
  }
  return findings
}
