// Noise, with each packet in one write.
//
//   frame ──> encrypt ──> [length, ciphertext] ──> one piece ──> one write ──> one wake-up of the peer
//
// The library hands over length and ciphertext as two pieces, and the transport writes each piece at once: two system calls, two segments, two
// wake-ups of the peer for each message. And it learns that nothing more has come from an exception, with its stack, after every packet. The
// bytes on the wire are the same. Of large ones the copy would cost more than the write.

import type { MessageStream, SecuredConnection } from '@libp2p/interface'
import { noise } from '@libp2p/noise'

/** Up to here copying costs less than a second write. */
const COPIED_BYTES_MAX = 16 * 1024
const LENGTH_BYTES = 2
/** What a length is taken for that has not come whole: longer than what is there. */
const LENGTH_MAX = 0xffff

/** A list of pieces of bytes. */
type Pieces = { readonly byteLength: number; get(index: number): number; subarray(): Uint8Array }
/** What the pinned library's streams have beside their interface. */
type Packets = {
  encrypt: (chunk: unknown) => Pieces | Uint8Array
  readonly decoder: { lengthDecoder: (data: Pieces) => number }
}

function isPackets(stream: object): stream is Packets {
  const { encrypt, decoder } = stream as Partial<Packets>
  return typeof encrypt === 'function' && typeof decoder?.lengthDecoder === 'function'
}

function lengthOf(data: Pieces): number {
  return data.byteLength < LENGTH_BYTES ? LENGTH_MAX : (data.get(0) << 8) | data.get(1)
}

/** False, and nothing is changed, for a stream of another library. */
export function writePacketsWhole(stream: MessageStream): boolean {
  if (!isPackets(stream)) return false
  const { encrypt } = stream
  stream.encrypt = (chunk) => {
    const pieces = encrypt.call(stream, chunk)
    return pieces.byteLength <= COPIED_BYTES_MAX ? pieces.subarray() : pieces
  }
  stream.decoder.lengthDecoder = lengthOf
  return true
}

/** For `connectionEncrypters`. */
export function wholePackets(): ReturnType<typeof noise> {
  const make = noise()
  return (components) => {
    const encrypter = make(components)
    const { secureInbound, secureOutbound } = encrypter
    const whole = async <Secured extends SecuredConnection>(securing: Promise<Secured>): Promise<Secured> => {
      const secured = await securing
      writePacketsWhole(secured.connection)
      return secured
    }
    encrypter.secureInbound = (...rest) => whole(secureInbound.apply(encrypter, rest))
    encrypter.secureOutbound = (...rest) => whole(secureOutbound.apply(encrypter, rest))
    return encrypter
  }
}
