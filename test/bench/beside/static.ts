// A file of 10 KB that is a page: beside nginx, Caddy and hyper-gateway, which serves it from a drive on its own disk. The bytes are
// the same; ours also carries its evidence, and the bar's element.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exchange } from '#cli/network/http.ts'
import { debianProgram, freePort, npmModule, treeCpuMs } from '#test/bench/beside/program.ts'
import { type Side, sideBySide, sizesOf, withoutBar } from '#test/bench/beside/sides.ts'
import { startCaddy, startNginx } from '#test/bench/beside/web.ts'
import type { Target } from '#test/bench/client.ts'
import { startGroup, staticPage } from '#test/bench/group.ts'
import { startPeer } from '#test/bench/processes.ts'
import type { Bench } from '#test/bench/report.ts'

const SIZES = { connections: 16, rounds: 5, roundMs: 1_000, warmMs: 1_000 }

export const staticBeside: Bench = async ({ note, quick }) => {
  const module = npmModule('hyper-gateway', join('src', 'index.js'))
  npmModule('debug', 'package.json')
  for (const name of ['nginx-light', 'caddy'] as const) debianProgram(name)
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const page = staticPage()
  const folder = join(directory, 'files')
  mkdirSync(folder)
  writeFileSync(join(folder, 'about.html'), page)

  const nginx = await startNginx(directory, `root ${folder};`)
  stack.use(nginx.program)
  const caddy = await startCaddy(directory, folder)
  stack.use(caddy.program)
  const port = await freePort()
  const hyper = stack.use(await startPeer('hyper', { module, storage: join(directory, 'hyper'), port, page }))
  const group = stack.use(await startGroup())
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')

  const side = async (name: string, target: Target, path: string, pid: number, host?: string): Promise<Side> => {
    const named = host ?? `${target.host}:${target.port}`
    const answer = await exchange(`http://${named}${path}`)
    const sent = answer.body.toString()
    if (answer.status !== 200 || (host === undefined ? sent : withoutBar(sent)) !== page)
      throw new Error(`${name} does not send the page: ${answer.status} ${answer.headers.location ?? ''}`)
    return {
      name,
      targets: [target],
      status: 200,
      request: () => `GET ${path} HTTP/1.1\r\nHost: ${named}\r\n\r\n`,
      cpuMs: () => treeCpuMs(pid),
    }
  }
  const ours = await side('ours', group.target(seeder), '/about', seeder.ready.pid, group.host(seeder))
  const others = [
    await side('nginx', nginx.target, '/about.html', nginx.program.pid),
    await side('Caddy', caddy.target, '/about.html', caddy.program.pid),
    await side('hyper-gateway', { host: '127.0.0.1', port }, String(hyper.ready.path), hyper.pid),
  ]
  note(`the same page of ${page.length} bytes from each`)
  return await sideBySide('static page', ours, others, sizesOf(SIZES, quick))
}
