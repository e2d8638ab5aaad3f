// `interpeer gateway`: the gateway on a machine of one's own, on Node or in workerd.

import { isIP } from 'node:net'
import { resolve } from 'node:path'
import process from 'node:process'
import { type Command, type CommandContext, NETWORK_OPTION, numberOf, stringOf } from '#cli/command.ts'
import { EXIT, type Failure, failed, usageFailure } from '#cli/failure.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { namesTlsProblem } from '#gateway/dns/names-tls.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import { CONTENT_TYPE, createRegistry, type Registry } from '#protocol/metrics/registry.ts'
import { PLACE_WORDS, placeFromText } from '#protocol/place/place.ts'
import { createLog, LOG_LEVELS, type Log, type LogLevel, stderrSink } from '#seeder/config/log.ts'
import { type Loopback, startLoopback } from '#seeder/control/loopback.ts'
import { observeProcess } from '#seeder/control/process.ts'

const PORT = 8_787

export const command: Command = {
  name: 'gateway',
  summary: 'run a gateway: links to sites, look-ups, DNS, tunnels for seeders behind routers',
  usage: 'gateway --dir DIR [--network FILE] [--public-url URL] [--json]',
  about:
    'It holds nothing that the seeders do not tell it again: the same DIR again is quicker, an empty one is as good within seconds.\nPut a TLS proxy in front of it, and name with --public-url what the world calls it: seeders sign that address. The network file has to name it\ntoo, or no seeder comes. On Cloudflare the same program is a Worker: see docs/DEPLOY.md.',
  options: {
    dir: { type: 'string', value: 'DIR', help: 'its database and its key' },
    network: NETWORK_OPTION,
    port: { type: 'string', value: 'PORT', help: `HTTP port (default ${PORT})` },
    host: { type: 'string', value: 'IP', help: 'address to listen on (default 127.0.0.1; with --on workerd no other)' },
    'public-url': { type: 'string', value: 'URL', help: 'what the world calls it (default http://127.0.0.1:PORT)' },
    'sites-domain': {
      type: 'string',
      value: 'DOMAIN',
      help: 'sites that it carries itself are at NAME.DOMAIN; never one under --public-url (default: none; sites.localhost:PORT without --public-url)',
    },
    addresses: { type: 'string', value: 'IP,…', help: 'of this gateway on port 80, for DNS (default: none)' },
    'names-tls': {
      type: 'string',
      value: 'h2,…',
      help: 'a proxy at --addresses has TLS for https://NAME.peer, trusted by its visitors, and speaks this: h3, h2, http/1.1 (default: none)',
    },
    'address-header': {
      type: 'string',
      value: 'NAME',
      help: "in which the proxy tells a visitor's address (default: who connects is the visitor; with --on workerd always cf-connecting-ip)",
    },
    'place-header': {
      type: 'string',
      value: 'NAME',
      help: "in which the proxy tells a visitor's country, for deny-lists and near members (not with --on workerd)",
    },
    'position-header': {
      type: 'string',
      value: 'NAME',
      help: "in which the proxy tells where a visitor is, as '52.5,13.4', for the choice of a near member (not with --on workerd)",
    },
    position: { type: 'string', value: 'PLACE', help: "where this gateway stands: a country (DE) or '52.5,13.4'" },
    deny: { type: 'string', value: 'KEY,…', help: 'whose deny-lists it follows (default: nobody’s)' },
    contact: { type: 'string', value: 'URL', help: 'for security.txt: https:// or mailto: (default: there is none)' },
    'control-port': {
      type: 'string',
      value: 'PORT',
      help: 'metrics and health, on loopback (default: any; not with --on workerd)',
    },
    'log-level': {
      type: 'string',
      value: 'LEVEL',
      help: `least that is logged: ${LOG_LEVELS.join(', ')} (default info; not with --on workerd)`,
    },
    'log-form': {
      type: 'string',
      value: 'json|text',
      help: 'default: text on a terminal, else json (not with --on workerd)',
    },
    on: {
      type: 'string',
      value: 'node|workerd',
      help: 'what runs it: this Node, or the runtime of Cloudflare (default node)',
    },
  },
  positionals: { min: 0, max: 0 },
  examples: [
    'interpeer gateway --dir ./my-gateway --network network.json',
    'interpeer gateway --dir ./my-gateway --public-url https://gateway.example',
  ],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const { output, signal } = context
  const dir = stringOf(context, 'dir')
  if (dir === undefined) throw usageFailure('a gateway needs a directory of its own', 'interpeer gateway --dir DIR')
  const on = stringOf(context, 'on') ?? 'node'
  if (on !== 'node' && on !== 'workerd') throw usageFailure(`--on is node or workerd, not '${on}'`)
  const port = numberOf(context, 'port', { default: PORT, min: 0, max: 65_535 })
  const host = addressOf(context, on)
  const publicUrl = originOf(context)
  const addresses = stringOf(context, 'addresses')?.split(',') ?? []
  const wrong = addresses.find((address) => isIP(address) === 0)
  if (wrong !== undefined) throw usageFailure(`--addresses are IP addresses with commas between, not '${wrong}'`)
  const namesTls = stringOf(context, 'names-tls')?.split(',')
  const problem = namesTls === undefined ? undefined : namesTlsProblem(namesTls, addresses)
  if (problem !== undefined) throw usageFailure(`--names-tls ${problem}`)
  const position = stringOf(context, 'position')
  if (position !== undefined && placeFromText(position) === undefined)
    throw usageFailure(`--position ${PLACE_WORDS}, not '${position}'`)
  const file = await newestNetwork(networkPath(context))
  const settings: Settings = {
    ...{ port, directory: resolve(dir), networkKey: file.network_key, networkFile: JSON.stringify(file) },
    ...(host === undefined ? {} : { host }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    sitesDomain: stringOf(context, 'sites-domain'),
    addressHeader: stringOf(context, 'address-header')?.toLowerCase(),
    ...{ addresses, namesTls },
    placeHeader: stringOf(context, 'place-header')?.toLowerCase(),
    positionHeader: stringOf(context, 'position-header')?.toLowerCase(),
    position,
    denyKeys: denyKeysOf(context),
    securityContact: stringOf(context, 'contact'),
  }
  const watching = watchingOf(context, on)
  await using gateway = await (watching === undefined ? startedWorkerd(settings) : startedNode(settings, watching))
  const called = publicUrl ?? gateway.url
  const { control } = gateway
  output.event({ event: 'ready', url: gateway.url, publicUrl: called, ...(control === undefined ? {} : { control }) })
  output.line(`${output.style.good('✓')} the gateway ${called} listens at ${gateway.url}`)
  warnOf(file, called, context)
  await new Promise<void>((ended) => {
    if (signal.aborted) ended()
    signal.addEventListener('abort', () => ended(), { once: true })
  })
  watching?.log.info('stopping')
  return EXIT.interrupted
}

type Settings = {
  readonly port: number
  readonly directory: string
  readonly networkKey: string
  readonly networkFile: string
  readonly host?: string
  readonly publicUrl?: string
  readonly sitesDomain: string | undefined
  readonly addressHeader: string | undefined
  readonly addresses: readonly string[]
  readonly namesTls: readonly string[] | undefined
  readonly placeHeader: string | undefined
  readonly positionHeader: string | undefined
  readonly position: string | undefined
  readonly denyKeys: readonly string[]
  readonly securityContact: string | undefined
}

type Started = AsyncDisposable & {
  readonly url: string
  /** Where its metrics are. */
  readonly control?: string
}

/** What an operator sees of it, beside visitors. */
type Watching = { readonly log: Log; readonly controlPort: number }

/** Undefined: workerd has its own. */
function watchingOf(context: CommandContext, on: 'node' | 'workerd'): Watching | undefined {
  if (on === 'workerd') {
    const given = ['control-port', 'log-level', 'log-form'].find((name) => stringOf(context, name) !== undefined)
    if (given !== undefined) throw usageFailure(`--${given} is not for --on workerd`)
    return undefined
  }
  const controlPort = numberOf(context, 'control-port', { default: 0, min: 0, max: 65_535 })
  const level = stringOf(context, 'log-level') ?? 'info'
  if (!LOG_LEVELS.some((each) => each === level))
    throw usageFailure(`--log-level is one of ${LOG_LEVELS.join(', ')}, not '${level}'`)
  const form = stringOf(context, 'log-form') ?? (process.stderr.isTTY ? 'text' : 'json')
  if (form !== 'json' && form !== 'text') throw usageFailure(`--log-form is json or text, not '${form}'`)
  return { log: createLog({ level: level as LogLevel, form, sink: stderrSink }), controlPort }
}

async function startedNode(settings: Settings, { log, controlPort }: Watching): Promise<Started> {
  const { position, sitesDomain, addressHeader, namesTls, placeHeader, positionHeader, securityContact, ...rest } =
    settings
  const place = position === undefined ? undefined : placeFromText(position)
  const registry = createRegistry()
  observeProcess(registry, 'interpeer_gateway_build_info')
  await using stack = new AsyncDisposableStack()
  try {
    let isReady = false
    const control = await startControl(registry, { log, controlPort }, () => isReady)
    stack.defer(() => control.close())
    const { startNodeGateway } = await import('#gateway/node/start.ts')
    const gateway = await startNodeGateway({
      ...rest,
      ...(namesTls === undefined ? {} : { namesTls }),
      ...(placeHeader === undefined ? {} : { placeHeader }),
      ...(positionHeader === undefined ? {} : { positionHeader }),
      ...(place === undefined ? {} : { position: place }),
      ...(securityContact === undefined ? {} : { securityContact }),
      ...(sitesDomain === undefined ? {} : { sitesDomain }),
      ...(addressHeader === undefined ? {} : { addressHeader }),
      registry,
      log: (level, event, facts) => log[level](event, facts),
    })
    stack.defer(() => log.info('gateway_stopped'))
    stack.use(gateway)
    isReady = true
    const { url } = gateway
    log.info('gateway_started', { url, publicUrl: settings.publicUrl ?? url, control: control.url })
    const stopping = stack.move()
    return { url, control: control.url, [Symbol.asyncDispose]: () => stopping.disposeAsync() }
  } catch (cause) {
    throw notStarted(cause)
  }
}

/** `/metrics` Prometheus · `/healthz` the process lives · `/readyz` it answers visitors. */
function startControl(registry: Registry, { log, controlPort }: Watching, isReady: () => boolean): Promise<Loopback> {
  const text = (status: number, body: string, type = 'text/plain; charset=utf-8') => ({ status, type, body })
  return startLoopback({
    port: controlPort,
    log,
    pageOf(path) {
      switch (path) {
        case '/metrics':
          return text(200, registry.text(), CONTENT_TYPE)
        case '/healthz':
          return text(200, 'ok\n')
        case '/readyz':
          return isReady() ? text(200, 'ready\n') : text(503, 'not ready\n')
        default:
          return undefined
      }
    },
  })
}

async function startedWorkerd(settings: Settings): Promise<Started> {
  const { port, directory, networkKey, networkFile, publicUrl, sitesDomain, addresses, namesTls, denyKeys } = settings
  const domain = sitesDomain ?? (publicUrl === undefined ? undefined : '')
  const vars = {
    ADDRESSES: addresses.join(','),
    NAMES_TLS: namesTls?.join(',') ?? '',
    DENY_KEYS: denyKeys.join(','),
    SECURITY_CONTACT: settings.securityContact ?? '',
    POSITION: settings.position ?? '',
    ...(domain === undefined ? {} : { SITES_DOMAIN: domain }),
  }
  try {
    const { startGateway } = await import('#gateway/local/start.ts')
    return await startGateway({
      ...{ port, directory, networkKey, networkFile, vars },
      ...(publicUrl === undefined ? {} : { publicUrl }),
    })
  } catch (cause) {
    throw notStarted(cause)
  }
}

function notStarted(cause: unknown): Failure {
  return failed('not_started', `the gateway did not start: ${(cause as Error).message}`)
}

function addressOf(context: CommandContext, on: 'node' | 'workerd'): string | undefined {
  const host = stringOf(context, 'host')
  if (host === undefined) return undefined
  if (isIP(host) === 0) throw usageFailure(`--host is an IP address, not '${host}'`)
  if (on === 'workerd' && host !== '127.0.0.1')
    throw usageFailure('with --on workerd the gateway listens on 127.0.0.1', 'Put a proxy in front of it.')
  return host
}

function denyKeysOf(context: CommandContext): readonly string[] {
  const keys = stringOf(context, 'deny')?.toLowerCase().split(',') ?? []
  const wrong = keys.find((key) => !/^[0-9a-f]{64}$/.test(key))
  if (wrong !== undefined) throw usageFailure(`--deny takes keys of 64 hexadecimal digits, not '${wrong}'`)
  return keys
}

function originOf(context: CommandContext): string | undefined {
  const given = stringOf(context, 'public-url')
  if (given === undefined) return undefined
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url === undefined || url.origin !== given.replace(/\/$/, '') || !/^https?:$/.test(url.protocol))
    throw usageFailure(`--public-url is an origin such as https://gateway.example, not '${given}'`)
  return url.origin
}

/** No seeder registers at a gateway that the network does not know. */
function warnOf(file: NetworkFile, called: string, { output }: CommandContext): void {
  if (file.gateways.includes(called)) return
  output.note(`The network file does not name ${called}: seeders come when it does.`)
}
