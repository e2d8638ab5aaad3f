// A refusal on the wire: `{code, message, …numbers}` for machines, a page for people.

import type { Context } from 'hono'
import { type GatewayError, messageOf, statusOf } from '#gateway/http/errors.ts'
import { foreignHeaders, PAGE_POLICY, pagePolicy, wantsPage } from '#gateway/http/headers.ts'
import { errorPage } from '#gateway/pages/error.ts'
import { RETRY_AFTER_SECONDS } from '#gateway/settings.ts'
import { SOCKET_VERSION } from '#protocol/socket/handshake.ts'

/** `base`: the gateway's own address, where the host of the request is a site's. */
export function refuse(context: Context, error: GatewayError, base = ''): Response | Promise<Response> {
  const status = statusOf(error)
  context.set('refused', error.code)
  const { method } = context.req
  const again = method === 'GET' || method === 'HEAD'
  context.header('Cache-Control', 'no-store')
  context.header('Vary', 'Accept', { append: true })
  if (status === 503 || status === 429) context.header('Retry-After', String(RETRY_AFTER_SECONDS))
  if (error.code === 'method_not_allowed') context.header('Allow', error.allow)
  if (error.code === 'socket_version') context.header('Sec-WebSocket-Version', SOCKET_VERSION)
  // RFC 7725 §4: whose doing it is.
  if (error.code === 'denied') context.header('Link', `<${error.appeal}>; rel="blocked-by"`, { append: true })
  if (base !== '') for (const [name, value] of foreignHeaders()) context.header(name, value)
  if (!wantsPage(context.req.header('Accept'))) return context.json({ ...error, message: messageOf(error) }, status)
  if (base !== '') context.header('Content-Security-Policy', pagePolicy(base))
  else if (status === 503 && again) context.header('Content-Security-Policy', pagePolicy("'self'"))
  else context.header('Content-Security-Policy', PAGE_POLICY)
  return context.html(errorPage(error, { base, again }), status)
}
