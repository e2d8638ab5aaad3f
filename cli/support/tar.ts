// A tar archive of a few small files (POSIX.1-1988, "ustar"): a header block of 512 bytes, the bytes, zeroes to the next block.

import { assert } from '#protocol/codec/result.ts'

const BLOCK_BYTES = 512
const NAME_BYTES_MAX = 100
const MODE = 0o600

export type TarFile = { readonly name: string; readonly bytes: Uint8Array }

function header({ name, bytes }: TarFile, seconds: number): Buffer {
  assert(Buffer.byteLength(name) < NAME_BYTES_MAX, 'a name in the archive is short')
  const block = Buffer.alloc(BLOCK_BYTES)
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  block.write(name, 0)
  octal(MODE, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(bytes.length, 124, 12)
  octal(seconds, 136, 12)
  block.write('        ', 148, 'latin1')
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** `time`: ms since the epoch, of every file. */
export function tarOf(files: readonly TarFile[], time: number): Buffer {
  const parts = files.flatMap((file) => [
    header(file, Math.floor(time / 1000)),
    file.bytes,
    Buffer.alloc((BLOCK_BYTES - (file.bytes.length % BLOCK_BYTES)) % BLOCK_BYTES),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)])
}
