// A certificate and its key, looked at before anybody is shown them: they belong together, hold now, and say for which hosts.
//
// Invariant: what is a `Certificate` here was one that a TLS server can serve when it was read; whether it still holds is asked at each use.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export type Certificate = {
  readonly context: SecureContext
  /** ms since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** As the certificate has them: `wiki.s1.example`, `*.s1.example`. */
  readonly names: readonly string[]
  covers(host: string): boolean
}

export type CertificateError =
  | { readonly code: 'no_certificate'; readonly detail: string }
  | { readonly code: 'no_key'; readonly detail: string }
  | { readonly code: 'other_key'; readonly names: readonly string[] }
  | { readonly code: 'expired'; readonly notAfter: number }
  | { readonly code: 'not_yet_valid'; readonly notBefore: number }
  | { readonly code: 'does_not_cover'; readonly hosts: readonly string[]; readonly names: readonly string[] }

/** PEM: the certificate first, then those that lead to its authority. */
export function readCertificate(chain: string, keyPem: string, now: number): Result<Certificate, CertificateError> {
  let leaf: X509Certificate
  let key: KeyObject
  try {
    leaf = new X509Certificate(chain)
  } catch (cause) {
    return err({ code: 'no_certificate', detail: (cause as Error).message })
  }
  try {
    key = createPrivateKey(keyPem)
  } catch (cause) {
    return err({ code: 'no_key', detail: (cause as Error).message })
  }
  const names = namesOf(leaf)
  if (!leaf.checkPrivateKey(key)) return err({ code: 'other_key', names })
  const notBefore = leaf.validFromDate.getTime()
  const notAfter = leaf.validToDate.getTime()
  if (notAfter <= now) return err({ code: 'expired', notAfter })
  if (notBefore > now) return err({ code: 'not_yet_valid', notBefore })
  let context: SecureContext
  try {
    context = createSecureContext({ cert: chain, key: keyPem, minVersion: 'TLSv1.2' })
  } catch (cause) {
    return err({ code: 'no_certificate', detail: (cause as Error).message })
  }
  const covers = (host: string): boolean => leaf.checkHost(host, { subject: 'never' }) !== undefined
  return ok({ context, notBefore, notAfter, names, covers })
}

function namesOf({ subjectAltName }: X509Certificate): readonly string[] {
  return (subjectAltName ?? '').split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4)] : []))
}

/** For people. */
export function certificateErrorText(error: CertificateError): string {
  switch (error.code) {
    case 'no_certificate':
      return `it is no certificate in PEM form (${error.detail})`
    case 'no_key':
      return `its key is no private key in PEM form (${error.detail})`
    case 'other_key':
      return `the key is not the one of the certificate for ${error.names.join(', ') || 'no host'}`
    case 'expired':
      return `it ended ${new Date(error.notAfter).toISOString()}`
    case 'not_yet_valid':
      return `it begins ${new Date(error.notBefore).toISOString()} only: is the clock right?`
    case 'does_not_cover':
      return `it is for ${error.names.join(', ') || 'no host'}, and not for ${error.hosts.join(', ')}`
  }
}
