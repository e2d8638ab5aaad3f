// The seeder as a process of its own: reads the command line and the environment, says once that it is ready, and stops when told.
//
//   node seeder/main.ts --dir D --network F [--port N] [--p2p-port N] [--control-port N] [--label L] [--target hosts|plain] [--reach direct|tunnel|nat]
//                       [--https-name NAME[:PORT]] [--https-port N] [--certificate FILE --certificate-key FILE | --acme URL [--acme-email MAIL]]
//                       [--relay N] [--relay-bandwidth SIZE] [--plain-http] [--location PLACE] [--address A] [--dns [HOST:]PORT] [--byzantine KIND] [--faults FILE] [--log-level L] [--log-form json|text] [--drain SECONDS]

//                       [--disk SIZE] [--memory SIZE] [--bandwidth SIZE] [--slots N] [--accept] [--json] [--parent]
//
// Standard output has one JSON line with --json: {"event":"ready","peer","dir","http","control","dns"?,"https"?,"pid"}, or
// {"event":"error","code","message"}. The log goes to standard error. SIGTERM and SIGINT stop it, and with --parent so does the
// end of standard input, which the system closes when the parent dies, however it dies. SIGHUP: certificates are read again.
//
// It ends with 0 when told to, 2 for a wrong command line and while its operator has not said --accept once (F45), 75 when the disk failed and the same start works now or later (a service
// manager starts it again), 1 for anything else.

import process from 'node:process'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { PLACE_WORDS, type Place, placeFromText } from '#protocol/place/place.ts'
import type { Seeder } from '#seeder/assembly.ts'
import { BYZANTINE_KINDS, type ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { accept, isAccepted, whatSeedingMeans } from '#seeder/config/consent.ts'
import { DNS_PLACE_WORDS, dnsPlaceOf } from '#seeder/config/dns-place.ts'
import { EXIT_AGAIN, EXIT_FAILED, EXIT_USAGE } from '#seeder/config/exit-code.ts'
import { HTTPS_NAMES, type HttpsSettings, httpsSettingsOf } from '#seeder/config/https.ts'
import { createLog, LOG_LEVELS, type LogLevel, stderrSink } from '#seeder/config/log.ts'
import { LABEL, LABEL_WORDS } from '#seeder/config/memo.ts'
import {
  QUOTA_NAMES,
  type Quotas,
  quotaErrorText,
  quotasOf,
  readConfig,
  type SeederConfig,
} from '#seeder/config/quota.ts'
import { relayingOf } from '#seeder/config/relaying.ts'
import { isOfTheDisk } from '#seeder/store/failure.ts'

// Loading and starting leave much garbage at once; without this the heap's young half grows for it and stays grown (~20 MB).
setFlagsFromString('--semi-space-growth-factor=1')
const YOUNG_HEAP_GROWS = '--semi-space-growth-factor=2'

/** Whatever hangs, the process is gone after this: an end as such, beside what visitors are waited for. */
const STOP_MS_MAX = 4_500
const PORT_MAX = 65_535
/** What visitors are waited for at a stop, unless `--drain` says otherwise. */
const DRAIN_MS = 2_000
const DRAIN_SECONDS_MAX = 300

class UsageError extends Error {}
class NotAccepted extends UsageError {
  readonly reason = { code: 'not_accepted' }
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    network: { type: 'string' },
    port: { type: 'string' },
    'p2p-port': { type: 'string' },
    'control-port': { type: 'string' },
    label: { type: 'string' },
    target: { type: 'string' },
    reach: { type: 'string' },
    relay: { type: 'string' },
    'relay-bandwidth': { type: 'string' },
    address: { type: 'string' },
    dns: { type: 'string' },
    'https-name': { type: 'string' },
    'https-port': { type: 'string' },
    certificate: { type: 'string' },
    'certificate-key': { type: 'string' },
    acme: { type: 'string' },
    'acme-email': { type: 'string' },
    'plain-http': { type: 'boolean', default: false },
    location: { type: 'string' },
    byzantine: { type: 'string' },
    faults: { type: 'string' },
    'log-level': { type: 'string' },
    'log-form': { type: 'string' },
    drain: { type: 'string' },
    disk: { type: 'string' },
    memory: { type: 'string' },
    bandwidth: { type: 'string' },
    slots: { type: 'string' },
    accept: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    parent: { type: 'boolean', default: false },
  },
})

function required(name: 'dir' | 'network'): string {
  const value = values[name]
  if (value === undefined) throw new UsageError(`--${name} is missing`)
  return value
}

function port(name: 'port' | 'p2p-port' | 'control-port'): number {
  const text = values[name] ?? '0'
  if (!/^\d{1,5}$/.test(text) || Number(text) > PORT_MAX) throw new UsageError(`--${name} is a port number`)
  return Number(text)
}

function choice<T extends string>(
  name: 'target' | 'reach' | 'byzantine' | 'log-level' | 'log-form',
  choices: readonly T[],
): T | undefined {
  const value = values[name]
  const found = choices.find((each) => each === value)
  if (value !== undefined && found === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}`)
  return found
}

/** What the directory's own file says, under what the command line does. */
function configured(): { readonly config: SeederConfig; readonly quotas: Quotas } {
  let config: SeederConfig
  try {
    config = readConfig(required('dir'))
  } catch (cause) {
    throw new UsageError((cause as Error).message)
  }
  const given = Object.fromEntries(
    QUOTA_NAMES.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  )
  const quotas = quotasOf(config.quotas, given)
  if (!quotas.ok) throw new UsageError(quotaErrorText(quotas.error))
  return { config, quotas: quotas.value }
}

function httpsSettings(config: SeederConfig): HttpsSettings | undefined {
  const given = Object.fromEntries(
    HTTPS_NAMES.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  )
  const settings = httpsSettingsOf({ ...config.https, ...given })
  if (!settings.ok) throw new UsageError(settings.error.message)
  return settings.value
}

function location(config: SeederConfig): Place | undefined {
  const text = values.location ?? config.location
  const place = text === undefined ? undefined : placeFromText(text)
  if (text !== undefined && place === undefined) throw new UsageError(`--location ${PLACE_WORDS}, not '${text}'`)
  return place
}

function askForConsent(directory: string, quotas: Quotas): void {
  if (values.accept) accept(directory, Date.now())
  else if (!isAccepted(directory))
    throw new NotAccepted(
      `this machine would\n  ${whatSeedingMeans(directory, quotas).join('\n  ')}\nNothing was stored and nobody was told. Say --accept once to go on.`,
    )
}

function drainMs(): number {
  const text = values.drain
  if (text === undefined) return DRAIN_MS
  if (!/^\d{1,3}$/.test(text) || Number(text) > DRAIN_SECONDS_MAX)
    throw new UsageError(`--drain takes whole seconds, up to ${DRAIN_SECONDS_MAX}`)
  return Number(text) * 1_000
}

function say(event: object): void {
  if (values.json) process.stdout.write(`${JSON.stringify(event)}\n`)
}

async function main(): Promise<void> {
  const label = values.label
  if (label !== undefined && !LABEL.test(label)) throw new UsageError(`--label ${LABEL_WORDS}, not '${label}'`)
  const target = choice('target', ['hosts', 'plain'])
  const reach = choice('reach', ['direct', 'tunnel', 'nat'])
  const relaying = relayingOf(values.relay, values['relay-bandwidth'])
  if (!relaying.ok) throw new UsageError(relaying.error)
  const byzantine = choice<ByzantineKind>('byzantine', BYZANTINE_KINDS)
  const dns = values.dns === undefined ? undefined : dnsPlaceOf(values.dns)
  if (values.dns !== undefined && dns === undefined)
    throw new UsageError(`--dns ${DNS_PLACE_WORDS}, not '${values.dns}'`)
  const { config, quotas } = configured()
  const https = httpsSettings(config)
  const place = location(config)
  askForConsent(required('dir'), quotas)
  const level = choice<LogLevel>('log-level', LOG_LEVELS) ?? config.logLevel ?? 'info'
  const form = choice('log-form', ['json', 'text']) ?? config.logForm ?? (process.stderr.isTTY ? 'text' : 'json')
  const log = createLog({ level, form, sink: stderrSink })
  const patienceMs = drainMs()

  let seeder: Seeder | undefined
  let stopping = false
  const stop = (reason: string, waitsMs: number): void => {
    if (stopping) return
    stopping = true
    log.info('stopping', { reason })
    setTimeout(() => {
      log.error('stop_took_too_long')
      process.exit(EXIT_FAILED)
    }, STOP_MS_MAX + waitsMs).unref()
    if (seeder === undefined) process.exit(0)
    seeder.stop(waitsMs).then(
      () => process.exit(0),
      (cause: unknown) => {
        log.error('stop_failed', { cause })
        process.exit(EXIT_FAILED)
      },
    )
  }
  process.on('SIGHUP', () => seeder?.readCertificates())
  process.on('SIGTERM', () => stop('SIGTERM', patienceMs))
  process.on('SIGINT', () => stop('SIGINT', patienceMs))
  if (values.parent) {
    // Nobody is left who would wait for it.
    const orphaned = () => {
      // A long drain that had begun is cut short.
      if (stopping && patienceMs > DRAIN_MS) setTimeout(() => process.exit(EXIT_FAILED), STOP_MS_MAX).unref()
      stop('parent ended', 0)
    }
    process.stdin.on('end', orphaned)
    process.stdin.on('error', orphaned)
    process.stdin.resume()
  }
  process.on('unhandledRejection', (cause) => log.error('unhandled_rejection', { cause }))
  // A reader of our output that went away is no reason to die.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})

  const { startSeeder } = await import('#seeder/start.ts')
  seeder = await startSeeder({
    directory: required('dir'),
    networkFile: required('network'),
    httpPort: port('port'),
    p2pPort: port('p2p-port'),
    controlPort: port('control-port'),
    ...(label === undefined ? {} : { label }),
    ...(target === undefined ? {} : { target }),
    ...(reach === undefined ? {} : { reach }),
    relaying: relaying.value,
    ...(values.address === undefined ? {} : { address: values.address }),
    ...(dns === undefined ? {} : { dns }),
    ...(https === undefined ? {} : { https }),
    ...(place === undefined ? {} : { place }),
    ...(values['plain-http'] || config.plainHttp === true ? { plainHttp: true } : {}),
    ...(byzantine === undefined ? {} : { byzantine }),
    quotas,
    ...(values.faults === undefined ? {} : { faults: values.faults }),
    // At once: a graceful end would close the database, and with it believe what the failed sync may have lost.
    onStoreFailed: () => process.exit(EXIT_AGAIN),
    log,
  })
  setFlagsFromString(YOUNG_HEAP_GROWS)
  if (stopping) return
  const { peer, directory, http, https: secure, control } = seeder
  const listens = {
    ...(seeder.dns === undefined ? {} : { dns: seeder.dns }),
    ...(secure === undefined ? {} : { https: secure }),
  }
  say({ event: 'ready', peer, dir: directory, http, control, ...listens, pid: process.pid })
  if (!values.json) log.info('ready', { peer, http, control })
}

try {
  await main()
} catch (cause) {
  const message = cause instanceof Error ? cause.message : String(cause)
  const reason = (cause as { reason?: { code?: unknown } }).reason
  const usage = cause instanceof UsageError
  const code = typeof reason?.code === 'string' ? reason.code : usage ? 'usage' : 'start_failed'
  say({ event: 'error', code, message })
  // What was refused for a known reason needs no stack; a fault of ours does.
  const isKnown = usage || code !== 'start_failed'
  process.stderr.write(`${isKnown ? `interpeer: ${message}` : ((cause as Error).stack ?? message)}\n`)
  process.exit(usage ? EXIT_USAGE : code === 'store_unwritable' || isOfTheDisk(cause) ? EXIT_AGAIN : EXIT_FAILED)
}
