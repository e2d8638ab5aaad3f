// An HTTP edge over a `hostedGroup`, and raw bytes to it for what no HTTP client would send.

import { connect } from 'node:net'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { checkAnswer, type Verified } from '#protocol/answer/check.ts'
import { evidenceFromHeaders } from '#protocol/answer/evidence.ts'
import { digestFromContentDigest, httpSignatureCheck } from '#protocol/answer/http-signature.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { createRegistry, type Registry } from '#protocol/metrics/registry.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { createLog } from '#seeder/config/log.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type ServeOptions, type SiteServer, startServer } from '#seeder/serve/server.ts'
import { rulesOf } from '#test/support/answers.ts'
import type { HostedGroup } from '#test/support/hosted-group.ts'

export type Edge = AsyncDisposable & {
  readonly origin: string
  readonly port: number
  readonly server: SiteServer
  readonly registry: Registry
  /** Lines of the log at `warn` and above. */
  readonly complaints: string[]
  ask(path: string, options?: HttpOptions): Promise<HttpAnswer>
  /** As `ask`, and the answer's evidence checked as a visitor does. */
  askVerified(path: string, options?: HttpOptions): Promise<{ answer: HttpAnswer; verified: Verified }>
  /** Sends bytes and gives back everything until the server closes or `until` appears. */
  raw(bytes: string, until?: string): Promise<string>
}

export function rawPairs(answer: HttpAnswer): Headers {
  const pairs: [string, string][] = []
  for (let index = 0; index < answer.rawHeaders.length; index += 2)
    pairs.push([answer.rawHeaders[index] ?? '', answer.rawHeaders[index + 1] ?? ''])
  return pairs
}

export async function startEdge(
  group: HostedGroup,
  options: Partial<ServeOptions> & { readonly member?: number } = {},
): Promise<Edge> {
  const { member = 0, ...rest } = options
  const { sites, signer } = group.member(member)
  const registry = createRegistry()
  const complaints: string[] = []
  const log = createLog({ level: 'warn', form: 'json', sink: (line) => complaints.push(line) })
  const server = await startServer({
    sites,
    signer,
    target: 'hosts',
    label: `s${member}`,
    port: 0,
    registry,
    log,
    ...rest,
  })
  const origin = server.originOf(group.name)
  assert(origin !== undefined, 'the site has an origin')
  const ask = (path: string, how: HttpOptions = {}): Promise<HttpAnswer> => exchange(origin + path, how)
  return {
    origin,
    port: server.port,
    server,
    registry,
    complaints,
    ask,
    async askVerified(path, how = {}) {
      const answer = await ask(path, how)
      const headers = rawPairs(answer)
      const evidence = evidenceFromHeaders(headers)
      assert(evidence.ok, `the answer carries evidence: ${JSON.stringify(evidence)} ${answer.status} ${answer.body}`)
      const bodyHash = sha256(how.body instanceof Uint8Array ? how.body : new Uint8Array(0))
      const asked = {
        job: group.group.job,
        method: how.method ?? 'GET',
        target: path,
        headers: requestHeaders(Object.entries(how.headers ?? {}), origin, group.name),
        bodyHash,
      }
      const body = new Uint8Array(answer.body)
      const checked = checkAnswer(
        rulesOf(group),
        asked,
        { form: 'whole', status: answer.status, headers, body, at: { origin, siteName: group.name } },
        evidence.value,
        verify,
      )
      assert(checked.ok, `the answer is valid: ${JSON.stringify(checked)}`)
      const digest = digestFromContentDigest(String(answer.headers['content-digest']))
      assert(digest.ok && bytesEqual(digest.value, sha256(body)), 'the content digest is of the bytes sent')
      const signed = httpSignatureCheck(answer.status, headers)
      assert(signed.ok && verify(signed.value.key, signed.value.message, signed.value.signature), 'RFC 9421 holds')
      return { answer, verified: checked.value }
    },
    raw(bytes, until) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      let received = ''
      const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        if (until !== undefined && received.includes(until)) socket.destroy()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(received))
      return promise
    },
    [Symbol.asyncDispose]: () => server.close(200),
  }
}
