// The deny-lists that this gateway follows, and what they mean for a visitor. Nothing is believed of a list but its signature, by a key that
// whoever runs this gateway chose.

import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import {
  appliesTo,
  type DenyEntry,
  type DenyList,
  type DenyListError,
  readDenyList,
} from '#protocol/directory/deny-list.ts'

type Denial = { readonly list: DenyList; readonly entry: DenyEntry }

export type HeldList = {
  readonly list: DenyList
  /** As it is given out. */
  readonly text: string
  /** What its issuer signed, hexadecimal. */
  readonly hash: string
}

export class Denials {
  readonly #lists = new Map<string, HeldList>()
  #byJob = new Map<string, readonly Denial[]>()

  /** By issuer, in the order in which they came. */
  lists(): Iterable<HeldList> {
    return this.#lists.values()
  }

  list(issuer: string): HeldList | undefined {
    return this.#lists.get(issuer)
  }

  /** Takes a list that was verified. */
  hold(held: HeldList): void {
    this.#lists.set(held.list.issuer, held)
    const byJob = new Map<string, Denial[]>()
    for (const { list } of this.#lists.values())
      for (const entry of list.entries) {
        if (entry.lifted !== undefined && entry.lifted <= list.time) continue
        const known = byJob.get(entry.job)
        if (known === undefined) byJob.set(entry.job, [{ list, entry }])
        else known.push({ list, entry })
      }
    this.#byJob = byJob
  }

  /** Some list says something about this job. */
  concerns(job: string): boolean {
    return this.#byJob.has(job)
  }

  /** Why nobody in this place is led there; everywhere when `place` is undefined. */
  of(job: string, place: string | undefined, now: number): Denial | undefined {
    return this.#byJob.get(job)?.find(({ entry }) => appliesTo(entry, place, now))
  }
}

/** Why this visitor is not led to a site; undefined: it is. */
export function denied(gateway: Gateway, name: string, request: Request | undefined): GatewayError | undefined {
  const { denials, locations, ports } = gateway
  const job = locations.jobByName(name)?.job
  if (job === undefined || !denials.concerns(job)) return undefined
  const place = request === undefined ? undefined : ports.placeOf(request)
  const found = denials.of(job, place, ports.now())
  if (found === undefined) return undefined
  const { list, entry } = found
  const { reason, text, reference } = entry
  return {
    code: 'denied',
    name,
    reason,
    text,
    issuer: list.title,
    appeal: list.appeal,
    ...(reference === undefined ? {} : { reference }),
  }
}

/** `PUT /deny/<issuer>`: durable, then followed; whoever carries it. */
export async function carryDenyList(
  gateway: Gateway,
  issuer: string,
  text: string,
): Promise<Result<HeldList, GatewayError>> {
  const checked = await verified(gateway, issuer, text)
  if (!checked.ok) return checked
  const held = checked.value
  try {
    await gateway.ports.store.saveDenyList(issuer, held.list.version, held.text)
  } catch (cause) {
    gateway.ports.log('warn', 'store_failed', { what: 'deny_list', cause: String(cause) })
    return err({ code: 'store_unavailable' })
  }
  hold(gateway, held)
  gateway.ports.log('info', 'deny_list_taken', {
    issuer,
    version: held.list.version,
    entries: held.list.entries.length,
  })
  return ok(held)
}

/** A list that another isolate wrote; it is verified like any other. */
export async function takeStoredDenyList(gateway: Gateway, issuer: string, version: number): Promise<void> {
  if (version <= (gateway.denials.list(issuer)?.list.version ?? -1)) return
  const text = await gateway.ports.store.denyList(issuer)
  if (text === undefined) return
  const checked = await verified(gateway, issuer, text)
  if (checked.ok) hold(gateway, checked.value)
  else if (checked.error.code !== 'old_deny_list')
    gateway.ports.log('warn', 'stored_deny_list_refused', { issuer, code: checked.error.code })
}

function hold(gateway: Gateway, held: HeldList): void {
  const present = gateway.denials.list(held.list.issuer)
  // Another request may have brought a higher one while this one was verified.
  if (present !== undefined && present.list.version >= held.list.version) return
  gateway.denials.hold(held)
  gateway.locations.forgetTargets()
}

async function verified(gateway: Gateway, issuer: string, text: string): Promise<Result<HeldList, GatewayError>> {
  if (!gateway.config.denyKeys?.includes(issuer)) return err({ code: 'unknown_issuer' })
  const read = readDenyList(text, issuer, gateway.denials.list(issuer)?.list)
  if (!read.ok) return err(errorOf(read.error))
  const { list, key, message, signature } = read.value
  if (!(await gateway.ports.verify(key, message, signature))) return err({ code: 'bad_signature' })
  return ok({ list, text: JSON.stringify(list), hash: hexFromBytes(message) })
}

function errorOf(error: DenyListError): GatewayError {
  switch (error.code) {
    case 'old_version':
      return { code: 'old_deny_list', version: error.version }
    case 'bad_signature':
      return { code: 'bad_signature' }
    case 'shape':
      return { code: 'malformed', detail: `${error.path} should be ${error.expected}` }
    case 'entry_changed':
      return { code: 'malformed', detail: `entry ${error.number} is not what it was, or not the next one` }
    default:
      return { code: 'malformed', detail: error.code }
  }
}

export function isIssuer(text: string): boolean {
  const bytes = bytesFromHex(text)
  return bytes.ok && bytes.value.length === 32 && text === text.toLowerCase()
}
