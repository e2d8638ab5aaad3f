// Fields that are no part of a message that is handed on: of one connection, and of what one asker already had or wanted a part of.

/** Of one connection (RFC 9110 §7.6.1, RFC 9112 §9.8), lower case. */
export const HOP_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Conditions and range (RFC 9110 §13.1, §14.2), lower case. */
export const CONDITION_FIELDS: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])
