// The sites of a seeder at a name of its own, over TLS: which site a `Host` names, where a site is, and what becomes of who came over plain HTTP.

import type { ServerResponse } from 'node:http'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'
import { createSiteHosts } from '#seeder/serve/site-hosts.ts'
import type { Certificates } from '#seeder/tls/port.ts'

const HTTPS_PORT = 443
const ACME_CHALLENGES = '/.well-known/acme-challenge/'

export type SecureOptions = {
  /** Of the seeder; a site is `<site>.<name>`. */
  readonly name: string
  /** Listened on; 0: any free port. */
  readonly port: number
  /** What visitors come to; absent: the one that is listened on. */
  readonly publicPort?: number
  readonly certificates: Certificates
  /** The seeder's word for an origin, to a gateway that asks for it there (§5.2). */
  readonly reach: (origin: string, gateway: string, challenge: Uint8Array) => Uint8Array
}

export type SecureOrigins = {
  siteOf(host: string): HostedSite | undefined
  /** Undefined while there is no certificate for it that holds. */
  originOf(siteName: string): string | undefined
  /** Signed for the gateway that asks; undefined: the site has no origin of its own over TLS. */
  reachOf(siteName: string, gateway: string, challenge: Uint8Array): Uint8Array | undefined
  /** What is asked over plain HTTP of a name that is served over TLS: an authority's question, or a visitor who is sent on. True when it was answered. */
  answerPlain(response: ServerResponse, request: RequestHead): boolean
}

/** `listening`: the port of the TLS listener, as of now. */
export function createSecureOrigins(
  options: SecureOptions,
  sites: HostedSites,
  listening: () => number | undefined,
): SecureOrigins {
  const { name, publicPort, certificates, reach } = options
  const hosts = createSiteHosts(sites, name)

  function originOf(siteName: string): string | undefined {
    if (sites.byName(siteName) === undefined) return undefined
    const host = hosts.hostOf(siteName)
    const port = publicPort ?? listening()
    if (port === undefined || certificates.contextOf(host) === undefined) return undefined
    return port === HTTPS_PORT ? `https://${host}` : `https://${host}:${port}`
  }

  return {
    siteOf: hosts.siteOf,
    originOf,
    reachOf(siteName, gateway, challenge) {
      const origin = originOf(siteName)
      return origin === undefined ? undefined : reach(origin, gateway, challenge)
    },
    answerPlain(response, request) {
      if (request.hasBody) return false
      if (request.target.startsWith(ACME_CHALLENGES)) {
        const text = certificates.challengeAnswer(request.target.slice(ACME_CHALLENGES.length))
        if (text === undefined) return false
        response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': text.length })
        response.end(request.method === 'HEAD' ? undefined : text)
        return true
      }
      const site = hosts.siteOf(request.host)
      const origin = site === undefined || siteNamedBy(request.host) !== undefined ? undefined : originOf(site.name)
      if (origin === undefined) return false
      response.writeHead(308, { Location: `${origin}${request.target}`, 'Content-Length': 0 })
      response.end()
      return true
    },
  }
}
