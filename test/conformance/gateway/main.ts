// `npm run conformance -- https://gateway [--site NAME] [--sites-domain DOMAIN]`: the suite against a gateway of anybody's, by its address alone.
//
// Needs a site of that network for which somebody answers; the first such one that the gateway names unless told. `--sites-domain`: where that gateway
// carries sites, when it does. What takes a network's key or seeders of one's own is told as skipped. Ends with 0 when everything held, 1 when not, 2 for wrong words.

import { test } from 'node:test'
import type { NameAnswer } from '#gateway/locate/lookup.ts'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import { type Program, startedWith } from '#test/support/program.ts'
import { anySuite } from './any.ts'

/** Sites that are looked at for one that somebody answers for. */
const SITES_TRIED_MAX = 50
const USAGE = `usage: npm run conformance -- URL [options]

  URL                     of a gateway of anybody's, for example https://gateway.example
  --site NAME             a site that somebody answers for (default: the first such one)
  --sites-domain DOMAIN   where that gateway carries sites, when it does

Exit codes: 0 everything held, 1 something did not, 2 usage.`

/** Of `links.ts` and `tunnels.ts`. */
const NEEDS_KEYS: readonly string[] = [
  'visits go round the members',
  'a site without a living member is 503 with Retry-After',
  'a higher network file is taken from anybody, and no other',
  'registrations: clocks, replays, other gateways, strangers',
  'a restarted gateway knows network, sites and what was taken before',
  'whoever writes without end is told to wait',
  'tunnels: who is let in, what is carried, and what no visitor or seeder can break for others',
]

const started = startedWith(USAGE, {
  options: { site: { type: 'string' }, 'sites-domain': { type: 'string' } },
  allowPositionals: true,
})
const { wrong }: Program = started

function words(): {
  readonly url: string
  readonly site: string | undefined
  readonly sitesDomain: string | undefined
} {
  const { values, positionals } = started
  const [given, ...more] = positionals
  if (given === undefined || more.length > 0 || !/^https?:\/\//.test(given) || !URL.canParse(given))
    return wrong('One gateway, by its address: https://gateway.example')
  return { url: new URL(given).origin, site: values.site, sitesDomain: values['sites-domain'] }
}

/** The first site for which somebody answers. */
async function livingSite(url: string): Promise<string> {
  const network = await fetch(`${url}/network`)
  if (!network.ok) return wrong(`${url} has no network file (${network.status}); is it a gateway?`)
  const { jobs } = (await network.json()) as NetworkFile
  for (const { name } of jobs.slice(0, SITES_TRIED_MAX)) {
    const found = await fetch(`${url}/lookup/name/${name}`)
    if (!found.ok) continue
    const { members } = (await found.json()) as NameAnswer
    if (members.some(({ state }) => state === 'living')) return name
  }
  return wrong(`Nobody answers for any of the first ${SITES_TRIED_MAX} sites of ${url}; name another with --site.`)
}

const { url, site, sitesDomain } = words()
const living =
  site ?? (await livingSite(url).catch((cause: Error) => wrong(`${url} does not answer: ${cause.message}`)))
anySuite(new URL(url).host, { isLive: true }, () => ({ url, site: living, sitesDomain }))
for (const name of NEEDS_KEYS)
  test(name, { skip: 'needs the key of the network, or seeders of its own: npm test runs it against workerd and Node' })
