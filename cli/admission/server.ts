// The admission endpoint: whoever holds the network key admits published jobs and peers' records into the network file and raises
// its version. It decides nothing about a site's content; what it may not do is refuse in silence.
//
//   GET  /network    the file                POST /peers      Signed<PeerRecord>
//   POST /jobs       Signed<JobNew>          POST /jobs/end   Signed<JobEnd>
//
// Bodies are canonical DAG-CBOR `{from, body, signature}`. Changes are made one at a time, written durably, then told to the gateways.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exchange } from '#cli/network/http.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { assert, type Result } from '#protocol/codec/result.ts'
import { readCbor, type Shape } from '#protocol/codec/shape.ts'
import {
  type AdmissionError,
  applyJobEnd,
  applyJobNew,
  applyMembers,
  applyPeerRecord,
} from '#protocol/directory/admission.ts'
import {
  domainOf,
  type NetworkFile,
  signNetworkFile,
  type UnsignedNetworkFile,
  verifyNetworkFile,
} from '#protocol/directory/network-file.ts'
import { type PublicKey, peerName, type Signer } from '#protocol/identity/keys.ts'
import { type Signed, statementHash } from '#protocol/message/domain.ts'
import { jobId, type StatementBody, type StatementType, signedShape } from '#protocol/message/statement.ts'
import { writeWhole } from '#seeder/config/place.ts'
import { verify } from '#seeder/identity/keys.ts'
import { smallBody } from '#seeder/serve/small-body.ts'

const STATEMENT_BYTES_MAX = 16 * 1024
const REQUEST_TIMEOUT_MS = 10_000
const GATEWAY_RETRY_MS = 1_000
/** Peers and jobs that are new to the file: each is a durable version that every seeder takes. */
const NEWCOMERS_BURST = 200
const NEWCOMERS_PER_SECOND = 2

export type Admission = AsyncDisposable & {
  readonly url: string
  file(): NetworkFile
  /** Signs and publishes a change of the holder's own (settings, gateways). */
  change(change: Partial<UnsignedNetworkFile>): NetworkFile
}

export type AdmissionOptions = {
  readonly path: string
  readonly file: NetworkFile
  readonly signer: Signer
  readonly port: number
  readonly onChange?: (file: NetworkFile) => void
}

/** Whole or not at all, and durable when it returns. */
export function writeNetworkFile(path: string, file: NetworkFile): void {
  writeWhole(path, `${JSON.stringify(file, null, 1)}\n`)
}

/** Reads and verifies a network file on disk; throws with a message for people. */
export function loadNetworkFile(path: string): NetworkFile {
  const verdict = verifyNetworkFile(readFileSync(path, 'utf8'), verify)
  if (!verdict.ok) throw new Error(`${path} is no valid network file: ${JSON.stringify(verdict.error)}`)
  return verdict.value
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}

const SENTENCE: Record<AdmissionError['code'], string> = {
  name_taken: 'another job has this name: choose another one',
  name_reserved: 'the gateway needs this name itself: choose another one',
  group_too_small: 'a group has three members at least',
  too_few_peers: 'the network has fewer peers than the group asked for: start more seeders or ask for a smaller group',
  full: 'the network file is full',
  clock_skew: 'the statement was signed at another time: set your clock',
  job_ended: 'this job was ended; publish the site anew, as another job',
  unknown_job: 'no such job',
  not_the_uploader: 'only the key that published this job may end it',
  not_newer: 'a newer record of this peer is known',
  not_the_peer: 'a peer signs its own record',
  unknown_peer: 'a member is a peer of the network, named once',
  not_the_network_key: 'only the key of the network names the members of a group',
  other_epoch: 'the group has changed meanwhile: look again, then say it anew',
}

function knows(file: NetworkFile, key: PublicKey): boolean {
  const name = peerName(key)
  return file.peers.some(({ peer }) => peer === name)
}

export async function startAdmission(options: AdmissionOptions): Promise<Admission> {
  let file = options.file
  const domain = domainOf(file)
  let closed = false
  const told = new Map<string, number>()
  const retries = new Set<NodeJS.Timeout>()

  const tell = async (gateway: string): Promise<void> => {
    if (closed || (told.get(gateway) ?? -1) >= file.version) return
    const { version } = file
    try {
      const said = await exchange(`${gateway}/network`, {
        method: 'PUT',
        body: Buffer.from(JSON.stringify(file)),
        headers: { 'content-type': 'application/json' },
        timeoutMs: REQUEST_TIMEOUT_MS,
      })
      // 409: it has this version or a higher one already.
      if (said.status < 300 || said.status === 409) told.set(gateway, Math.max(version, told.get(gateway) ?? -1))
      else throw new Error(`status ${said.status}`)
    } catch {
      if (closed) return
      const timer = setTimeout(() => {
        retries.delete(timer)
        void tell(gateway)
      }, GATEWAY_RETRY_MS)
      retries.add(timer)
      return
    }
    void tell(gateway)
  }

  const bucket = { tokens: NEWCOMERS_BURST, at: performance.now() }
  const takeToken = (): boolean => {
    const now = performance.now()
    bucket.tokens = Math.min(NEWCOMERS_BURST, bucket.tokens + ((now - bucket.at) / 1000) * NEWCOMERS_PER_SECOND)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  const publish = (next: UnsignedNetworkFile): NetworkFile => {
    if (next.version === file.version) return file
    const signed = signNetworkFile(next, options.signer)
    writeNetworkFile(options.path, signed)
    file = signed
    for (const gateway of file.gateways) void tell(gateway)
    options.onChange?.(file)
    return file
  }

  const admit = <T extends StatementType>(
    type: T,
    bytes: Uint8Array,
    response: ServerResponse,
    apply: (statement: Signed<StatementBody<T>>) => Result<UnsignedNetworkFile, AdmissionError>,
    extra: (statement: Signed<StatementBody<T>>) => object,
  ): void => {
    const read = readCbor(signedShape(type) as Shape<Signed<StatementBody<T>>>, bytes, STATEMENT_BYTES_MAX)
    if (!read.ok)
      return answer(response, 400, {
        code: read.error.code,
        message: `not a ${type} statement: ${JSON.stringify(read.error)}`,
      })
    const { from, body, signature } = read.value
    if (!verify(from, statementHash(domain, type, body), signature)) {
      return answer(response, 403, {
        code: 'bad_signature',
        message: 'the signature does not fit the statement in this network',
      })
    }
    const isNew = type === 'job_new' || (type === 'peer_record' && !knows(file, from))
    if (isNew && !takeToken())
      return answer(response, 429, {
        code: 'too_many_newcomers',
        message: `the network takes ${NEWCOMERS_PER_SECOND} new peers and jobs a second: try again in a minute`,
      })
    const applied = apply(read.value)
    if (!applied.ok)
      return answer(response, applied.error.code === 'full' ? 503 : 409, {
        ...applied.error,
        message: SENTENCE[applied.error.code],
      })
    publish(applied.value)
    answer(response, 200, { version: file.version, ...extra(read.value) })
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = `${request.method} ${request.url}`
    if (route === 'GET /network') return answer(response, 200, file)
    if (request.method !== 'POST')
      return answer(response, 404, {
        code: 'not_found',
        message: 'GET /network, POST /peers, /jobs, /jobs/members, /jobs/end',
      })
    // A page of some site must not speak for whoever looks at it.
    if (request.headers.origin !== undefined)
      return answer(response, 403, {
        code: 'from_a_page',
        message: 'statements are posted by programs, not by web pages',
      })
    const bytes = await smallBody(request, STATEMENT_BYTES_MAX)
    if (bytes === undefined)
      return answer(response, 413, { code: 'too_large', message: `at most ${STATEMENT_BYTES_MAX} bytes` })
    const now = Date.now()
    if (route === 'POST /peers')
      return admit(
        'peer_record',
        bytes,
        response,
        (statement) => applyPeerRecord(file, statement, now),
        () => ({}),
      )
    if (route === 'POST /jobs') {
      return admit(
        'job_new',
        bytes,
        response,
        (statement) => applyJobNew(file, statement, now),
        (statement) => ({ job: hexFromBytes(jobId(statement.from, statement.body)) }),
      )
    }
    if (route === 'POST /jobs/members')
      return admit(
        'members',
        bytes,
        response,
        (statement) => applyMembers(file, statement, now),
        (statement) => ({ epoch: statement.body.epoch }),
      )
    if (route === 'POST /jobs/end')
      return admit(
        'job_end',
        bytes,
        response,
        (statement) => applyJobEnd(file, statement, now),
        () => ({}),
      )
    answer(response, 404, { code: 'not_found', message: 'GET /network, POST /peers, /jobs, /jobs/members, /jobs/end' })
  }

  const server: Server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192 },
    (request, response) => {
      handle(request, response).catch(() => response.destroy())
    },
  )
  server.maxConnections = 256
  await once(server.listen(options.port, '127.0.0.1'), 'listening')
  const address = server.address()
  assert(address !== null && typeof address === 'object', 'the server listens on a port')
  return {
    url: `http://127.0.0.1:${(address as AddressInfo).port}`,
    file: () => file,
    change: (change) =>
      publish({ ...file, ...change, version: file.version + 1, time: Math.max(Date.now(), file.time) }),
    async [Symbol.asyncDispose]() {
      closed = true
      for (const timer of retries) clearTimeout(timer)
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
