// Newer network files from elsewhere: from the admission endpoint now and then, and from any peer that says it has one.
// A file that was taken is told on, so that one seeder that heard of it is enough.

import { NETWORK_FILE_BYTES_MAX } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import type { Log } from '#seeder/config/log.ts'
import type { NetworkHolder } from '#seeder/host/network-holder.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import { call } from '#seeder/register/http.ts'

/** Peers tell at once; the admission endpoint is asked for what they missed. */
export const ADMISSION_POLL_MS = 5_000
const JITTER = 0.5
const QUESTION_DEADLINE_MS = 10_000

export type NetworkFetcher = Disposable & {
  /** A link to a peer came up. */
  linked(peer: PeerName): void
  /** A peer says which version it has. */
  readonly heard: (peer: PeerName, version: number) => void
}

export type NetworkFetchOptions = {
  readonly holder: NetworkHolder
  readonly network: PeerNetwork
  readonly self: PeerName
  readonly chance: () => number
  readonly log: Log
}

export function fetchNetworkFiles(options: NetworkFetchOptions): NetworkFetcher {
  const { holder, network, chance, log } = options
  const asking = new Set<PeerName>()
  let stopped = false
  let unreachable = false
  let timer: NodeJS.Timeout | undefined

  const offer = (text: string, from: string): void => {
    try {
      const taken = holder.offer(text)
      if (!taken.ok) log.warn('network_file_refused', { from, ...taken.error })
    } catch (cause) {
      // It could not be kept, and so it is not gone by either; whoever is asked next has it too.
      log.warn('network_file_not_taken', { from, cause })
    }
  }

  const ask = async (peer: PeerName): Promise<void> => {
    if (asking.has(peer) || stopped) return
    asking.add(peer)
    const question = contentToBytes({ type: 'want_network', above: holder.file().version })
    const answer = await network.request(peer, question, QUESTION_DEADLINE_MS)
    asking.delete(peer)
    const message = answer.ok ? contentFromBytes(answer.value) : undefined
    if (message?.ok && message.value.type === 'network' && message.value.file !== null) offer(message.value.file, peer)
  }

  const tell = (peer: PeerName): void => {
    const news = contentToBytes({ type: 'have_network', version: holder.file().version })
    void network.request(peer, news, QUESTION_DEADLINE_MS)
  }

  const poll = async (): Promise<void> => {
    try {
      const url = `${holder.file().admission}/network`
      const answer = await call(url, { method: 'GET', answerBytesMax: NETWORK_FILE_BYTES_MAX })
      if (answer.status === 200) offer(answer.body.toString('utf8'), url)
      unreachable = false
    } catch (cause) {
      if (!unreachable) log.debug('admission_unreachable', { cause })
      unreachable = true
    }
    later()
  }
  const later = (): void => {
    if (stopped) return
    timer = setTimeout(() => void poll(), ADMISSION_POLL_MS * (1 + JITTER * chance()))
    timer.unref()
  }
  later()
  const stopTelling = holder.onChange(() => {
    for (const peer of network.connected()) tell(peer)
  })

  return {
    linked: tell,
    heard(peer, version) {
      if (version > holder.file().version) void ask(peer)
    },
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
      stopTelling()
    },
  }
}
