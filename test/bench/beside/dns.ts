// Names over HTTPS (RFC 8484): the gateway on workerd and on Node beside unbound, which is asked over HTTP/2 without TLS as it has nothing else.
// As many questions are under way at each; what a client costs differs, so the CPU of the servers tells them apart.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TYPE } from '#protocol/dns/constants.ts'
import { debianProgram, freePort, type Program, startProgram, treeCpuMs } from '#test/bench/beside/program.ts'
import { sizesOf } from '#test/bench/beside/sides.ts'
import { load } from '#test/bench/client.ts'
import { startWarmGateway, startWarmNodeGateway } from '#test/bench/redirect.ts'
import { type Bench, compared } from '#test/bench/report.ts'
import { base64url, queryOf } from '#test/support/dns.ts'
import { until } from '#test/support/until.ts'

const UNDER_WAY = 16
const SIZES = { connections: UNDER_WAY, rounds: 6, roundMs: 1_000, warmMs: 1_500 }
const READY_MS = 20_000
const HTTP2_TABLE = { enablePush: false } as const
const PATH = `/dns-query?dns=${base64url(queryOf('wiki.peer', TYPE.A))}`

type Asked = { readonly perSecond: number; readonly cpuUs: number }
type Server = {
  readonly name: string
  ask(durationMs: number): Promise<{ answers: number; perSecond: number }>
  cpuMs(): number
}

function overHttp1(name: string, port: number, pid: number): Server {
  const text = `GET ${PATH} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/dns-message\r\n\r\n`
  return {
    name,
    ask: (durationMs) =>
      load([{ host: '127.0.0.1', port }], {
        connections: UNDER_WAY,
        durationMs,
        status: 200,
        request: () => text,
      }),
    cpuMs: () => treeCpuMs(pid),
  }
}

/** One question; its answer's first bytes were looked at. */
function question(session: ClientHttp2Session): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let status: number | undefined
  session
    .request({ ':path': PATH, accept: 'application/dns-message' })
    .on('response', (headers) => {
      status = headers[':status']
    })
    .on('error', reject)
    .on('data', () => {})
    .on('end', () => (status === 200 ? resolve() : reject(new Error(`unbound answers ${status}`))))
    .end()
  return promise
}

function overHttp2(name: string, port: number, pid: number): Server {
  return {
    name,
    async ask(durationMs) {
      const sessions = Array.from({ length: UNDER_WAY }, () =>
        connect(`http://127.0.0.1:${port}`, { settings: HTTP2_TABLE }),
      )
      const began = performance.now()
      let answers = 0
      await Promise.all(
        sessions.map(async (session) => {
          for (; performance.now() - began < durationMs; answers++) await question(session)
        }),
      )
      const seconds = (performance.now() - began) / 1_000
      for (const session of sessions) session.destroy()
      return { answers, perSecond: answers / seconds }
    },
    cpuMs: () => treeCpuMs(pid),
  }
}

async function startUnbound(directory: string): Promise<{ readonly program: Program; readonly port: number }> {
  const port = await freePort()
  const config = join(directory, 'unbound.conf')
  writeFileSync(
    config,
    `server:
  directory: "${directory}"
  chroot: ""
  username: ""
  pidfile: "${join(directory, 'unbound.pid')}"
  do-daemonize: no
  use-syslog: no
  verbosity: 0
  num-threads: 2
  interface: 127.0.0.1@${port}
  https-port: ${port}
  http-notls-downstream: yes
  access-control: 127.0.0.0/8 allow
  local-zone: "peer." static
  local-data: "wiki.peer. 15 IN A 192.0.2.1"
remote-control:
  control-enable: no
`,
  )
  const program = await startProgram({
    command: debianProgram('unbound'),
    arguments: ['-d', '-c', config],
    ready: { file: join(directory, 'unbound.pid') },
  })
  await until(
    'unbound answers',
    async () => {
      const session = connect(`http://127.0.0.1:${port}`, { settings: HTTP2_TABLE })
      session.on('error', () => {})
      return question(session)
        .then(
          () => true,
          () => false,
        )
        .finally(() => session.destroy())
    },
    READY_MS,
  )
  return { program, port }
}

export const dnsBeside: Bench = async ({ note, quick }) => {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const unbound = await startUnbound(directory)
  stack.use(unbound.program)
  const gateway = stack.use(await startWarmGateway(directory, note))
  const onNode = stack.use(await startWarmNodeGateway(directory, note))
  const servers: readonly Server[] = [
    overHttp1('on workerd', gateway.port, gateway.pid),
    overHttp1('on Node', onNode.port, onNode.pid),
    overHttp2('unbound', unbound.port, unbound.program.pid),
  ]
  const rounds = new Map<string, Asked[]>(servers.map(({ name }) => [name, []]))
  const sizes = sizesOf(SIZES, quick)
  for (const { ask } of servers) await ask(sizes.warmMs)
  for (let round = 0; round < sizes.rounds; round++)
    for (let index = 0; index < servers.length; index++) {
      const each = servers[(index + round) % servers.length]
      if (each === undefined) throw new Error('there is a server')
      const before = each.cpuMs()
      const { answers, perSecond } = await each.ask(sizes.roundMs)
      rounds.get(each.name)?.push({ perSecond, cpuUs: (1_000 * (each.cpuMs() - before)) / answers })
    }
  const paired = (name: string, figure: keyof Asked) =>
    (rounds.get(name) ?? []).map((ours, round) => ({
      ours: ours[figure],
      peer: rounds.get('unbound')?.[round]?.[figure] ?? Number.NaN,
    }))
  return ['on workerd', 'on Node'].flatMap((name) => [
    compared(`names over HTTPS ${name}, against unbound`, 'answers/s', paired(name, 'perSecond')),
    compared(`names over HTTPS ${name}, CPU, against unbound`, 'µs/answer', paired(name, 'cpuUs')),
  ])
}
