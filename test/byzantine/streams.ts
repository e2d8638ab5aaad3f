// A member that speaks libp2p as it should, up to its streams, and nothing of the product on them: it goes past the handshake with its own key, again
// and again, and sends the leader of the moment streams of no known protocol, frames that never end, and garbage in place of frames and messages.

import { randomBytes } from 'node:crypto'
import { setTimeout as pass } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { assert } from '#protocol/codec/result.ts'
import { placeAt } from '#seeder/config/place.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'
import { FRAME_KIND, frameToBytes } from '#seeder/network/frame.ts'
import { libp2pPrivateKey } from '#seeder/network/identity.ts'
import { AGREE_PROTOCOL, CONTENT_PROTOCOL, type LinkProtocol } from '#seeder/network/link.ts'
import type { Seeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'
import { count, type Tally } from './attacks.ts'
import { SITE } from './group.ts'
import { asksOf, endure, type Suffered, victimOf } from './hostile.ts'

export const STREAM_GARBAGE = 'a member whose streams are garbage'
const STREAMS = 64
const GARBAGE_BYTES = 64 * 1024
/** As many as are kept of a peer. */
const CONNECTIONS_AT_ONCE = 4
/** How long a connection lasts once its garbage is on the way. */
const HELD_MS = 500
const AGAIN_MS = 20

const PROTOCOLS = [AGREE_PROTOCOL, CONTENT_PROTOCOL] as const
/** What comes on a stream, whichever side opened it. What costs its peer nothing comes first, for an offence shuts it out. */
const GARBAGE: Readonly<Record<string, (protocol: LinkProtocol) => readonly Uint8Array[]>> = {
  'frames that never end': () => [
    frameToBytes(FRAME_KIND.data, new Uint8Array(GARBAGE_BYTES))[0],
    randomBytes(GARBAGE_BYTES / 2),
  ],
  'questions and messages of garbage': (protocol) =>
    frameToBytes(protocol === AGREE_PROTOCOL ? FRAME_KIND.data : FRAME_KIND.request, randomBytes(GARBAGE_BYTES)),
  'garbage in place of frames': () => [randomBytes(GARBAGE_BYTES)],
}
const KINDS = Object.keys(GARBAGE)
const GENTLE = 'frames that never end'
const FIRST_MS_MAX = 30_000
const READY_MS = 120_000

/** A member that does not lead ends, and its key is used so; then it comes back. */
export async function sufferStreams(group: Seeders, ms: number): Promise<Suffered> {
  const { victim, origin, others } = await victimOf(group)
  const liar = others.at(-1)
  const { addresses } = group.admission.file().peers.find(({ peer }) => peer === victim.ready.peer) ?? {}
  const address = addresses?.[0]
  assert(liar !== undefined && address !== undefined, 'the network file says where the victim is met')
  const signer = loadOrCreateSigner(placeAt(liar.ready.dir).keyFile)
  liar.kill('SIGKILL')
  await liar.exited
  const found = await endure(victim.pid, asksOf(origin), STREAM_GARBAGE, async () => {
    const tally: Tally = {}
    const end = performance.now() + ms
    await Promise.all(
      Array.from({ length: CONNECTIONS_AT_ONCE }, async () => {
        const node = await createLibp2p({
          privateKey: libp2pPrivateKey(signer),
          transports: [tcp()],
          connectionEncrypters: [noise()],
          streamMuxers: [yamux()],
          connectionMonitor: { enabled: false },
        })
        let kind = ''
        const send = (protocol: LinkProtocol, stream: Stream): void => {
          for (const piece of GARBAGE[kind]?.(protocol) ?? []) stream.send(piece)
          count(tally, kind)
        }
        for (const protocol of PROTOCOLS) await node.handle(protocol, (stream) => send(protocol, stream))
        // On a busy machine the first stream may come late: an attack that sent nothing was none.
        const began = (): boolean => tally[GENTLE] !== undefined
        for (let turn = 0; performance.now() < (began() ? end : end + FIRST_MS_MAX); turn++) {
          // For the first half of the time what is no offence.
          kind = (performance.now() < end - ms / 2 || !began() ? GENTLE : KINDS[turn % KINDS.length]) ?? GENTLE
          try {
            const connection = await node.dial(multiaddr(address), { force: true })
            const strange = Array.from({ length: STREAMS }, () => connection.newStream('/nothing/1'))
            count(tally, 'streams of no protocol', (await Promise.allSettled(strange)).length)
            // One of the two sides opens the streams of a link, by their names.
            for (const protocol of PROTOCOLS)
              await connection.newStream(protocol).then(
                (stream) => send(protocol, stream),
                () => undefined,
              )
            await pass(HELD_MS)
            connection.abort(new Error('enough'))
          } catch {
            count(tally, 'refused')
          }
          await pass(AGAIN_MS)
        }
        await node.stop()
      }),
    )
    return tally
  })
  const back = await group.restart(liar)
  await until('it is back', async () => (await back.site(SITE))?.state === 'agreeing', READY_MS)
  return found
}
