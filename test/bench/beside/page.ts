// A page of fifty rows out of SQL: computed for each visitor and from memory, beside nginx + php-fpm + SQLite and Hono on Node with
// `node:sqlite`. The rows and the bytes of the page are the same; ours also carries its evidence, two kilobytes of headers, and the bar's element.
//
// Ours is computed anew whenever the address is (`?n=…`); php-fpm and Hono compute each time they are asked, nginx remembers only where
// its FastCGI cache is on.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exchange } from '#cli/network/http.ts'
import { debianProgram, npmModule, treeCpuMs } from '#test/bench/beside/program.ts'
import { type Side, sideBySide, sizesOf, withoutBar } from '#test/bench/beside/sides.ts'
import { rowsDatabase, startNginx, startPhp, toPhp } from '#test/bench/beside/web.ts'
import type { Target } from '#test/bench/client.ts'
import { startGroup } from '#test/bench/group.ts'
import { startPeer } from '#test/bench/processes.ts'
import type { Bench } from '#test/bench/report.ts'

const COLD = { connections: 8, rounds: 5, roundMs: 1_500, warmMs: 8_000 }
const CACHED = { connections: 16, rounds: 5, roundMs: 1_000, warmMs: 1_000 }

export const pageBeside: Bench = async ({ note, quick }) => {
  const modules = {
    hono: npmModule('hono', join('dist', 'index.js')),
    server: npmModule('@hono/node-server', join('dist', 'index.mjs')),
  }
  for (const name of ['nginx-light', 'php-fpm'] as const) debianProgram(name)
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const database = rowsDatabase(directory)
  const php = await startPhp(directory)
  stack.use(php.program)
  const nginx = await startNginx(
    directory,
    `location = /cached {
      ${toPhp(php.socket, directory, database)}
      fastcgi_cache rows;
      fastcgi_cache_key $request_uri;
      fastcgi_cache_valid 200 1h;
    }
    location / {
      ${toPhp(php.socket, directory, database)}
    }`,
    `fastcgi_cache_path ${join(directory, 'cached')} keys_zone=rows:1m;`,
  )
  stack.use(nginx.program)
  const hono = stack.use(await startPeer('hono', { database, ...modules }))
  const group = stack.use(await startGroup())
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')

  const side = (name: string, target: Target, host: string, path: (index: number) => string, pid: number[]): Side => ({
    name,
    targets: [target],
    status: 200,
    request: (index) => `GET ${path(index)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    cpuMs: () => pid.reduce((sum, each) => sum + treeCpuMs(each), 0),
  })
  const at = ({ host, port }: Target): string => `${host}:${port}`
  const honoTarget = { host: '127.0.0.1', port: Number(hono.ready.port) }
  let fresh = 0
  const anew = (): string => `/rows?n=${fresh++}`
  const same = (): string => '/rows'
  const phpPids = [nginx.program.pid, php.program.pid]
  const ours = (path: () => string): Side =>
    side('ours', group.target(seeder), group.host(seeder), path, [seeder.ready.pid])
  const viaPhp = side('nginx + php-fpm', nginx.target, at(nginx.target), same, phpPids)
  const viaHono = side('Hono on Node', honoTarget, at(honoTarget), same, [hono.pid])
  const remembered = side('nginx with its cache of php-fpm', nginx.target, at(nginx.target), () => '/cached', phpPids)

  const bodies: string[] = []
  const ourPage = `http://${group.host(seeder)}/rows`
  for (const url of [
    ourPage,
    `http://${at(nginx.target)}/rows`,
    `http://${at(nginx.target)}/cached`,
    `http://${at(honoTarget)}/rows`,
  ]) {
    const answer = await exchange(url)
    if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}: ${answer.body}`)
    const page = answer.body.toString()
    bodies.push(url === ourPage ? withoutBar(page) : page)
  }
  if (new Set(bodies).size !== 1)
    throw new Error(`they send different pages: ${JSON.stringify(bodies.map((body) => body.slice(0, 300)))}`)
  note(`the same page of ${bodies[0]?.length} bytes from each`)

  return [
    ...(await sideBySide('dynamic page, computed', ours(anew), [viaPhp, viaHono], sizesOf(COLD, quick))),
    ...(await sideBySide(
      'dynamic page, from memory',
      ours(same),
      [viaPhp, viaHono, remembered],
      sizesOf(CACHED, quick),
    )),
  ]
}
