// What any gateway answers to anybody, whoever runs it: links, names, errors, look-ups, bootstrap, the network file, pages, DNS, and what it refuses. Nothing
// of it needs a key, a seeder or the network's owner, and nothing is written.
//
// Against a gateway whose members are real (`isLive`), their answers are checked too: the certificate that it shows, and what a link leads to.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EXIT } from '#cli/failure.ts'
import type { Output, Style } from '#cli/terminal/output.ts'
import { runVerify } from '#cli/verify/verify.ts'
import type { About } from '#gateway/about/about.ts'
import type { NameAnswer } from '#gateway/locate/lookup.ts'
import { TARGET_BYTES_MAX } from '#gateway/settings.ts'
import { certificateFromBytes } from '#protocol/answer/evidence.ts'
import { bytesFromBase64, hexFromBytes } from '#protocol/codec/bytes.ts'
import { readBootstrap } from '#protocol/directory/bootstrap.ts'
import { readDenyList } from '#protocol/directory/deny-list.ts'
import {
  domainOf,
  groupOf,
  type NetworkFile,
  networkFileHash,
  verifyNetworkFile,
} from '#protocol/directory/network-file.ts'
import { certChecks, runChecks } from '#protocol/message/certificate.ts'
import { verify } from '#seeder/identity/keys.ts'
import { rawRequest } from '#test/support/raw-http.ts'

/** RFC 9110 has no bound; clocks of machines that keep time differ by less. */
const CLOCK_MS = 30_000
/** RFC 1035 §4.1.1, as the JSON form tells it. */
const NXDOMAIN = 3
const REFUSED = 5
const PERSON = { headers: { Accept: 'text/html,application/xhtml+xml' } }
const READ = 'GET, HEAD, OPTIONS'

/** Nobody has it: names have no more characters than this one. */
const NOBODY = 'z'.repeat(63)
const asItIs = (text: string): string => text
const PLAIN: Style = { bold: asItIs, dim: asItIs, good: asItIs, bad: asItIs, warn: asItIs, link: asItIs }

export type AnyGateway = {
  /** An origin, without a slash at its end. */
  readonly url: string
  /** A site that somebody answers for. */
  readonly site: string
  /** Where the gateway itself has sites, with its port; undefined: not known. */
  readonly sitesDomain: string | undefined
}

/** `isLive`: its members are seeders that answer. */
export function anySuite(kind: string, { isLive }: { readonly isLive: boolean }, at: () => AnyGateway): void {
  function ask(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${at().url}${path}`, { redirect: 'manual', ...init })
  }

  async function codeOf(path: string, init?: RequestInit): Promise<readonly [status: number, code: string]> {
    const answer = await ask(path, init)
    const text = await answer.text()
    try {
      return [answer.status, (JSON.parse(text) as { code: string }).code]
    } catch {
      return [answer.status, `no JSON: ${text.slice(0, 80)}`]
    }
  }

  async function file(): Promise<NetworkFile> {
    const read = verifyNetworkFile(await (await ask('/network')).text(), verify)
    assert(read.ok, JSON.stringify(read))
    return read.value
  }

  async function lookUp(): Promise<NameAnswer> {
    return (await (await ask(`/lookup/name/${at().site}`)).json()) as NameAnswer
  }

  /** Where a link to the site may lead: to a member that counts as there, or to the gateway's own origin for the site. */
  async function origins(): Promise<readonly string[]> {
    const { site, sitesDomain, url } = at()
    const { members } = await lookUp()
    const own = members.flatMap(({ state, origin }) =>
      (state === 'living' || state === 'leased') && origin !== null ? [origin] : [],
    )
    return sitesDomain === undefined ? own : [...own, `${new URL(url).protocol}//${site}.${sitesDomain}`]
  }

  test(`${kind}: §6 any method is sent on with 307, path and query kept, never cached, the name as canonical`, async () => {
    const { site } = at()
    const places = await origins()
    const [first] = (await file()).gateways
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await ask(`/${site}/a%20b/c?d=e&f=%2F`, { method })
      assert.equal(response.status, 307, method)
      const location = response.headers.get('location') ?? ''
      assert(location.endsWith('/a%20b/c?d=e&f=%2F'), location)
      assert(
        places.includes(new URL(location).origin),
        `${location} is none of ${places.join(', ')}; see --sites-domain`,
      )
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.equal(response.headers.get('link'), `<${first}/${site}/a%20b/c?d=e&f=%2F>; rel="canonical"`)
    }
  })

  test(`${kind}: §6 names: '/name' → 308 '/name/', upper case → 308 lower, one step for both`, async () => {
    const { site } = at()
    const upper = site.toUpperCase()
    for (const [path, location] of [
      [`/${site}`, `/${site}/`],
      [`/${site}?q=/x`, `/${site}/?q=/x`],
      [`/${upper}/Page?Q=X`, `/${site}/Page?Q=X`],
      [`/${upper}`, `/${site}/`],
      [`/${upper}//evil.example`, `/${site}//evil.example`],
    ] as const) {
      const response = await ask(path)
      assert.equal(response.status, 308, path)
      assert.equal(response.headers.get('location'), location, path)
    }
  })

  test(`${kind}: no request line leads anywhere but to a member of the group`, async () => {
    const { site, url } = at()
    const hosts = [...(await origins()), url].map((origin) => new URL(origin).hostname)
    for (const target of [
      '//evil.example/',
      `//evil.example/${site}/`,
      '/\\evil.example',
      `/${site}\\evil.example`,
      `/${site}//evil.example/`,
      `/${site}/\\evil.example`,
      `/${site}/@evil.example`,
      `/${site}/.evil.example`,
      `/${site}/:80@evil.example/`,
      `/${site}/%0d%0aLocation:%20http://evil.example/`,
      `/${site}/%2f%2fevil.example`,
      `/${site}/../../evil.example`,
      `/${site}/x>;rel=next,<http://evil.example/`,
      '/@evil.example/',
      `http://evil.example/${site}/x`,
    ]) {
      const { status, headers } = await rawRequest(url, `GET ${target}`)
      const location = headers.get('location')
      assert(status === 307 || status === 308 || status === 404 || status === 400, `${target}: ${status}`)
      if (location !== undefined)
        assert(hosts.includes(new URL(location, url).hostname), `${target} leads to ${location}`)
      assert.equal(headers.get('link')?.includes('<http://evil'), headers.has('link') ? false : undefined, target)
    }
  })

  test(`${kind}: a host or a target that makes no address is the fault of who asks`, async () => {
    for (const [line, ...headers] of [
      ['GET *'],
      ['GET /', 'Host: a b'],
      ['GET /', 'Host: [::1'],
      ['GET /', 'Host: a:b'],
    ] as const) {
      const { status } = await rawRequest(at().url, line, ...headers)
      assert.equal(status, 400, `${line} ${headers}`)
    }
  })

  test(`${kind}: however a host of the sites domain is written, nothing of the gateway’s own answers there`, async (context) => {
    const { url, site, sitesDomain } = at()
    if (sitesDomain === undefined) return context.skip('needs to know the sites domain')
    const [name = '', port] = sitesDomain.split(':')
    const end = port === undefined ? '' : `:${port}`
    for (const host of [`${site}.${name}`, `${site}.${name.toUpperCase()}`, `${site}.${name}.`])
      for (const path of [`/${site}/x`, '/bootstrap', '/register']) {
        const { status, headers } = await rawRequest(url, `GET ${path}`, `Host: ${host}${end}`)
        assert.notEqual(status, 307, `${host}${path}`)
        assert.ok(!headers.has('access-control-allow-origin') && status !== 405, `${host}${path}`)
      }
  })

  test(`${kind}: a host that has to be decoded to mean one is refused, and nobody is sent on by it`, async () => {
    const { url, site, sitesDomain } = at()
    const end = new URL(url).port === '' ? '' : `:${new URL(url).port}`
    const odd = [`${site}.%70eer`, `%64emo.peer`, `${site}。peer`, `x@${site}.peer`, `${site}.peer:99999`, 'a b']
    if (sitesDomain !== undefined) {
      const [domain = ''] = sitesDomain.split(':')
      const coded = `%${domain.charCodeAt(0).toString(16)}${domain.slice(1)}`
      odd.push(`${site}.${coded}${end}`, `${site}.${domain.replaceAll('.', '。')}${end}`)
    }
    for (const host of odd)
      for (const path of [`/${site}/x`, '/bootstrap', '/dns-query']) {
        const { status, headers } = await rawRequest(url, `GET ${path}`, `Host: ${host}`)
        assert.ok(status >= 400 && status < 500, `${host}${path}: ${status}`)
        assert.ok(!headers.has('location'), host)
      }
  })

  test(`${kind}: path and query of 8 KiB are sent on, one byte more is 414`, async () => {
    const path = (bytes: number): string => `/${at().site}/${'a'.repeat(bytes - at().site.length - 2)}`
    const longest = await ask(path(TARGET_BYTES_MAX))
    assert.deepEqual([longest.status, longest.headers.get('link')], [307, null])
    const response = await ask(path(TARGET_BYTES_MAX + 1))
    assert.equal(response.status, 414)
    assert.equal(((await response.json()) as { code: string }).code, 'target_too_long')
  })

  test(`${kind}: errors are {code, message} for machines and a page for people`, async () => {
    const machine = await ask(`/${NOBODY}/`)
    assert.equal(machine.headers.get('content-type'), 'application/json')
    assert.deepEqual(await machine.json(), {
      code: 'unknown_name',
      name: NOBODY,
      message: `No site is called ${NOBODY}.`,
    })
    const person = await ask(`/${NOBODY}/`, PERSON)
    assert.equal(person.status, 404)
    assert.match(person.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(await person.text(), new RegExp(`No site is called ${NOBODY}\\.`))
    assert.equal(person.headers.get('vary'), 'Accept')
  })

  test(`${kind}: methods: HEAD like GET, OPTIONS and 405 say what is allowed`, async () => {
    const head = await ask('/', { method: 'HEAD' })
    assert.deepEqual([head.status, await head.text()], [200, ''])
    const options = await ask(`/lookup/name/${at().site}`, { method: 'OPTIONS' })
    assert.deepEqual([options.status, options.headers.get('allow')], [204, READ])
    assert.equal(options.headers.get('access-control-allow-origin'), '*')
    for (const [method, path, allow] of [
      ['DELETE', '/network', `${READ}, PUT`],
      ['GET', '/register', 'POST, OPTIONS'],
      ['GET', '/evidence', 'POST, OPTIONS'],
      ['POST', '/bootstrap', READ],
      ['POST', '/', READ],
    ] as const) {
      const response = await ask(path, { method })
      assert.deepEqual([response.status, response.headers.get('allow')], [405, allow], `${method} ${path}`)
    }
  })

  test(`${kind}: what may be read may be read from any page, what writes may not`, async () => {
    for (const path of ['/bootstrap', `/lookup/name/${at().site}`, '/network', `/lookup/name/${NOBODY}`])
      assert.equal((await ask(path)).headers.get('access-control-allow-origin'), '*', path)
    const preflight = await ask('/register', { method: 'OPTIONS' })
    assert.equal(preflight.headers.get('access-control-allow-origin'), null)
  })

  test(`${kind}: §5.5 bootstrap: peers, time and the newest file, under the gateway’s own key`, async () => {
    const read = readBootstrap(await (await ask('/bootstrap')).text())
    assert(read.ok, JSON.stringify(read))
    const { bootstrap, key, message, signature } = read.value
    assert(verify(key, message, signature))
    const network = await file()
    assert.deepEqual(bootstrap.network, {
      chain_id: network.chain_id,
      generation: network.generation,
      network_key: network.network_key,
      version: network.version,
      hash: hexFromBytes(networkFileHash(network)),
    })
    for (const { peer } of bootstrap.peers)
      assert(
        network.peers.some((known) => known.peer === peer),
        peer,
      )
    assert(Math.abs(bootstrap.time - Date.now()) < CLOCK_MS)
    const changed = readBootstrap(JSON.stringify({ ...bootstrap, time: bootstrap.time + 1 }))
    assert(changed.ok)
    assert(!verify(changed.value.key, changed.value.message, changed.value.signature))
  })

  test(`${kind}: the home page names the site, finds it, loads nothing from elsewhere and runs no script`, async () => {
    const { site } = at()
    const response = await ask(`/?q=${site}`, PERSON)
    assert.equal(response.status, 200)
    const page = await response.text()
    assert(page.includes(`href="/${site}/"`) && page.includes(`href="/-/about/${site}"`))
    assert.doesNotMatch(await (await ask('/', PERSON)).text(), /<script|(src|href)="(https?:)?\/\//)
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    for (const path of ['/favicon.ico', '/robots.txt']) assert.equal((await ask(path)).status, 200, path)
    const own = Array.from(page.matchAll(/(?:src|href)="(\/-\/[^"]+)"/g), (match) => match[1] ?? '')
    for (const path of new Set(own)) assert.equal((await ask(path)).status, 200, path)
  })

  test(`${kind}: the network file is signed by its own key and is known again by its tag`, async () => {
    const response = await ask('/network')
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
    const read = verifyNetworkFile(await response.text(), verify)
    assert(read.ok, JSON.stringify(read))
    const tag = response.headers.get('etag') ?? ''
    assert.equal((await ask('/network', { headers: { 'If-None-Match': tag } })).status, 304)
  })

  test(`${kind}: an unknown, reserved or misspelt name is 404`, async () => {
    for (const path of [`/${NOBODY}/`, `/${NOBODY}`, '/admin/', '/-x/', '/.well-known/x', `/${at().site}.html`])
      assert.equal((await ask(path)).status, 404, path)
    assert.deepEqual(await codeOf(`/lookup/name/${NOBODY}`), [404, 'unknown_name'])
    assert.deepEqual(await codeOf(`/lookup/peer/${'00'.repeat(32)}`), [404, 'unknown_peer'])
  })

  test(`${kind}: a look-up by name is the group of the network file, and says until when it holds`, async () => {
    const found = await lookUp()
    const job = (await file()).jobs.find(({ name }) => name === at().site)
    assert.ok(job, 'the site is in the network file')
    assert.deepEqual([found.job, found.epoch, found.quorum], [job.job, job.epoch, job.quorum])
    assert.deepEqual(
      found.members.map(({ peer }) => peer),
      job.members,
    )
    assert(found.expires > found.time && found.expires <= found.time + 15_000)
    const [peer] = job.members
    const { jobs } = (await (await ask(`/lookup/peer/${peer}`)).json()) as { jobs: readonly { name: string }[] }
    assert(jobs.some(({ name }) => name === at().site))
  })

  test(`${kind}: a site’s own page says who runs it, to people and to programs`, async () => {
    const { site } = at()
    const page = await ask(`/-/about/${site}`, PERSON)
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    for (const path of [`/-/about/${site}.json`, `/-/about/${site}`]) {
      const about = (await (await ask(path)).json()) as About
      const job = (await file()).jobs.find(({ name }) => name === site)
      assert.deepEqual(
        about.members.map(({ peer }) => peer),
        job?.members,
        path,
      )
    }
    assert.deepEqual(await codeOf(`/-/about/${NOBODY}.json`), [404, 'unknown_name'])
  })

  test(`${kind}: robots.txt names the sitemaps, and the index has the site’s`, async () => {
    assert.match(await (await ask('/robots.txt')).text(), /^User-agent: \*$/m)
    const index = await (await ask('/sitemap.xml')).text()
    assert.match(index, new RegExp(`<loc>https?://[^<]+/${at().site}/sitemap\\.xml</loc>`))
  })

  test(`${kind}: RFC 8484 DNS answers for .peer alone, and is no open resolver`, async () => {
    const resolve = async (name: string): Promise<{ Status: number; Authority?: readonly unknown[] }> => {
      const answer = await ask(`/dns-query?name=${name}&type=TXT`, { headers: { accept: 'application/dns-json' } })
      return (await answer.json()) as { Status: number }
    }
    assert.equal((await resolve(`${at().site}.peer`)).Status, 0)
    const none = await resolve(`${NOBODY}.peer`)
    assert.equal(none.Status, NXDOMAIN)
    assert.equal((await resolve('example.com')).Status, REFUSED)
    const garbage = await ask('/dns-query', {
      method: 'POST',
      body: 'garbage',
      headers: { 'content-type': 'application/dns-message' },
    })
    assert.equal(garbage.status, 400)
  })

  test(`${kind}: RFC 9460 a site’s HTTPS record, if it has one, leads to the addresses that A and AAAA have`, async () => {
    const dataOf = async (type: string): Promise<readonly string[]> => {
      const answer = await ask(`/dns-query?name=${at().site}.peer&type=${type}`)
      const { Answer = [] } = (await answer.json()) as { Answer?: readonly { readonly data: string }[] }
      return Answer.map(({ data }) => data)
    }
    const records = await dataOf('HTTPS')
    if (records.length === 0) return
    const hints = ['ipv4hint', 'ipv6hint'].flatMap(
      (key) => new RegExp(`^1 \\. .*\\b${key}=(\\S+)`).exec(records.join(' '))?.[1]?.split(',') ?? [],
    )
    assert.deepEqual(hints.sort(), [...(await dataOf('A')), ...(await dataOf('AAAA'))].sort())
  })

  test(`${kind}: what no seeder, holder of a key or witness signed changes nothing`, async () => {
    assert.deepEqual(await codeOf('/network', { method: 'PUT', body: 'no network file' }), [400, 'malformed'])
    assert.deepEqual(await codeOf('/register', { method: 'POST', body: 'no registration' }), [400, 'malformed'])
    assert.deepEqual(await codeOf('/evidence', { method: 'POST', body: 'no proof' }), [400, 'bad_evidence'])
    const { status } = await ask(`/tunnel/${'00'.repeat(32)}`)
    assert(status === 426 || status === 501, `a tunnel without a WebSocket: ${status}`)
  })

  test(`${kind}: deny-lists that it follows are signed by whom it says`, async () => {
    const { lists } = (await (await ask('/deny')).json()) as { lists: readonly { issuer: string; version: number }[] }
    for (const { issuer, version } of lists) {
      const read = readDenyList(await (await ask(`/deny/${issuer}`)).text(), issuer, undefined)
      assert(read.ok, issuer)
      assert.equal(read.value.list.version, version)
      assert(verify(read.value.key, read.value.message, read.value.signature), issuer)
    }
    assert.deepEqual(await codeOf(`/deny/${'00'.repeat(32)}`), [404, 'unknown_issuer'])
  })

  if (!isLive) return
  test(`${kind}: the certificate that it shows holds, and is fresh`, async (context) => {
    const about = (await (await ask(`/-/about/${at().site}.json`)).json()) as About
    if (about.not_asked === 'no_tunnels') return context.skip('it carries no sites, so it asks no member')
    assert.ok(about.certificate, JSON.stringify(about))
    const bytes = bytesFromBase64(about.certificate.cbor)
    assert(bytes.ok)
    const cert = certificateFromBytes(bytes.value)
    assert(cert.ok)
    const network = await file()
    const job = network.jobs.find(({ name }) => name === at().site)
    assert.ok(job)
    const checks = certChecks(domainOf(network), groupOf(job), cert.value)
    assert(checks.ok, JSON.stringify(checks))
    assert(runChecks(checks.value, verify).ok)
    assert.equal(cert.value.block.height, about.certificate.height)
    assert.equal(about.certificate.fresh, true)
  })

  test(`${kind}: an answer to which a link leads holds, by the network file alone`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'interpeer-conformance-'))
    try {
      const network = join(folder, 'network.json')
      writeFileSync(network, await (await ask('/network')).text())
      const said: string[] = []
      const output: Output = {
        json: true,
        line: () => {},
        event: (value) => void said.push(JSON.stringify(value)),
        note: (text) => void said.push(text),
        progress: () => ({ at: () => {}, end: () => {} }),
        style: PLAIN,
      }
      assert.equal(await runVerify({ url: `${at().url}/${at().site}/`, network, output }), EXIT.ok, said.join(''))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
