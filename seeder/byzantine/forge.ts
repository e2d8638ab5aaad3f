// Sites whose receipts and certificates are made up: what a visitor that checks must refuse, and an auditor can prove.

import { bytesConcat } from '#protocol/codec/bytes.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import type { Signature } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'

/** One signature of the second quorum is not of its voter. */
function forgedCert(cert: Cert): Cert {
  const votes = cert.qc2.votes.map(([index, signature], at) => {
    const forged = signature.slice() as Signature
    if (at === 0) forged[0] = (forged[0] ?? 0) ^ 1
    return [index, forged] as const
  })
  return { ...cert, qc2: { ...cert.qc2, votes } }
}

function forgingSite(honest: HostedSite): HostedSite {
  return {
    job: honest.job,
    name: honest.name,
    group: honest.group,
    head: () => honest.head(),
    status: () => honest.status(),
    read: (at, asked) => honest.read(at, asked),
    async submit(request, body) {
      const outcome = await honest.submit(request, body)
      return 'cert' in outcome ? { ...outcome, cert: forgedCert(outcome.cert) } : outcome
    },
    /** Signed by this member's own key, for a state that was never certified. */
    receipt: (body) =>
      honest.receipt({
        ...body,
        state_root: cidFromDigest(CODEC_DAG_PB, taggedHash('forged state', bytesConcat(body.state_root))),
      }),
    certificate: (height) => {
      const cert = honest.certificate(height)
      return cert === undefined ? undefined : forgedCert(cert)
    },
    file: (stateRoot, path) => honest.file(stateRoot, path),
    logs: (options) => honest.logs(options),
    onHead: (listener) => honest.onHead(listener),
  }
}

export function forgingSites(honest: HostedSites): HostedSites {
  const forging = new WeakMap<HostedSite, HostedSite>()
  const forged = (site: HostedSite): HostedSite => {
    const known = forging.get(site) ?? forgingSite(site)
    forging.set(site, known)
    return known
  }
  return {
    byName(name) {
      const site = honest.byName(name)
      return site === undefined ? undefined : forged(site)
    },
    all: () => honest.all().map(forged),
    onChange: (listener) => honest.onChange(listener),
  }
}
