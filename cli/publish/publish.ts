// From a folder to a site on the network: bundle, sign, admit, upload, agree.
//
//   folder ──bundleSite──> files ──packFiles──> code root, CAR
//   no job of this name yet ──JOB_NEW──> admission ──> members in the next version of the network file
//   CAR ──> one member (the next, if it fails) ──> a quorum of them, when it is large ── signed UPDATE ──> one agreed height: code, migrations and first data at once
//
// Each step may be repeated: the same order, bundle or UPDATE again changes nothing.

import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { bundleSite } from '#cli/bundle/bundle.ts'
import { type BundleIssue, issueText } from '#cli/bundle/config-file.ts'
import { EXIT, Failure, failed, networkFailure, usageFailure } from '#cli/failure.ts'
import { exchange, type HttpAnswer } from '#cli/network/http.ts'
import { type MemberPlace, membersOf } from '#cli/network/peers.ts'
import { agreedFrom, type Fetched, fetchedAtFrom, fetchedFrom } from '#cli/publish/member-answers.ts'
import { type Packed, type PackTree, packFiles } from '#cli/publish/pack.ts'
import { base64FromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { digestFromBytes } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { domainOf, groupOf, type NetworkFile, type NetworkJob, SITE_NAME } from '#protocol/directory/network-file.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { JobNew, Update } from '#protocol/message/statement.ts'

export const GROUP_SIZE = 4
/** How long members may take to notice a new job, and a busy group to agree on an UPDATE. */
const HOSTED_MS = 30_000
const AGREE_MS = 60_000
/** Every member reads a bundle through before it agrees: so many bytes a second at least. */
const READ_BYTES_A_MS = 5_000
const UPLOAD_MS = 10 * 60_000
const POLL_MS = 150
/** A larger bundle is with a quorum before it is ordered: a request waits for its block a minute at most (agreement §5). */
export const SPREAD_BYTES_MIN = 4 * 2 ** 20
/** Members that together get less of it in so long are not waited for: one that tells of a byte more each time holds nobody up. */
const SPREAD_IDLE_MS = 60_000
const SPREAD_IDLE_BYTES = 64 * 1024
const SPREAD_ASK_MS = 20_000
const SPREAD_POLL_MS = 500

export type PublishStep = 'bundle' | 'admit' | 'upload' | 'spread' | 'agree'
/** `done` of `total`, bytes where it is an upload. */
export type PublishProgress = (step: PublishStep, done: number, total: number) => void

export type PublishOptions = {
  /** The site's folder, the code of an exported one, or a bundle that is packed already. */
  readonly folder:
    | string
    | { readonly name: string; readonly code: PackTree }
    | { readonly name: string; readonly packed: Packed }
  /** The newest network file; asked again while waiting for a change. */
  readonly network: () => Promise<NetworkFile>
  readonly signer: Signer
  readonly signal: AbortSignal
  readonly progress: PublishProgress
  /** What the author of a folder should know, for people. */
  readonly warn?: (text: string) => void
  /** Publish under another name than the configuration's. */
  readonly name?: string
  readonly account?: string
  readonly size?: number
  readonly quorum?: 'bft' | 'all'
  /** Linked into the bundle: `data` is what a new site's state begins with. */
  readonly data?: PackTree
}

export type Published = {
  readonly name: string
  readonly job: string
  readonly height: number
  readonly codeRoot: string
  readonly sequence: number
  readonly members: readonly string[]
  /** The gateway's link, ending in `/`. */
  readonly url: string | undefined
  /** What the group said of the update (applied migrations). */
  readonly answer: string
}

export const SITE_NAME_WORDS = 'lower-case letters, digits and hyphens between them, 63 at most'

/** Says every issue of a bundle with its place. */
export function issuesFailure(issues: readonly BundleIssue[]): Failure {
  return failed(issues[0]?.code ?? 'bundle', issues.map(issueText).join('\n  '), 'Nothing was published.')
}

export async function publishSite(options: PublishOptions): Promise<Published> {
  const { signer, progress } = options
  progress('bundle', 0, 1)
  const { name, packed } = await bundled(options)
  progress('bundle', 1, 1)
  if (!SITE_NAME.test(name)) throw usageFailure(`'${name}' cannot be the name of a site: ${SITE_NAME_WORDS}`)

  const account = options.account ?? `peer:${peerName(signer.publicKey)}`
  const { file, job } = await admitted({ ...options, name, account })
  return orderUpdate({ ...options, file, job, account, packed })
}

async function bundled(options: PublishOptions): Promise<{ name: string; packed: Packed }> {
  const { folder, data, progress } = options
  if (typeof folder !== 'string') {
    if ('packed' in folder) return { name: options.name ?? folder.name, packed: folder.packed }
    const links = [...folder.code.links, ...(data?.links ?? [])]
    // An archive's code and data lie in one place.
    const apart = data !== undefined && data.places !== folder.code.places
    const places = apart ? new Map([...folder.code.places, ...data.places]) : folder.code.places
    return { name: options.name ?? folder.name, packed: packFiles([], { links, places }) }
  }
  const bundle = await bundleSite(folder)
  if (!bundle.ok) throw issuesFailure(bundle.error)
  const { files, bytes, warnings } = bundle.value
  for (const warning of warnings) options.warn?.(warning)
  return {
    name: options.name ?? bundle.value.manifest.name,
    packed: packFiles(files, data, (done) => progress('bundle', done / (bytes + 1), 1)),
  }
}

function jobDigest(job: NetworkJob): Digest {
  const digest = digestFromBytes(Buffer.from(job.job, 'hex'))
  assert(digest.ok, 'a network file names jobs by 32 bytes')
  return digest.value
}

/** The job of the name, ours: known already, or ordered now. */
async function admitted(
  options: PublishOptions & { name: string; account: string },
): Promise<{ file: NetworkFile; job: NetworkJob }> {
  const { name, account, signer, progress } = options
  progress('admit', 0, 1)
  const file = await options.network()
  const known = file.jobs.find((job) => job.name === name)
  if (known !== undefined) {
    if (known.uploader !== peerName(signer.publicKey)) {
      throw failed(
        'name_taken',
        `'${name}' was published by another key (${known.uploader.slice(0, 16)}…)`,
        'Choose another "name" in interpeer.jsonc, or publish with the key that owns it (--key FILE).',
      )
    }
    progress('admit', 1, 1)
    return { file, job: known }
  }
  const order: JobNew = {
    name,
    account,
    quorum: options.quorum ?? 'bft',
    size: options.size ?? Math.min(GROUP_SIZE, Math.max(3, file.peers.length)),
    nonce: new Uint8Array(randomBytes(16)),
    time: Date.now(),
  }
  const statement = signStatement(domainOf(file), 'job_new', signer, order)
  const answer = await exchange(`${file.admission}/jobs`, {
    method: 'POST',
    body: cborFromValue(statement),
    signal: options.signal,
  })
  if (answer.status !== 200) throw refused('the network did not admit the site', answer)
  const { version } = JSON.parse(answer.body.toString('utf8')) as { version: number }
  const end = performance.now() + HOSTED_MS
  for (;;) {
    const next = await options.network()
    const job = next.jobs.find((each) => each.name === name)
    if (job !== undefined) {
      progress('admit', 1, 1)
      return { file: next, job }
    }
    if (performance.now() > end)
      throw networkFailure(
        `version ${version} of the network file did not arrive`,
        `Is ${file.admission} the admission endpoint of this network?`,
      )
    await pause(options.signal)
  }
}

export type UpdateOptions = Pick<PublishOptions, 'signer' | 'signal' | 'progress'> & {
  readonly file: NetworkFile
  readonly job: NetworkJob
  readonly account: string
  readonly packed: Packed
}

/** Uploads the bundle and has the group agree on it. */
export async function orderUpdate(options: UpdateOptions): Promise<Published> {
  const update = signUpdate(options, options.packed.root)
  const member = await upload(options, update)
  if (options.packed.bytes >= SPREAD_BYTES_MIN) await spread(options, update, member)
  return agree(options, update, member, options.packed.bytes)
}

/** An UPDATE to code that the group has already (a rollback): nothing is uploaded. */
export async function orderEarlier(options: Omit<UpdateOptions, 'packed'>, codeRoot: Cid): Promise<Published> {
  return agree(options, signUpdate(options, codeRoot), undefined)
}

function signUpdate(options: Omit<UpdateOptions, 'packed'>, codeRoot: Cid): Signed<Update> {
  const { file, job, signer, account } = options
  const now = Date.now()
  // Milliseconds since the epoch rise from one update to the next, and need nobody to be asked.
  return signStatement(domainOf(file), 'update', signer, {
    job: jobDigest(job),
    sequence: now,
    code_root: codeRoot,
    account,
    time: now,
  })
}

async function upload(options: UpdateOptions, update: Signed<Update>): Promise<MemberPlace> {
  const { file, job, packed, signal, progress } = options
  const header = base64FromBytes(cborFromValue(update))
  const end = performance.now() + HOSTED_MS
  let last: Failure | undefined
  for (;;) {
    for (const member of membersOf(file, job)) {
      let sent = 0
      const count = async function* () {
        for await (const piece of packed.car()) {
          sent += piece.length
          progress('upload', Math.min(sent, packed.bytes), packed.bytes)
          yield piece
        }
      }
      try {
        const answer = await exchange(`${member.http}/.well-known/interpeer/upload/${job.job}`, {
          method: 'POST',
          headers: { 'content-type': 'application/vnd.ipld.car; version=1', 'interpeer-update': header },
          body: Readable.from(count(), { objectMode: false }),
          timeoutMs: UPLOAD_MS,
          signal,
        })
        if (answer.status === 200) {
          progress('upload', packed.bytes, packed.bytes)
          return member
        }
        // 404: the member has not heard of the job yet. 503: it cannot store just now.
        if (answer.status !== 404 && answer.status !== 503) throw refused('the bundle was refused', answer)
        last = refused('no member took the bundle', answer)
      } catch (cause) {
        if (!(cause instanceof Failure) || cause.exit !== EXIT.network) throw cause
        last = cause
      }
    }
    if (performance.now() > end)
      throw last ?? networkFailure(`'${job.name}' has no member that the network file knows an address of`)
    await pause(signal)
  }
}

/**
 * Waits until a quorum of the members has the whole bundle, each from whoever has it; or until none gets more of it. The member that took it asks those
 * that it is linked to; the others are asked from here.
 */
async function spread(options: UpdateOptions, update: Signed<Update>, first: MemberPlace): Promise<void> {
  const { file, job, packed, signal, progress } = options
  const others = membersOf(file, job).filter((member) => member !== first)
  const needed = Math.min(others.length, quorumOf(groupOf(job)) - 1)
  const body = cborFromValue(update)
  const came = new Map(others.map(({ peer }) => [peer, 0]))
  const sum = (): number =>
    [...came.values()]
      .sort((a, b) => b - a)
      .slice(0, needed)
      .reduce((a, b) => a + b, 0)
  let before = 0
  let since = performance.now()
  for (;;) {
    const told = await askedThere()
    await Promise.all(others.filter(({ peer }) => !told.has(peer)).map(askHere))
    const most = sum()
    progress('spread', Math.min(most, needed * packed.bytes), needed * packed.bytes)
    if (most >= needed * packed.bytes) return
    if (most >= before + SPREAD_IDLE_BYTES) {
      since = performance.now()
      before = most
    }
    if (performance.now() - since > SPREAD_IDLE_MS) {
      progress('spread', needed * packed.bytes, needed * packed.bytes)
      return
    }
    await pause(signal, SPREAD_POLL_MS)
  }

  function note(peer: string, { whole, bytes }: Fetched): void {
    if (!came.has(peer)) return
    const most = whole ? packed.bytes : Math.min(bytes, packed.bytes - 1)
    // Of what came before a restart it does not know any more.
    came.set(peer, Math.max(most, came.get(peer) ?? 0))
  }

  /** Whom the member that has it knows about. */
  async function askedThere(): Promise<ReadonlySet<string>> {
    const answer = await ask(first, 'spread')
    if (answer?.status !== 200) return new Set()
    const members = fetchedAtFrom(answer.body.toString('utf8'))
    for (const member of members) note(member.peer, member)
    return new Set(members.map(({ peer }) => peer))
  }

  async function askHere(member: MemberPlace): Promise<void> {
    if ((came.get(member.peer) ?? 0) >= packed.bytes) return
    const answer = await ask(member, 'fetch')
    if (answer?.status === 200) note(member.peer, { whole: true, bytes: packed.bytes })
    const some = answer?.status === 202 ? fetchedFrom(answer.body.toString('utf8')) : undefined
    if (some !== undefined) note(member.peer, some)
  }

  async function ask(member: MemberPlace, what: 'fetch' | 'spread'): Promise<HttpAnswer | undefined> {
    try {
      return await exchange(`${member.http}/.well-known/interpeer/${what}/${job.job}`, {
        method: 'POST',
        headers: { 'content-type': 'application/cbor' },
        body,
        timeoutMs: SPREAD_ASK_MS,
        signal,
      })
    } catch (cause) {
      if (!(cause instanceof Failure) || cause.exit !== EXIT.network) throw cause
      return undefined
    }
  }
}

async function agree(
  options: Omit<UpdateOptions, 'packed'>,
  update: Signed<Update>,
  first: MemberPlace | undefined,
  bundleBytes = 0,
): Promise<Published> {
  const { file, job, signal } = options
  options.progress('agree', 0, 1)
  const all = membersOf(file, job)
  const members = first === undefined ? all : [first, ...all.filter((member) => member !== first)]
  const bytes = cborFromValue(update)
  const end = performance.now() + AGREE_MS + bundleBytes / READ_BYTES_A_MS
  let last: Failure | undefined
  for (;;) {
    for (const member of members) {
      try {
        const answer = await exchange(`${member.http}/.well-known/interpeer/update/${job.job}`, {
          method: 'POST',
          headers: { 'content-type': 'application/cbor' },
          body: bytes,
          timeoutMs: AGREE_MS,
          signal,
        })
        if (answer.status === 200) {
          const said = agreedFrom(answer.body.toString('utf8'))
          if (said !== undefined) return published(options, update, said.height, said.answer)
          last = networkFailure(`${member.http} answered the update with what no member says`)
          continue
        }
        // The first try went through and its answer was lost on the way.
        const live = liveSequence(answer)
        if (live?.sequence === update.body.sequence) return published(options, update, live.height, '')
        // 404, 409: this member has not got the job or the bundle. 503: the group is not ready.
        if (![404, 409, 503].includes(answer.status))
          throw refused('the group refused the update; what was live before still is', answer)
        last = refused('the group did not agree on the update yet', answer)
      } catch (cause) {
        if (!(cause instanceof Failure) || cause.exit !== EXIT.network) throw cause
        last = cause
      }
    }
    if (performance.now() > end) throw last ?? networkFailure(`no member of '${job.name}' answered`)
    await pause(signal)
  }
}

function published(
  options: Omit<UpdateOptions, 'packed'>,
  update: Signed<Update>,
  height: number,
  answer: string,
): Published {
  const { file, job, progress } = options
  const [gateway] = file.gateways
  progress('agree', 1, 1)
  return {
    name: job.name,
    job: job.job,
    height,
    codeRoot: textFromCid(update.body.code_root),
    sequence: update.body.sequence,
    members: job.members,
    url: gateway === undefined ? undefined : `${gateway}/${job.name}/`,
    answer,
  }
}

/** The sequence that is live already, when that is why an UPDATE was refused. */
function liveSequence(answer: HttpAnswer): { readonly sequence: number; readonly height: number } | undefined {
  if (answer.status !== 422) return undefined
  try {
    const said = JSON.parse(answer.body.toString('utf8')) as { message?: string; height?: number }
    const inner = JSON.parse(said.message ?? '') as { code?: string; live?: number }
    return inner.code === 'update_sequence' && inner.live !== undefined
      ? { sequence: inner.live, height: said.height ?? 0 }
      : undefined
  } catch {
    return undefined
  }
}

type Refused = { readonly code?: string; readonly message?: string; readonly binding?: string; readonly name?: string }

function refused(what: string, answer: HttpAnswer): Failure {
  const said = refusedFrom(answer.body.toString('utf8'))
  // What the site's own code or migrations came to stands inside, as the group agreed on it.
  const inner = refusedFrom(said.message ?? '')
  const code = inner.code ?? said.code ?? `http_${answer.status}`
  return failed(
    code,
    `${what}: ${inner.code === undefined ? (said.message ?? `status ${answer.status}`) : sentence(inner)}`,
  )
}

function refusedFrom(text: string): Refused {
  try {
    return JSON.parse(text) as Refused
  } catch {
    // Not one of our answers: its status says enough.
    return {}
  }
}

function sentence({ code, binding, name, message, ...facts }: Refused): string {
  const migration = `migration ${binding}/${name}`
  switch (code) {
    case 'migration_failed':
      return `${migration} failed: ${message}`
    case 'migration_changed':
      return `${migration} was applied already and has other text now; add another migration instead`
    case 'script_start':
      return `the script fails when it starts: ${message}`
    default:
      return [code, message, Object.keys(facts).length === 0 ? undefined : JSON.stringify(facts)]
        .filter((part) => part !== undefined)
        .join(' ')
  }
}

async function pause(signal: AbortSignal, ms = POLL_MS): Promise<void> {
  if (signal.aborted) throw failed('interrupted', 'interrupted')
  await new Promise((resolve) => setTimeout(resolve, ms))
}
