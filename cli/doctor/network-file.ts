// The network file: is it signed by its key, is it the newest that anybody shows, and is it the one that the seeder took.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import { type Answer, ask, type Scene } from '#cli/doctor/scene.ts'
import { anchorOf, type NetworkFile, verifyNetworkFile } from '#protocol/directory/network-file.ts'
import { verify } from '#seeder/identity/keys.ts'

/** A new version reaches everybody within seconds. */
const BEHIND_REMEDY =
  'Running seeders take it by themselves from the gateway and from each other; for a stopped one, fetch it from the gateway: GET /network.'

/** The file that an answer holds, if it is one of the same network. */
function fileIn(answer: Answer, file: NetworkFile): NetworkFile | undefined {
  if (answer.status !== 200 || answer.body === undefined) return undefined
  const verdict = verifyNetworkFile(answer.body, verify, anchorOf(file))
  return verdict.ok ? verdict.value : undefined
}

function keptIn(directory: string, file: NetworkFile): NetworkFile | undefined {
  try {
    const verdict = verifyNetworkFile(readFileSync(join(directory, 'network.json'), 'utf8'), verify, anchorOf(file))
    return verdict.ok ? verdict.value : undefined
  } catch {
    return undefined
  }
}

export async function checkNetworkFile(scene: Scene): Promise<readonly Finding[]> {
  const { file, networkPath, directory, running } = scene
  if (file === undefined) {
    const remedy = 'Get it again from whoever runs the network, or from a gateway: GET /network.'
    return [trouble('bad', 'network', 'signature', scene.fileProblem ?? `${networkPath} cannot be read`, remedy)]
  }
  const findings = [
    fine('network', 'signature', `version ${file.version} is signed by ${file.network_key.slice(0, 12)}…`, {
      version: file.version,
      profile: file.profile,
    }),
  ]
  const answers = await Promise.all([file.admission, ...file.gateways].map((url) => ask(`${url}/network`)))
  const shown = answers.flatMap((answer) => fileIn(answer, file)?.version ?? [])
  const kept = directory === undefined ? undefined : keptIn(directory, file)
  const here = Math.max(running?.network.version ?? 0, kept?.version ?? 0, directory === undefined ? file.version : 0)
  const newest = Math.max(file.version, here, ...shown)
  const facts = { here, newest, shownBy: shown.length }
  if (shown.length === 0)
    findings.push(
      trouble(
        'warn',
        'network',
        'newest',
        'no gateway and no admission endpoint shows its network file',
        'See what cannot be reached above; the file at hand stays valid.',
        facts,
      ),
    )
  else if (here < newest && here > 0)
    findings.push(
      trouble('warn', 'network', 'newest', `version ${here} is used here, ${newest} is out`, BEHIND_REMEDY, facts),
    )
  else findings.push(fine('network', 'newest', `version ${newest} is the newest that ${shown.length} show`, facts))
  return findings
}
