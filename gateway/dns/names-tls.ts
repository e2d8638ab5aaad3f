// Whether an operator's word can be true that `https://<site>.peer` is answered at the gateway's own addresses.

import { addressFromText } from '#protocol/dns/address.ts'
import { TLS_PROTOCOLS } from '#protocol/dns/https-record.ts'

/** What is wrong with it, to be read behind the setting's name; undefined: nothing. */
export function namesTlsProblem(protocols: readonly string[], addresses: readonly string[]): string | undefined {
  const known: readonly string[] = TLS_PROTOCOLS
  const wrong = protocols.find((protocol) => !known.includes(protocol))
  if (wrong !== undefined || protocols.length === 0)
    return `is what TLS speaks there, of ${known.join(', ')}, not '${wrong ?? ''}'`
  if (!addresses.some((address) => addressFromText(address) !== undefined))
    return 'needs the addresses of this gateway, at which it has TLS for the names of the zones'
  return undefined
}
