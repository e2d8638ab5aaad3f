// What a page's content policy (CSP level 3) makes of one more script from the page's own origin. The page's rules for its own content stay as they
// are: where they name the origin, or a nonce, the script has that; where they do not, its one address is added to what script elements
// may have, and to nothing else (inline handlers, `eval`, workers).

import type { Headers } from '#protocol/site/response-hash.ts'

const ENFORCED = 'content-security-policy'
const NAMES: ReadonlySet<string> = new Set([ENFORCED, `${ENFORCED}-report-only`])
/** What is no ASCII text (CSP §2.2.1 passes such a directive over, and programs differ) is not read here, and so not changed. */
const PLAIN = /^[\t\n\f\r\x20-\x7e]*$/
const NONCE = /^'nonce-([A-Za-z0-9+/_=-]{1,256})'$/i
const ELEMENTS = 'script-src-elem'

export type ScriptLeave = {
  readonly nonce: string | undefined
  /** Policies as they are sent; undefined: unchanged. */
  readonly headers: Headers | undefined
}

type Directives = ReadonlyMap<string, readonly string[]>

/** The first of each name counts. */
function directivesOf(policy: string): Directives {
  const found = new Map<string, readonly string[]>()
  for (const part of policy.split(';')) {
    const [name, ...values] = part.trim().split(/\s+/)
    if (name === undefined || name === '' || found.has(name.toLowerCase())) continue
    found.set(name.toLowerCase(), values)
  }
  return found
}

function firstOf(directives: Directives, ...names: readonly string[]): readonly string[] | undefined {
  for (const name of names) {
    const values = directives.get(name)
    if (values !== undefined) return values
  }
  return undefined
}

function has(values: readonly string[], keyword: string): boolean {
  return values.some((value) => value.toLowerCase() === keyword)
}

function nonceOf(values: readonly string[]): string | undefined {
  for (const value of values) {
    const nonce = NONCE.exec(value)?.[1]
    if (nonce !== undefined) return nonce
  }
  return undefined
}

/**
 * What the headers let the script at `source` (a whole address) do. Undefined: the page is not to have it, since it is boxed (`sandbox`), or trusts
 * only what its own scripts load, or its policy is not to be read. `source` undefined: it cannot be written in a policy.
 */
export function leaveOf(headers: Headers, source: string | undefined): ScriptLeave | undefined {
  let nonce: string | undefined
  let isChanged = false
  const changed: (readonly [string, string])[] = []
  for (const [name, value] of headers) {
    if (!NAMES.has(name.toLowerCase())) {
      changed.push([name, value])
      continue
    }
    if (!PLAIN.test(value)) return undefined
    const policies: string[] = []
    for (const policy of value.split(',')) {
      const directives = directivesOf(policy)
      if (directives.has('sandbox')) return undefined
      const values = firstOf(directives, ELEMENTS, 'script-src', 'default-src')
      const ownNonce = values === undefined ? undefined : nonceOf(values)
      if (values === undefined) policies.push(policy)
      else if (ownNonce !== undefined && (nonce === undefined || nonce === ownNonce)) {
        nonce = ownNonce
        policies.push(policy)
      } else if (has(values, "'strict-dynamic'")) return undefined
      else if (has(values, "'self'") || has(values, '*')) policies.push(policy)
      else {
        if (source === undefined) return undefined
        policies.push(withSource(policy, values, source))
        isChanged = true
      }
    }
    changed.push([name, policies.join(',')])
  }
  return { nonce, headers: isChanged ? changed : undefined }
}

function withSource(policy: string, values: readonly string[], source: string): string {
  const kept = values.filter((value) => value.toLowerCase() !== "'none'")
  const others = policy.split(';').filter((part) => {
    const name = part.trim().split(/\s/)[0]?.toLowerCase()
    return name !== '' && name !== ELEMENTS
  })
  return [...others, ` ${[ELEMENTS, ...kept, source].join(' ')}`].join(';')
}

/** What the page may do when its host is gone: ask its own origin whether it is (`links`), send its forms to another, ask another. */
export function goesOnUnder(policies: readonly string[]): string {
  let isOpen = true
  let asks = true
  for (const policy of policies.flatMap((each) => each.split(','))) {
    const directives = directivesOf(policy)
    const connect = firstOf(directives, 'connect-src', 'default-src')
    if (connect !== undefined && !has(connect, '*')) {
      if (!has(connect, "'self'")) return ''
      asks = false
    }
    if (directives.has('form-action')) isOpen = false
  }
  return `links${isOpen ? ' forms' : ''}${asks ? ' ask' : ''}`
}

/** The policies in force among these headers. */
export function policiesIn(headers: Headers): readonly string[] {
  return headers.flatMap(([name, value]) => (name.toLowerCase() === ENFORCED ? [value] : []))
}
