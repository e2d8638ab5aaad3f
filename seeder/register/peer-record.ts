// The seeder's own PEER_RECORD: told to the admission endpoint until the network file says what is true (§5.2).

import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { type Domain, signStatement } from '#protocol/message/domain.ts'
import type { PeerRecord } from '#protocol/message/statement.ts'
import { call } from '#seeder/register/http.ts'

export const RECORD_RETRY_FIRST_MS = 250
export const RECORD_RETRY_LAST_MS = 10_000
const ANSWER_BYTES_MAX = 64 * 1024

export type PeerRecordOptions = {
  readonly signer: Signer
  readonly domain: Domain
  readonly file: () => NetworkFile
  /** Asked each time: a peer that is reached through others has those of now. */
  readonly addresses: () => readonly string[]
  readonly http: string
  /** A sequence above every one that was signed before, and durable. */
  readonly nextSequence: (above: number) => number
  readonly now: () => number
  readonly note?: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

/** Call `check` whenever the network file or the addresses changed. */
export function startPeerRecord(options: PeerRecordOptions): Disposable & { check(): void } {
  const { signer, domain, addresses, http, now, note } = options
  const own = peerName(signer.publicKey)
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  let telling = false
  let stopped = false
  let lastProblem = ''

  const isTrue = (): boolean => {
    const entry = options.file().peers.find((peer) => peer.peer === own)
    return entry !== undefined && entry.http === http && entry.addresses.join() === addresses().join()
  }

  const tell = async (): Promise<void> => {
    if (telling || stopped || isTrue()) return
    telling = true
    let problem = ''
    try {
      const known = options.file().peers.find((peer) => peer.peer === own)?.sequence ?? 0
      const body: PeerRecord = {
        peer: signer.publicKey,
        addresses: [...addresses()],
        http,
        sequence: options.nextSequence(known),
        time: now(),
      }
      const answer = await call(`${options.file().admission}/peers`, {
        method: 'POST',
        body: cborFromValue(signStatement(domain, 'peer_record', signer, body)),
        answerBytesMax: ANSWER_BYTES_MAX,
      })
      if (answer.status < 200 || answer.status >= 300)
        problem = `${answer.status} ${answer.body.toString().slice(0, 300)}`
    } catch (cause) {
      problem = cause instanceof Error ? cause.message : String(cause)
    } finally {
      telling = false
    }
    if (problem !== '' && problem !== lastProblem) note?.('peer_record_failed', { problem })
    lastProblem = problem
    // Until the file itself says so, it is told again.
    later()
  }

  const later = (): void => {
    clearTimeout(timer)
    if (stopped || isTrue()) {
      failures = 0
      return
    }
    timer = setTimeout(() => void tell(), Math.min(RECORD_RETRY_LAST_MS, RECORD_RETRY_FIRST_MS * 2 ** failures))
    timer.unref()
    failures = Math.min(failures + 1, 16)
  }

  void tell()
  return {
    check: () => {
      failures = 0
      void tell()
    },
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
