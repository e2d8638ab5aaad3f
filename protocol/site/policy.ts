// The content policy of a site that asked for a strict one (F48): its pages load nothing from outside the site and send nothing there. It is
// part of every answer of the site, by its script and of its files, and so of what is certified: no member can leave it out unseen.

import { type SiteManifest, STRICT_CSP } from '#protocol/site/manifest.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

export const POLICY_HEADER = 'content-security-policy'

/** CSP level 3. What a page itself says stays allowed; what it would fetch, frame or post elsewhere does not. */
export const STRICT_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "media-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
].join('; ')

/** What every answer of the site has beside its own headers. */
export function policyOf(manifest: SiteManifest | undefined): Headers {
  return manifest?.csp === STRICT_CSP ? [[POLICY_HEADER, STRICT_POLICY]] : []
}
