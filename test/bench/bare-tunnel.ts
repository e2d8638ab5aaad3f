// What the way of a tunnel costs with nothing of ours on it: workerd, an object that sleeps between messages, a WebSocket to another process and
// back. No check, no window, no HTTP at the far end; what a gateway made of these parts cannot go below.
//
//   /small   one message there, one back, handed to the Worker whole
//   /large   one message there, 64 KiB at a time back, handed on as a stream

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '#test/bench/beside/program.ts'
import type { Target } from '#test/bench/client.ts'
import { startPeer } from '#test/bench/processes.ts'
import { until } from '#test/support/until.ts'

/** A question as ours has it: its head. */
const ASKED_BYTES = 256
const FRAME_BYTES = 64 * 1024

/** `small`: bytes of an answer, its headers included. `large`: bytes of a body. */
function worker(small: number, large: number): string {
  return `import { DurableObject } from 'cloudflare:workers'
export class Far extends DurableObject {
  waiting = new Map()
  last = 0
  async fetch() {
    const [client, socket] = Object.values(new WebSocketPair())
    this.ctx.acceptWebSocket(socket)
    return new Response(null, { status: 101, webSocket: client })
  }
  ask(id, frames, bytes) {
    const message = new Uint8Array(${ASKED_BYTES})
    const view = new DataView(message.buffer)
    view.setUint32(0, id)
    view.setUint32(4, frames)
    view.setUint32(8, bytes)
    this.ctx.getWebSockets()[0].send(message)
  }
  small() {
    const id = ++this.last
    this.ask(id, 1, ${small})
    return new Promise((resolve) => this.waiting.set(id, (bytes) => {
      this.waiting.delete(id)
      resolve(bytes)
    }))
  }
  large() {
    const id = ++this.last
    let left = ${Math.ceil(large / FRAME_BYTES)}
    let controller
    const stream = new ReadableStream({ type: 'bytes', start(given) { controller = given } })
    this.waiting.set(id, (bytes) => {
      controller.enqueue(bytes)
      if (--left > 0) return
      this.waiting.delete(id)
      controller.close()
    })
    this.ask(id, left, ${FRAME_BYTES})
    return stream
  }
  webSocketMessage(socket, message) {
    this.waiting.get(new DataView(message).getUint32(0))?.(new Uint8Array(message))
  }
}
export default {
  async fetch(request, { FAR }) {
    const far = FAR.getByName('far')
    if (request.headers.has('upgrade')) return far.fetch(request)
    if (request.url.endsWith('/large')) return new Response((await far.large()).pipeThrough(new FixedLengthStream(${large})))
    return new Response(await far.small())
  },
}
`
}

function config(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-10-01",
    durableObjectNamespaces = [(className = "Far", uniqueKey = "far", enableSql = true)],
    durableObjectStorage = (inMemory = void),
    bindings = [(name = "FAR", durableObjectNamespace = "Far")],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`
}

export async function startBareTunnel(bytes: {
  readonly small: number
  readonly large: number
}): Promise<AsyncDisposable & { readonly target: Target }> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true }))
  const binary = (createRequire(import.meta.url)('workerd') as { readonly default: string }).default
  const port = await freePort()
  writeFileSync(join(directory, 'worker.js'), worker(bytes.small, bytes.large))
  writeFileSync(join(directory, 'config.capnp'), config(port))
  const child = spawn(binary, ['serve', join(directory, 'config.capnp')], { stdio: 'ignore' })
  stack.defer(() => void child.kill('SIGKILL'))
  await until('bare workerd listens', () =>
    fetch(`http://127.0.0.1:${port}/small`).then(
      () => true,
      () => false,
    ),
  )
  stack.use(await startPeer('echo', { url: `ws://127.0.0.1:${port}/` }))
  const held = stack.move()
  return { target: { host: '127.0.0.1', port }, [Symbol.asyncDispose]: () => held.disposeAsync() }
}
