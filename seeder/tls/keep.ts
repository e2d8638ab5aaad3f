// Who keeps the certificates of a seeder, as its operator chose.

import type { Registry } from '#protocol/metrics/registry.ts'
import type { HttpsSettings } from '#seeder/config/https.ts'
import type { Log } from '#seeder/config/log.ts'
import type { PersistPoints } from '#seeder/store/points.ts'
import { keepAcmeCertificates } from '#seeder/tls/acme.ts'
import { watchCertificateFiles } from '#seeder/tls/certificate-files.ts'
import type { Certificates } from '#seeder/tls/port.ts'

const HTTPS_PORT = 443

export type KeepOptions = {
  readonly settings: HttpsSettings
  /** For what an authority gives. */
  readonly directory: string
  readonly points: PersistPoints
  /** Hosts that there should be certificates for, as of now. */
  readonly hosts: () => readonly string[]
  readonly onChange: () => void
  readonly registry: Registry
  readonly now: () => number
  readonly chance: () => number
  readonly log: Log
}

export function keepCertificates(options: KeepOptions): Certificates & Disposable {
  const { settings, hosts, onChange, now, log } = options
  const { source } = settings
  if (source.kind === 'files')
    return watchCertificateFiles({ certificate: source.certificate, key: source.key, hosts, onChange, now, log })
  // An authority asks over TLS at port 443 only (RFC 8737 §3), and over HTTP at port 80 only.
  const overTls = (settings.publicPort ?? settings.port) === HTTPS_PORT
  return keepAcmeCertificates({
    directoryUrl: source.directory,
    ...(source.email === undefined ? {} : { email: source.email }),
    directory: options.directory,
    points: options.points,
    challenges: overTls ? ['tls-alpn-01', 'http-01'] : ['http-01', 'tls-alpn-01'],
    ...{ hosts, onChange, now, log },
    registry: options.registry,
    chance: options.chance,
  })
}
