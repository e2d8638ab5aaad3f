// The name, path and query of `/<name>/<path>?<query>`, by string slicing: nothing is decoded, joined or normalised, so
// what the visitor's browser sent is what the host gets, and what a redirect appends always begins with a slash.

export type SiteUrl =
  /** `/name/…`: `rest` begins with the slash after the name. */
  | { readonly kind: 'page'; readonly name: string; readonly rest: string }
  /** `/name` or `/name?…`: `query` is empty or begins with a question mark. */
  | { readonly kind: 'bare'; readonly name: string; readonly query: string }
  | { readonly kind: 'other' }

const NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/

/** Where the path begins in an absolute http(s) URL. */
function pathStart(url: string): number {
  return url.indexOf('/', 8)
}

/** Path and query, whatever they are. */
export function targetOf(url: string): string {
  const start = pathStart(url)
  return start === -1 ? '/' : url.slice(start)
}

/** Names of any case, so that the caller can send upper case on to lower. */
export function siteUrl(target: string): SiteUrl {
  const queryStart = target.indexOf('?')
  const path = queryStart === -1 ? target : target.slice(0, queryStart)
  const slash = path.indexOf('/', 1)
  const name = slash === -1 ? path.slice(1) : path.slice(1, slash)
  if (!NAME.test(name)) return { kind: 'other' }
  if (slash === -1) return { kind: 'bare', name, query: target.slice(path.length) }
  return { kind: 'page', name, rest: target.slice(slash) }
}
