// Who may begin a handshake.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { createDoor, KNOWN_HANDSHAKES_MAX, STRANGE_HANDSHAKES_MAX } from '#seeder/network/door.ts'

type Knocking = Parameters<ReturnType<typeof createDoor>['knock']>[0]

function knocking(address: string): Knocking & { close(): void } {
  const events = new EventTarget()
  return {
    remoteAddr: multiaddr(address),
    addEventListener: events.addEventListener.bind(events) as Knocking['addEventListener'],
    close: () => void events.dispatchEvent(new Event('close')),
  }
}

test('strangers have few places and take none from addresses of the network file', () => {
  const door = createDoor()
  door.setKnown(['/ip4/192.0.2.1/tcp/1', '/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit'])
  let strangers = 0
  while (door.knock(knocking(`/ip4/198.51.${strangers >> 8}.${strangers & 255}/tcp/2`))) strangers++
  assert.ok(strangers <= STRANGE_HANDSHAKES_MAX)
  assert.ok(door.knock(knocking('/ip4/192.0.2.1/tcp/3')))
})

test('where a peer came from is known from then on, though the file does not have it: it is behind NAT', () => {
  const door = createDoor()
  const home = knocking('/ip4/203.0.113.9/tcp/2')
  assert.ok(door.knock(home))
  door.leave(home)
  home.close()
  let strangers = 0
  while (door.knock(knocking(`/ip4/198.51.${strangers >> 8}.${strangers & 255}/tcp/2`))) strangers++
  let again = 0
  while (door.knock(knocking('/ip4/203.0.113.9/tcp/2'))) again++
  assert.equal(again, KNOWN_HANDSHAKES_MAX / 2, 'one source has half of what is free')
})

test('a connection that closes gives its place back', () => {
  const door = createDoor()
  const held = Array.from({ length: STRANGE_HANDSHAKES_MAX / 2 }, () => knocking('/ip4/198.51.100.1/tcp/2'))
  for (const each of held) assert.ok(door.knock(each))
  assert.equal(door.knock(knocking('/ip4/198.51.100.1/tcp/2')), false)
  held[0]?.close()
  assert.ok(door.knock(knocking('/ip4/198.51.100.1/tcp/2')))
})
