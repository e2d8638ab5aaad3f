// Whether a write-ahead log that a crash left is whole as far as it was acknowledged. SQLite takes a log up to its first bad frame and
// says nothing of the rest, so one damaged byte would take votes back that were sent (R1).
//
//   header 32 bytes: magic, version, page size, checkpoint number, salt (2), checksum (2)
//   frame: 24 bytes (page, pages after a commit or 0, salt (2), checksum (2)), then the page         sqlite.org/fileformat2.html §4
//
// The checksum of a frame goes on from that of the frame before, which stands in it: a good frame behind a bad one shows that the bad
// one was whole once. A bad last frame is what a process that was killed leaves of a commit that nobody was told of.

import { closeSync, openSync, readSync, statSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682

type Sums = { a: number; b: number }

export type WalState = 'whole' | 'damaged'

/** `path` is the log's; a missing or empty one is whole. Reads it a frame at a time. */
export function walState(path: string): WalState {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size <= HEADER_BYTES) return 'whole'
  const handle = openSync(path, 'r')
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    readSync(handle, header, 0, HEADER_BYTES, 0)
    const magic = header.readUInt32BE(0)
    if ((magic & ~1) >>> 0 !== MAGIC) return 'damaged'
    const bigEndian = (magic & 1) === 1
    const pageBytes = header.readUInt32BE(8)
    const sums = sumOf(header.subarray(0, 24), { a: 0, b: 0 }, bigEndian)
    const isPage = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0
    if (!isPage || sums.a !== header.readUInt32BE(24) || sums.b !== header.readUInt32BE(28)) return 'damaged'
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes)
    let before = sums
    let bad = false
    for (let at = HEADER_BYTES; at + frame.length <= size; at += frame.length) {
      readSync(handle, frame, 0, frame.length, at)
      const isOfThisLog = frame.compare(header, 16, 24, 8, 16) === 0
      const sum = sumOf(frame.subarray(FRAME_HEADER_BYTES), sumOf(frame.subarray(0, 8), before, bigEndian), bigEndian)
      const said: Sums = { a: frame.readUInt32BE(16), b: frame.readUInt32BE(20) }
      const isGood = isOfThisLog && sum.a === said.a && sum.b === said.b
      if (isGood && bad) return 'damaged'
      if (!isGood) bad = true
      // Frames of an earlier use of the file stand behind the last one.
      before = said
    }
    return 'whole'
  } finally {
    closeSync(handle)
  }
}

function sumOf(bytes: Buffer, { a, b }: Sums, bigEndian: boolean): Sums {
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    a = (a + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + b) >>> 0
    b = (b + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + a) >>> 0
  }
  return { a, b }
}
