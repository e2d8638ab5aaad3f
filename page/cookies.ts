// Cookies of a site, as whoever serves it among others sends them: none is for more than its own host.
//
// A cookie with `Domain=` goes to every site under that name (RFC 6265 §5.1.3), and what lies above a site's name is every site's. A cookie is part of
// what is certified; who asks with `Interpeer-Client: 1` gets it as it is.

const DOMAIN = /^\s*domain\s*=/i

/** It is for more hosts than the one that sets it. */
export function isWide(cookie: string): boolean {
  return cookie.split(';').some((attribute, index) => index > 0 && DOMAIN.test(attribute))
}

/** The same cookie for its own host alone. */
export function hostOnly(cookie: string): string {
  return cookie
    .split(';')
    .filter((attribute, index) => index === 0 || !DOMAIN.test(attribute))
    .join(';')
}
