// What is answered from the isolate's memory alone, before the router: no store, no wait, no parsed address.

import { hotDns } from '#gateway/dns/doh.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { wantsFrame } from '#gateway/redirect/frame.ts'
import { hotRedirect, hotRedirectTo } from '#gateway/redirect/redirect.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'

/** Host and port of an absolute address, by slicing. */
export function hostOf(url: string): string {
  const start = url.indexOf('//') + 2
  return url.slice(start, url.indexOf('/', start))
}

/** Letters, digits, dots and hyphens, or an address in brackets, and a port: a host that is written otherwise could be read as another one later on. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(\d{0,5}))?$/i
const PORT_MAX = 65_535
/** Most who come name the same host. */
let plainLast = ''

/** Whether a host means what it says; else it is answered 400. */
export function isPlainHost(host: string): boolean {
  if (host === plainLast) return true
  const match = HOST.exec(host)
  if (match === null || Number(match[1] ?? 0) > PORT_MAX) return false
  plainLast = host
  return true
}

/** A redirect or an answer of DNS; undefined: the router decides. Of what comes to the sites domain nothing may be asked here. */
export function hotAnswer(gateway: Gateway, request: Request, now: number): Response | undefined {
  const { url } = request
  const { counts } = gateway.ports
  const name = siteNamedBy(hostOf(url))
  if (name === undefined) {
    if (wantsFrame(url)) return undefined
    const answer = hotDns(gateway, request, now)
    if (answer !== undefined) {
      counts?.hotNames()
      return answer
    }
  }
  const redirect =
    name === undefined
      ? hotRedirect(gateway.locations, url, now, request)
      : hotRedirectTo(gateway.locations, name, url, now, request)
  if (redirect !== undefined) counts?.hotRedirect()
  return redirect
}
