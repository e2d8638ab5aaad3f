// Headers that every answer of the gateway itself carries. Redirects to sites are bare: the hot path pays for each header.

import type { MiddlewareHandler } from 'hono'

/** `script`: whose script may run, `'none'` or a source; it asks this origin alone. What looks at a page from within, as Lighthouse does, may read `robots.txt` beside it. */
function policy(own: string, script: string): string {
  return `default-src 'none'; script-src ${script}; connect-src 'self'; style-src ${own}; img-src ${own}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`
}

/** No script runs here. */
export const PAGE_POLICY = policy("'self'", "'none'")

/** Our one script runs here. `own`: where it, the style and the icon come from. */
export function pagePolicy(own: string): string {
  return policy(own, own)
}

export function securityHeaders(isHttps: boolean): MiddlewareHandler {
  return async (context, next) => {
    await next()
    const { headers } = context.res
    for (const [name, value] of foreignHeaders()) headers.set(name, value)
    if (isHttps) headers.set('Strict-Transport-Security', 'max-age=31536000')
    if (headers.get('Content-Type')?.startsWith('text/html') === true) {
      if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', PAGE_POLICY)
      headers.set('X-Frame-Options', 'DENY')
      headers.set('Cross-Origin-Opener-Policy', 'same-origin')
      headers.set('Permissions-Policy', 'camera=(), geolocation=(), microphone=()')
    }
  }
}

/** Of an answer of ours at any host, a site's too. */
export function foreignHeaders(): readonly (readonly [name: string, value: string])[] {
  return [
    ['X-Content-Type-Options', 'nosniff'],
    ['Referrer-Policy', 'strict-origin-when-cross-origin'],
  ]
}

/** True for clients that ask for a page: browsers do, `curl` and programs do not. */
export function wantsPage(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/html') === true
}
