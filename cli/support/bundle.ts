// The support bundle of one seeder: what somebody else needs to see to help, and nothing that they must not see (redact.ts).
//
//   doctor.jsonl  status.json  metrics.txt  versions.json  network.json  seeder.json  config.json  logs/…

import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Finding } from '#cli/doctor/finding.ts'
import { ask, type Scene } from '#cli/doctor/scene.ts'
import { programVersion, storedSchema } from '#cli/doctor/versions.ts'
import { createRedactor, secretsNear } from '#cli/support/redact.ts'
import type { TarFile } from '#cli/support/tar.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { NETWORK_FILE_BYTES_MAX } from '#protocol/directory/network-file.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'

/** The end of each log. */
export const LOG_BYTES_MAX = 1024 * 1024
const LOG_FILES = ['stderr.log', 'log', 'log.1'] as const
/** A longer one is cut, so it is no JSON any more, and is left out. */
const PLAIN_BYTES_MAX = NETWORK_FILE_BYTES_MAX
const PLAIN_FILES = ['network.json', 'seeder.json', 'config.json'] as const

/** The last bytes of a file from the beginning of a line on. Throws for what is no file: whoever packs may read what the seeder's user may not. */
export function tailOf(path: string, bytesMax: number): string {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(handle)
    if (!found.isFile()) throw new Error('it is no file')
    const { size } = found
    const length = Math.min(size, bytesMax)
    const bytes = Buffer.alloc(length)
    const text = bytes.subarray(0, readSync(handle, bytes, 0, length, size - length)).toString('utf8')
    return size > length ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    closeSync(handle)
  }
}

/** `text()`, or a line that says why there is none. */
function readable(text: () => string | undefined): string | undefined {
  try {
    return text()
  } catch (cause) {
    return `cannot be read: ${(cause as Error).message}\n`
  }
}

function versions(directory: string): string {
  return `${JSON.stringify(
    {
      interpeer: programVersion(),
      node: process.versions,
      platform: process.platform,
      arch: process.arch,
      release: release(),
      runtimeImage: hexFromBytes(runtimeImage()),
      storeSchema: readable(() => String(storedSchema(directory))),
      arguments: process.execArgv,
    },
    null,
    1,
  )}\n`
}

export async function bundleFiles(
  directory: string,
  scene: Scene,
  findings: readonly Finding[],
): Promise<readonly TarFile[]> {
  const texts = new Map<string, string | undefined>([
    ['doctor.jsonl', findings.map((finding) => `${JSON.stringify(finding)}\n`).join('')],
    ['versions.json', versions(directory)],
  ])
  if (scene.running !== undefined) texts.set('status.json', `${JSON.stringify(scene.running)}\n`)
  if (scene.controlUrl !== undefined) texts.set('metrics.txt', (await ask(`${scene.controlUrl}/metrics`)).body)
  for (const name of PLAIN_FILES) {
    const path = join(directory, name)
    // On one line: the redaction looks at lines.
    texts.set(
      name,
      existsSync(path) ? readable(() => `${JSON.stringify(JSON.parse(tailOf(path, PLAIN_BYTES_MAX)))}\n`) : undefined,
    )
  }
  for (const name of LOG_FILES) {
    const path = join(directory, name)
    texts.set(`logs/${name}`, existsSync(path) ? readable(() => tailOf(path, LOG_BYTES_MAX)) : undefined)
  }
  const redact = createRedactor(secretsNear(directory))
  return [...texts].flatMap(([name, text]) => (text === undefined ? [] : [{ name, bytes: Buffer.from(redact(text)) }]))
}
