// `interpeer up`: a whole network on this machine, with example sites. `npm start` is this.

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, type CommandContext, flagOf, numberOf, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { publishSite } from '#cli/publish/publish.ts'
import { reachable } from '#cli/publish/reachable.ts'
import { type LocalNetwork, startLocalNetwork } from '#cli/up/local-network.ts'

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'examples')
/** Published at the first start, in this order: the wiki first, because it is what people open. */
const EXAMPLE_SITES = [
  { name: 'wiki', folder: 'wiki' },
  { name: 'guestbook', folder: 'guestbook' },
  { name: 'welcome', folder: 'static' },
] as const
const REDIRECT_MS = 30_000

export const command: Command = {
  name: 'up',
  summary: 'run a whole network on this machine: gateway, seeders, example sites',
  usage: 'up [--dir DIR] [--port PORT] [--seeders N] [--target hosts|plain] [--json]',
  about:
    "Everything it writes is in DIR, and a second start goes on where the first one stopped. Ctrl-C ends it and all its children.\nA seeder that ends is reported, never restarted: see 'interpeer seed'.",
  options: {
    dir: { type: 'string', value: 'DIR', help: 'data directory (default .interpeer/local)' },
    port: { type: 'string', value: 'PORT', help: "the gateway's port; 0: any (default 8787)" },
    seeders: { type: 'string', value: 'N', help: 'how many seeders, 3 to 16 (default 5)' },
    target: {
      type: 'string',
      value: 'hosts|plain',
      help: 'hosts: http://NAME.s1.localhost:PORT; plain: a port a site on 127.0.0.1',
    },
    empty: { type: 'boolean', help: 'publish no example sites' },
  },
  positionals: { min: 0, max: 0 },
  examples: ['interpeer up', 'interpeer up --port 0 --dir /tmp/net --json'],
  run,
}

function targetOf(context: CommandContext): 'hosts' | 'plain' {
  const target = stringOf(context, 'target') ?? 'hosts'
  if (target !== 'hosts' && target !== 'plain') throw usageFailure(`--target is 'hosts' or 'plain', not '${target}'`)
  return target
}

/** The gateway sends visitors on and a member answers; a `Failure` when that takes too long. */
async function awaitReachable(url: string, signal: AbortSignal): Promise<void> {
  const outcome = await reachable(url, REDIRECT_MS, signal)
  if (signal.aborted) throw failed('interrupted', 'interrupted')
  if (outcome !== true)
    throw failed(
      'not_ready',
      `${url} has no member that answers (status ${outcome})`,
      'The logs in the data directory say more.',
    )
}

async function publishExamples(network: LocalNetwork, context: CommandContext): Promise<void> {
  const { output, signal } = context
  for (const example of EXAMPLE_SITES) {
    const folder = join(EXAMPLES, example.folder)
    if (!existsSync(folder) || network.admission.file().jobs.some((job) => job.name === example.name)) continue
    output.note(`  publishing ${example.name}`)
    await publishSite({
      folder,
      network: async () => network.admission.file(),
      signer: network.uploader,
      signal,
      progress: () => {},
    })
  }
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const directory = resolve(stringOf(context, 'dir') ?? join('.interpeer', 'local'))
  const seeders = numberOf(context, 'seeders', { default: 5, min: 3, max: 16 })
  const port = numberOf(context, 'port', { default: 8787, min: 0, max: 65_535 })
  const target = targetOf(context)
  const started = performance.now()
  output.note(`Starting a network in ${directory}`)
  await using network = await startLocalNetwork({
    directory,
    seeders,
    port,
    target,
    signal,
    onStep: (text) => output.note(`  ${text}`),
    onSeederExit: (peer, code) => {
      output.event({ event: 'exit', peer, code })
      output.note(`Seeder ${peer.slice(0, 8)} ended with code ${code}.`)
    },
  })
  if (!flagOf(context, 'empty')) await publishExamples(network, context)
  const { jobs } = network.admission.file()
  const sites = jobs.map((job) => ({
    name: job.name,
    url: `${network.gateway}/${job.name}/`,
    job: job.job,
    members: job.members,
  }))
  await Promise.all(sites.map((site) => awaitReachable(site.url, signal)))

  output.event({
    event: 'ready',
    gateway: network.gateway,
    network: network.networkPath,
    sites,
    seeders: network.seeders.map(({ peer, dir, http, control, pid }) => ({ peer, dir, http, control, pid })),
  })
  const { style } = output
  const width = Math.max(8, ...sites.map((site) => site.name.length)) + 2
  output.line()
  output.line(
    `${style.good('●')} ${style.bold('The network is up')} ${style.dim(`(${((performance.now() - started) / 1000).toFixed(1)} s)`)}`,
  )
  output.line()
  output.line(`  ${'gateway'.padEnd(width)}${style.link(`${network.gateway}/`)}`)
  for (const site of sites) output.line(`  ${site.name.padEnd(width)}${style.link(site.url)}`)
  output.line()
  output.line(
    `  ${network.seeders.length} seeders; status pages: ${network.seeders.map((seeder) => style.link(seeder.control)).join(' ')}`,
  )
  output.line(`  network file: ${network.networkPath}`)
  output.line()
  output.line(
    style.dim("  In another terminal: 'npx interpeer status', 'npx interpeer init my-site'. Ctrl-C stops everything."),
  )

  if (!signal.aborted) await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }))
  output.note('Stopping …')
  return EXIT.interrupted
}
