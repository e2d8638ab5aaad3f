// Reading and writing the numbers of a WebAssembly binary: little-endian base-128, signed and unsigned (WebAssembly core §5.2.2).

import { assert } from '#protocol/codec/result.ts'

/** Walks over bytes that the caller trusts to be a valid module; running off the end is a broken invariant. */
export class Cursor {
  readonly bytes: Uint8Array
  readonly end: number
  at: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  byte(): number {
    const value = this.bytes[this.at]
    assert(value !== undefined && this.at < this.end, 'the wasm module ends inside a value')
    this.at++
    return value
  }

  u32(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }

  /** Over one number of any width, signed or not. */
  skipNumber(): void {
    while (this.byte() >= 128);
  }

  skip(count: number): void {
    this.at += count
    assert(this.at <= this.end, 'the wasm module ends inside a value')
  }

  take(count: number): Uint8Array {
    const start = this.at
    this.skip(count)
    return this.bytes.subarray(start, this.at)
  }
}

export function unsigned(value: number): number[] {
  const out: number[] = []
  let rest = value
  do {
    const byte = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? byte | 128 : byte)
  } while (rest > 0)
  return out
}

export function signed(value: number | bigint): number[] {
  const out: number[] = []
  let rest = BigInt(value)
  for (;;) {
    const byte = Number(rest & 127n)
    rest >>= 7n
    if ((rest === 0n && (byte & 64) === 0) || (rest === -1n && (byte & 64) !== 0)) {
      out.push(byte)
      return out
    }
    out.push(byte | 128)
  }
}

/** A vector or name: its length, then its bytes. */
export function sized(bytes: Uint8Array): number[] {
  return [...unsigned(bytes.length), ...bytes]
}
