// A network of real seeders and a real Chromium whose DNS is the gateway's `/dns-query`, in a network namespace when it is started in one.
//
//   node test/browser/dns-visit.ts PORT      PORT: of one seeder; 80 in a namespace of its own
//   → one JSON line: what the visitor saw

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { startGroup } from '#test/byzantine/group.ts'
import { CHROMIUM_ARGUMENTS, CHROMIUM_BINARY } from '#test/support/chromium.ts'
import { startDnsFront } from '#test/support/dns-front.ts'
import { LINES } from '#test/support/lines.ts'

export type Seen = {
  /** By the names of the site, at the seeder: what `location.origin` is, and the page. */
  readonly origins: readonly string[]
  readonly pages: readonly string[]
  /** What was stored under the first name, as the second one reads it. */
  readonly foreign: string | null
  /** Where the gateway sent it. */
  readonly sentTo: string
  /** What a name that no site has ended with. */
  readonly nobody: string
  /** And one that is in no zone of ours, of which the gateway says nothing. */
  readonly elsewhere: string
  /** The name, for a browser that does not ask the gateway. */
  readonly otherwise: string
}

const VISIT_MS = 60_000
const port = process.argv[2] ?? '0'
const directory = mkdtempSync(join(tmpdir(), 'dns-visit-'))

/** As a person sets it: "use secure DNS, with custom provider". */
async function browserWith(name: string, dns: object): Promise<BrowserContext> {
  const profile = join(directory, name)
  mkdirSync(profile)
  writeFileSync(join(profile, 'Local State'), JSON.stringify({ dns_over_https: dns }))
  return chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM_BINARY,
    args: [...CHROMIUM_ARGUMENTS, '--ignore-certificate-errors'],
  })
}

async function failureOf(context: BrowserContext, url: string): Promise<string> {
  const page = await context.newPage()
  return page.goto(url, { timeout: VISIT_MS }).then(
    () => 'opened',
    (cause: Error) => /net::\w+/.exec(cause.message)?.[0] ?? cause.message,
  )
}

async function visit(): Promise<Seen> {
  await using stack = new AsyncDisposableStack()
  const group = stack.use(
    await startGroup([], { site: { name: 'lines', folder: LINES }, arguments: { s1: ['--port', port] } }),
  )
  const front = stack.use(await startDnsFront(directory, group.gateway))
  const http = new URL(group.seeders.all[0]?.ready.http ?? '')
  const at = http.port === '' ? '' : `:${http.port}`
  const context = await browserWith('doh', { mode: 'secure', templates: `${front.url}/dns-query{?dns}` })
  stack.defer(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(VISIT_MS)
  const origins: string[] = []
  const pages: string[] = []
  let foreign: string | null = null
  for (const name of ['lines.peer', 'lines.ipn']) {
    await page.goto(`http://${name}${at}/`)
    origins.push(await page.evaluate<string>('location.origin'))
    pages.push(await page.evaluate<string>('document.body.textContent'))
    foreign = await page.evaluate<string | null>(`localStorage.getItem('who')`)
    await page.evaluate(`localStorage.setItem('who', location.host)`)
  }
  await page.goto(`http://lines.peer:${new URL(group.gateway).port}/?a=b`)
  const sentTo = page.url()
  const nobody = await failureOf(context, 'http://nobody.peer/')
  const elsewhere = await failureOf(context, 'http://example.org/')
  const plain = await browserWith('plain', { mode: 'off', templates: '' })
  stack.defer(() => plain.close())
  const otherwise = await failureOf(plain, `http://lines.peer${at}/`)
  return { origins, pages, foreign, sentTo, nobody, elsewhere, otherwise }
}

try {
  process.stdout.write(`${JSON.stringify(await visit())}\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
