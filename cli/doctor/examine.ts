// All checks of the doctor over one look around.

import { checkClock } from '#cli/doctor/clock.ts'
import { checkDisk } from '#cli/doctor/disk.ts'
import type { Finding } from '#cli/doctor/finding.ts'
import { checkHttps } from '#cli/doctor/https.ts'
import { checkLimits } from '#cli/doctor/limits.ts'
import { checkNetworkFile } from '#cli/doctor/network-file.ts'
import { checkReach, nobodyAnswers } from '#cli/doctor/reach.ts'
import type { Scene } from '#cli/doctor/scene.ts'
import { checkVersions } from '#cli/doctor/versions.ts'
import { EXIT, type ExitCode } from '#cli/failure.ts'

export async function examine(scene: Scene): Promise<readonly Finding[]> {
  const [reach, network] = await Promise.all([checkReach(scene), checkNetworkFile(scene)])
  return [
    ...checkClock(scene),
    ...checkDisk(scene),
    ...reach,
    ...checkHttps(scene),
    ...checkLimits(scene),
    ...checkVersions(scene),
    ...network,
  ]
}

/** 3 when nobody of the network answers and nothing else is bad: then the way there is the trouble. */
export function exitOf(findings: readonly Finding[], scene: Scene): ExitCode {
  const bad = findings.filter(({ verdict }) => verdict === 'bad')
  if (nobodyAnswers(scene) && bad.every(({ check }) => check === 'reach')) return EXIT.network
  return bad.length > 0 ? EXIT.failed : EXIT.ok
}
