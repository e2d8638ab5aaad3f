// The TLS half of the HTTPS edge: a certificate by the host that the visitor names (SNI).
//
//   socket ──ClientHello──> certificate of that host ──> HTTP/1.1, by `seeder/serve`
//                       └─> `acme-tls/1` (RFC 8737): the authority's question, answered by a certificate and closed
//
// Invariant: handshakes under way are bounded, shared by source; a host without a certificate gets no handshake.

import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Certificates } from '#seeder/tls/port.ts'

const HANDSHAKE_MS = 10_000
const HANDSHAKES_MAX = 512
const HTTP = 'http/1.1'
const ACME = 'acme-tls/1'

type Shown = Pick<Certificates, 'contextOf' | 'challengeContextOf'>

/**
 * For a server of `node:https`. Which certificate is shown depends on the protocol too: an authority asks for `acme-tls/1` at a host whose visitors go
 * on to be shown the one that it has. OpenSSL asks for the protocol before the certificate in TLS 1.3, and after it in TLS 1.2, where a
 * certificate can still be replaced.
 */
export function tlsOptions({ contextOf, challengeContextOf }: Shown): TlsOptions {
  const asking = new WeakSet<object>()
  return {
    handshakeTimeout: HANDSHAKE_MS,
    minVersion: 'TLSv1.2',
    SNICallback(this: TLSSocket | undefined, name, done) {
      const host = name.toLowerCase()
      const challenge = challengeContextOf(host)
      const context = this !== undefined && asking.has(this) ? challenge : (contextOf(host) ?? challenge)
      if (context === undefined) done(new Error('no certificate for this host'))
      else done(null, context)
    },
    ALPNCallback(this: TLSSocket, { servername, protocols }) {
      if (!protocols.includes(ACME)) return protocols.includes(HTTP) ? HTTP : undefined
      if (challengeContextOf(servername.toLowerCase()) === undefined) return undefined
      asking.add(this)
      return ACME
    },
  }
}

/** Bounds the handshakes of a server that was made with `tlsOptions`, and ends the connections that are no visitor's. */
export function watchHandshakes(server: Server, { contextOf }: Shown, registry: Registry): void {
  const handshakes = new Share(HANDSHAKES_MAX)
  const underWay = new Map<string, () => void>()
  const failed = registry.counter(
    'interpeer_tls_handshakes_failed_total',
    'Handshakes that came to nothing: of hosts that are not here, without a common protocol, cut, or one too many.',
  )
  registry.observed('interpeer_tls_handshakes', 'Handshakes under way.', [], () => [
    { labels: [], value: handshakes.total },
  ])
  server.prependListener('connection', (socket: Socket) => {
    const source = sourceOf(socket.remoteAddress)
    if (!handshakes.take(source)) {
      failed.inc()
      socket.destroy()
      return
    }
    const place = placeOf(socket)
    const done = (): void => {
      if (underWay.get(place) !== done) return
      underWay.delete(place)
      handshakes.give(source)
    }
    underWay.set(place, done)
    socket.once('close', done)
  })
  server.prependListener('secureConnection', (connection: TLSSocket) => {
    underWay.get(placeOf(connection))?.()
    // Of a challenge, or of a certificate that was only there to be asked about.
    if (connection.alpnProtocol === ACME || contextOf((connection.servername || '').toLowerCase()) === undefined)
      connection.destroySoon()
  })
  server.on('tlsClientError', (_, connection) => {
    failed.inc()
    connection.destroy()
  })
}

function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
