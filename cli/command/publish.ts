// `interpeer publish`: a folder becomes a site of the network; again, an update; with --rollback, the code before.

import { resolve } from 'node:path'
import { readConfig } from '#cli/bundle/config-file.ts'
import { type Command, type CommandContext, flagOf, NETWORK_OPTION, numberOf, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { KEY_OPTION, uploaderSigner } from '#cli/key/uploader.ts'
import { askJson, membersOf } from '#cli/network/peers.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { issuesFailure, orderEarlier, type Published, type PublishProgress, publishSite } from '#cli/publish/publish.ts'
import { reachable } from '#cli/publish/reachable.ts'
import type { Output, Progress } from '#cli/terminal/output.ts'
import { cidFromText } from '#protocol/content/cid.ts'
import { peerName } from '#protocol/identity/keys.ts'

export const command: Command = {
  name: 'publish',
  summary: 'publish the site in a folder, or update it',
  usage: 'publish [FOLDER] [--network FILE] [--key FILE] [--rollback] [--json]',
  about:
    'Bundles the folder, signs it, uploads it to the members, and waits until they agreed to run it: code, database migrations and all, at one\nheight, or nothing. A second time it updates the site. --rollback goes back to the code before; databases stay as they are.',
  options: {
    network: NETWORK_OPTION,
    key: KEY_OPTION,
    name: { type: 'string', value: 'SITE', help: "publish under this name instead of the configuration's" },
    members: { type: 'string', value: 'N', help: 'size of a new group, 3 to 64 (default 4)' },
    quorum: {
      type: 'string',
      value: 'bft|all',
      help: 'of a new group: two thirds and one more, or everybody (default bft)',
    },
    account: {
      type: 'string',
      value: 'ACCOUNT',
      help: 'account that donations go to and hosting is paid from (default: that of the key)',
    },
    rollback: { type: 'boolean', help: 'make the code live that was live before' },
  },
  positionals: { min: 0, max: 1 },
  examples: ['interpeer publish', 'interpeer publish ./my-site --network network.json', 'interpeer publish --rollback'],
  run,
}

const STEP_TEXT = {
  bundle: 'Bundling',
  admit: 'Asking for a group',
  upload: 'Uploading',
  spread: 'Spreading it among the members',
  agree: 'Waiting for the group to agree',
} as const

/** One bar or line a step; a new step ends the one before. */
export function progressOf(output: Output): PublishProgress {
  let step: keyof typeof STEP_TEXT | undefined
  let bar: Progress | undefined
  return (next, done, total) => {
    if (next !== step) {
      step = next
      bar = output.progress(STEP_TEXT[next], total)
    }
    bar?.at(done)
    if (done >= total && bar !== undefined) {
      bar.end(next === 'upload' || next === 'spread' ? `${(total / 1024).toFixed(0)} KiB` : 'done')
      bar = undefined
    }
  }
}

/** How long the gateway may take to hear of a new site. */
const REACHABLE_MS = 15_000

/** Says what was published, once its link leads there. */
export async function sayPublished(
  output: Output,
  published: Published,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const isReachable = published.url === undefined || (await reachable(published.url, REACHABLE_MS, signal)) === true
  output.event({ event: 'published', ...published })
  output.line(
    `${output.style.good('✓')} ${what} ${output.style.bold(published.name)} at height ${published.height}, agreed by ${published.members.length} members`,
  )
  const migrations = migrationsOf(published.answer)
  if (migrations.length > 0) output.line(`  migrations: ${migrations.join(', ')}`)
  if (published.url !== undefined) output.line(`  ${output.style.link(published.url)}`)
  if (!isReachable)
    output.note('  The gateway does not lead there yet: its members have not registered, or it is down.')
}

export function migrationsOf(answer: string): readonly string[] {
  try {
    const { migrations } = JSON.parse(answer) as { migrations?: unknown }
    return Array.isArray(migrations) ? migrations.map(String) : []
  } catch {
    return []
  }
}

function quorumOf(context: CommandContext): 'bft' | 'all' {
  const quorum = stringOf(context, 'quorum') ?? 'bft'
  if (quorum !== 'bft' && quorum !== 'all') throw usageFailure(`--quorum is 'bft' or 'all', not '${quorum}'`)
  return quorum
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const folder = resolve(context.positionals[0] ?? '.')
  const path = networkPath(context)
  const signer = uploaderSigner(context)
  if (flagOf(context, 'rollback')) return rollback(context, folder, path)
  const account = stringOf(context, 'account')
  const name = stringOf(context, 'name')
  const published = await publishSite({
    folder,
    network: () => newestNetwork(path),
    signer,
    signal,
    progress: progressOf(output),
    warn: (text) => output.note(text),
    quorum: quorumOf(context),
    ...(stringOf(context, 'members') === undefined
      ? {}
      : { size: numberOf(context, 'members', { default: 4, min: 3, max: 64 }) }),
    ...(account === undefined ? {} : { account }),
    ...(name === undefined ? {} : { name }),
  })
  await sayPublished(output, published, 'Published', signal)
  return EXIT.ok
}

async function rollback(context: CommandContext, folder: string, path: string): Promise<number> {
  const { output, signal } = context
  const signer = uploaderSigner(context)
  let name = stringOf(context, 'name')
  if (name === undefined) {
    const config = await readConfig(folder)
    if (!config.ok) throw issuesFailure(config.error)
    name = config.value.name
  }
  const file = await newestNetwork(path)
  const job = file.jobs.find((each) => each.name === name)
  if (job === undefined) throw failed('unknown_site', `the network has no site '${name}'`, 'Publish it first.')
  if (job.uploader !== peerName(signer.publicKey))
    throw failed(
      'not_the_uploader',
      `'${name}' belongs to another key`,
      'Name the key that published it with --key FILE.',
    )
  const lists = await Promise.all(
    membersOf(file, job).map((member) =>
      askJson<{ height: number; codeRoot: string }[]>(`${member.http}/.well-known/interpeer/codes/${job.job}`),
    ),
  )
  // The longest list: a member that joined late knows fewer.
  const codes = lists.flatMap((list) => (list === undefined ? [] : [list])).sort((a, b) => b.length - a.length)[0]
  const before = codes?.[1] === undefined ? undefined : cidFromText(codes[1].codeRoot)
  if (before === undefined || !before.ok)
    throw failed(
      'nothing_before',
      `'${name}' has had no other code that its members still keep`,
      'Publish the code you want instead.',
    )
  const published = await orderEarlier(
    { file, job, signer, signal, progress: progressOf(output), account: stringOf(context, 'account') ?? job.account },
    before.value,
  )
  await sayPublished(output, published, 'Rolled back', signal)
  return EXIT.ok
}
