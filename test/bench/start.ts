// `npm start` to its ready line, on an empty directory and on the one it left. Beside it what nothing can go below: a Node that
// runs nothing and a workerd that answers, one after the other.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { freePort } from '#test/bench/beside/program.ts'
import { type Bench, compared } from '#test/bench/report.ts'
import { until } from '#test/support/until.ts'

const ROUNDS = 3
const COMMAND = join(import.meta.dirname, '..', '..', 'cli', 'interpeer.js')

export const start: Bench = async ({ note }) => {
  const parent = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  try {
    const empty: { ours: number; peer: number }[] = []
    const existing: { ours: number; peer: number }[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const directory = join(parent, String(round))
      const peer = await bareStart(parent)
      empty.push({ ours: await up(directory), peer })
      existing.push({ ours: await up(directory), peer })
      note(
        `round ${round + 1} of ${ROUNDS}: ${empty.at(-1)?.ours.toFixed(1)} s, again ${existing.at(-1)?.ours.toFixed(1)} s, bare ${peer.toFixed(1)} s`,
      )
    }
    return [
      compared('start to ready, empty directory, against bare node and workerd', 's', empty),
      compared('start to ready, existing directory, against bare node and workerd', 's', existing),
    ]
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

/** Seconds until the line that says it is ready; then it is ended. */
async function up(directory: string): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, [COMMAND, 'up', '--dir', directory, '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const orphaned = (): void => void child.kill('SIGKILL')
  process.once('exit', orphaned)
  try {
    for await (const line of createInterface({ input: child.stdout }))
      if ((JSON.parse(line) as { event?: string }).event === 'ready') return (performance.now() - began) / 1000
    throw new Error('it ended before it was ready')
  } finally {
    child.kill('SIGTERM')
    await ended
    process.off('exit', orphaned)
  }
}

async function bareStart(directory: string): Promise<number> {
  const binary = (createRequire(import.meta.url)('workerd') as { readonly default: string }).default
  const port = await freePort()
  writeFileSync(join(directory, 'worker.js'), "export default { fetch() { return new Response('ok') } }")
  writeFileSync(
    join(directory, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-10-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  )
  const began = performance.now()
  const node = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
  await new Promise((resolve) => node.once('exit', resolve))
  const workerd = spawn(binary, ['serve', join(directory, 'config.capnp')], { stdio: 'ignore' })
  try {
    await until('bare workerd answers', () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    return (performance.now() - began) / 1000
  } finally {
    workerd.kill('SIGKILL')
  }
}
