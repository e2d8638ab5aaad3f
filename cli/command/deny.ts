// `interpeer deny`: a signed deny-list, for gateways that follow it. Entries are added and lifted, never taken away.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, type CommandContext, flagOf, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { KEY_OPTION, uploaderSigner } from '#cli/key/uploader.ts'
import { exchange } from '#cli/network/http.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import {
  DENY_REASONS,
  type DenyEntry,
  type DenyList,
  type DenyReason,
  readDenyList,
  signDenyList,
  type UnsignedDenyList,
} from '#protocol/directory/deny-list.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { writeWhole } from '#seeder/config/place.ts'
import { verify } from '#seeder/identity/keys.ts'

export const command: Command = {
  name: 'deny',
  summary: 'keep a signed list of sites that gateways shall not lead to, and say why',
  usage: 'deny [SITE] --list FILE --text TEXT [--reason REASON] [--place CC,…] [--send] [--json]',
  about:
    'The list is public, and it only grows: what does not hold any more is lifted with --lift NUMBER. It says where a gateway sends nobody; the\nsite itself stays with its group. A gateway follows the lists of the keys that its operator named. Without SITE and --lift, --send gives\nthe list as it stands to the gateways of the network once more.',
  options: {
    list: { type: 'string', value: 'FILE', help: 'the list; made at the first entry, with --title and --appeal' },
    network: NETWORK_OPTION,
    key: KEY_OPTION,
    title: { type: 'string', value: 'TEXT', help: 'who you are, as visitors are told' },
    appeal: { type: 'string', value: 'URL', help: 'where one can object: https:// or mailto:' },
    reason: { type: 'string', value: 'REASON', help: `one of ${DENY_REASONS.join(', ')} (default other)` },
    text: { type: 'string', value: 'TEXT', help: 'what visitors are told' },
    reference: { type: 'string', value: 'URL', help: 'the order, the case, the report' },
    place: { type: 'string', value: 'CC,…', help: 'countries by two letters (ISO 3166-1); default: everywhere' },
    lift: { type: 'string', value: 'NUMBER', help: 'this entry does not hold any more' },
    send: { type: 'boolean', help: 'give the list to the gateways of the network' },
  },
  positionals: { min: 0, max: 1 },
  examples: [
    "interpeer deny bad-site --list deny.json --text 'It gives out malware.'",
    'interpeer deny --lift 3 --list deny.json --send',
  ],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output } = context
  const path = stringOf(context, 'list')
  if (path === undefined) throw usageFailure('a list is a file', 'Name it with --list FILE.')
  const signer = uploaderSigner(context)
  const file = await newestNetwork(networkPath(context))
  const before = readList(resolve(path), signer) ?? newList(context, signer)
  const changed = changedList(context, before, file)
  const list = changed === undefined ? (before as DenyList) : signed(changed, signer)
  if (changed !== undefined) writeWhole(resolve(path), `${JSON.stringify(list)}\n`)
  else if (!('signature' in before)) throw usageFailure('there is nothing to do', "See 'interpeer deny --help'.")
  output.event({ event: 'deny_list', issuer: list.issuer, version: list.version, entries: list.entries.length })
  output.line(`${output.style.good('✓')} version ${list.version} of the list, ${list.entries.length} entries`)
  if (flagOf(context, 'send')) await send(context, list, file)
  return EXIT.ok
}

function readList(path: string, signer: Signer): DenyList | undefined {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw failed('list', (cause as Error).message)
  }
  const read = readDenyList(content.trim(), hexFromBytes(signer.publicKey))
  const isOwn = read.ok && verify(read.value.key, read.value.message, read.value.signature)
  if (!read.ok || !isOwn)
    throw failed('list', `${path} is no list of your key: ${read.ok ? 'bad_signature' : JSON.stringify(read.error)}`)
  return read.value.list
}

function newList(context: CommandContext, signer: Signer): UnsignedDenyList {
  const [title, appeal] = [stringOf(context, 'title'), stringOf(context, 'appeal')]
  if (title === undefined || appeal === undefined)
    throw usageFailure('a new list says whose it is and where one can object', 'Name --title TEXT and --appeal URL.')
  return { version: 0, issuer: hexFromBytes(signer.publicKey), title, appeal, time: 0, entries: [] }
}

/** Undefined: nothing was asked to change. */
function changedList(
  context: CommandContext,
  before: UnsignedDenyList,
  file: NetworkFile,
): UnsignedDenyList | undefined {
  const [site] = context.positionals
  const lifted = stringOf(context, 'lift')
  const now = Date.now()
  const next = {
    ...before,
    title: stringOf(context, 'title') ?? before.title,
    appeal: stringOf(context, 'appeal') ?? before.appeal,
    version: before.version + 1,
    time: now,
  }
  if (lifted !== undefined) {
    const number = Number(lifted)
    const entry = before.entries.find((each) => each.number === number)
    if (entry === undefined) throw failed('unknown_entry', `the list has no entry ${lifted}`)
    if (entry.lifted !== undefined) throw failed('lifted', `entry ${lifted} was lifted before`)
    return { ...next, entries: before.entries.map((each) => (each === entry ? { ...each, lifted: now } : each)) }
  }
  if (site === undefined) return undefined
  const job = file.jobs.find(({ name }) => name === site)?.job
  if (job === undefined)
    throw failed('unknown_site', `the network has no site '${site}'`, "'interpeer status' lists them.")
  return { ...next, entries: [...before.entries, entryOf(context, job, before.entries.length + 1, now)] }
}

function entryOf(context: CommandContext, job: string, number: number, now: number): DenyEntry {
  const text = stringOf(context, 'text')
  if (text === undefined) throw usageFailure('visitors are told why', 'Say it with --text TEXT.')
  const reason = (stringOf(context, 'reason') ?? 'other') as DenyReason
  if (!DENY_REASONS.includes(reason))
    throw usageFailure(`--reason is one of ${DENY_REASONS.join(', ')}, not '${reason}'`)
  const reference = stringOf(context, 'reference')
  const places = stringOf(context, 'place')?.toUpperCase().split(',') ?? []
  return { number, job, reason, text, ...(reference === undefined ? {} : { reference }), places, since: now }
}

function signed(list: UnsignedDenyList, signer: Signer): DenyList {
  const made = signDenyList(list, signer)
  // As a gateway will read it: what it would refuse is said here.
  const read = readDenyList(JSON.stringify(made), made.issuer)
  if (read.ok) return read.value.list
  const { error } = read
  throw usageFailure(
    error.code === 'shape' ? `${error.path} should be ${error.expected}` : `the list would be refused: ${error.code}`,
  )
}

async function send(context: CommandContext, list: DenyList, file: NetworkFile): Promise<void> {
  const { output } = context
  if (file.gateways.length === 0) throw failed('no_gateway', 'the network file names no gateway')
  let taken = 0
  for (const gateway of file.gateways) {
    const said = await exchange(`${gateway}/deny/${list.issuer}`, {
      method: 'PUT',
      body: Buffer.from(JSON.stringify(list)),
    })
      .then(({ status, body }) => (status === 200 ? 'taken' : codeOf(body)))
      .catch((cause: Error) => cause.message)
    if (said === 'taken' || said === 'old_deny_list') taken++
    output.event({ event: 'sent', gateway, said })
    output.line(`  ${gateway}: ${said === 'unknown_issuer' ? 'does not follow your lists' : said}`)
  }
  if (taken === 0) throw failed('not_taken', 'no gateway took the list')
}

function codeOf(body: Buffer): string {
  try {
    return String((JSON.parse(body.toString()) as { code: unknown }).code)
  } catch {
    return 'no answer that one could read'
  }
}
