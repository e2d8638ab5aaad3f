// DNS for the home: one UDP and one TCP socket (RFC 1035 §4.2, RFC 7766) on the same port, for whoever is on this machine or in its own network.
//
// Invariants: whoever asks from the public network gets nothing; nothing that is sent over UDP is longer than the asker said, than 1232 bytes,
// or than 512 where it said nothing; what one source and all together have under way is bounded.

import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import { addressFromText, isGlobal } from '#protocol/dns/address.ts'
import { DNS_MESSAGE_BYTES_MAX, PLAIN_UDP_BYTES, RCODE } from '#protocol/dns/constants.ts'
import { answerToBytes, type Query, queryFromBytes, udpBytesMax } from '#protocol/dns/message.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Resolver } from '#seeder/dns/resolver.ts'
import { createTurns } from '#seeder/dns/turns.ts'

/** Questions over UDP that wait for a gateway. */
const UDP_WAITING_MAX = 512
const CONNECTIONS_MAX = 64
/** Questions of one connection that are not answered yet: then no more are read. */
const PIPELINED_MAX = 16
/** A connection that says nothing, and a message that has begun, may take so long. */
const IDLE_MS = 10_000
const MESSAGE_MS = 5_000
const LENGTH_BYTES = 2
/** With port 0, one that TCP and UDP both have free. */
const PORT_TRIES = 8

export type DnsServerOptions = {
  readonly resolver: Resolver
  readonly address: string
  /** 0: any. */
  readonly port: number
  readonly registry: Registry
  readonly log: Log
  /** Steady, ms. */
  readonly now: () => number
}

export type DnsServer = AsyncDisposable & {
  /** `127.0.0.1:5353`, `[::1]:5353` */
  readonly at: string
  readonly port: number
}

type Outcome = 'answered' | 'no_such_name' | 'refused' | 'failed' | 'malformed' | 'dropped'

function outcomeOf(rcode: number): Outcome {
  switch (rcode) {
    case RCODE.NOERROR:
      return 'answered'
    case RCODE.NXDOMAIN:
      return 'no_such_name'
    case RCODE.SERVFAIL:
      return 'failed'
    case RCODE.REFUSED:
      return 'refused'
    default:
      return 'malformed'
  }
}

/** On this machine or in a network of its own. */
function isNear(remote: string | undefined): boolean {
  const text = sourceText(remote)
  const address = addressFromText(text)
  return address !== undefined && !isGlobal(address)
}

/** Without a zone (RFC 4007 §11), and IPv4 as such. */
function sourceText(remote = ''): string {
  const bare = remote.replace(/%.*$/, '')
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice('::ffff:'.length) : bare
}

/** Throws when the port is taken or may not be bound. */
export async function startDns(options: DnsServerOptions): Promise<DnsServer> {
  const { address, log, registry, resolver, now } = options
  const counter = registry.counter('interpeer_dns_questions_total', 'Questions to its own DNS.', [
    'transport',
    'outcome',
  ])
  const count = (transport: 'udp' | 'tcp', outcome: Outcome): void => counter.inc([transport, outcome])
  const turns = createTurns()
  const share = new Share(CONNECTIONS_MAX)
  const open = new Set<Socket>()
  let waiting = 0

  /** Undefined: nothing is said. `maxBytes` of the query, when it can be read. */
  async function replyTo(
    message: Uint8Array,
    transport: 'udp' | 'tcp',
    maxBytes: (query: Query) => number,
  ): Promise<Uint8Array | undefined> {
    const query = queryFromBytes(message)
    if (!query.ok) {
      count(transport, query.error.code === 'bad_query' ? 'malformed' : 'dropped')
      return query.error.code === 'bad_query' ? query.error.answer : undefined
    }
    const answer = await resolver.answer(query.value)
    count(transport, outcomeOf(answer.rcode))
    return answerToBytes(query.value, answer, { maxBytes: maxBytes(query.value), isPrivate: false })
  }

  async function onDatagram(udp: UdpSocket, message: Uint8Array, from: RemoteInfo): Promise<void> {
    const turn = isNear(from.address) ? turns.of(sourceOf(sourceText(from.address)), now()) : 'drop'
    if (turn === 'drop' || waiting >= UDP_WAITING_MAX) return count('udp', 'dropped')
    waiting++
    try {
      // Nothing but the question fits into nothing: the answer says that it is truncated.
      const maxBytes = (query: Query): number => (turn === 'truncate' ? 0 : udpBytesMax(query, PLAIN_UDP_BYTES))
      const reply = await replyTo(message, 'udp', maxBytes)
      if (reply !== undefined && !isClosed) udp.send(reply, from.port, from.address, () => {})
    } catch (cause) {
      log.error('dns_broke', { cause })
    } finally {
      waiting--
    }
  }

  function onConnection(socket: Socket): void {
    const source = sourceOf(sourceText(socket.remoteAddress))
    socket.on('error', () => {})
    if (!isNear(socket.remoteAddress) || !share.take(source)) {
      count('tcp', 'dropped')
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => {
      open.delete(socket)
      share.give(source)
    })
    answerOn(socket)
  }

  /** Messages with their length before them; answers go as they come, whatever was asked first (RFC 7766 §6.2.1.1). */
  function answerOn(socket: Socket): void {
    let held: Buffer = Buffer.alloc(0)
    let underWay = 0
    let begun: NodeJS.Timeout | undefined
    socket.setNoDelay()
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.once('close', () => clearTimeout(begun))
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      take()
    })

    function take(): void {
      while (underWay < PIPELINED_MAX && held.length >= LENGTH_BYTES) {
        const length = held.readUInt16BE(0)
        if (length === 0 || length > DNS_MESSAGE_BYTES_MAX) return void socket.destroy()
        if (held.length < LENGTH_BYTES + length) break
        const message = Uint8Array.from(held.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
        held = held.subarray(LENGTH_BYTES + length)
        over()
        underWay++
        void reply(message)
      }
      if (underWay >= PIPELINED_MAX) {
        over()
        socket.pause()
      } else if (held.length > 0) begun ??= setTimeout(() => socket.destroy(), MESSAGE_MS)
    }

    /** No message has begun that is not whole. */
    function over(): void {
      clearTimeout(begun)
      begun = undefined
    }

    async function reply(message: Uint8Array): Promise<void> {
      try {
        const bytes = await replyTo(message, 'tcp', () => DNS_MESSAGE_BYTES_MAX)
        if (bytes === undefined) return void socket.destroy()
        const { promise, resolve } = Promise.withResolvers<void>()
        // The next one is read when this one has left: who takes no answers is asked nothing more.
        socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]), () => resolve())
        await promise
      } catch (cause) {
        log.error('dns_broke', { cause })
        socket.destroy()
      } finally {
        underWay--
        if (!socket.destroyed) {
          socket.resume()
          take()
        }
      }
    }
  }

  let isClosed = false
  const { tcp, udp } = await listen(address, options.port)
  tcp.on('connection', onConnection)
  tcp.on('error', (cause) => log.error('dns_socket', { cause }))
  udp.on('error', (cause) => log.error('dns_socket', { cause }))
  udp.on('message', (message, from) => void onDatagram(udp, Uint8Array.from(message), from))
  const { port } = tcp.address() as AddressInfo
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  log.info('dns_listens', { at })
  return {
    at,
    port,
    async [Symbol.asyncDispose]() {
      if (isClosed) return
      isClosed = true
      for (const socket of open) socket.destroy()
      await Promise.all([
        new Promise<void>((resolve) => tcp.close(() => resolve())),
        new Promise<void>((resolve) => udp.close(() => resolve())),
      ])
    },
  }
}

async function listen(address: string, wanted: number): Promise<{ readonly tcp: Server; readonly udp: UdpSocket }> {
  for (let turn = 1; ; turn++) {
    const tcp = createServer({ pauseOnConnect: false })
    await once(tcp.listen({ port: wanted, host: address, backlog: CONNECTIONS_MAX }), 'listening')
    const { port } = tcp.address() as AddressInfo
    const udp = createSocket(isIP(address) === 6 ? { type: 'udp6', ipv6Only: address !== '::' } : { type: 'udp4' })
    try {
      await once(udp.bind({ port, address, exclusive: true }), 'listening')
      return { tcp, udp }
    } catch (cause) {
      await new Promise<void>((resolve) => tcp.close(() => resolve()))
      if (wanted !== 0 || turn >= PORT_TRIES) throw cause
    }
  }
}
