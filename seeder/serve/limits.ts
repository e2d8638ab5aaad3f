// Every bound of the HTTP edge, in one place.

export type ServeLimits = {
  /** Request line and header section together; more is 431. */
  readonly headerBytesMax: number
  /** From the first byte of a request to the end of its header section; more is 408. */
  readonly headersTimeoutMs: number
  /** From the head of a visitor's request to the last byte of its body; more is 408. */
  readonly requestTimeoutMs: number
  /** From the first byte of any request to its last, an uploader's bundle included; more is 408. */
  readonly uploadTimeoutMs: number
  /** An idle connection is kept this long for the next request. */
  readonly keepAliveMs: number
  /** A connection on which nothing moves at all, an answer being waited for included. */
  readonly idleMs: number
  /** A visitor that takes nothing of a stream for this long is gone. */
  readonly stallMs: number
  readonly connectionsMax: number
  readonly requestsPerConnectionMax: number
  /** Reads that run or wait in the runtime at once. */
  readonly readsMax: number
  /** Writes that wait for their certificate at once, and of those from one address. */
  readonly writesMax: number
  readonly writesPerSourceMax: number
  /** Request bodies in memory at once. */
  readonly bodiesBytesMax: number
  /** Files that stream at once. */
  readonly streamsMax: number
  /** Certified reads and the bundle's files in memory. */
  readonly readCacheBytes: number
  readonly assetCacheBytes: number
  /** Reads of one site that turned out to write and are ordered: per second, and at once after a quiet time. */
  readonly resubmitsPerSecond: number
  readonly resubmitsBurst: number
}

export const SERVE_LIMITS: ServeLimits = {
  headerBytesMax: 32 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  uploadTimeoutMs: 4 * 60 * 60_000,
  keepAliveMs: 15_000,
  idleMs: 120_000,
  stallMs: 30_000,
  connectionsMax: 2048,
  requestsPerConnectionMax: 100_000,
  readsMax: 256,
  writesMax: 1024,
  writesPerSourceMax: 512,
  bodiesBytesMax: 64 * 1024 * 1024,
  streamsMax: 128,
  readCacheBytes: 24 * 1024 * 1024,
  assetCacheBytes: 16 * 1024 * 1024,
  resubmitsPerSecond: 20,
  resubmitsBurst: 40,
}

/** Dynamic answers are buffered up to here; files stream. */
export const ANSWER_BYTES_MAX = 8 * 1024 * 1024
/** A file of the bundle up to here is kept in memory whole. */
export const MEMORY_FILE_BYTES_MAX = 1024 * 1024
/** A file up to here is compressed; a part of a file up to here gets a digest of its own. */
export const CODED_FILE_BYTES_MAX = 8 * 1024 * 1024
/** Smaller bodies are sent as they are. */
export const CODED_BYTES_MIN = 1024
/** How much of a file is read at once, and so what a visitor that takes its time costs. */
export const STREAM_CHUNK_BYTES = 256 * 1024
/** Heads of a site that are remembered, for a comparison at the same height. */
export const HEADS_KEPT = 8
export const RANGES_MAX = 8
