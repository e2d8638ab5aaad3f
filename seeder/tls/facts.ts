// What an operator is told of a seeder's HTTPS: at `/status`, to Prometheus, by the doctor.

import type { Registry } from '#protocol/metrics/registry.ts'
import type { CertificateFacts, CertificateProblem, Certificates } from '#seeder/tls/port.ts'

export type HttpsFacts = {
  readonly name: string
  /** Listened on. */
  readonly port: number
  readonly certificates: readonly CertificateFacts[]
  readonly problems: readonly CertificateProblem[]
  /** Gateways that send nobody to some of its origins, with why. */
  readonly unproven: readonly { readonly gateway: string; readonly reason: string }[]
}

export type HttpsParts = {
  readonly registry: Registry
  readonly name: string
  readonly port: number
  readonly certificates: Certificates
  readonly unproven: ReadonlyMap<string, string>
}

export function observeHttps({ registry, name, port, certificates, unproven }: HttpsParts): () => HttpsFacts {
  registry.observed(
    'interpeer_certificate_not_after_timestamp_seconds',
    'When a certificate that visitors are shown ends, in seconds since the epoch.',
    ['name'],
    () =>
      certificates
        .certificates()
        .map(({ names: [first = ''], notAfter }) => ({ labels: [first], value: notAfter / 1000 })),
  )
  registry.observed(
    'interpeer_certificate_problems',
    'Hosts without a certificate that holds, and why.',
    ['code'],
    () => {
      const counts = new Map<string, number>()
      for (const { code } of certificates.problems()) counts.set(code, (counts.get(code) ?? 0) + 1)
      return [...counts].map(([code, value]) => ({ labels: [code], value }))
    },
  )
  registry.observed('interpeer_https_unproven_gateways', 'Gateways that send nobody to some HTTPS origin.', [], () => [
    { labels: [], value: unproven.size },
  ])
  return () => ({
    ...{ name, port },
    certificates: certificates.certificates(),
    problems: certificates.problems(),
    unproven: Array.from(unproven, ([gateway, reason]) => ({ gateway, reason })),
  })
}
