// The support bundle of one seeder: what somebody else needs to see to help, and nothing that they must not see (redact.ts).
//
//   doctor.jsonl  status.json  metrics.txt  versions.json  network.json  seeder.json  config.json  logs/…
//
// A seeder says its log to standard error. Where that is a file of its directory (`interpeer up`) its end is packed; where it is a service manager's, what
// that one gives is handed over as `given`, and of a seeder that runs the newest lines are in its memory.

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

/** From the beginning of a line on. */
function fromLine(text: string, isCut: boolean): string {
  return isCut ? text.slice(text.indexOf('\n') + 1) : text
}

/** The last bytes of what comes, from the beginning of a line on. */
export async function tailOfStream(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const kept: Buffer[] = []
  let length = 0
  let all = 0
  for await (const chunk of stream) {
    kept.push(chunk)
    length += chunk.length
    all += chunk.length
    for (let first = kept[0]; first !== undefined && length - first.length >= bytesMax; first = kept[0]) {
      length -= first.length
      kept.shift()
    }
  }
  return fromLine(Buffer.concat(kept).subarray(-bytesMax).toString('utf8'), all > bytesMax)
}

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
    return fromLine(text, size > length)
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

/** The newest lines of a seeder that runs; undefined of one that is too old to show them. */
async function recentLog(controlUrl: string): Promise<string | undefined> {
  const { status, body } = await ask(`${controlUrl}/log`)
  return status === 200 ? body : undefined
}

/** Whether a log lies in the directory itself. */
export function hasLog(directory: string): boolean {
  return LOG_FILES.some((name) => existsSync(join(directory, name)))
}

export async function bundleFiles(
  directory: string,
  scene: Scene,
  findings: readonly Finding[],
  given?: string,
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
  texts.set('logs/given', given)
  if (scene.controlUrl !== undefined) texts.set('logs/recent.jsonl', await recentLog(scene.controlUrl))
  const redact = createRedactor(secretsNear(directory))
  return [...texts].flatMap(([name, text]) => (text === undefined ? [] : [{ name, bytes: Buffer.from(redact(text)) }]))
}
