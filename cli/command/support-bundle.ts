// `interpeer support-bundle`: one file to hand to somebody who helps.

import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { gzipSync } from 'node:zlib'
import { placeOf } from '#cli/command/doctor.ts'
import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { examine } from '#cli/doctor/examine.ts'
import { bytesText } from '#cli/doctor/finding.ts'
import { lookAround } from '#cli/doctor/scene.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { bundleFiles, hasLog, LOG_BYTES_MAX, tailOf, tailOfStream } from '#cli/support/bundle.ts'
import { tarOf } from '#cli/support/tar.ts'

export const command: Command = {
  name: 'support-bundle',
  summary: 'pack logs, status, metrics and findings of a seeder into one file, without secrets',
  usage: 'support-bundle --dir DIR [--log FILE] [--to FILE] [--network FILE] [--json]',
  about:
    "Packed are the ends of the logs, status and metrics when the seeder runs, what 'doctor' finds, configuration and versions. Keys, cookies,\nauthorization, request bodies, idempotency keys and the queries of addresses are taken out. Look into it before you send it: tar -xzf FILE.\nOf a seeder whose log a service manager keeps, its newest lines are packed while it runs; --log gives the rest.",
  options: {
    dir: { type: 'string', value: 'DIR', help: "the seeder's data directory" },
    log: { type: 'string', value: 'FILE', help: 'a log to pack too, its end; -: standard input' },
    to: { type: 'string', value: 'FILE', help: 'where to write it (default interpeer-support-TIME.tar.gz)' },
    network: NETWORK_OPTION,
  },
  positionals: { min: 0, max: 0 },
  examples: [
    'interpeer support-bundle --dir ./my-seeder',
    'journalctl -o cat -u UNIT | interpeer support-bundle --dir DIR --log -',
  ],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  if (stringOf(context, 'dir') === undefined)
    throw usageFailure('a support bundle is of one seeder', 'interpeer support-bundle --dir DIR')
  const { directory = '', network } = placeOf(context)
  const now = Date.now()
  const name = `interpeer-support-${new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')}.tar.gz`
  const path = resolve(stringOf(context, 'to') ?? name)
  if (existsSync(path)) throw usageFailure(`${path} is there already`, 'Name another file with --to FILE.')
  const given = await givenLog(context)
  const scene = await lookAround(network, directory)
  const files = await bundleFiles(directory, scene, await examine(scene), given)
  const bytes = gzipSync(tarOf(files, now))
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw failed('not_written', (cause as Error).message, 'Name a file in another folder with --to FILE.')
  }
  output.event({ event: 'bundle', file: path, bytes: bytes.length, files: files.map((file) => file.name) })
  output.line(`${path} (${bytesText(bytes.length)}): ${files.map((file) => file.name).join(', ')}`)
  if (given === undefined && !hasLog(directory))
    output.note('No log lies in that directory: give what keeps it with --log FILE, or --log - for standard input.')
  output.line('Secrets were taken out; look into it before you send it.')
  return EXIT.ok
}

async function givenLog(context: CommandContext): Promise<string | undefined> {
  const file = stringOf(context, 'log')
  if (file === undefined) return undefined
  if (file === '-') return tailOfStream(process.stdin, LOG_BYTES_MAX)
  try {
    return tailOf(resolve(file), LOG_BYTES_MAX)
  } catch (cause) {
    throw usageFailure(`${file} cannot be read as a log: ${(cause as Error).message}`)
  }
}
