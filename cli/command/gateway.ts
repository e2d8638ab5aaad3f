// `interpeer gateway`: the gateway on a machine of one's own, on Node or in workerd.

import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { type Command, type CommandContext, NETWORK_OPTION, numberOf, stringOf } from '#cli/command.ts'
import { EXIT, failed, usageFailure } from '#cli/failure.ts'
import { networkPath, newestNetwork } from '#cli/network/place.ts'
import { namesTlsProblem } from '#gateway/dns/names-tls.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import { PLACE_WORDS, placeFromText } from '#protocol/place/place.ts'
import { stderrSink } from '#seeder/config/log.ts'

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
  await using gateway = await started(on, settings)
  const called = publicUrl ?? gateway.url
  output.event({ event: 'ready', url: gateway.url, publicUrl: called })
  output.line(`${output.style.good('✓')} the gateway ${called} listens at ${gateway.url}`)
  warnOf(file, called, context)
  await new Promise<void>((ended) => {
    if (signal.aborted) ended()
    signal.addEventListener('abort', () => ended(), { once: true })
  })
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

async function started(
  on: 'node' | 'workerd',
  settings: Settings,
): Promise<AsyncDisposable & { readonly url: string }> {
  const { sitesDomain, addressHeader, placeHeader, positionHeader, securityContact, addresses, denyKeys } = settings
  const { namesTls, position, port, directory, networkKey, networkFile, host, publicUrl } = settings
  const rest = {
    ...{ port, directory, networkKey, networkFile },
    ...(host === undefined ? {} : { host }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
  }
  const place = position === undefined ? undefined : placeFromText(position)
  try {
    if (on === 'node') {
      const { startNodeGateway } = await import('#gateway/node/start.ts')
      return await startNodeGateway({
        ...rest,
        addresses,
        denyKeys,
        ...(namesTls === undefined ? {} : { namesTls }),
        ...(placeHeader === undefined ? {} : { placeHeader }),
        ...(positionHeader === undefined ? {} : { positionHeader }),
        ...(place === undefined ? {} : { position: place }),
        ...(securityContact === undefined ? {} : { securityContact }),
        ...(sitesDomain === undefined ? {} : { sitesDomain }),
        ...(addressHeader === undefined ? {} : { addressHeader }),
        log: (event, facts) => stderrSink(JSON.stringify({ time: new Date().toISOString(), event, ...facts })),
      })
    }
    const { startGateway } = await import('#gateway/local/start.ts')
    const domain = sitesDomain ?? (rest.publicUrl === undefined ? undefined : '')
    const vars = {
      ADDRESSES: addresses.join(','),
      NAMES_TLS: namesTls?.join(',') ?? '',
      DENY_KEYS: denyKeys.join(','),
      SECURITY_CONTACT: securityContact ?? '',
      POSITION: position ?? '',
      ...(domain === undefined ? {} : { SITES_DOMAIN: domain }),
    }
    return await startGateway({ ...rest, vars })
  } catch (cause) {
    throw failed('not_started', `the gateway did not start: ${(cause as Error).message}`)
  }
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
