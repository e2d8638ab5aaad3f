// A bare libp2p node with the options of a seeder's, connected to the addresses that it is told.

import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { answering } from './answer.ts'

const CONNECTIONS_MAX = 512

const node = await createLibp2p({
  privateKey: await generateKeyPair('Ed25519'),
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux({ enableKeepAlive: false })],
  connectionManager: {
    maxConnections: CONNECTIONS_MAX,
    inboundConnectionThreshold: CONNECTIONS_MAX,
    maxIncomingPendingConnections: CONNECTIONS_MAX,
    reconnectRetries: 0,
  },
  connectionMonitor: { enabled: false, abortConnectionOnPingFailure: false },
  connectionGater: { denyDialMultiaddr: () => false },
})

answering({ addresses: node.getMultiaddrs().map(String) }, (question) => {
  const { dial } = question as { readonly dial: readonly string[] }
  for (const address of dial) void node.dial(multiaddr(address))
  return {}
})
