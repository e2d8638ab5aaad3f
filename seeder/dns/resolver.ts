// What the seeder's own DNS says: which names there are, it has from the signed network file; who is living, from a gateway's `/dns-query`, kept as
// long as the gateway says. While no gateway answers it names itself for the sites that it hosts.
//
//   query ── settle (network file) ──┬─> no such name, another zone, the apex
//                                    └─> a site ── kept? ── gateway A ✗ ── gateway B ──> its records ── ✗ ──> this seeder, or SERVFAIL
//
// Invariant: a name outside the zones, and one that the network file lacks, makes nobody ask anything; of one name and type one question is
// under way.

import { assert } from '#protocol/codec/result.ts'
import type { NetworkFile, NetworkJob } from '#protocol/directory/network-file.ts'
import { isGlobal } from '#protocol/dns/address.ts'
import { DNS_MESSAGE_BYTES_MAX, RCODE, TYPE } from '#protocol/dns/constants.ts'
import { httpsFromData } from '#protocol/dns/https-record.ts'
import { type Answer, answerFromBytes, type Query, queryToBytes, type RecordData } from '#protocol/dns/message.ts'
import { questionToBytes } from '#protocol/dns/name.ts'
import { siteRecords } from '#protocol/dns/site-records.ts'
import { createZone, refused, type SiteRecords, settle, siteAnswer, type Zone } from '#protocol/dns/zone.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { call } from '#seeder/register/http.ts'

const ASK_MS = 3_000
/** Questions to gateways under way at a time. */
const ASKED_MAX = 64
/** Names and types whose answers are kept. */
const KEPT_MAX = 4096
/** What a gateway says is believed no longer, seconds. */
const TTL_MAX = 60
/** How long this seeder stands in for its gateways, or says that it does not know (RFC 9520 §3.2), seconds. */
const FAILED_SECONDS = 5
/** Types that a site may have records of. */
const ASKED: ReadonlySet<number> = new Set([TYPE.A, TYPE.AAAA, TYPE.TXT, TYPE.HTTPS])
const NOTHING: SiteRecords = { ttl: 30, records: [] }

export type ResolverOptions = {
  readonly file: () => NetworkFile
  readonly self: PeerName
  /** The seeder's own origin. */
  readonly http: string
  /** Where it has a site; undefined: it has it not. */
  readonly originOf: (site: string) => string | undefined
  /** Steady, ms. */
  readonly now: () => number
  /** The body of a gateway's answer; rejects when there is none. */
  readonly ask?: (gateway: string, message: Uint8Array) => Promise<Uint8Array>
}

export type Resolver = { answer(query: Query): Answer | Promise<Answer> }

type Kept = { readonly records: readonly RecordData[] | undefined; readonly until: number }

async function askGateway(gateway: string, message: Uint8Array): Promise<Uint8Array> {
  const dns = Buffer.from(message).toString('base64url')
  const { status, body } = await call(`${gateway}/dns-query?dns=${dns}`, {
    method: 'GET',
    headers: { accept: 'application/dns-message' },
    answerBytesMax: DNS_MESSAGE_BYTES_MAX,
    timeoutMs: ASK_MS,
  })
  if (status !== 200) throw new Error(`the gateway answers ${status}`)
  return body
}

export function createResolver(options: ResolverOptions): Resolver {
  const { file, now, ask = askGateway } = options
  /** In the order in which they were asked. */
  const kept = new Map<string, Kept>()
  const asked = new Map<string, Promise<Kept>>()
  let zoneOf:
    | { readonly file: NetworkFile; readonly zone: Zone; readonly jobs: ReadonlyMap<string, NetworkJob> }
    | undefined

  function present(): NonNullable<typeof zoneOf> {
    const newest = file()
    if (zoneOf?.file === newest) return zoneOf
    const jobs = new Map(newest.jobs.map((job) => [job.name, job]))
    const [gateway = 'http://localhost'] = newest.gateways
    const zone = createZone({
      server: new URL(gateway).hostname,
      serial: newest.version,
      isSite: (name) => jobs.has(name),
    })
    zoneOf = { file: newest, zone, jobs }
    return zoneOf
  }

  function keep(key: string, found: Kept): Kept {
    kept.delete(key)
    if (kept.size >= KEPT_MAX) {
      const [oldest] = kept.keys()
      if (oldest !== undefined) kept.delete(oldest)
    }
    kept.set(key, found)
    return found
  }

  async function learnt(name: string, type: number): Promise<Kept> {
    const question = questionToBytes(`${name}.peer`, type)
    assert(question !== undefined, 'the name of a site is a label')
    for (const gateway of file().gateways) {
      const bytes = await ask(gateway, queryToBytes(question)).catch(() => undefined)
      const answer = bytes === undefined ? undefined : answerFromBytes(bytes, question)
      // A gateway that has an older network file than this seeder knows no such name.
      if (answer?.ok !== true || answer.value.rcode !== RCODE.NOERROR || answer.value.isTruncated) continue
      const { answers, noTtl = 0 } = answer.value
      const records = answers.filter((record) => record.type === type && isSound(record, file().profile === 'local'))
      const ttl = Math.min(TTL_MAX, ...(answers.length > 0 ? answers.map((record) => record.ttl) : [noTtl]))
      return { records, until: now() + ttl * 1000 }
    }
    return { records: ownRecords(name), until: now() + FAILED_SECONDS * 1000 }
  }

  function ownRecords(name: string): readonly RecordData[] | undefined {
    const origin = options.originOf(name)
    const job = present().jobs.get(name)
    if (origin === undefined || job === undefined) return undefined
    const itself = [{ peer: options.self, origin, http: options.http }]
    const isLocal = file().profile === 'local'
    return siteRecords({ job: job.job, epoch: job.epoch, members: itself, direct: itself, gateway: [], isLocal })
  }

  function answered(type: number, { records, until }: Kept): Answer {
    if (records === undefined) return refused(RCODE.SERVFAIL)
    return siteAnswer(type, present().zone, { ttl: Math.max(0, Math.floor((until - now()) / 1000)), records })
  }

  return {
    answer(query) {
      const { zone } = present()
      const settled = settle(query, zone)
      if (settled.kind === 'answer') return settled.answer
      const { type } = query.question
      if (!ASKED.has(type)) return siteAnswer(type, zone, NOTHING)
      const key = `${settled.name} ${type}`
      const known = kept.get(key)
      if (known !== undefined && known.until > now()) return answered(type, known)
      let asking = asked.get(key)
      if (asking === undefined) {
        if (asked.size >= ASKED_MAX) return refused(RCODE.SERVFAIL)
        asking = learnt(settled.name, type)
          .then((found) => keep(key, found))
          .finally(() => asked.delete(key))
        asked.set(key, asking)
      }
      return asking.then((found) => answered(type, found))
    },
  }
}

/** Its data has the form of its type; outside a local network no gateway leads into this one's own. */
function isSound({ type, data }: RecordData, isLocal: boolean): boolean {
  const isOutside = (address: Uint8Array): boolean => isLocal || isGlobal(address)
  if (type === TYPE.HTTPS) return httpsFromData(data)?.hints.every(isOutside) ?? false
  if (type !== TYPE.TXT) return data.length === (type === TYPE.A ? 4 : 16) && isOutside(data)
  let at = 0
  while (at < data.length) at += 1 + (data[at] ?? 0)
  return at === data.length && at > 0
}
