// Where a command finds the network file and the uploader's key, and the network as the file has it.

import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import process from 'node:process'
import { loadNetworkFile } from '#cli/admission/server.ts'
import { type CommandContext, stringOf } from '#cli/command.ts'
import { failed, usageFailure } from '#cli/failure.ts'
import { exchange } from '#cli/network/http.ts'
import { anchorOf, type NetworkFile, verifyNetworkFile } from '#protocol/directory/network-file.ts'
import { verify } from '#seeder/identity/keys.ts'

export const DEFAULT_NETWORK = join('.interpeer', 'local', 'network.json')
const PARENTS_MAX = 8

/** An empty variable is none. */
function variable(name: string): string | undefined {
  const value = process.env[name]
  return value === '' ? undefined : value
}

/** `--network`, else $INTERPEER_NETWORK, else the local network of this folder or of one above it. */
export function networkPath(context: Pick<CommandContext, 'values'>): string {
  const given = stringOf(context, 'network') ?? variable('INTERPEER_NETWORK')
  if (given !== undefined) {
    if (!existsSync(given))
      throw usageFailure(
        `there is no network file at ${given}`,
        "Start a local network with 'interpeer up', or name another file with --network.",
      )
    return resolve(given)
  }
  let folder = process.cwd()
  for (let level = 0; level < PARENTS_MAX; level++) {
    const found = join(folder, DEFAULT_NETWORK)
    if (existsSync(found)) return found
    folder = resolve(folder, '..')
  }
  throw usageFailure(
    'no network file was named, and there is no local network here',
    "Start one with 'interpeer up', or name a file with --network FILE.",
  )
}

/** The file on disk, verified. */
export function readNetwork(path: string): NetworkFile {
  try {
    return loadNetworkFile(path)
  } catch (cause) {
    throw failed('network_file', (cause as Error).message, 'Get the network file again from whoever runs the network.')
  }
}

/** The newest file: that on disk, or a higher version of the same network from its admission endpoint. Never fails where the disk's own is valid. */
export async function newestNetwork(path: string): Promise<NetworkFile> {
  const onDisk = readNetwork(path)
  try {
    const answer = await exchange(`${onDisk.admission}/network`, { timeoutMs: 3_000 })
    const verdict = verifyNetworkFile(answer.body.toString('utf8'), verify, anchorOf(onDisk))
    if (verdict.ok && verdict.value.version > onDisk.version) return verdict.value
  } catch {
    // The endpoint need not be up: what is on disk is signed.
  }
  return onDisk
}

/** `--key`, else $INTERPEER_KEY, else the user's configuration folder. */
export function uploaderKeyPath(context: Pick<CommandContext, 'values'>): string {
  const given = stringOf(context, 'key') ?? variable('INTERPEER_KEY')
  if (given !== undefined) return resolve(given)
  const named = variable('XDG_CONFIG_HOME')
  // A relative path there means nothing (XDG Base Directory Specification).
  const home = named !== undefined && isAbsolute(named) ? named : join(homedir(), '.config')
  return join(home, 'interpeer', 'uploader.pem')
}
