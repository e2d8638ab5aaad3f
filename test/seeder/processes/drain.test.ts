// F28 A seeder that is told to stop under load: visitors, new and with connections kept alive, readers and writers, see no broken
// connection, and what was acknowledged is there once.

import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { localhostLookup } from '#cli/network/http.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'lines'
const VISITORS = 12
const REDIRECTS_MAX = 8

type Answer = { readonly status: number; readonly location: string | undefined; readonly text: string }

/** One exchange as a plain client has it: whatever breaks is an error. */
function once(agent: Agent, url: string, body: string | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const outgoing = request(url, { agent, lookup: localhostLookup, method: body === undefined ? 'GET' : 'POST' })
  outgoing.on('error', reject)
  outgoing.on('response', (incoming) => {
    let text = ''
    incoming.on('data', (chunk) => {
      text += chunk
    })
    incoming.on('error', reject)
    incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, location: incoming.headers.location, text }))
  })
  outgoing.end(body)
  return promise
}

test('F28 a stop under load breaks no connection: visitors are sent on, requests under way end', async () => {
  await using seeders = await startSeeders()
  await seeders.publish(join(import.meta.dirname, SITE))
  const [leaver, other] = seeders.all
  assert.ok(leaver && other)
  const home = await until('the origin', async () => {
    const sites = await Promise.all(seeders.all.map((seeder) => seeder.site(SITE)))
    return sites.every((site) => (site?.height ?? 0) > 0) ? sites[0]?.origin : undefined
  })
  const acknowledged: string[] = []
  const statuses = new Map<number, number>()
  const broken: string[] = []
  let sentOn = 0
  let over = false
  const visitors = Array.from({ length: VISITORS }, async (_, visitor) => {
    using agent = Object.assign(new Agent({ keepAlive: visitor % 2 === 0 }), {
      [Symbol.dispose]: () => agent.destroy(),
    }) as Agent & Disposable
    let origin = home
    for (let count = 0; !over; count++) {
      const line = (visitor + count) % 3 === 0 ? undefined : `${visitor}-${count}`
      try {
        let answer = await once(agent, `${origin}/`, line)
        for (let hop = 0; answer.status === 307 && hop < REDIRECTS_MAX; hop++) {
          origin = new URL(answer.location ?? '').origin
          sentOn++
          answer = await once(agent, `${origin}/`, line)
        }
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status === 201 && line !== undefined) acknowledged.push(line)
      } catch (cause) {
        broken.push(`visitor ${visitor} request ${count}: ${(cause as Error).message}`)
        origin = (await other.site(SITE))?.origin ?? origin
      }
    }
  })
  await until('load', () => acknowledged.length > 50)
  leaver.kill('SIGTERM')
  assert.equal(await leaver.exited, 0)
  const before = acknowledged.length
  await until('more after it left', () => acknowledged.length > before + 20)
  over = true
  await Promise.all(visitors)
  assert.deepEqual(broken, [])
  assert.ok(sentOn >= VISITORS, `${sentOn} were sent on`)
  assert.deepEqual([...statuses.keys()].sort(), [200, 201], JSON.stringify([...statuses]))
  const lines = JSON.parse((await other.ask(SITE, '/')).body.toString()) as string[]
  assert.deepEqual([...lines].sort(), [...acknowledged].sort())
})
