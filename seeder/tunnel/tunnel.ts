// Keeps a tunnel to one gateway: dials, proves who this is, dials again when it ends. For seeders that nobody can dial.
//
//   dial ──> challenge ──> TUNNEL, signed ──> "open" ──> streams (bridge.ts) ──> gone ──> pause ──> dial
//
// Invariant: one socket at a time; a gateway that answers nothing for `SILENCE_MS` is taken for gone.

import { WebSocket } from 'ws'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { type Domain, signStatement } from '#protocol/message/domain.ts'
import type { Tunnel } from '#protocol/message/statement.ts'
import { FRAME_BYTES_MAX } from '#protocol/tunnel/frame.ts'
import { backoffMs } from '#seeder/network/backoff.ts'
import { lookupHost } from '#seeder/register/http.ts'
import { type Carry, TunnelBridge } from '#seeder/tunnel/bridge.ts'

export const TUNNEL_PATH = '/tunnel'
export const PING_MS = 20_000
export const SILENCE_MS = 45_000
const OPEN_MS = 10_000
const CHALLENGE_BYTES = 32
/** What may lie in the socket before a stream has to wait: a small answer waits for no more than this. */
const UNSENT_BYTES_MAX = 128 * 1024
/** A tunnel that stood this long is dialled again as if for the first time. */
const STEADY_MS = 30_000

export type TunnelOptions = {
  /** Origin of the gateway. */
  readonly gateway: string
  readonly signer: Signer
  readonly domain: Domain
  readonly carry: Carry
  readonly chance: () => number
  /** It opened, or closed. */
  readonly onChange: () => void
  readonly note?: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

export type SeederTunnel = AsyncDisposable & {
  readonly gateway: string
  readonly isOpen: boolean
  /** Requests under way. */
  readonly underWay: number
}

type Phase = 'dialling' | 'challenged' | 'open'

export function startTunnel(options: TunnelOptions): SeederTunnel {
  const { gateway, signer, domain, note } = options
  let socket: WebSocket | undefined
  let bridge: TunnelBridge | undefined
  let failures = 0
  let again: NodeJS.Timeout | undefined
  let stopped = false
  let said = ''

  /** One line a change, not one a try. */
  const tell = (what: string): void => {
    if (what === said) return
    said = what
    if (what === '') note?.('tunnel_open', { gateway })
    else note?.('tunnel_closed', { gateway, problem: what })
  }

  const dial = (): void => {
    const dialled = new WebSocket(`${gateway.replace(/^http/, 'ws')}${TUNNEL_PATH}/${hexFromBytes(signer.publicKey)}`, {
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
      handshakeTimeout: OPEN_MS,
      followRedirects: false,
      lookup: lookupHost,
    })
    socket = dialled
    let phase: Phase = 'dialling'
    let openedAt = Number.POSITIVE_INFINITY
    let problem = ''
    let heardAt = performance.now()
    const giveUp = setTimeout(() => {
      problem = 'no proof was asked for or taken in time'
      dialled.terminate()
    }, OPEN_MS)
    const ping = setInterval(() => {
      if (performance.now() - heardAt > SILENCE_MS) {
        problem = 'the gateway fell silent'
        dialled.terminate()
      } else if (phase === 'open') dialled.send('ping')
    }, PING_MS)
    for (const timer of [giveUp, ping]) timer.unref()

    const take = (data: Buffer, isBinary: boolean): void => {
      heardAt = performance.now()
      if (phase === 'dialling' && isBinary && data.length === CHALLENGE_BYTES) {
        const body: Tunnel = { gateway, challenge: new Uint8Array(data) }
        dialled.send(cborFromValue(signStatement(domain, 'tunnel', signer, body)))
        phase = 'challenged'
        return
      }
      if (phase === 'challenged' && !isBinary && data.toString() === 'open') {
        clearTimeout(giveUp)
        phase = 'open'
        openedAt = performance.now()
        bridge = new TunnelBridge(
          portOf(dialled, () => bridge?.pump()),
          options.carry,
        )
        tell('')
        options.onChange()
        return
      }
      if (phase === 'open' && !isBinary && data.toString() === 'pong') return
      const taken = phase === 'open' && isBinary ? bridge?.receive(new Uint8Array(data)) : undefined
      if (taken?.ok === true) return
      problem = `the gateway breaks the rules of a tunnel: ${taken?.error.code ?? phase}`
      dialled.close(PROTOCOL_BROKEN, 'protocol')
    }
    dialled.on('message', take)
    dialled.on('error', (cause) => {
      problem ||= cause.message
    })
    dialled.on('close', (code, reason) => {
      clearTimeout(giveUp)
      clearInterval(ping)
      if (socket === dialled) socket = undefined
      const wasOpen = phase === 'open'
      bridge?.close()
      bridge = undefined
      tell(problem || `closed: ${code} ${reason}`)
      if (wasOpen) options.onChange()
      if (stopped) return
      failures = performance.now() - openedAt > STEADY_MS ? 0 : failures + 1
      again = setTimeout(dial, backoffMs(failures, options.chance()))
      again.unref()
    })
  }
  dial()

  return {
    gateway,
    get isOpen() {
      return bridge !== undefined
    },
    get underWay() {
      return bridge?.underWay ?? 0
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(again)
      const last = socket
      if (last === undefined) return
      const { promise, resolve } = Promise.withResolvers<void>()
      last.once('close', () => resolve())
      last.close(NORMAL)
      const timer = setTimeout(() => last.terminate(), CLOSE_MS)
      await promise
      clearTimeout(timer)
    },
  }
}

const NORMAL = 1000
const PROTOCOL_BROKEN = 4000
const CLOSE_MS = 500

/** `pump` is called when what was unsent has gone. */
function portOf(socket: WebSocket, pump: () => void): { send(message: Uint8Array): void; hasRoom(): boolean } {
  let isFull = false
  const hasRoom = (): boolean => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < UNSENT_BYTES_MAX
  return {
    hasRoom() {
      isFull = !hasRoom()
      return !isFull
    },
    send: (message) =>
      socket.send(message, () => {
        if (isFull && hasRoom()) pump()
      }),
  }
}
