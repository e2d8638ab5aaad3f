// Where visitors reach a seeder's sites over HTTPS, as its operator says: a name, under which each site has a host of its own, and who gives the
// certificates. From the command line or `config.json`; the command line wins.

import { isIP } from 'node:net'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'

export const HTTPS_NAMES = ['https-name', 'https-port', 'certificate', 'certificate-key', 'acme', 'acme-email'] as const
export type HttpsName = (typeof HTTPS_NAMES)[number]

export type HttpsSettings = {
  readonly name: string
  /** Listened on. */
  readonly port: number
  /** What visitors come to, where a router forwards another one. */
  readonly publicPort?: number
  readonly source:
    | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
    | { readonly kind: 'acme'; readonly directory: string; readonly email?: string }
}

const HTTPS_PORT = 443
const PORT_MAX = 65_535
/** A site's name and a dot go before it. */
const NAME_LENGTH_MAX = 253 - 64
const NAME = /^(?!-)(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}$/

export type HttpsProblem = { readonly code: 'https_settings'; readonly message: string }

/** Undefined: it is to have no HTTPS. */
export function httpsSettingsOf(
  given: Readonly<Partial<Record<HttpsName, string>>>,
): Result<HttpsSettings | undefined, HttpsProblem> {
  const no = (message: string): Result<never, HttpsProblem> => err({ code: 'https_settings', message })
  const { 'https-name': named, certificate, 'certificate-key': key, acme } = given
  if (named === undefined) {
    const useless = HTTPS_NAMES.find((name) => given[name] !== undefined)
    return useless === undefined ? ok(undefined) : no(`--${useless} says nothing without --https-name`)
  }
  const [, name = '', publicText] = /^([^:]+)(?::(\d{1,5}))?$/.exec(named.toLowerCase()) ?? []
  if (!NAME.test(name) || name.length > NAME_LENGTH_MAX || isIP(name) !== 0 || siteNamedBy(name) !== undefined)
    return no(`--https-name is a name such as s1.example.org, with a port if a router forwards one, not '${named}'`)
  const publicPort = publicText === undefined ? undefined : Number(publicText)
  if (publicPort !== undefined && (publicPort === 0 || publicPort > PORT_MAX))
    return no(`the port of --https-name is 1 to ${PORT_MAX}, not ${publicText}`)
  const portText = given['https-port'] ?? String(HTTPS_PORT)
  if (!/^\d{1,5}$/.test(portText) || Number(portText) > PORT_MAX) return no(`--https-port is a port, not '${portText}'`)
  const settings = { name, port: Number(portText), ...(publicPort === undefined ? {} : { publicPort }) }
  if (acme !== undefined) {
    if (certificate !== undefined || key !== undefined) return no('either --certificate or --acme, not both')
    if (!URL.canParse(acme) || !/^https?:$/.test(new URL(acme).protocol))
      return no(`--acme is the address of an ACME directory, not '${acme}'`)
    const email = given['acme-email']
    return ok({
      ...settings,
      source: { kind: 'acme', directory: acme, ...(email === undefined ? {} : { email }) },
    })
  }
  if (given['acme-email'] !== undefined) return no('--acme-email says nothing without --acme')
  if (certificate === undefined || key === undefined)
    return no('--https-name needs --certificate and --certificate-key, or --acme')
  return ok({ ...settings, source: { kind: 'files', certificate, key } })
}
