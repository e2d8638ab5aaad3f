// A small authority that speaks ACME (RFC 8555) for one test: directory, nonces, accounts, orders, both challenges that a seeder answers, certificates.
// It checks what a real one checks: each nonce once, each signature, the address that was signed, the key behind a challenge. Hosts are looked for at
// the ports that the test names, on this machine.

import { createHash, createPublicKey, type KeyObject, randomBytes, verify, X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage, get as plainGet, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import { Pkcs10CertificateRequest, type SubjectAlternativeNameExtension } from '@peculiar/x509'
import { type Authority, createAuthority, type Life } from '#test/support/authority.ts'

type Jwk = Readonly<Record<string, string>>
type Account = { readonly jwk: Jwk; readonly key: KeyObject; readonly id: string }
type Challenge = { readonly type: string; readonly token: string; status: string; error?: unknown }
type Order = {
  readonly host: string
  readonly account: Account
  status: string
  readonly challenges: Challenge[]
  chain?: string
}

export type AcmeServer = AsyncDisposable & {
  readonly directory: string
  readonly authority: Authority
  /** What was asked for, each order once. */
  readonly orders: readonly { readonly host: string; readonly status: string }[]
  readonly accounts: number
  /** Challenges that were tried. */
  readonly tried: readonly { readonly type: string; readonly host: string; readonly isValid: boolean }[]
  /** What is given from now on; by default ten days. */
  life: () => Life
  /** A refusal of every new order, as a problem's type and detail. */
  refusal: { readonly status: number; readonly type: string; readonly detail: string } | undefined
  /** Challenges that it offers. */
  offered: readonly string[]
  /** One answer in so many is "bad nonce", which a client tries again. */
  badNonces: number
}

const SUBJECT_NAMES = '2.5.29.17'

export type AcmePorts = { readonly http: () => number; readonly tls: () => number }

/** RFC 8737 §3: the extension that the certificate of a challenge has, critical, with the hash as OCTET STRING. */
const ACME_IDENTIFIER = Buffer.from([
  0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f, 0x01, 0x01, 0xff, 0x04, 0x22, 0x04, 0x20,
])

export async function startAcmeServer(ports: AcmePorts): Promise<AcmeServer> {
  const authority = await createAuthority()
  const nonces = new Set<string>()
  const accounts = new Map<string, Account>()
  const orders: Order[] = []
  const tried: { type: string; host: string; isValid: boolean }[] = []
  let asked = 0
  const server = createServer((request, response) => {
    answer(request, response).catch((cause: unknown) => {
      const { status = 500, type = 'serverInternal', detail = String(cause) } = cause as Partial<Problem>
      send(response, status, { type: `urn:ietf:params:acme:error:${type}`, detail, status })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const self: AcmeServer = {
    directory: `${base}/directory`,
    authority,
    orders,
    tried,
    get accounts() {
      return accounts.size
    },
    life: () => ({}),
    refusal: undefined,
    offered: ['http-01', 'dns-01', 'tls-alpn-01'],
    badNonces: 7,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }

  function send(response: ServerResponse, status: number, value: unknown, more: Record<string, string> = {}): void {
    const nonce = randomBytes(16).toString('base64url')
    nonces.add(nonce)
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    response.writeHead(status, {
      'replay-nonce': nonce,
      'cache-control': 'no-store',
      'content-type': typeof value === 'string' ? 'application/pem-certificate-chain' : 'application/json',
      ...more,
    })
    response.end(text)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    if (path === '/directory')
      return send(response, 200, {
        newNonce: `${base}/nonce`,
        newAccount: `${base}/account`,
        newOrder: `${base}/order`,
        meta: { termsOfService: `${base}/terms` },
      })
    if (path === '/nonce') return send(response, request.method === 'HEAD' ? 200 : 204, '')
    const { account, payload, jwk } = await signedOf(request, `${base}${path}`)
    if (path === '/account') return newAccount(response, jwk, payload)
    if (account === undefined) throw problem(401, 'accountDoesNotExist', 'no such account')
    if (`${base}${path}` === account.id) return send(response, 200, { status: 'valid' })
    if (path === '/order') return newOrder(response, account, payload)
    const [, what, number = '', index = ''] =
      /^\/(order|authorization|challenge|finalize|certificate)\/(\d+)(?:\/(\d+))?$/.exec(path) ?? []
    const order = orders[Number(number)]
    if (what === undefined || order === undefined || order.account !== account)
      throw problem(404, 'malformed', 'nothing is here')
    switch (what) {
      case 'order':
        return send(response, 200, orderOf(order))
      case 'authorization':
        return send(response, 200, authorizationOf(order))
      case 'challenge':
        return tryChallenge(response, order, Number(index), payload)
      case 'finalize':
        return finalize(response, order, payload)
      case 'certificate':
        return send(response, 200, order.chain ?? '')
    }
  }

  async function signedOf(
    request: IncomingMessage,
    url: string,
  ): Promise<{ account: Account | undefined; payload: Record<string, unknown> | undefined; jwk: Jwk | undefined }> {
    if (request.method !== 'POST') throw problem(405, 'malformed', 'POST alone')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const jws = JSON.parse(Buffer.concat(chunks).toString()) as {
      protected: string
      payload: string
      signature: string
    }
    const header = JSON.parse(Buffer.from(jws.protected, 'base64url').toString()) as {
      alg: string
      nonce: string
      url: string
      kid?: string
      jwk?: Jwk
    }
    if (!nonces.delete(header.nonce) || ++asked % self.badNonces === 0)
      throw problem(400, 'badNonce', 'used or unknown')
    if (header.url !== url) throw problem(401, 'unauthorized', 'another address was signed')
    const account = header.kid === undefined ? undefined : accounts.get(header.kid)
    const key = account?.key ?? createPublicKey({ key: header.jwk as Jwk, format: 'jwk' })
    const isSigned = verify(
      'sha256',
      Buffer.from(`${jws.protected}.${jws.payload}`),
      header.alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
      Buffer.from(jws.signature, 'base64url'),
    )
    if (!isSigned) throw problem(401, 'unauthorized', 'the signature does not verify')
    const text = Buffer.from(jws.payload, 'base64url').toString()
    return { account, payload: text === '' ? undefined : JSON.parse(text), jwk: header.jwk }
  }

  function newAccount(
    response: ServerResponse,
    jwk: Jwk | undefined,
    payload: Record<string, unknown> | undefined,
  ): void {
    if (jwk === undefined) throw problem(400, 'malformed', 'a new account shows its key')
    if (payload?.termsOfServiceAgreed !== true) throw problem(403, 'userActionRequired', 'the terms were not agreed to')
    const id = `${base}/account/${thumbprint(jwk)}`
    const isNew = !accounts.has(id)
    if (isNew) accounts.set(id, { jwk, key: createPublicKey({ key: jwk, format: 'jwk' }), id })
    send(response, isNew ? 201 : 200, { status: 'valid' }, { location: id })
  }

  function newOrder(response: ServerResponse, account: Account, payload: Record<string, unknown> | undefined): void {
    const { refusal } = self
    if (refusal !== undefined) throw problem(refusal.status, refusal.type, refusal.detail)
    const [identifier] = (payload?.identifiers ?? []) as readonly { type: string; value: string }[]
    if (identifier?.type !== 'dns') throw problem(400, 'malformed', 'no host')
    const challenges = self.offered.map((type) => ({
      type,
      token: randomBytes(32).toString('base64url'),
      status: 'pending',
    }))
    const order: Order = { host: identifier.value, account, status: 'pending', challenges }
    orders.push(order)
    send(response, 201, orderOf(order), { location: `${base}/order/${orders.length - 1}` })
  }

  function orderOf(order: Order): object {
    const number = orders.indexOf(order)
    return {
      status: order.status,
      identifiers: [{ type: 'dns', value: order.host }],
      authorizations: [`${base}/authorization/${number}`],
      finalize: `${base}/finalize/${number}`,
      ...(order.chain === undefined ? {} : { certificate: `${base}/certificate/${number}` }),
    }
  }

  function authorizationOf(order: Order): object {
    const number = orders.indexOf(order)
    const status = order.status === 'ready' || order.status === 'valid' ? 'valid' : order.status
    return {
      status,
      identifier: { type: 'dns', value: order.host },
      challenges: order.challenges.map((challenge, index) => ({
        ...challenge,
        url: `${base}/challenge/${number}/${index}`,
      })),
    }
  }

  async function tryChallenge(
    response: ServerResponse,
    order: Order,
    index: number,
    payload: Record<string, unknown> | undefined,
  ): Promise<void> {
    const challenge = order.challenges[index]
    if (challenge === undefined) throw problem(404, 'malformed', 'nothing is here')
    if (payload !== undefined && challenge.status === 'pending') {
      const expected = `${challenge.token}.${thumbprint(order.account.jwk)}`
      const isValid =
        challenge.type === 'http-01'
          ? (await overHttp(order.host, challenge.token)) === expected
          : challenge.type === 'tls-alpn-01' && (await overTls(order.host, expected))
      tried.push({ type: challenge.type, host: order.host, isValid })
      challenge.status = isValid ? 'valid' : 'invalid'
      if (!isValid)
        challenge.error = { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'the host did not answer so' }
      order.status = isValid ? 'ready' : 'invalid'
    }
    send(response, 200, { ...challenge, url: `${base}/challenge/${orders.indexOf(order)}/${index}` })
  }

  async function finalize(
    response: ServerResponse,
    order: Order,
    payload: Record<string, unknown> | undefined,
  ): Promise<void> {
    if (order.status !== 'ready') throw problem(403, 'orderNotReady', order.status)
    const csr = new Pkcs10CertificateRequest(Buffer.from(String(payload?.csr), 'base64url'))
    const names = (csr.getExtension(SUBJECT_NAMES) as SubjectAlternativeNameExtension | null)?.names
      .toJSON()
      .map(({ value }) => value)
    if (!(await csr.verify()) || names?.join() !== order.host) throw problem(400, 'badCSR', 'another host')
    order.chain = await authority.giveFor(csr.publicKey, [order.host], self.life())
    order.status = 'valid'
    send(response, 200, orderOf(order))
  }

  function overHttp(host: string, token: string): Promise<string> {
    return new Promise((resolve) => {
      const asking = plainGet(
        {
          ...{ host: '127.0.0.1', port: ports.http(), path: `/.well-known/acme-challenge/${token}` },
          ...{ headers: { host }, agent: false },
        },
        (incoming) => {
          let text = ''
          incoming.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          incoming.on('end', () => resolve(incoming.statusCode === 200 ? text.trim() : ''))
        },
      )
      asking.on('error', () => resolve(''))
    })
  }

  function overTls(host: string, keyAuthorization: string): Promise<boolean> {
    const digest = createHash('sha256').update(keyAuthorization).digest()
    return new Promise((resolve) => {
      const socket = connect(
        {
          ...{ host: '127.0.0.1', port: ports.tls(), servername: host },
          ...{ ALPNProtocols: ['acme-tls/1'], rejectUnauthorized: false },
        },
        () => {
          const raw = socket.getPeerCertificate().raw
          const shown = new X509Certificate(raw)
          const isItself = shown.subjectAltName === `DNS:${host}`
          resolve(
            socket.alpnProtocol === 'acme-tls/1' && isItself && raw.includes(Buffer.concat([ACME_IDENTIFIER, digest])),
          )
          socket.destroy()
        },
      )
      socket.on('error', () => resolve(false))
    })
  }

  return self
}

type Problem = { readonly status: number; readonly type: string; readonly detail: string }

function problem(status: number, type: string, detail: string): Problem & Error {
  return Object.assign(new Error(detail), { status, type, detail })
}

/** RFC 7638: of the members that make the key, in the order of their names. */
function thumbprint({ crv, e, kty, n, x, y }: Jwk): string {
  const canonical = kty === 'EC' ? { crv, kty, x, y } : { e, kty, n }
  return createHash('sha256').update(JSON.stringify(canonical)).digest('base64url')
}
