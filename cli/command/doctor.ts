// `interpeer doctor`: what is wrong with this machine, this seeder or its network, and what to do about it.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { examine, exitOf } from '#cli/doctor/examine.ts'
import type { Verdict } from '#cli/doctor/finding.ts'
import { lookAround } from '#cli/doctor/scene.ts'
import { usageFailure } from '#cli/failure.ts'
import { networkPath } from '#cli/network/place.ts'
import type { Style } from '#cli/terminal/output.ts'

export const command: Command = {
  name: 'doctor',
  summary: 'check clock, disk, reachability, limits, versions and network file, and say what to do',
  usage: 'doctor [--dir DIR] [--network FILE] [--json]',
  about:
    'Changes nothing, and works beside a running seeder as without one. To measure the disk it writes a few bytes into a file that has no name.\nThe exit code is 1 when something is bad, 3 when nobody of the network answers and nothing else is bad; warnings do not count.',
  options: {
    dir: { type: 'string', value: 'DIR', help: "a seeder's data directory (default: look at the network alone)" },
    network: {
      ...NETWORK_OPTION,
      help: 'the network file (default: the one that DIR keeps, $INTERPEER_NETWORK, .interpeer/local/network.json)',
    },
  },
  positionals: { min: 0, max: 0 },
  examples: ['interpeer doctor --dir ./my-seeder', 'interpeer doctor --json'],
  run,
}

/** The directory and the network file that a command about one seeder was given. */
export function placeOf(context: CommandContext): { readonly directory?: string; readonly network: string } {
  const dir = stringOf(context, 'dir')
  if (dir === undefined) return { network: networkPath(context) }
  const directory = resolve(dir)
  if (!existsSync(directory))
    throw usageFailure(`there is no directory ${dir}`, "A seeder's directory is made by 'interpeer seed --dir DIR'.")
  const kept = join(directory, 'network.json')
  return {
    directory,
    network: stringOf(context, 'network') === undefined && existsSync(kept) ? kept : networkPath(context),
  }
}

function mark(verdict: Verdict, style: Style): string {
  if (verdict === 'ok') return style.good('ok  ')
  return verdict === 'warn' ? style.warn('warn') : style.bad('bad ')
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const { style } = output
  const { directory, network } = placeOf(context)
  const scene = await lookAround(network, directory)
  const findings = await examine(scene)
  for (const finding of findings) {
    output.event({ event: 'finding', ...finding })
    output.line(`${mark(finding.verdict, style)}  ${finding.check.padEnd(8)}  ${finding.found}`)
    if (finding.remedy !== undefined) output.line(style.dim(`                → ${finding.remedy}`))
  }
  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length
  const sums = { ok: count('ok'), warn: count('warn'), bad: count('bad') }
  output.event({ event: 'done', ...sums })
  output.line()
  output.line(`${sums.ok} ok, ${sums.warn} warnings, ${sums.bad} bad`)
  return exitOf(findings, scene)
}
