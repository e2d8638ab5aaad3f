// A gateway on port 80 with TLS before it on port 443, whose certificate for a site's name is an authority's that this Chromium alone believes. In a
// network namespace; Chromium's DNS is that gateway.
//
//   node test/browser/dns-tls-visit.ts [h2,http/1.1]      what the gateway says of TLS for the names; absent: nothing
//   → one JSON line: what the visitor and `dig` saw

import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { startNodeGateway } from '#gateway/node/start.ts'
import { assert } from '#protocol/codec/result.ts'
import { CHROMIUM_ARGUMENTS, CHROMIUM_BINARY } from '#test/support/chromium.ts'
import { startDnsFront } from '#test/support/dns-front.ts'
import { registrationBytes, signRegistration, testNetwork } from '#test/support/network.ts'

export type SeenOverTls = {
  /** Addresses one after the other, from the one that was typed to the one where it ended. */
  readonly way: readonly string[]
  readonly page: string
  /** Data of the HTTPS records, as `dig` writes them; undefined: it is not installed. */
  readonly dig?: string
  /** And as the gateway's JSON has them. */
  readonly json: readonly string[]
}

const VISIT_MS = 60_000
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const NAMES = ['wiki.peer', 'wiki.ipn']
const directory = mkdtempSync(join(tmpdir(), 'dns-tls-visit-'))

/** Undefined: it is not installed. */
function digged(): Promise<string | undefined> {
  const words = ['+https', '+short', '-p', '443', '@127.0.0.1', 'wiki.peer', 'HTTPS']
  return new Promise((resolve, reject) =>
    execFile('dig', words, { timeout: VISIT_MS }, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout.trim())
      else if (cause.code === 'ENOENT') resolve(undefined)
      else reject(new Error(`dig: ${stdout}${stderr}`))
    }),
  )
}

async function visit(): Promise<SeenOverTls> {
  await using stack = new AsyncDisposableStack()
  const member = createServer((_, response) => response.end('the site'))
  await new Promise<void>((resolve) => member.listen(0, '127.0.0.1', resolve))
  stack.defer(() => void member.close())
  const url = 'http://127.0.0.1:80'
  const network = testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }], gateways: [url] })
  const namesTls = process.argv[2]?.split(',')
  stack.use(
    await startNodeGateway({
      ...{ port: 80, directory: join(directory, 'gateway'), publicUrl: url },
      ...{ networkKey: network.file.network_key, networkFile: network.text },
      addresses: ['127.0.0.1'],
      ...(namesTls === undefined ? {} : { namesTls }),
      log: () => {},
    }),
  )
  const origin = `http://wiki.ana.localhost:${(member.address() as AddressInfo).port}`
  const facts = { gateway: url, time: Date.now(), sites: { wiki: origin } }
  const signed = signRegistration(network, 'ana', { ...facts, sees: MEMBERS.slice(1) })
  const body = registrationBytes(signed) as Uint8Array<ArrayBuffer>
  const { status } = await fetch(`${url}/register`, { method: 'POST', body })
  assert(status === 200, `ana registers: ${status}`)
  const front = stack.use(await startDnsFront(directory, url, { port: 443, names: NAMES }))
  const json = (await (await fetch(`${url}/dns-query?name=wiki.peer&type=HTTPS`)).json()) as {
    readonly Answer?: readonly { readonly data: string }[]
  }
  const dig = await digged()

  const home = join(directory, 'home')
  const database = `sql:${join(home, '.pki', 'nssdb')}`
  mkdirSync(join(home, '.pki', 'nssdb'), { recursive: true })
  execFileSync('certutil', ['-N', '--empty-password', '-d', database])
  execFileSync('certutil', ['-A', '-n', 'authority', '-t', 'C,,', '-i', front.authority, '-d', database])
  const profile = join(directory, 'profile')
  mkdirSync(profile)
  const doh = { mode: 'secure', templates: `${front.url}/dns-query{?dns}` }
  writeFileSync(join(profile, 'Local State'), JSON.stringify({ dns_over_https: doh }))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM_BINARY,
    args: [...CHROMIUM_ARGUMENTS],
    env: { ...process.env, HOME: home },
  })
  stack.defer(() => context.close())
  const page = await context.newPage()
  const response = await page.goto('http://wiki.peer/', { timeout: VISIT_MS })
  const way: string[] = []
  for (let at = response?.request(); at !== undefined && at !== null; at = at.redirectedFrom() ?? undefined)
    way.unshift(at.url())
  return {
    way: way.map((address) => (address.startsWith(origin) ? 'the member' : address)),
    page: await page.evaluate<string>('document.body.textContent'),
    ...(dig === undefined ? {} : { dig }),
    json: json.Answer?.map(({ data }) => data) ?? [],
  }
}

try {
  process.stdout.write(`${JSON.stringify(await visit())}\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
