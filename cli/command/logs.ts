// `interpeer logs`: what a site's script wrote, and what went wrong in it, from a member's log.

import { type Command, type CommandContext, flagOf, NETWORK_OPTION, numberOf } from '#cli/command.ts'
import { EXIT, failed, networkFailure } from '#cli/failure.ts'
import { askJson, type MemberPlace, membersOf } from '#cli/network/peers.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'

const FOLLOW_MS = 1_000

export const command: Command = {
  name: 'logs',
  summary: "show a site's log: its console, errors with their place in the source, updates",
  usage: 'logs SITE [--network FILE] [--lines N] [--follow] [--json]',
  about:
    'Writes are run by every member, so each has the same lines of them; a read is logged by the member that served it.',
  options: {
    network: NETWORK_OPTION,
    lines: { type: 'string', value: 'N', help: 'how many of the last lines (default 50)' },
    follow: { type: 'boolean', short: 'f', help: 'go on as lines come' },
    member: { type: 'string', value: 'PEER', help: 'the log of this member (the beginning of its key)' },
  },
  positionals: { min: 1, max: 1 },
  examples: ['interpeer logs my-site', 'interpeer logs my-site --follow'],
  run,
}

type Line = { readonly sequence: number; readonly time: number; readonly level: string; readonly text: string }

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const { style } = output
  const file = await newestNetwork(networkPath(context))
  const [name] = context.positionals
  const job = file.jobs.find((each) => each.name === name || each.job === name)
  if (job === undefined)
    throw failed('unknown_site', `the network has no site '${name}'`, "'interpeer status' lists them.")
  const limit = numberOf(context, 'lines', { default: 50, min: 1, max: 1000 })
  const wanted = context.values.member
  const members = membersOf(file, job).filter((member) => typeof wanted !== 'string' || member.peer.startsWith(wanted))
  if (members.length === 0) throw failed('unknown_member', `'${wanted}' is no member of ${job.name}`)

  const read = async (member: MemberPlace, after?: number): Promise<readonly Line[] | undefined> => {
    const query = after === undefined ? `limit=${limit}` : `limit=1000&after=${after}`
    return (await askJson<{ lines: readonly Line[] }>(`${member.http}/.well-known/interpeer/log/${job.job}?${query}`))
      ?.lines
  }
  const print = (lines: readonly Line[]): void => {
    for (const line of lines) {
      output.event(line)
      const level =
        line.level === 'error'
          ? style.bad(line.level)
          : line.level === 'warn'
            ? style.warn(line.level)
            : style.dim(line.level)
      output.line(`${style.dim(new Date(line.time).toISOString())} ${level} ${line.text}`)
    }
  }

  for (const member of members) {
    const first = await read(member)
    if (first === undefined) continue
    print(first)
    let last = first.at(-1)?.sequence ?? 0
    while (flagOf(context, 'follow') && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
      const more = (await read(member, last)) ?? []
      print(more)
      last = more.at(-1)?.sequence ?? last
    }
    return EXIT.ok
  }
  throw networkFailure(`no member of ${job.name} answered`, "Are the seeders running? 'interpeer status' shows them.")
}
