// The numbers of DNS that are used here (IANA's registries "Domain Name System (DNS) Parameters").

export const TYPE = {
  A: 1,
  NS: 2,
  SOA: 6,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  HTTPS: 65,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
} as const

export const CLASS_IN = 1

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

export type Rcode = (typeof RCODE)[keyof typeof RCODE]

/** RFC 1035 §3.1. */
export const LABEL_BYTES_MAX = 63
export const NAME_BYTES_MAX = 255
/** A question with all that belongs to it is far below; what is longer is not read. */
export const DNS_MESSAGE_BYTES_MAX = 4096
/** What every UDP path takes (RFC 1035 §4.2.1). */
export const PLAIN_UDP_BYTES = 512
/** What crosses nearly every path in one piece (DNS flag day 2020). */
export const UDP_PAYLOAD_BYTES = 1232
