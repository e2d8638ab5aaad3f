// What a tunnel costs: the same member asked at its own port, and through the sites domain of a gateway (workerd, its Durable Object, the
// member's WebSocket, every signature and chunk checked). Small answers, large ones, and small ones beside eight large ones. Beside them the bare
// way of a tunnel, which is the limit of anything that is made of these parts (bare-tunnel.ts).

import { exchange } from '#cli/network/http.ts'
import { startBareTunnel } from '#test/bench/bare-tunnel.ts'
import { type Load, load, type Target } from '#test/bench/client.ts'
import { BLOB_BYTES, SITE, serving, startGroup } from '#test/bench/group.ts'
import { type Bench, compared, median } from '#test/bench/report.ts'
import { startGatewayOf } from '#test/support/gateway.ts'
import { until } from '#test/support/until.ts'

const ROUNDS = 6
const ROUND_MS = 1_000
const WARM_MS = 2_000
const BULK_STREAMS = 8
const TUNNELS_MS = 60_000
const MEGABYTE = 1e6
/** Of an answer with its headers, receipt and certificate. */
const ANSWER_BYTES = 6_000
const PEERS = [
  ['direct', 'direct'],
  ['bare', 'the bare way'],
] as const

/** Where the site is asked for: an address to connect to, and the name by which it is known there. */
type Way = { readonly target: Target; readonly host: string }

function requestTo(way: Way, path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${way.host}\r\nAccept: */*\r\nInterpeer-Client: 1\r\n\r\n`
}

function asked(way: Way, path: string, connections: number, durationMs: number): Promise<Load> {
  return load([way.target], { connections, durationMs, status: 200, request: () => requestTo(way, path) })
}

export const tunnel: Bench = async ({ note }) => {
  await using stack = new AsyncDisposableStack()
  const group = stack.use(await startGroup(['--reach', 'tunnel']))
  const { seeders } = group
  const gateway = stack.use(await startGatewayOf(seeders))
  const [seeder] = seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')
  await serving(seeders, [SITE])
  const port = Number(new URL(gateway.url).port)
  const direct: Way = { target: group.target(seeder), host: group.host(seeder) }
  const through: Way = { target: { host: '127.0.0.1', port }, host: `${SITE}.sites.localhost:${port}` }
  await until(
    'the site through a tunnel',
    async () => (await exchange(`http://${through.host}/page`)).status === 200,
    TUNNELS_MS,
  )
  const results = []

  const bare = stack.use(await startBareTunnel({ small: ANSWER_BYTES, large: BLOB_BYTES }))
  const limit: Way = { target: bare.target, host: 'far' }

  for (const connections of [1, 16]) {
    const rounds: { ours: Load; direct: Load; bare: Load }[] = []
    const round = async (durationMs: number): Promise<(typeof rounds)[number]> => ({
      ours: await asked(through, '/page', connections, durationMs),
      direct: await asked(direct, '/page', connections, durationMs),
      bare: await asked(limit, '/small', connections, durationMs),
    })
    await round(WARM_MS)
    for (let index = 0; index < ROUNDS; index++) rounds.push(await round(ROUND_MS))
    const of = (figure: 'p50Ms' | 'perSecond', peer: 'direct' | 'bare') =>
      rounds.map((each) => ({ ours: each.ours[figure], peer: each[peer][figure] }))
    const what = `3 KB page through a tunnel, ${connections} connection${connections === 1 ? '' : 's'}`
    for (const [peer, name] of PEERS) {
      results.push(compared(`${what}, p50, against ${name}`, 'ms', of('p50Ms', peer)))
      results.push(compared(`${what}, against ${name}`, 'requests/s', of('perSecond', peer)))
      const more = median(rounds.map((each) => each.ours.p50Ms - each[peer].p50Ms))
      note(`${what}: ${more.toFixed(2)} ms more than ${name} at the median`)
    }
  }

  const megabytes = ({ perSecond }: Load): number => (perSecond * BLOB_BYTES) / MEGABYTE
  const bulk: { ours: number; direct: number; bare: number }[] = []
  for (let round = 0; round < ROUNDS; round++)
    bulk.push({
      ours: megabytes(await asked(through, '/photo.jpg', 1, ROUND_MS)),
      direct: megabytes(await asked(direct, '/photo.jpg', 1, ROUND_MS)),
      bare: megabytes(await asked(limit, '/large', 1, ROUND_MS)),
    })
  for (const [peer, name] of PEERS)
    results.push(
      compared(
        `1 MB file through a tunnel, 1 connection, against ${name}`,
        'MB/s',
        bulk.map((each) => ({ ours: each.ours, peer: each[peer] })),
      ),
    )

  const besideBulk = async (way: Way, small: string, large: string): Promise<Load> => {
    const both = [asked(way, small, 1, ROUND_MS), asked(way, large, BULK_STREAMS, ROUND_MS)] as const
    const [beside] = await Promise.all(both)
    return beside
  }
  const starved: { alone: Load; beside: Load; bare: Load }[] = []
  for (let round = 0; round < ROUNDS; round++)
    starved.push({
      alone: await asked(through, '/page', 1, ROUND_MS),
      beside: await besideBulk(through, '/page', '/photo.jpg'),
      bare: await besideBulk(limit, '/small', '/large'),
    })
  const small = `3 KB page beside ${BULK_STREAMS} streams of 1 MB through a tunnel`
  for (const [name, figure] of [
    ['p50', 'p50Ms'],
    ['p99', 'p99Ms'],
  ] as const)
    for (const [peer, against] of [
      ['alone', 'alone'],
      ['bare', 'beside as many the bare way'],
    ] as const)
      results.push(
        compared(
          `${small}, ${name}, against ${against}`,
          'ms',
          starved.map((each) => ({ ours: each.beside[figure], peer: each[peer][figure] })),
        ),
      )
  return results
}
