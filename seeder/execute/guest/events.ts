// Event, EventTarget, AbortController, AbortSignal (DOM §2–3), without a tree: no capture, no bubbling.

import { setTimer } from '#seeder/execute/guest/timers.ts'

// QuickJS-ng has DOMException itself; this program is compiled without the DOM's types.
declare const DOMException: new (message: string, name: string) => Error

export class Event {
  readonly type: string
  readonly bubbles: boolean
  readonly cancelable: boolean
  readonly timeStamp = 0
  defaultPrevented = false
  target: EventTarget | null = null
  currentTarget: EventTarget | null = null
  #stopped = false

  constructor(type: string, init: { bubbles?: boolean; cancelable?: boolean } = {}) {
    this.type = String(type)
    this.bubbles = init.bubbles === true
    this.cancelable = init.cancelable === true
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#stopped = true
  }

  static isStopped(event: Event): boolean {
    return event.#stopped
  }
}

export class CustomEvent extends Event {
  readonly detail: unknown

  constructor(type: string, init: { bubbles?: boolean; cancelable?: boolean; detail?: unknown } = {}) {
    super(type, init)
    this.detail = init.detail ?? null
  }
}

export type Listener = ((event: Event) => void) | { handleEvent(event: Event): void }
type Registration = { type: string; listener: Listener; once: boolean }

export class EventTarget {
  #listeners: Registration[] = []

  addEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { once?: boolean; signal?: AbortSignal },
  ): void {
    if (listener === null || this.#listeners.some((known) => known.type === type && known.listener === listener)) return
    const { once = false, signal } = typeof options === 'object' ? options : {}
    if (signal?.aborted === true) return
    this.#listeners.push({ type, listener, once })
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener), { once: true })
  }

  removeEventListener(type: string, listener: Listener | null): void {
    this.#listeners = this.#listeners.filter((known) => known.type !== type || known.listener !== listener)
  }

  dispatchEvent(event: Event): boolean {
    event.target = this
    event.currentTarget = this
    for (const known of [...this.#listeners]) {
      if (known.type !== event.type || !this.#listeners.includes(known)) continue
      if (known.once) this.removeEventListener(known.type, known.listener)
      if (typeof known.listener === 'function') known.listener.call(this, event)
      else known.listener.handleEvent(event)
      if (Event.isStopped(event)) break
    }
    event.currentTarget = null
    return !event.defaultPrevented
  }
}

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  onabort: ((event: Event) => void) | null = null

  /** A signal that never fires. For this library alone. */
  static never(): AbortSignal {
    return new AbortSignal()
  }

  /** Fires a signal once. For AbortController and the static methods alone. */
  static fire(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return
    signal.#aborted = true
    signal.#reason = reason === undefined ? new DOMException('The operation was aborted.', 'AbortError') : reason
    const event = new Event('abort')
    signal.onabort?.(event)
    signal.dispatchEvent(event)
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal()
    AbortSignal.fire(signal, reason)
    return signal
  }

  /** Timers only order: it fires once everything shorter is done and the request still waits. */
  static timeout(milliseconds: number): AbortSignal {
    const signal = new AbortSignal()
    setTimer(() => AbortSignal.fire(signal, new DOMException('The operation timed out.', 'TimeoutError')), milliseconds)
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = [...signals]
    const fired = all.find((signal) => signal.aborted)
    if (fired !== undefined) return AbortSignal.abort(fired.reason)
    const any = new AbortSignal()
    for (const signal of all)
      signal.addEventListener('abort', () => AbortSignal.fire(any, signal.reason), { once: true })
    return any
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }
}

export class AbortController {
  readonly signal = AbortSignal.never()

  abort(reason?: unknown): void {
    AbortSignal.fire(this.signal, reason)
  }
}
