// A cached certified read and a file of the bundle, against bare `node:http` in a process of its own that sends the very same
// bytes under the same headers. One seeder is asked; the other three members of its group are idle beside it.

import { exchange } from '#cli/network/http.ts'
import { load, type Target } from '#test/bench/client.ts'
import { startGroup } from '#test/bench/group.ts'
import { cpuSplitMs, startPeer } from '#test/bench/processes.ts'
import { type Bench, type BenchResult, compared } from '#test/bench/report.ts'
import { until } from '#test/support/until.ts'

const WARM_MS = 1_000
const ROUND_MS = 500
const ROUNDS = 6
const CONNECTIONS = [1, 32] as const

/** As Chromium asks for a page. */
const HEADERS = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-GB,en;q=0.9',
  'Sec-Fetch-Site': 'same-origin',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Dest': 'document',
}
const CASES = [
  { name: 'cached read, 3 KB page', path: '/page' },
  { name: 'file, 10 KB', path: '/style.css' },
  { name: 'file, 1 MB', path: '/photo.jpg' },
] as const
/** Node's own, which the bare server adds as ours does. */
const NODE_HEADERS = new Set(['date', 'connection', 'keep-alive'])

type Asked = { readonly target: Target; readonly pid: number }
type Round = { readonly perSecond: number; readonly cpuUs: number }

export const read: Bench = async ({ note }) => {
  await using group = await startGroup()
  await using bare = await startPeer('http')
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')
  const ours: Asked = { target: group.target(seeder), pid: seeder.ready.pid }
  const theirs: Asked = { target: { host: '127.0.0.1', port: Number(bare.ready.port) }, pid: bare.pid }
  const host = group.host(seeder)
  const results: BenchResult[] = []
  for (const { name, path } of CASES) {
    const lines = Object.entries({ Host: host, Connection: 'keep-alive', ...HEADERS }).map(
      ([key, value]) => `${key}: ${value}`,
    )
    const text = `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
    // The second answer comes from memory, and a coding that was made is at hand.
    const answer = await until(`${path} from memory`, async () => {
      await exchange(`http://${host}${path}`, { headers: HEADERS })
      const again = await exchange(`http://${host}${path}`, { headers: HEADERS })
      return again.status === 200 ? again : undefined
    })
    const headers = answer.rawHeaders.filter(
      (_, at) => !NODE_HEADERS.has((answer.rawHeaders[at - (at % 2)] ?? '').toLowerCase()),
    )
    await bare.ask({ status: 200, headers, base64: answer.body.toString('base64') })
    const ask = async (asked: Asked, connections: number, durationMs: number): Promise<Round> => {
      const before = cpuSplitMs(asked.pid).rest
      const { perSecond, answers } = await load([asked.target], {
        connections,
        durationMs,
        status: 200,
        request: () => text,
      })
      return { perSecond, cpuUs: (1000 * (cpuSplitMs(asked.pid).rest - before)) / answers }
    }
    const cpu: { ours: number; peer: number }[] = []
    for (const connections of CONNECTIONS) {
      for (const asked of [ours, theirs]) await ask(asked, connections, WARM_MS)
      const rounds: { ours: number; peer: number }[] = []
      for (let index = 0; index < ROUNDS; index++) {
        // Who goes first alternates too: what drifts hits both.
        const first = index % 2 === 0 ? await ask(ours, connections, ROUND_MS) : undefined
        const peer = await ask(theirs, connections, ROUND_MS)
        const own = first ?? (await ask(ours, connections, ROUND_MS))
        rounds.push({ ours: own.perSecond, peer: peer.perSecond })
        cpu.push({ ours: own.cpuUs, peer: peer.cpuUs })
      }
      const result = compared(
        `${name}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
        'requests/s',
        rounds,
      )
      note(
        `${result.name}: ${result.ours.toFixed(0)} against ${result.peer?.toFixed(0)} of bare node:http (${answer.body.length} bytes, ${headers.length / 2} headers)`,
      )
      results.push(result)
    }
    results.push(compared(`${name}, CPU`, 'µs/request', cpu))
  }
  return results
}
