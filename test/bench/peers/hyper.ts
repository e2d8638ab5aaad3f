// hyper-gateway with one page published in a drive of its own. It joins no swarm: what it serves lies on its disk.

import { pathToFileURL } from 'node:url'
import { answering, argument } from './answer.ts'

type Create = (options: {
  readonly port: number
  readonly writable: boolean
  readonly silent: boolean
  readonly storage: string
  readonly hyperOpts: object
}) => Promise<unknown>

const { module, storage, port, page } = argument<{
  readonly module: string
  readonly storage: string
  readonly port: number
  readonly page: string
}>()
const { create } = (await import(pathToFileURL(module).href)) as { readonly create: Create }
await create({
  port,
  writable: true,
  silent: true,
  storage,
  hyperOpts: { autoJoin: false, swarmOpts: { bootstrap: [] } },
})
const origin = `http://127.0.0.1:${port}`
const made = await fetch(`${origin}/hyper/localhost/?key=bench`, { method: 'POST' })
const drive = (await made.text()).replace('hyper://', '/hyper/')
const put = await fetch(`${origin}${drive}about.html`, { method: 'PUT', body: page })
if (!put.ok) throw new Error(`hyper-gateway does not take the page: ${put.status}`)
answering({ path: `${drive}about.html` }, () => ({}))
