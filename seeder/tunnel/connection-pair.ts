// Two ends of a connection in memory: what is written to one is read from the other, with backpressure, and each counts its bytes as a
// socket does.

import { Duplex } from 'node:stream'

type Callback = (error?: Error | null) => void

export class PairedConnection extends Duplex {
  bytesRead = 0
  bytesWritten = 0
  /** For whom its requests count. */
  readonly remoteAddress: string
  #other: PairedConnection | undefined
  /** The write of the other end that waits until this end has read it. */
  #taken: Callback | undefined
  #hasEnded = false

  private constructor(remoteAddress: string) {
    super({ allowHalfOpen: true })
    this.remoteAddress = remoteAddress
  }

  static pair(remoteAddress: string): readonly [PairedConnection, PairedConnection] {
    const [near, far] = [new PairedConnection(remoteAddress), new PairedConnection(remoteAddress)]
    near.#other = far
    far.#other = near
    return [near, far]
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.bytesWritten += chunk.length
    const other = this.#other
    if (other === undefined || other.destroyed || other.#hasEnded) {
      done(Object.assign(new Error('the other end is gone'), { code: 'EPIPE' }))
      return
    }
    if (chunk.length === 0) {
      done()
      return
    }
    other.bytesRead += chunk.length
    other.#taken = done
    other.push(chunk)
  }

  override _final(done: Callback): void {
    if (this.#other !== undefined) this.#other.#end()
    done()
  }

  /** As when a socket closes: what was written can still be read, and after it comes the end. */
  override _destroy(error: Error | null, done: Callback): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.(Object.assign(new Error('the other end is gone'), { code: 'EPIPE' }))
    if (this.#other !== undefined) this.#other.#end()
    done(error)
  }

  #end(): void {
    if (this.#hasEnded || this.destroyed) return
    this.#hasEnded = true
    this.push(null)
  }
}
