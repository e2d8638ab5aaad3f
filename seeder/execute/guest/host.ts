// The one door out of the sandbox. An operation takes a text and perhaps bytes and answers with a text (JSON) or bytes;
// its mistakes come back as `{"error":{"code","message"}}` and are thrown here as `HostError`.

type HostFunction = (op: string, text: string, bytes?: ArrayBuffer) => string | ArrayBuffer

const hostGlobal = globalThis as unknown as { __host?: HostFunction }

/** What the host refused; `code` is stable, the message is for people. */
export class HostError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'HostError'
    this.code = code
  }
}

let inRequest = false

/** The door to state and chance is open only while a request runs: a script's top level runs once, before any request. */
export function setInRequest(running: boolean): void {
  inRequest = running
}

export function isInRequest(): boolean {
  return inRequest
}

function throwIfError(answer: string): void {
  if (!answer.startsWith('{"error":')) return
  const { error } = JSON.parse(answer) as { error: { code: string; message: string } }
  throw new HostError(error.code, error.message)
}

function rawHost(op: string, text: string, bytes?: ArrayBuffer): string | ArrayBuffer {
  const host = hostGlobal.__host
  if (host === undefined) throw new HostError('no_host', `${op} needs a host`)
  const answer = bytes === undefined ? host(op, text) : host(op, text, bytes)
  if (typeof answer === 'string') throwIfError(answer)
  return answer
}

/** A pure operation, allowed at any time: encoding, hashing, the log. */
export function pureHost(op: string, text: string, bytes?: ArrayBuffer): string | ArrayBuffer {
  return rawHost(op, text, bytes)
}

/** An operation on the site's state or on chance. */
export function stateHost(op: string, argument: unknown, bytes?: ArrayBuffer): string | ArrayBuffer {
  if (!inRequest) {
    throw new Error(
      `${op} cannot be used in global scope: databases, files, key-value data and random numbers exist only while a request runs. Move the call into a handler.`,
    )
  }
  return rawHost(op, JSON.stringify(argument), bytes)
}

export function hostJson<T>(op: string, argument: unknown, bytes?: ArrayBuffer): T {
  const answer = stateHost(op, argument, bytes)
  if (typeof answer !== 'string') throw new HostError('host_answer', `${op} answered with bytes`)
  return JSON.parse(answer) as T
}

/** Exactly the bytes of a view, as the host takes them. */
export function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
