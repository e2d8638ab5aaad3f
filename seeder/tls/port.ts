// What the TLS listener, the registration and the operator's pages ask of whoever keeps the certificates: files that the operator brings, or an
// authority that gives them.

import type { SecureContext } from 'node:tls'

export type CertificateFacts = {
  readonly names: readonly string[]
  /** ms since the epoch. */
  readonly notAfter: number
  /** When a new one is asked for; absent: the operator brings it. */
  readonly renewAt?: number
}

export type CertificateProblem = {
  /** Absent: of all of them. */
  readonly host?: string
  readonly code: string
  readonly message: string
  /** ms since the epoch. */
  readonly at: number
  /** When it is tried again by itself. */
  readonly againAt?: number
}

export type Certificates = {
  /** To be shown for a host; undefined: there is none that holds now. */
  contextOf(host: string): SecureContext | undefined
  /** While an authority looks whether the host is ours (RFC 8737). */
  challengeContextOf(host: string): SecureContext | undefined
  /** The same over HTTP (RFC 8555 §8.3). */
  challengeAnswer(token: string): string | undefined
  certificates(): readonly CertificateFacts[]
  problems(): readonly CertificateProblem[]
  /** The hosts that there should be certificates for are others than before, or the operator says that files changed. */
  check(): void
}
