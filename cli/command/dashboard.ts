// `interpeer dashboard`: where the page of a seeder on this machine is.

import { resolve } from 'node:path'
import { type Command, type CommandContext, stringOf } from '#cli/command.ts'
import { keyIn, runningIn } from '#cli/doctor/scene.ts'
import { EXIT, networkFailure, usageFailure } from '#cli/failure.ts'

export const command: Command = {
  name: 'dashboard',
  summary: 'tell where the page of a running seeder is: sites, load, reach, disk, log',
  usage: 'dashboard --dir DIR [--json]',
  about:
    'The page is on loopback: open it in a browser of this machine. From another one, go through ssh, as the second line says.',
  options: { dir: { type: 'string', value: 'DIR', help: "the seeder's data directory" } },
  positionals: { min: 0, max: 0 },
  examples: ['interpeer dashboard --dir ./my-seeder'],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const dir = stringOf(context, 'dir')
  if (dir === undefined) throw usageFailure('a dashboard is of one seeder', 'interpeer dashboard --dir DIR')
  const directory = resolve(dir)
  const { running, controlUrl } = await runningIn(directory)
  const { self } = keyIn(directory)
  if (running === undefined || controlUrl === undefined || running.peer !== self)
    throw networkFailure(`no seeder runs in ${directory}`, `Start it: interpeer seed --dir ${dir}`)
  const { port } = new URL(controlUrl)
  output.event({ event: 'dashboard', url: `${controlUrl}/`, peer: running.peer, pid: running.pid })
  output.line(`${output.style.link(`${controlUrl}/`)}`)
  output.line(
    output.style.dim(
      `From another machine: ssh -L ${port}:127.0.0.1:${port} THIS-MACHINE, then the same address there.`,
    ),
  )
  return EXIT.ok
}
