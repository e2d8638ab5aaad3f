// The redirect to a living member, by the gateway on workerd and by `interpeer gateway` on Node, beside workerd that answers with a constant and nginx's `return 307`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianProgram, treeCpuMs } from '#test/bench/beside/program.ts'
import { against, alternate, type Side, sizesOf } from '#test/bench/beside/sides.ts'
import { startNginx } from '#test/bench/beside/web.ts'
import { startBare, startWarmGateway, startWarmNodeGateway } from '#test/bench/redirect.ts'
import type { Bench } from '#test/bench/report.ts'

const SIZES = { connections: 16, rounds: 6, roundMs: 1_000, warmMs: 1_500 }

export const redirectBeside: Bench = async ({ note, quick }) => {
  debianProgram('nginx-light')
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const gateway = stack.use(await startWarmGateway(directory, note))
  const onNode = stack.use(await startWarmNodeGateway(directory, note))
  const bare = await startBare(directory)
  stack.defer(() => void bare.child.kill('SIGKILL'))
  const nginx = await startNginx(directory, 'location / { return 307 http://wiki.ana.localhost:8080$request_uri; }')
  stack.use(nginx.program)

  const side = (name: string, port: number, pid: number): Side => ({
    name,
    targets: [{ host: '127.0.0.1', port }],
    status: 307,
    request: (index) => `GET /wiki/page-${index % 97}?q=1 HTTP/1.1\r\nHost: gateway.example\r\nAccept: */*\r\n\r\n`,
    cpuMs: () => treeCpuMs(pid),
  })
  const ours = [side('on workerd', gateway.port, gateway.pid), side('on Node', onNode.port, onNode.pid)] as const
  const others = [
    side('bare workerd', bare.port, bare.child.pid ?? 0),
    side('nginx', nginx.target.port, nginx.program.pid),
  ] as const
  const rounds = await alternate([...ours, ...others], sizesOf(SIZES, quick))
  return ours.flatMap((our) =>
    others.flatMap((other) => {
      const both = [rounds.get(our.name), rounds.get(other.name)] as const
      return [
        against(`redirect ${our.name}, against ${other.name}`, 'requests/s', 'perSecond', ...both),
        against(`redirect ${our.name}, CPU, against ${other.name}`, 'µs/request', 'cpuUs', ...both),
      ]
    }),
  )
}
