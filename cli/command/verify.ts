// `interpeer verify`: is this answer what the group agreed to?

import { type Command, type CommandContext, NETWORK_OPTION, stringOf } from '#cli/command.ts'
import { networkPath } from '#cli/network/place.ts'
import { runVerify } from '#cli/verify/verify.ts'

/** Options that are handed on as they are, by their names in `VerifyOptions`. */
const HANDED_ON = {
  from: 'from',
  save: 'save',
  at: 'at',
  method: 'method',
  data: 'data',
  'content-type': 'contentType',
} as const

export const command: Command = {
  name: 'verify',
  summary: 'check an answer: receipt, certificate, hashes, age, and what other members say',
  usage: 'verify URL | --from FILE  [--network FILE] [--save FILE] [--at TIME] [--json]',
  about:
    'URL is a gateway link or an address at a member. Nobody who is asked is believed: what counts are the keys in the network file.\nExit codes: 0 valid, 1 invalid (with --json, "code" names the check), 2 wrong usage, 3 nobody answered.',
  options: {
    network: NETWORK_OPTION,
    from: { type: 'string', value: 'FILE', help: 'check a saved answer instead' },
    save: { type: 'string', value: 'FILE', help: 'keep the answer with its evidence, once it is valid' },
    at: {
      type: 'string',
      value: 'TIME',
      help: 'with --from: judge its age at this time (ms since 1970 or an ISO date; default: when it was certified)',
    },
    method: { type: 'string', value: 'METHOD', help: 'ask with this method (default GET, POST with --data)' },
    data: { type: 'string', value: 'TEXT', help: 'send this body: a write, checked by its certificate and path' },
    'content-type': { type: 'string', value: 'TYPE', help: 'of --data (default application/x-www-form-urlencoded)' },
  },
  positionals: { min: 0, max: 1 },
  examples: [
    'interpeer verify http://127.0.0.1:8787/wiki/',
    'interpeer verify http://127.0.0.1:8787/wiki/ --save wiki.answer',
    'interpeer verify --from wiki.answer',
  ],
  run,
}

async function run(context: CommandContext): Promise<number> {
  const [url] = context.positionals
  const given = Object.entries(HANDED_ON).flatMap(([option, name]) => {
    const value = stringOf(context, option)
    return value === undefined ? [] : [[name, value] as const]
  })
  return runVerify({
    ...(url === undefined ? {} : { url }),
    ...Object.fromEntries(given),
    // Asked for only when the words fit.
    get network() {
      return networkPath(context)
    },
    output: context.output,
  })
}
