// env.ASSETS: the static files of the bundle, answered as the seeder itself would.

import { hostJson, stateHost } from '#seeder/execute/guest/host.ts'
import { Request } from '#seeder/execute/guest/request.ts'
import { Response } from '#seeder/execute/guest/response.ts'
import { URL } from '#seeder/execute/guest/url.ts'

type Resolved = { status: number; headers: [string, string][]; path: string | null }

export class Assets {
  readonly #base: string

  /** `base`: an address of the site, against which paths are read. */
  constructor(base: string) {
    this.#base = base
  }

  async fetch(input: unknown, init?: ConstructorParameters<typeof Request>[1]): Promise<Response> {
    const request = new Request(input instanceof Request ? input : new URL(String(input), this.#base), init)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } })
    const { pathname, search } = new URL(request.url)
    const { status, headers, path } = hostJson<Resolved>('assets.resolve', { path: pathname, search })
    const etag = headers.find(([name]) => name === 'etag')?.[1]
    if (status === 200 && etag !== undefined && request.headers.get('if-none-match') === etag) {
      return new Response(null, { status: 304, headers })
    }
    if (path === null || request.method === 'HEAD') return new Response(null, { status, headers })
    return new Response(stateHost('assets.get', { path }) as ArrayBuffer, { status, headers })
  }
}
