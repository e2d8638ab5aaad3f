// Messages of circuit relay v2, held against the library's own reader: what it writes means the same to both. And the addresses of peer records.

import assert from 'node:assert/strict'
import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { nameOfMultihash, peerIdOfName } from '#seeder/network/identity.ts'
import { isCircuit, placesOf, relayAddress } from '#seeder/network/relay-address.ts'
import {
  hopRequestFromBytes,
  hopStatusToBytes,
  RELAY_STATUS,
  stopConnectToBytes,
  stopStatusFromBytes,
} from '#seeder/network/relay-message.ts'
import { signerNamed } from '#test/support/network.ts'
import { nameOf, type Target, text } from '../target.ts'

/** Addresses that one record may have. */
const ADDRESSES_MAX = 16

type Message = { readonly type?: string; readonly status?: string; readonly peer?: { readonly id: Uint8Array } }
type Library = { decode(bytes: Uint8Array): Message; encode(message: Message): Uint8Array }

export async function relayTargets(): Promise<readonly Target[]> {
  // The package shows its transport alone.
  const library = new URL('./pb/index.js', import.meta.resolve('@libp2p/circuit-relay-v2')).href
  const { HopMessage, StopMessage } = (await import(library)) as { HopMessage: Library; StopMessage: Library }
  const relay = peerName(signerNamed('relay').publicKey)
  const id = peerIdOfName(relay).toString()
  const multihash = peerIdOfName(relay).toMultihash().bytes
  // A CONNECT of hop is one of stop with another number for its type.
  const connect = stopConnectToBytes(multihash).with(1, 1)
  const unknown = Buffer.from('48075101020304050607085a01ff6501020304', 'hex')
  return [
    {
      name: 'relay hop',
      form: 'bytes',
      seeds: [
        Uint8Array.of(8, 0),
        connect,
        Buffer.concat([connect, unknown]),
        hopStatusToBytes(RELAY_STATUS.ok, { expire: 300, addresses: [Uint8Array.of(1, 2)] }),
      ],
      run(input) {
        const found = hopRequestFromBytes(input)
        const other = readBy(HopMessage, input)
        if (!found.ok) return nameOf(found.error)
        if (found.value.type === 'reserve') {
          assert.ok(other === undefined || other.type === 'RESERVE', 'it is one')
          return 'accepted reserve'
        }
        if (other !== undefined) {
          assert.equal(other.type, 'CONNECT')
          assert.ok(bytesEqual(other.peer?.id ?? new Uint8Array(0), found.value.peer), 'whom it wants to reach')
        }
        return `accepted connect ${nameOfMultihash(found.value.peer) === undefined ? 'nobody' : 'a peer'}`
      },
    },
    {
      name: 'relay stop',
      form: 'bytes',
      seeds: [Uint8Array.of(8, 1, 32, 100), Uint8Array.of(8, 1, 32, 203, 1), stopConnectToBytes(multihash)],
      run(input) {
        const status = stopStatusFromBytes(input)
        const other = readBy(StopMessage, input)
        if (status === undefined) return 'refused'
        assert.ok(Number.isFinite(status) && status >= 0, 'a number')
        if (other !== undefined) assert.equal(other.type, 'STATUS')
        if (status === RELAY_STATUS.ok && other !== undefined) assert.equal(other.status, 'OK')
        return `accepted ${status === RELAY_STATUS.ok ? 'yes' : 'no'}`
      },
    },
    {
      name: 'peer addresses',
      form: 'bytes',
      seeds: [
        bytesFromText(`/ip4/192.0.2.7/tcp/4001\n${relayAddress(relay)}`),
        bytesFromText(`/ip6/2001:db8::1/tcp/1/p2p/${id}/p2p-circuit\n/dns4/a.example/tcp/1/ws`),
      ],
      words: [
        '/ip4/',
        '/ip6/',
        '/tcp/',
        '/p2p/',
        id,
        '/p2p-circuit',
        '/dns/',
        '/unix/',
        '/ws',
        '%2f',
        '\n',
        '4001',
        ':',
      ],
      run(input) {
        const { direct, relays } = placesOf(text(input).split('\n', ADDRESSES_MAX))
        assert.ok(direct.length + relays.length <= ADDRESSES_MAX, 'none is made up')
        for (const address of direct) assert.ok(!isCircuit(address), 'nobody relays')
        for (const name of relays) assert.deepEqual(placesOf([relayAddress(name)]).relays, [name])
        return direct.length + relays.length === 0 ? 'refused' : `accepted ${direct.length} ${relays.length}`
      },
    },
  ]
}

/** As the library has it; undefined: it would not write it so (its reader takes a field of a wrong kind for one of the right). */
function readBy(library: Library, input: Uint8Array): Message | undefined {
  try {
    const message = library.decode(input)
    return bytesEqual(library.encode(message), input) ? message : undefined
  } catch {
    return undefined
  }
}
