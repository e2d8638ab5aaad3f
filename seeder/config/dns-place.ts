// `--dns`: where the seeder's own DNS listens.

import { isIP } from 'node:net'

const LOOPBACK = '127.0.0.1'
const PORT_MAX = 65_535

export const DNS_PLACE_WORDS = 'is a port, or an address of this machine and a port: 5353, 192.168.1.2:53, [::1]:53'

export type DnsPlace = { readonly address: string; readonly port: number }

/** Undefined: no such place. */
export function dnsPlaceOf(text: string): DnsPlace | undefined {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-f:.]+)\]:|([^[\]:]+):|:)?(\d{1,5})$/i.exec(text) ?? []
  const address = bracketed ?? plain ?? LOOPBACK
  const isFit = isIP(address) === (bracketed === undefined ? 4 : 6) && digits !== '' && Number(digits) <= PORT_MAX
  return isFit ? { address, port: Number(digits) } : undefined
}
