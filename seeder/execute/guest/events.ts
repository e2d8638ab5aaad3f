// Event, EventTarget, AbortController, AbortSignal (DOM §2–3), without a tree: a target is alone on the path of its events.

import { inspect, writeLog } from '#seeder/execute/guest/console.ts'
import { setTimer } from '#seeder/execute/guest/timers.ts'

// QuickJS-ng has DOMException itself; this program is compiled without the DOM's types.
declare const DOMException: new (message: string, name: string) => Error

type EventInit = { bubbles?: unknown; cancelable?: unknown; composed?: unknown }

const PHASE = { none: 0, atTarget: 2 } as const
const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 } as const

/** How an EventTarget and an AbortSignal reach into an event. */
type EventDoor = {
  begin(event: Event, target: EventTarget, trusted: boolean): void
  end(event: Event): void
  dispatching(event: Event): boolean
  stopped(event: Event): boolean
  passive(event: Event, on: boolean): void
  trusted(event: Event): boolean
}
let door: EventDoor

/** An own property of every event, with one getter for all of them ([LegacyUnforgeable]). */
const IS_TRUSTED: PropertyDescriptor = {
  get: Object.getOwnPropertyDescriptor(
    {
      get isTrusted(): boolean {
        return door.trusted(this as unknown as Event)
      },
    },
    'isTrusted',
  )?.get as () => boolean,
  enumerable: true,
  configurable: false,
}

export class Event {
  #type: string
  #bubbles: boolean
  #cancelable: boolean
  readonly #composed: boolean
  #target: EventTarget | null = null
  #phase: number = PHASE.none
  #canceled = false
  #stopped = false
  #stoppedAtOnce = false
  #passive = false
  #dispatching = false
  #trusted = false

  static {
    door = {
      begin(event, target, trusted) {
        event.#dispatching = true
        event.#target = target
        event.#phase = PHASE.atTarget
        event.#trusted = trusted
      },
      end(event) {
        event.#dispatching = false
        event.#stopped = false
        event.#stoppedAtOnce = false
        event.#phase = PHASE.none
      },
      dispatching: (event) => event.#dispatching,
      stopped: (event) => event.#stoppedAtOnce,
      passive(event, on) {
        event.#passive = on
      },
      trusted: (event) => event.#trusted,
    }
  }

  constructor(...given: [type?: unknown, init?: EventInit | null]) {
    if (given.length === 0) throw new TypeError('An Event needs a type.')
    const init = initOf(given[1])
    this.#type = String(given[0])
    this.#bubbles = Boolean(init.bubbles)
    this.#cancelable = Boolean(init.cancelable)
    this.#composed = Boolean(init.composed)
    Object.defineProperty(this, 'isTrusted', IS_TRUSTED)
  }

  get type(): string {
    return this.#type
  }

  get target(): EventTarget | null {
    return this.#target
  }

  get srcElement(): EventTarget | null {
    return this.#target
  }

  get currentTarget(): EventTarget | null {
    return this.#dispatching ? this.#target : null
  }

  composedPath(): EventTarget[] {
    return this.#dispatching && this.#target !== null ? [this.#target] : []
  }

  get eventPhase(): number {
    return this.#phase
  }

  stopPropagation(): void {
    this.#stopped = true
  }

  get cancelBubble(): boolean {
    return this.#stopped
  }

  set cancelBubble(value: unknown) {
    if (value) this.#stopped = true
  }

  stopImmediatePropagation(): void {
    this.#stopped = true
    this.#stoppedAtOnce = true
  }

  get bubbles(): boolean {
    return this.#bubbles
  }

  get cancelable(): boolean {
    return this.#cancelable
  }

  get returnValue(): boolean {
    return !this.#canceled
  }

  set returnValue(value: unknown) {
    if (!value) this.preventDefault()
  }

  preventDefault(): void {
    if (this.#cancelable && !this.#passive) this.#canceled = true
  }

  get defaultPrevented(): boolean {
    return this.#canceled
  }

  get composed(): boolean {
    return this.#composed
  }

  /** The clock stands still in a request. */
  get timeStamp(): number {
    return 0
  }

  initEvent(type: unknown, bubbles: unknown = false, cancelable: unknown = false): void {
    if (this.#dispatching) return
    this.#type = String(type)
    this.#bubbles = Boolean(bubbles)
    this.#cancelable = Boolean(cancelable)
    this.#target = null
    this.#canceled = false
    this.#stopped = false
    this.#stoppedAtOnce = false
    this.#trusted = false
  }

  get [Symbol.toStringTag](): string {
    return 'Event'
  }
}
for (const holder of [Event, Event.prototype]) {
  for (const [name, value] of Object.entries(PHASES)) Object.defineProperty(holder, name, { value, enumerable: true })
}

function initOf(init: EventInit | null | undefined): EventInit {
  if (init === undefined || init === null) return {}
  if (typeof init !== 'object' && typeof init !== 'function') throw new TypeError('An event’s settings are an object.')
  return init
}

export class CustomEvent extends Event {
  readonly #detail: unknown

  constructor(...given: [type?: unknown, init?: (EventInit & { detail?: unknown }) | null]) {
    super(...given)
    this.#detail = given[1]?.detail ?? null
  }

  get detail(): unknown {
    return this.#detail
  }

  override get [Symbol.toStringTag](): string {
    return 'CustomEvent'
  }
}

export type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown }
type Registration = {
  readonly type: string
  readonly listener: Listener
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  removed: boolean
}
type ListenerOptions = { capture?: unknown; once?: unknown; passive?: unknown; signal?: AbortSignal }

/** What a listener throws has no caller: it is reported, and the others go on. */
function report(error: unknown): void {
  writeLog('error', `listener: ${inspect(error)}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'function' || (typeof value === 'object' && value !== null)
}

export class EventTarget {
  #listeners: Registration[] = []

  addEventListener(...given: [type: unknown, listener: Listener | null, options?: boolean | ListenerOptions]): void {
    if (given.length < 2) throw new TypeError('addEventListener() needs a type and a listener.')
    const type = String(given[0])
    const [, listener, options] = given
    const settings: ListenerOptions = isObject(options) ? options : { capture: options }
    const capture = Boolean(settings.capture)
    const once = Boolean(settings.once)
    const passive = Boolean(settings.passive)
    const { signal } = settings
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('A signal is an AbortSignal.')
    if (listener !== null && listener !== undefined && !isObject(listener))
      throw new TypeError('A listener is a function or an object.')
    if (signal?.aborted === true || listener === null || listener === undefined) return
    const same = (known: Registration): boolean =>
      known.type === type && known.listener === listener && known.capture === capture
    if (this.#listeners.some(same)) return
    const registration = { type, listener, capture, once, passive, removed: false }
    this.#listeners.push(registration)
    if (signal !== undefined) AbortSignal.whenAborted(signal, () => this.#remove(registration))
  }

  removeEventListener(...given: [type: unknown, listener: Listener | null, options?: boolean | ListenerOptions]): void {
    if (given.length < 2) throw new TypeError('removeEventListener() needs a type and a listener.')
    const type = String(given[0])
    const [, listener, options] = given
    const capture = Boolean(isObject(options) ? options.capture : options)
    const found = this.#listeners.find(
      (known) => known.type === type && known.listener === listener && known.capture === capture,
    )
    if (found !== undefined) this.#remove(found)
  }

  #remove(registration: Registration): void {
    registration.removed = true
    this.#listeners = this.#listeners.filter((known) => known !== registration)
  }

  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent() needs an Event.')
    if (door.dispatching(event)) {
      throw new DOMException('The event is already being dispatched.', 'InvalidStateError')
    }
    return EventTarget.send(this, event, false)
  }

  /** `trusted`: made by this library. For this library alone. */
  static send(target: EventTarget, event: Event, trusted: boolean): boolean {
    door.begin(event, target, trusted)
    // Those that capture come first, as on a target of a tree.
    const present = event.cancelBubble ? [] : target.#listeners
    for (const capture of [true, false]) {
      for (const known of present) {
        if (known.capture === capture && known.type === event.type && !known.removed) target.#call(known, event)
        if (door.stopped(event)) break
      }
      if (event.cancelBubble) break
    }
    door.end(event)
    return !event.defaultPrevented
  }

  #call(known: Registration, event: Event): void {
    if (known.once) this.#remove(known)
    door.passive(event, known.passive)
    try {
      const { listener } = known
      if (typeof listener === 'function') listener.call(this, event)
      else {
        const { handleEvent } = listener
        if (typeof handleEvent !== 'function') throw new TypeError('handleEvent is no function.')
        handleEvent.call(listener, event)
      }
    } catch (error) {
      report(error)
    }
    door.passive(event, false)
  }

  get [Symbol.toStringTag](): string {
    return 'EventTarget'
  }
}

/** Held by this library alone: a script gets its signals from controllers. */
const OWN = Symbol('own')
const TIMEOUT_MAX = 2 ** 53 - 1

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  #algorithms: (() => void)[] = []
  /** Signals that follow this one; a signal that follows others has their roots as `#sources`. */
  #dependents: AbortSignal[] = []
  #sources: AbortSignal[] | undefined
  #onabort: Listener | null = null

  constructor(own?: unknown) {
    super()
    if (own !== OWN) throw new TypeError('Illegal constructor')
  }

  /** A signal that has not fired. For this library alone. */
  static never(): AbortSignal {
    return new AbortSignal(OWN)
  }

  /** Runs when the signal fires, before its listeners. For this library alone. */
  static whenAborted(signal: AbortSignal, algorithm: () => void): void {
    signal.#algorithms.push(algorithm)
  }

  /** Fires a signal once, and then those that follow it. For AbortController and the static methods alone. */
  static fire(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return
    signal.#setReason(reason)
    const following = signal.#dependents.filter((dependent) => !dependent.#aborted)
    for (const dependent of following) dependent.#setReason(signal.#reason)
    for (const each of [signal, ...following]) each.#tell()
  }

  #setReason(reason: unknown): void {
    this.#aborted = true
    this.#reason = reason === undefined ? new DOMException('The operation was aborted.', 'AbortError') : reason
  }

  #tell(): void {
    const algorithms = this.#algorithms
    this.#algorithms = []
    for (const algorithm of algorithms) algorithm()
    EventTarget.send(this, new Event('abort'), true)
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = AbortSignal.never()
    signal.#setReason(reason)
    return signal
  }

  /** Timers only order: it fires once everything shorter is done and the request still waits. */
  static timeout(milliseconds: unknown): AbortSignal {
    const ms = Math.trunc(Number(milliseconds))
    if (!(ms >= 0 && ms <= TIMEOUT_MAX)) throw new TypeError('A time-out is a number of milliseconds from 0 on.')
    const signal = AbortSignal.never()
    setTimer(() => AbortSignal.fire(signal, new DOMException('The operation timed out.', 'TimeoutError')), ms)
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    return AbortSignal.following([...signals])
  }

  /** A signal that fires with the first of these. */
  static following(signals: readonly AbortSignal[]): AbortSignal {
    if (!signals.every((signal) => signal instanceof AbortSignal)) throw new TypeError('A signal is an AbortSignal.')
    const result = AbortSignal.never()
    const fired = signals.find((signal) => signal.#aborted)
    if (fired !== undefined) {
      result.#setReason(fired.#reason)
      return result
    }
    const sources = new Set(signals.flatMap((signal) => signal.#sources ?? [signal]))
    result.#sources = [...sources]
    for (const source of sources) source.#dependents.push(result)
    return result
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

  get onabort(): Listener | null {
    return this.#onabort
  }

  set onabort(value: unknown) {
    const before = this.#onabort
    this.#onabort = isObject(value) ? (value as Listener) : null
    if (before === null && this.#onabort !== null) this.addEventListener('abort', this.#handler)
    if (this.#onabort === null) this.removeEventListener('abort', this.#handler)
  }

  readonly #handler = (event: Event): void => {
    if (typeof this.#onabort === 'function') this.#onabort.call(this, event)
  }

  override get [Symbol.toStringTag](): string {
    return 'AbortSignal'
  }
}

export class AbortController {
  readonly #signal = AbortSignal.never()

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason?: unknown): void {
    AbortSignal.fire(this.#signal, reason)
  }

  get [Symbol.toStringTag](): string {
    return 'AbortController'
  }
}
