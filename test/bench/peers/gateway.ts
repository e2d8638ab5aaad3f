// Our gateway on Node: the app and the hot path that workerd runs, with registrations in memory that members renew.

import { pathToFileURL } from 'node:url'
import { hotRedirect } from '#gateway/redirect/redirect.ts'
import { RENEW_MS } from '#gateway/settings.ts'
import { scene } from '#test/gateway/scene.ts'
import { answering, argument } from './answer.ts'

type Serve = (
  options: { readonly fetch: (request: Request) => unknown; readonly port: number; readonly hostname: string },
  listening: (info: { readonly port: number }) => void,
) => void

const { server, members } = argument<{ readonly server: string; readonly members: readonly string[] }>()
const { serve } = (await import(pathToFileURL(server).href)) as { readonly serve: Serve }
const clock = {
  get now() {
    return Date.now()
  },
}
const at = await scene({ clock })
const register = async (): Promise<void> => {
  for (const member of members) {
    const answer = await at.register(member)
    if (!answer.ok) throw new Error(await answer.text())
  }
}
await register()
setInterval(() => void register(), RENEW_MS)
const fetch = ({ url }: Request): unknown => {
  const from = url.indexOf('/', 8)
  return hotRedirect(at.gateway.locations, url, Date.now()) ?? at.ask(url.slice(from))
}
serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => answering({ port }, () => ({})))
