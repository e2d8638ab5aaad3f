// `Link: <…>; rel="canonical"` (RFC 6596): every page names the address at the network's gateway by which it is to be known, since members come and go.
// The one that counts is that of the first gateway in the network file, whichever gateway or member answers.

/** Path and query of an address that is still given as canonical: longer ones are not indexed. */
export const CANONICAL_BYTES_MAX = 2 * 1024
/** One link of a `Link` field (RFC 8288 §3): its address, and its parameters. */
const LINK = /<([^>]*)>((?:[^,"]|"(?:[^"\\]|\\.)*")*)/g
const CANONICAL = /;\s*rel\s*=\s*(?:canonical\b|"[^"]*\bcanonical\b[^"]*")/i

/** The address of a site's path at a gateway (an origin). A link's address ends at the first `>`: one in a path must not end it. */
export function canonicalLink(gateway: string, siteName: string, target: string): string | undefined {
  if (target.length > CANONICAL_BYTES_MAX) return undefined
  return canonicalTo(`${gateway}/${siteName}${target}`)
}

/** Of any address. */
export function canonicalTo(address: string): string {
  return `<${address.replace(/[<>"]/g, (char) => encodeURIComponent(char))}>; rel="canonical"`
}

export type ScriptLinks = {
  /** Without the canonical ones. */
  readonly rest: readonly string[]
  /** Of the first canonical one; undefined: there is none. */
  readonly canonical: string | undefined
}

/** The values of an answer's `Link` fields, taken apart. */
export function linksOf(values: readonly string[]): ScriptLinks {
  const rest: string[] = []
  let canonical: string | undefined
  for (const value of values) {
    if (!/canonical/i.test(value)) {
      rest.push(value)
      continue
    }
    for (const [whole, address, parameters] of value.matchAll(LINK)) {
      if (!CANONICAL.test(parameters ?? '')) rest.push(whole.trim())
      else canonical ??= address ?? ''
    }
  }
  return { rest, canonical }
}
