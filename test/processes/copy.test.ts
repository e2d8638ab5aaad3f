// No living host (decision 0043): a site all of whose members are killed is shown at the sites domain as the gateway last saw it, said to be so, until
// one of them is back. Real seeders behind tunnels, the real Worker in workerd.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { verdictOf } from '#cli/verify/verify.ts'
import { LINES, SITE } from '#test/support/lines.ts'
import { type SiteCopy, siteWithFiles } from '#test/support/site-copy.ts'
import { startTunnelled, TUNNEL, type TunnelledGroup } from '#test/support/tunnelled.ts'
import { until } from '#test/support/until.ts'

const PAGE = '<!doctype html><html lang="en"><head><title>A page</title></head><body><p>A page.</p></body></html>\n'
const STYLE = 'p { color: green }\n'
const VISITED = ['/page', '/style.css', '/']
const BACK_MS = 120_000

let copy: SiteCopy
let group: TunnelledGroup
before(async () => {
  copy = siteWithFiles(LINES, { 'page.html': PAGE, 'style.css': STYLE })
  group = await startTunnelled({ name: SITE, folder: copy.folder })
})
after(async () => {
  await group?.[Symbol.asyncDispose]()
  copy?.[Symbol.dispose]()
})

const ask = (path: string, options: HttpOptions = {}): Promise<HttpAnswer> =>
  exchange(group.carried + path, { timeoutMs: 60_000, ...options })

/** Reads that members answered, none of which is under way. */
async function readsAnswered(): Promise<number | undefined> {
  let sum = 0
  for (const seeder of group.seeders.all) {
    const metrics = await seeder.metrics()
    if (!/^interpeer_tunnel_requests_under_way 0$/m.test(metrics)) return undefined
    for (const [, count] of metrics.matchAll(/^interpeer_http_requests_total\{kind="read",status="200"\} (\d+)$/gm))
      sum += Number(count)
  }
  return sum
}

async function heights(): Promise<readonly number[]> {
  return Promise.all(group.seeders.all.map(async (seeder) => (await seeder.site(SITE))?.height ?? 0))
}

test('a site whose members are all killed is shown as it last was, said to be a copy, until one is back', async () => {
  assert.equal((await ask('/', { method: 'POST', body: Buffer.from('kept') })).status, 201)
  const written = Math.max(...(await heights()))
  await until('the line at all members', async () => (await heights()).every((height) => height >= written))
  const before = await until('a quiet group', readsAnswered)
  for (const path of VISITED) {
    const answer = await ask(path)
    assert.deepEqual([answer.status, answer.headers['interpeer-copy']], [200, undefined], path)
  }
  await until(
    'its visits and what is asked behind them',
    async () => ((await readsAnswered()) ?? 0) >= before + 2 * VISITED.length,
  )
  for (const seeder of group.seeders.all) seeder.kill('SIGKILL')
  await Promise.all(group.seeders.all.map((seeder) => seeder.exited))

  const page = await ask('/page')
  assert.equal(page.status, 200, page.body.toString())
  assert.match(String(page.headers['interpeer-copy']), /^[1-9][0-9]{12}$/)
  assert.match(String(page.headers.age), /^[0-9]+$/)
  assert.equal(page.headers['cache-control'], 'no-store')
  assert.equal(page.body.toString().replace(/<script async="".*?<\/script>/, ''), PAGE)
  assert.match(page.body.toString(), / data-age="[0-9]+"/)
  assert.equal((await ask('/style.css')).body.toString(), STYLE)
  assert.equal((await ask('/')).body.toString(), '["kept"]')
  const head = await ask('/style.css', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body.length], [200, 0])

  for (const [path, options] of [
    ['/', { method: 'POST', body: Buffer.from('lost') }],
    ['/never', {}],
    ['/page?mine', {}],
  ] as const) {
    const refused = await ask(path, options)
    assert.deepEqual([refused.status, refused.headers['interpeer-copy']], [503, undefined], path)
    assert.ok(refused.headers['retry-after'])
  }
  const link = await exchange(`${group.gateway}/${SITE}/page`)
  assert.equal(link.headers['interpeer-copy'], undefined, 'links lead to hosts, never to a copy')
  if (link.status !== 307) assert.deepEqual([link.status, link.headers['retry-after']], [503, '5'])

  // Who checks is told what it is: all of it holds, but for its age.
  const verdict = await until(
    'a copy older than answers may be',
    async () => {
      const found = await verdictOf(`${group.carried}/page`, group.seeders.networkPath)
      return !found.valid && found
    },
    BACK_MS,
  )
  assert.equal(verdict.code, 'stale', JSON.stringify(verdict))

  const [first, second, third] = group.seeders.all
  assert.ok(first && second && third)
  await Promise.all([first, second, third].map((seeder) => group.seeders.restart(seeder, ...TUNNEL)))
  const back = await until(
    'an answer of a member',
    async () => {
      const answer = await ask('/page')
      return answer.status === 200 && answer.headers['interpeer-copy'] === undefined && answer
    },
    BACK_MS,
  )
  assert.equal(back.headers.age, undefined)
  assert.equal((await ask('/', { method: 'POST', body: Buffer.from('again') })).status, 201)
})
