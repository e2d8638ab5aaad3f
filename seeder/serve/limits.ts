// Every bound of the HTTP edge, in one place.

import { BODY_BYTES_MAX } from '#protocol/message/request.ts'

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
  /** A visitor that takes nothing of an answer for this long is gone. */
  readonly stallMs: number
  /** Beyond it a newcomer displaces a connection that rests, of the source that has most. */
  readonly connectionsMax: number
  /** Requests on one connection without their whole answer; more end it. */
  readonly pipelinedMax: number
  /** Answers that wait in all connections to be taken; beyond it the slowest visitors are let go. */
  readonly unsentBytesMax: number
  readonly requestsPerConnectionMax: number
  /** Reads that run or wait at once, a share for each source; and those of them that are handed to the runtime. */
  readonly readsMax: number
  readonly readsAtOnce: number
  /** Writes that wait for their certificate or their turn, a share for each source; and those of them that are handed to the group. */
  readonly writesMax: number
  readonly writesAtOnce: number
  /** A read or a write that waits longer for its turn is refused. */
  readonly turnMs: number
  /** While the group changes, or this member catches up, a write waits so long for it to be one that can order it. */
  readonly readyMs: number
  /** Request bodies in memory at once, a share for each source. */
  readonly bodiesBytesMax: number
  /** Files that stream at once, a share for each source. */
  readonly streamsMax: number
  /** Streams of events and WebSockets that go on or wait at once, a share for each source; one stream more gets an answer that ends, one socket 503. */
  readonly eventStreamsMax: number
  /** A stream of events without one says that it lives. */
  readonly eventCommentMs: number
  /** A WebSocket is asked whether it lives this often, and ends when nothing was heard from it for so long. */
  readonly socketPingMs: number
  readonly socketSilenceMs: number
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
  pipelinedMax: 8,
  unsentBytesMax: 64 * 1024 * 1024,
  requestsPerConnectionMax: 100_000,
  readsMax: 256,
  readsAtOnce: 8,
  writesMax: 1024,
  writesAtOnce: 128,
  turnMs: 20_000,
  readyMs: 15_000,
  bodiesBytesMax: 64 * 1024 * 1024,
  streamsMax: 128,
  eventStreamsMax: 1024,
  eventCommentMs: 15_000,
  socketPingMs: 20_000,
  socketSilenceMs: 40_000,
  readCacheBytes: 24 * 1024 * 1024,
  assetCacheBytes: 16 * 1024 * 1024,
  resubmitsPerSecond: 20,
  resubmitsBurst: 40,
}

/** Of the memory that the seeder may take, what visitors may have of it with their bodies, with answers that wait and with files that stream, each. */
const VISITORS_SHARE = 1 / 16

/** As much as fits into a seeder that may take so many bytes, and never too little for one visitor. */
export function limitsWithin(
  memoryBytes: number,
): Pick<ServeLimits, 'bodiesBytesMax' | 'unsentBytesMax' | 'streamsMax'> {
  const share = Math.floor(memoryBytes * VISITORS_SHARE)
  return {
    bodiesBytesMax: Math.min(SERVE_LIMITS.bodiesBytesMax, Math.max(share, 2 * BODY_BYTES_MAX)),
    unsentBytesMax: Math.min(SERVE_LIMITS.unsentBytesMax, Math.max(share, 2 * ANSWER_BYTES_MAX)),
    streamsMax: Math.min(SERVE_LIMITS.streamsMax, Math.max(Math.floor(share / STREAM_CHUNK_BYTES), STREAMS_MIN)),
  }
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
/** A small seeder has files for as many visitors at once. */
const STREAMS_MIN = 16
/** Heads of a site that are remembered, for a comparison at the same height. */
export const HEADS_KEPT = 8
