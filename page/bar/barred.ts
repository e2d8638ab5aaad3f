// A page with the bar: the certified body with one script element in its head, whose attributes are all that the bar says. Whoever serves the page
// adds it, for everybody who does not check answers (`Interpeer-Client: 1`).
//
// Invariant: without the element the bytes are those of the certified body; the same page with the same element has the same tag.

import { BAR_HASH } from '#page/bar/generated/script.ts'
import { barPlace, isHtml } from '#page/bar/place.ts'
import { goesOnUnder, leaveOf, policiesIn } from '#page/bar/policy.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { bytesConcat, bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Sha256, sha256By } from '#protocol/codec/digest.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** Path of the script at the origin of every site. */
export const BAR_PATH = `${WELL_KNOWN}bar-${BAR_HASH}.js`
const ANY_BAR_PATH = new RegExp(`^${WELL_KNOWN.replaceAll('.', '\\.')}bar-[0-9a-f]{16}\\.js$`)
/** A page that came with another release's script asks for that: it gets this one. */
export function isBarPath(target: string): boolean {
  return ANY_BAR_PATH.test(target)
}
/** Under its own address it never changes. */
export function barCacheControl(target: string): string {
  return target === BAR_PATH ? 'public, max-age=31536000, immutable' : 'no-store'
}
export const BAR_TYPE = 'text/javascript; charset=utf-8'

/** What is said of a page. */
export type BarFacts = {
  readonly siteName: string
  /** Origin of a gateway, for the way to more, and on; undefined: none is known. */
  readonly gateway: string | undefined
  /** What the gateway held the page against; undefined: a member sends it itself, and nobody checked it. */
  readonly checked?: { readonly quorum: number; readonly members: number; readonly ageSeconds?: number }
}

export type PageToBar = {
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly headers: Headers
  /** Where the visitor is. */
  readonly origin: string
  /** `Sec-Fetch-Dest`. */
  readonly destination: string | undefined
}

export type BarredPage = {
  readonly body: Uint8Array
  readonly headers: Headers
  /** Names the element, for tags. */
  readonly mark: string
}

const MARK_CHARS = 8
/** A host that a policy can name. */
const NAMEABLE = /^https?:\/\/[a-z0-9.-]+(?::[0-9]+)?$/i

/**
 * Whether a page for this destination may have the bar: not one in a frame, nor one that a script asked for. Without the header (plain HTTP,
 * crawlers, tools) only what says itself that it is a document has it.
 */
export function mayHaveBar(destination: string | undefined): boolean {
  return destination === undefined || destination === 'document'
}

/** Undefined: the page goes without. */
export function barredPage(page: PageToBar, facts: BarFacts, sha256: Sha256): BarredPage | undefined {
  const { body, contentType, headers, origin, destination } = page
  if (!isHtml(contentType) || !mayHaveBar(destination)) return undefined
  const place = barPlace(body, contentType)
  if (place === undefined || (destination === undefined && !place.isDocument)) return undefined
  const leave = leaveOf(headers, NAMEABLE.test(origin) ? origin + BAR_PATH : undefined)
  if (leave === undefined) return undefined
  // What was checked is at an origin that stays: the gateway knows the present members by itself.
  const leads = facts.checked === undefined && facts.gateway !== undefined
  const goesOn = leads ? goesOnUnder([...policiesIn(headers), ...place.policies]) : ''
  const element = bytesFromText(elementOf(facts, goesOn, leave.nonce))
  return {
    body: bytesConcat(body.subarray(0, place.offset), element, body.subarray(place.offset)),
    headers: leave.headers ?? headers,
    mark: markOf(facts, goesOn, sha256),
  }
}

function markOf(facts: BarFacts, goesOn: string, sha256: Sha256): string {
  const element = bytesFromText(elementOf(facts, goesOn, undefined))
  return hexFromBytes(sha256By(sha256, element)).slice(0, MARK_CHARS)
}

/** Of pages that the gateway checked, whichever they are: a nonce of theirs is in their own tags. */
export function checkedMark(facts: BarFacts & { readonly checked: object }, sha256: Sha256): string {
  return markOf(facts, '', sha256)
}

function elementOf({ siteName, gateway, checked }: BarFacts, goesOn: string, nonce: string | undefined): string {
  const attributes: (readonly [string, string | undefined])[] = [
    ['src', BAR_PATH],
    ['nonce', nonce],
    ['data-site', siteName],
    ['data-gateway', gateway],
    ['data-quorum', checked?.quorum.toString()],
    ['data-members', checked?.members.toString()],
    ['data-age', checked?.ageSeconds?.toString()],
    ['data-goes-on', goesOn === '' ? undefined : goesOn],
  ]
  const written = attributes.flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${escaped(value)}"`]))
  // As XML has it too.
  return `<script async=""${written.join('')}></script>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
}

/** The tag of the page with the bar: `"t"` becomes `"t-bar-…"`; a weak one stays weak. */
export function barredTag(tag: string, mark: string): string {
  return tag.endsWith('"') ? `${tag.slice(0, -1)}-bar-${mark}"` : tag
}
