// HTTPS of a running seeder: certificates that hold, for every site, and gateways that reach them.

import { type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import type { Scene } from '#cli/doctor/scene.ts'

const DAY_MS = 86_400_000
/** Of a certificate that the operator brings: time to bring the next one. */
const SOON_MS = 14 * DAY_MS

const FILES =
  'Bring files that fit (--certificate, --certificate-key): they are read again by themselves, or at once on SIGHUP.'
const AUTHORITY =
  'The authority has to reach this machine by that name: its DNS, and port 443 (or 80) from outside. It is tried again by itself.'

export function checkHttps({ running }: Scene): readonly Finding[] {
  const https = running?.https
  if (running === undefined || https === undefined) return []
  const { name, certificates, problems, unproven } = https
  const findings: Finding[] = problems.map(({ host, code, message }) => {
    const isWaiting = code === 'no_certificate_yet'
    const found = `${host ?? name}: ${message}`
    return trouble(
      isWaiting ? 'warn' : 'bad',
      'reach',
      'certificate',
      found,
      code === 'acme' || isWaiting ? AUTHORITY : FILES,
    )
  })
  for (const { names, notAfter, renewAt } of certificates) {
    const leftMs = notAfter - running.time
    if (renewAt !== undefined || leftMs <= 0 || leftMs > SOON_MS) continue
    const found = `the certificate for ${names.join(', ')} ends ${new Date(notAfter).toISOString()}`
    findings.push(trouble('warn', 'reach', 'certificate', found, FILES, { daysLeft: Math.floor(leftMs / DAY_MS) }))
  }
  for (const { gateway, reason } of unproven) {
    const remedy = `Visitors come another way until it does: does every name under ${name} lead to this machine, and is the port open from outside?`
    findings.push(trouble('warn', 'reach', 'https', `${gateway} does not reach ${reason}`, remedy))
  }
  if (findings.length > 0) return findings
  return [
    fine('reach', 'certificate', `${certificates.length} for ${name}, all hold`, { certificates: certificates.length }),
  ]
}
