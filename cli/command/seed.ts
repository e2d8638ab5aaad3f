// `interpeer seed`: one seeder, in the foreground.

import { spawn } from 'node:child_process'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'
import { type Command, type CommandContext, flagOf, NETWORK_OPTION, numberOf, stringOf } from '#cli/command.ts'
import { EXIT, Failure, usageFailure } from '#cli/failure.ts'
import { networkPath, readNetwork } from '#cli/network/place.ts'
import { FRUGAL_MALLOC } from '#cli/up/child.ts'
import { SEEDER_ENTRY } from '#cli/up/local-network.ts'
import { PLACE_WORDS, placeFromText } from '#protocol/place/place.ts'
import { BYZANTINE_KINDS } from '#seeder/byzantine/kinds.ts'
import { isAccepted, whatSeedingMeans } from '#seeder/config/consent.ts'
import { DNS_PLACE_WORDS, dnsPlaceOf } from '#seeder/config/dns-place.ts'
import { createAgainPause, EXIT_AGAIN } from '#seeder/config/exit-code.ts'
import { HTTPS_NAMES, type HttpsName, httpsSettingsOf } from '#seeder/config/https.ts'
import { LOG_LEVELS } from '#seeder/config/log.ts'
import { LABEL, LABEL_WORDS } from '#seeder/config/memo.ts'
import { QUOTA_NAMES, quotaErrorText, quotaFromText, quotasOf, readConfig } from '#seeder/config/quota.ts'
import { relayingOf } from '#seeder/config/relaying.ts'

/** What some options may be; the seeder itself says no to anything else too. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  target: ['hosts', 'plain'],
  reach: ['direct', 'tunnel', 'nat'],
  'log-level': LOG_LEVELS,
  'log-form': ['json', 'text'],
}

/** A seeder stops within 5 s, beside what visitors are waited for; then it is ended. */
const STOP_MS = 8_000

export const command: Command = {
  name: 'seed',
  summary: 'run one seeder: lend this machine to the sites the network gives it',
  usage: 'seed --dir DIR [--network FILE] [--accept] [--json]',
  about:
    "DIR keeps the seeder's key (its identity), its votes and the state of its sites: the same DIR again is the same seeder.\nOne process at a time holds a DIR. A seeder whose disk failed is started again from what is on it.\nOver the disk quota garbage goes first and no new site is taken; over the memory quota no script runs for visitors either; no quota takes\na member out of a group. DIR/config.json may hold the quotas and the log level: see docs/OPERATE.md.",
  options: {
    dir: { type: 'string', value: 'DIR', help: 'data directory of this seeder' },
    network: NETWORK_OPTION,
    accept: {
      type: 'boolean',
      help: 'you lend this machine; said once for each DIR, what that means is told without it',
    },
    label: {
      type: 'string',
      value: 'NAME',
      help: "host label of its origins: http://SITE.NAME.localhost (default: kept in DIR, else 's')",
    },
    port: { type: 'string', value: 'PORT', help: 'HTTP port (default: the one it had, else any)' },
    'p2p-port': { type: 'string', value: 'PORT', help: 'libp2p port (default: the one it had, else any)' },
    'control-port': {
      type: 'string',
      value: 'PORT',
      help: 'status page and metrics, on loopback (default: the one it had, else any)',
    },
    address: {
      type: 'string',
      value: 'IP',
      help: 'address of this machine to listen on; with --target plain it is also what others are told (default 127.0.0.1)',
    },
    target: {
      type: 'string',
      value: 'hosts|plain',
      help: 'one host name or one port a site (default: as before, else hosts)',
    },
    reach: {
      type: 'string',
      value: 'direct|tunnel|nat',
      help: 'tunnel: visitors cannot dial this machine and come through the gateways; nat: nor can other seeders, who come through public ones (default direct)',
    },
    relay: {
      type: 'string',
      value: 'N',
      help: 'seeders behind NAT that others reach through this one, 0 to 1024 (default 16)',
    },
    'relay-bandwidth': {
      type: 'string',
      value: 'SIZE',
      help: 'bytes a second that it relays for them, 16K to 1T or none (default 8M)',
    },
    'https-name': {
      type: 'string',
      value: 'NAME',
      help: 'a name of this machine, for HTTPS: its sites are at SITE.NAME; NAME:PORT where a router forwards another port',
    },
    'https-port': { type: 'string', value: 'PORT', help: 'where it listens for HTTPS (default 443)' },
    certificate: { type: 'string', value: 'FILE', help: 'certificate for *.NAME and what leads to its authority, PEM' },
    'certificate-key': { type: 'string', value: 'FILE', help: 'its private key, PEM' },
    acme: {
      type: 'string',
      value: 'URL',
      help: 'or let an authority give a certificate for each site: its ACME directory, to whose terms you agree by this',
    },
    'acme-email': { type: 'string', value: 'MAIL', help: 'where that authority writes to (default: nowhere)' },
    'plain-http': {
      type: 'boolean',
      help: 'visitors may be sent to it without HTTPS too, as the last choice (in the local profile they are)',
    },
    location: {
      type: 'string',
      value: 'PLACE',
      help: "where it stands, so that near visitors come: a country (DE) or degrees north and east ('52.5,13.4')",
    },
    dns: {
      type: 'string',
      value: '[HOST:]PORT',
      help: 'answer DNS for SITE.peer and SITE.ipn there, to this machine and its own network (default: not; HOST 127.0.0.1)',
    },
    disk: { type: 'string', value: 'SIZE', help: 'what its store may take, 16M to 1024T or none (default 20G)' },
    memory: { type: 'string', value: 'SIZE', help: 'what its process may take, 64M to 16T or none (default 2G)' },
    bandwidth: {
      type: 'string',
      value: 'SIZE',
      help: 'bytes a second to and from visitors, 16K to 1T or none (default none)',
    },
    slots: { type: 'string', value: 'N', help: 'sites it hosts at a time, 1 to 4096 or none (default 64)' },
    'log-level': {
      type: 'string',
      value: 'LEVEL',
      help: `least that is logged: ${LOG_LEVELS.join(', ')} (default info)`,
    },
    'log-form': { type: 'string', value: 'json|text', help: 'default: text on a terminal, else json' },
    drain: {
      type: 'string',
      value: 'SECONDS',
      help: 'what visitors are waited for when it stops, up to 300 (default 2)',
    },
    byzantine: {
      type: 'string',
      value: 'KIND',
      help: `misbehave, in the local profile only: ${BYZANTINE_KINDS.join(', ')}`,
    },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    'interpeer seed --dir ./my-seeder --network network.json --accept',
    'interpeer seed --dir .interpeer/local/seeder-2',
    'interpeer seed --dir ./my-seeder --https-name s1.example.org --acme URL',
  ],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const dir = stringOf(context, 'dir')
  if (dir === undefined) throw usageFailure('a seeder needs a directory of its own', 'interpeer seed --dir DIR')
  const network = networkPath(context)
  const byzantine = stringOf(context, 'byzantine')
  if (byzantine !== undefined && !(BYZANTINE_KINDS as readonly string[]).includes(byzantine)) {
    throw usageFailure(`--byzantine is one of ${BYZANTINE_KINDS.join(', ')}, not '${byzantine}'`)
  }
  if (byzantine !== undefined && readNetwork(network).profile !== 'local') {
    throw usageFailure(
      '--byzantine is for networks of the local profile',
      'A lie in a real network is evidence against you.',
    )
  }
  const label = stringOf(context, 'label')
  if (label !== undefined && !LABEL.test(label)) throw usageFailure(`--label ${LABEL_WORDS}, not '${label}'`)
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = stringOf(context, name)
    if (value !== undefined && !choices.includes(value))
      throw usageFailure(`--${name} is one of ${choices.join(', ')}, not '${value}'`)
  }
  const directory = resolve(dir)
  const args = ['--dir', directory, '--network', network]
  for (const name of ['port', 'p2p-port', 'control-port'] as const) {
    if (stringOf(context, name) !== undefined)
      args.push(`--${name}`, String(numberOf(context, name, { default: 0, min: 0, max: 65_535 })))
  }
  const address = stringOf(context, 'address')
  if (address !== undefined && isIP(address) === 0) throw usageFailure(`--address is an IP address, not '${address}'`)
  const dns = stringOf(context, 'dns')
  if (dns !== undefined && dnsPlaceOf(dns) === undefined) throw usageFailure(`--dns ${DNS_PLACE_WORDS}, not '${dns}'`)
  const relaying = relayingOf(stringOf(context, 'relay'), stringOf(context, 'relay-bandwidth'))
  if (!relaying.ok) throw usageFailure(relaying.error)
  const https = httpsSettingsOf({ ...httpsInFile(directory), ...httpsGiven(context) })
  if (!https.ok) throw usageFailure(https.error.message)
  const location = stringOf(context, 'location')
  if (location !== undefined && placeFromText(location) === undefined)
    throw usageFailure(`--location ${PLACE_WORDS}, not '${location}'`)
  const drainSeconds = numberOf(context, 'drain', { default: 2, min: 0, max: 300 })
  for (const name of QUOTA_NAMES) {
    const given = stringOf(context, name)
    const read = given === undefined ? undefined : quotaFromText(name, given)
    if (read?.ok === false) throw usageFailure(quotaErrorText(read.error))
  }
  for (const name of [
    ...QUOTA_NAMES,
    'log-level',
    'log-form',
    'drain',
    'address',
    'label',
    'target',
    'reach',
    'relay',
    'relay-bandwidth',
    'dns',
    ...HTTPS_NAMES,
    'location',
    'byzantine',
  ] as const) {
    const value = stringOf(context, name)
    if (value === undefined) continue
    // Of this command's own directory, not of the seeder's.
    args.push(`--${name}`, name === 'certificate' || name === 'certificate-key' ? resolve(value) : value)
  }
  if (flagOf(context, 'plain-http')) args.push('--plain-http')
  if (flagOf(context, 'json')) args.push('--json')
  if (flagOf(context, 'accept')) args.push('--accept')
  else if (!isAccepted(directory)) throw notAccepted(directory, context)
  const pauseMs = createAgainPause()
  for (;;) {
    const began = performance.now()
    const code = await seed(args, drainSeconds, context.signal)
    if (code !== EXIT_AGAIN || context.signal.aborted) return code
    const ms = pauseMs(performance.now() - began)
    context.output.note(`Its disk failed: started again in ${ms / 1000} s.`)
    await pass(ms, undefined, { signal: context.signal }).catch(() => {})
    if (context.signal.aborted) return EXIT.interrupted
  }
}

function httpsGiven(context: CommandContext): Readonly<Partial<Record<HttpsName, string>>> {
  return Object.fromEntries(
    HTTPS_NAMES.flatMap((name) => {
      const value = stringOf(context, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** What the directory's own file says; a file that is none is refused by the seeder itself. */
function httpsInFile(directory: string): Readonly<Partial<Record<HttpsName, string>>> {
  try {
    return readConfig(directory).https ?? {}
  } catch {
    return {}
  }
}

/** F45: what is lent is told before, and nothing is lent until then. */
function notAccepted(directory: string, context: CommandContext): Failure {
  const given = Object.fromEntries(
    QUOTA_NAMES.flatMap((name) => {
      const value = stringOf(context, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const quotas = quotasOf(readConfig(directory).quotas, given)
  if (!quotas.ok) throw usageFailure(quotaErrorText(quotas.error))
  const means = whatSeedingMeans(directory, quotas.value).map((line) => `  - ${line}`)
  return new Failure(
    EXIT.usage,
    'not_accepted',
    `as a seeder this machine would\n${means.join('\n')}\nNothing was stored and nobody was told.`,
    'Say --accept once to go on.',
  )
}

/** Its exit code. */
async function seed(args: readonly string[], drainSeconds: number, signal: AbortSignal): Promise<number> {
  // The seeder is this process's child and ends with it: its standard input is the tie.
  const child = spawn(process.execPath, [SEEDER_ENTRY, ...args, '--parent'], {
    env: { ...process.env, ...FRUGAL_MALLOC },
    stdio: ['pipe', 'inherit', 'inherit'],
    detached: true,
  })
  child.stdin.on('error', () => {})
  const stop = () => {
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), STOP_MS + drainSeconds * 1_000).unref()
  }
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  const code = await new Promise<number>((resolve) => {
    child.once('exit', (exit) => resolve(exit ?? EXIT.failed))
    child.once('error', () => resolve(EXIT.failed))
  })
  signal.removeEventListener('abort', stop)
  return code
}
