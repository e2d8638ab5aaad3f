// What a stranger does to a member's peer port, as a process of its own; `attacks.ts` says how it is started.

import { randomBytes } from 'node:crypto'
import { type Attack, drip, open, runAttack } from './attacks.ts'

/** What a libp2p dialler says first: multistream-select, then Noise; what follows is no handshake. */
const HELLO = Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n', 'latin1')
const GARBAGE_BYTES = 64 * 1024
const HALF_OPEN = 1_000

/** Connections that begin with these bytes, each opened again as soon as it is cut. */
function repeated(connections: number, first: () => Buffer): Attack {
  return drip({ connections, addresses: 1, first, more: '', pauseMs: 1_000, reads: true })
}

export const PEER_ATTACKS: Readonly<Record<string, Attack>> = {
  'peer port: connections that say nothing': drip({
    connections: 1_500,
    addresses: 1,
    first: () => '',
    more: '',
    pauseMs: 1_000,
    reads: true,
  }),
  'peer port: bytes that are nothing': repeated(100, () => randomBytes(GARBAGE_BYTES)),
  'peer port: a handshake that is none': repeated(100, () =>
    Buffer.concat([HELLO, Buffer.from([0, 32]), randomBytes(GARBAGE_BYTES)]),
  ),
  'peer port: a handshake byte by byte': drip({
    connections: 500,
    addresses: 1,
    first: () => HELLO.subarray(0, 8),
    more: 'm',
    pauseMs: 200,
    reads: true,
  }),
  'peer port: half-open sockets': async (aim, tally, over) => {
    for (let turn = 0; turn < HALF_OPEN && !over(); turn++) {
      const socket = open(aim, tally, '127.0.0.2', () => socket.end(HELLO))
      socket.pause()
      if (turn % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await new Promise((resolve) => setTimeout(resolve, aim.ms))
  },
}

if (import.meta.main) await runAttack(PEER_ATTACKS)
