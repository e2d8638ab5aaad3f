// A refusal on the wire: `{code, message, …numbers}` for machines, a page for people.

import type { Context } from 'hono'
import { type GatewayError, messageOf, statusOf } from '#gateway/http/errors.ts'
import { wantsPage } from '#gateway/http/headers.ts'
import { errorPage, type Further } from '#gateway/pages/error.ts'
import { RETRY_AFTER_SECONDS } from '#gateway/settings.ts'

export function refuse(context: Context, error: GatewayError): Response | Promise<Response> {
  const status = statusOf(error)
  context.header('Cache-Control', 'no-store')
  context.header('Vary', 'Accept', { append: true })
  if (status === 503 || status === 429) context.header('Retry-After', String(RETRY_AFTER_SECONDS))
  if (error.code === 'method_not_allowed') context.header('Allow', error.allow)
  // RFC 7725 §4: whose doing it is.
  if (error.code === 'denied') context.header('Link', `<${error.appeal}>; rel="blocked-by"`, { append: true })
  if (wantsPage(context.req.header('Accept')))
    return context.html(errorPage(status, messageOf(error), furtherOf(error)), status)
  return context.json({ ...error, message: messageOf(error) }, status)
}

/** What a page says beside the sentence. */
function furtherOf(error: GatewayError): readonly Further[] {
  if (error.code !== 'denied') return []
  const source = error.reference === undefined ? [] : [{ text: 'What it rests on', url: error.reference }]
  return [
    ...source,
    { text: 'Object to this', url: error.appeal },
    { text: 'All that this gateway denies', url: '/deny' },
  ]
}
