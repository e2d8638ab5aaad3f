// `robots.txt` of a seeder's own origin: there is nothing to index. The sites have origins, and rules, of their own.

import type { IncomingMessage, ServerResponse } from 'node:http'

const TEXT = 'User-agent: *\nDisallow: /\n'

/** False: not its business. */
export function answerRobots({ method, url }: IncomingMessage, response: ServerResponse): boolean {
  if (url !== '/robots.txt' || (method !== 'GET' && method !== 'HEAD')) return false
  response.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': TEXT.length,
    'cache-control': 'public, max-age=86400',
  })
  response.end(method === 'HEAD' ? undefined : TEXT)
  return true
}
