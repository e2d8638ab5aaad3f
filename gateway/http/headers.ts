// Headers that every answer of the gateway itself carries. Redirects to sites are bare: the hot path pays for each header.

import type { MiddlewareHandler } from 'hono'

/** No script runs here. What looks at the page from within, as Lighthouse does, may read `robots.txt` beside it. */
export const PAGE_POLICY =
  "default-src 'none'; connect-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function securityHeaders(isHttps: boolean): MiddlewareHandler {
  return async (context, next) => {
    await next()
    const { headers } = context.res
    headers.set('X-Content-Type-Options', 'nosniff')
    headers.set('Referrer-Policy', 'strict-origin-when-cross-origin')
    if (isHttps) headers.set('Strict-Transport-Security', 'max-age=31536000')
    if (headers.get('Content-Type')?.startsWith('text/html') === true) {
      if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', PAGE_POLICY)
      headers.set('X-Frame-Options', 'DENY')
      headers.set('Cross-Origin-Opener-Policy', 'same-origin')
      headers.set('Permissions-Policy', 'camera=(), geolocation=(), microphone=()')
    }
  }
}

/** True for clients that ask for a page: browsers do, `curl` and programs do not. */
export function wantsPage(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/html') === true
}
