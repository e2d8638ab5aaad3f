// The network file as a seeder holds it: the first one it was given pins the network key; from then on only a higher
// version under that key replaces it, wherever it comes from (the file on disk, the admission endpoint, another peer).

import { readFileSync, statSync } from 'node:fs'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { type Directory, directoryOf } from '#protocol/directory/directory.ts'
import {
  anchorOf,
  domainOf,
  NETWORK_FILE_BYTES_MAX,
  type NetworkFile,
  type NetworkFileError,
  verifyNetworkFile,
} from '#protocol/directory/network-file.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { writeWhole } from '#seeder/config/place.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { PersistPoints } from '#seeder/store/points.ts'

/** How often the file on disk is looked at. */
export const DISK_POLL_MS = 500

export type NetworkHolder = Disposable & {
  file(): NetworkFile
  /** The file as it was signed, for whoever asks. */
  text(): string
  directory(): Directory
  readonly domain: Domain
  /** True: it was higher and is the file now. */
  offer(text: string): Result<boolean, NetworkFileError>
  onChange(listener: (file: NetworkFile) => void): () => void
}

export type NetworkHolderOptions = {
  /** The file given by the operator: read at start and watched. */
  readonly path: string
  /** Where the newest one is kept, so that a restart does not go back. */
  readonly keptPath: string
  readonly points?: PersistPoints
  readonly note?: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

function readIfThere(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.size > NETWORK_FILE_BYTES_MAX) return undefined
  return readFileSync(path, 'utf8')
}

/** Throws when there is no valid file to begin with, or the operator's file is of another network than the kept one. */
export function openNetworkHolder(options: NetworkHolderOptions): NetworkHolder {
  const { path, keptPath, points, note } = options
  const keptText = readIfThere(keptPath)
  const kept = keptText === undefined ? undefined : verifyNetworkFile(keptText, verify)
  const givenText = readIfThere(path)
  const anchor = kept?.ok ? anchorOf(kept.value) : undefined
  const given =
    givenText === undefined ? err({ code: 'not_json' as const }) : verifyNetworkFile(givenText, verify, anchor)
  if (!given.ok && !kept?.ok) {
    const reason = givenText === undefined ? 'it is not there' : JSON.stringify(given.error)
    throw new Error(`${path} is no valid network file: ${reason}`)
  }
  if (!given.ok && (given.error.code === 'wrong_network_key' || given.error.code === 'wrong_chain')) {
    throw new Error(`${path} is of another network than the one this seeder joined (${keptPath})`)
  }
  let text: string
  let file: NetworkFile
  if (given.ok && givenText !== undefined && !(kept?.ok && kept.value.version >= given.value.version)) {
    text = givenText
    file = given.value
  } else {
    if (!kept?.ok || keptText === undefined) throw new Error(`${path} is no valid network file`)
    text = keptText
    file = kept.value
  }
  if (text !== keptText) writeWhole(keptPath, text, points)
  const pinned = anchorOf(file)
  let directory = directoryOf(file)
  const listeners = new Set<(file: NetworkFile) => void>()

  const offer = (offered: string): Result<boolean, NetworkFileError> => {
    const verdict = verifyNetworkFile(offered, verify, pinned)
    if (!verdict.ok) return verdict
    if (verdict.value.version <= file.version) return ok(false)
    writeWhole(keptPath, offered, points)
    text = offered
    file = verdict.value
    directory = directoryOf(file)
    note?.('network_file', { version: file.version, jobs: file.jobs.length, peers: file.peers.length })
    for (const listener of [...listeners]) listener(file)
    return ok(true)
  }

  let seen = stampOf(path)
  let unread = false
  const timer = setInterval(() => {
    try {
      const stamp = stampOf(path)
      if (stamp === seen) return
      const offered = readIfThere(path)
      const taken = offered === undefined ? ok(false) : offer(offered)
      if (!taken.ok) note?.('network_file_refused', { from: path, ...taken.error })
      seen = stamp
      unread = false
    } catch (cause) {
      // Neither read nor kept: it is looked at again.
      if (!unread) note?.('network_file_not_taken', { from: path, cause })
      unread = true
    }
  }, DISK_POLL_MS)
  timer.unref()

  return {
    file: () => file,
    text: () => text,
    directory: () => directory,
    domain: domainOf(file),
    offer,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      listeners.clear()
    },
  }
}

/** Changes whenever the file does: it is replaced by renaming. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`
}
