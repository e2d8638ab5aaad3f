// The guest library's entry: puts the web platform's names on the global object and hands requests to the site's handlers.
//
//   engine → __interpeer.fetch(meta, body) → handler → promises → __interpeer.take() / takeBody() → engine
//
// `take()` answers "" while the handler waits. The engine runs pending jobs and asks again for as long as there are any; each
// empty answer may have run one timer. Invariant: nothing here outlives a request except what the script's top level made.

import { Assets } from '#seeder/execute/guest/assets.ts'
import { atob, btoa } from '#seeder/execute/guest/base64.ts'
import { Blob, File } from '#seeder/execute/guest/blob.ts'
import { Body } from '#seeder/execute/guest/body.ts'
import { console, inspect, writeLog } from '#seeder/execute/guest/console.ts'
import { CryptoKey, crypto, SubtleCrypto } from '#seeder/execute/guest/crypto.ts'
import { D1Database } from '#seeder/execute/guest/d1.ts'
import { TextDecoder, TextEncoder } from '#seeder/execute/guest/encoding.ts'
import { AbortController, AbortSignal, CustomEvent, Event, EventTarget } from '#seeder/execute/guest/events.ts'
import { FileStore } from '#seeder/execute/guest/files.ts'
import { FormData } from '#seeder/execute/guest/form-data.ts'
import { Headers } from '#seeder/execute/guest/headers.ts'
import { exactBuffer, setInRequest } from '#seeder/execute/guest/host.ts'
import { KVNamespace } from '#seeder/execute/guest/kv.ts'
import { forgetRandom, random } from '#seeder/execute/guest/math-random.ts'
import { Request } from '#seeder/execute/guest/request.ts'
import { Response } from '#seeder/execute/guest/response.ts'
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TextDecoderStream,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from '#seeder/execute/guest/streams.ts'
import { structuredClone } from '#seeder/execute/guest/structured-clone.ts'
import { clearTimer, forgetTimers, runNextTimer, setRepeating, setTimer } from '#seeder/execute/guest/timers.ts'
import { URL } from '#seeder/execute/guest/url.ts'
import { URLSearchParams } from '#seeder/execute/guest/url-search-params.ts'

type Bindings = { db: string[]; kv: string[]; files: string[]; assets: boolean }
type FetchMeta = { method: string; url: string; headers: [string, string][]; site: string; bindings: Bindings }
type ScheduledMeta = { cron: string; scheduledTime: number; site: string; bindings: Bindings }
type Taken = { status: number; headers: [string, string][]; error?: { message: string; stack: string } }

type Context = { waitUntil(promise: unknown): void; passThroughOnException(): void; props: object }
type Env = Record<string, unknown>
type Site = {
  fetch?: (request: Request, env: Env, context: Context) => unknown
  scheduled?: (controller: object, env: Env, context: Context) => unknown
}

async function outsideFetch(input: unknown): Promise<never> {
  const url = input instanceof Request ? input.url : String(input)
  throw new TypeError(
    `fetch(${JSON.stringify(url)}) was refused: every member of the group runs this script and must get the same answer, so a site's script cannot reach the outside. Use env.ASSETS.fetch for the site's own files, or let the visitor's browser fetch it.`,
  )
}

class Performance {
  /** Block time; `now()` counts from it and so is always 0 and never makes an answer depend on the clock. */
  get timeOrigin(): number {
    return Date.now()
  }

  now(): number {
    return 0
  }

  mark(): void {}

  measure(): void {}
}

const names = {
  AbortController,
  AbortSignal,
  Blob,
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  CryptoKey,
  CustomEvent,
  Event,
  EventTarget,
  File,
  FormData,
  Headers,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request,
  Response,
  SubtleCrypto,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  URL,
  URLSearchParams,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
  atob,
  btoa,
  clearImmediate: clearTimer,
  clearInterval: clearTimer,
  clearTimeout: clearTimer,
  console,
  crypto,
  fetch: outsideFetch,
  navigator: { userAgent: 'Interpeer', language: 'en', languages: ['en'], hardwareConcurrency: 1 },
  performance: new Performance(),
  self: globalThis,
  setImmediate: (callback: unknown, ...rest: unknown[]) => setTimer(callback, 0, ...rest),
  setInterval: setRepeating,
  setTimeout: setTimer,
  structuredClone,
}

for (const [name, value] of Object.entries(names)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
}
Math.random = random

let taken: Taken | undefined
let takenBody = new ArrayBuffer(0)

function errorOf(error: unknown): { message: string; stack: string } {
  if (error instanceof Error) return { message: `${error.name}: ${error.message}`, stack: String(error.stack ?? '') }
  return { message: inspect(error), stack: '' }
}

function envOf(bindings: Bindings, base: string): Env {
  const env: Env = {}
  for (const name of bindings.db) env[name] = new D1Database(name)
  for (const name of bindings.kv) env[name] = new KVNamespace(name)
  for (const name of bindings.files) env[name] = new FileStore(name)
  if (bindings.assets) env.ASSETS = new Assets(base)
  return env
}

let site: Site | undefined

/**
 * Hono builds its routing table at the first request, and every request here starts from the image of the started script: a look-up
 * that runs no handler builds it into the image instead.
 */
function warmRouter(candidate: unknown): void {
  const router = (candidate as { router?: { match?: (method: string, path: string) => unknown } } | null)?.router
  if (typeof router?.match !== 'function') return
  try {
    router.match('GET', '/')
  } catch {
    // Not such a router after all; whatever is wrong with it will show in a request.
  }
}

// The engine sets the script's default export once, after its top level ran.
Object.defineProperty(globalThis, '__site', {
  configurable: false,
  get: () => site,
  set(value: Site | undefined) {
    site = value
    warmRouter(value)
  },
})

function siteOf(): Site {
  if (site === undefined || site === null) throw new Error('The script has no default export with handlers.')
  return site
}

/** Promises of `waitUntil`, those that they add included; a failure is logged and changes nothing else. */
function contextOf(): { context: Context; settle(): Promise<void> } {
  const waiting: Promise<unknown>[] = []
  const context = {
    waitUntil(promise: unknown): void {
      waiting.push(Promise.resolve(promise))
    },
    passThroughOnException(): void {},
    props: {},
  }
  const settle = async (): Promise<void> => {
    for (const promise of waiting) {
      try {
        await promise
      } catch (error) {
        writeLog('error', `waitUntil: ${inspect(error)}`)
      }
    }
  }
  return { context, settle }
}

function begin(): void {
  taken = undefined
  takenBody = new ArrayBuffer(0)
  setInRequest(true)
}

function finish(result: Taken, body: ArrayBuffer): void {
  forgetTimers()
  forgetRandom()
  setInRequest(false)
  takenBody = body
  taken = result
}

function fail(error: unknown): void {
  finish({ status: 500, headers: [], error: errorOf(error) }, new ArrayBuffer(0))
}

async function handleFetch(meta: FetchMeta, body: ArrayBuffer): Promise<void> {
  const handlers = siteOf()
  if (typeof handlers.fetch !== 'function') throw new Error('The script\'s default export has no "fetch" handler.')
  const bodyless = meta.method === 'GET' || meta.method === 'HEAD'
  const init = { method: meta.method, headers: meta.headers }
  const request = new Request(meta.url, bodyless || body.byteLength === 0 ? init : { ...init, body })
  const { context, settle } = contextOf()
  const response = await handlers.fetch(request, envOf(meta.bindings, meta.url), context)
  if (!(response instanceof Response)) throw new TypeError('The "fetch" handler did not return a Response.')
  const bytes = await Body.bytesOf(response)
  await settle()
  finish({ status: response.status, headers: [...response.headers] }, exactBuffer(bytes))
}

async function handleScheduled(meta: ScheduledMeta): Promise<void> {
  const handlers = siteOf()
  if (typeof handlers.scheduled !== 'function')
    throw new Error('The script\'s default export has no "scheduled" handler.')
  const { context, settle } = contextOf()
  const controller = { type: 'scheduled', cron: meta.cron, scheduledTime: meta.scheduledTime, noRetry(): void {} }
  await handlers.scheduled(controller, envOf(meta.bindings, `https://${meta.site}`), context)
  await settle()
  finish({ status: 204, headers: [] }, new ArrayBuffer(0))
}

Object.defineProperty(globalThis, '__interpeer', {
  value: Object.freeze({
    fetch(metaJson: string, body: ArrayBuffer): void {
      begin()
      handleFetch(JSON.parse(metaJson) as FetchMeta, body).catch(fail)
    },
    scheduled(metaJson: string): void {
      begin()
      handleScheduled(JSON.parse(metaJson) as ScheduledMeta).catch(fail)
    },
    take(): string {
      if (taken !== undefined) return JSON.stringify(taken)
      try {
        if (runNextTimer()) queueMicrotask(() => {})
      } catch (error) {
        // A timer's callback has no caller: as in a browser, its error is reported and the rest goes on.
        writeLog('error', `timer: ${inspect(error)}`)
        queueMicrotask(() => {})
      }
      return ''
    },
    takeBody(): ArrayBuffer {
      return takenBody
    },
  }),
})

declare function queueMicrotask(callback: () => void): void
