// A network of real seeders and a real Chromium or Firefox whose DNS is the gateway's `/dns-query`, in a network namespace when it is started in one.
//
//   node test/browser/dns-visit.ts PORT [firefox]      PORT: of one seeder; 80 in a namespace of its own
//   → one JSON line: what the visitor saw

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { startGroup } from '#test/byzantine/group.ts'
import { CHROMIUM_ARGUMENTS, CHROMIUM_BINARY } from '#test/support/chromium.ts'
import { type DnsFront, startDnsFront } from '#test/support/dns-front.ts'
import { startFirefox } from '#test/support/firefox.ts'
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

/** What both browsers are asked to see. */
type Guest = {
  open(url: string): Promise<string>
  evaluate<T>(expression: string): Promise<T>
  failure(url: string): Promise<string>
}

async function chromiumGuest(stack: AsyncDisposableStack, name: string, front: DnsFront | undefined): Promise<Guest> {
  const dns = { mode: front === undefined ? 'off' : 'secure', templates: `${front?.url ?? ''}/dns-query{?dns}` }
  const context = await browserWith(name, front === undefined ? { ...dns, templates: '' } : dns)
  stack.defer(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(VISIT_MS)
  return {
    open: async (url) => {
      await page.goto(url)
      return page.url()
    },
    evaluate: (expression) => page.evaluate(expression),
    failure: (url) =>
      page.goto(url, { timeout: VISIT_MS }).then(
        () => 'opened',
        (cause: Error) => /net::\w+/.exec(cause.message)?.[0] ?? cause.message,
      ),
  }
}

/** Mode 3: secure DNS and nothing else. Addresses of this machine are no answer to it by default. */
async function firefoxGuest(stack: AsyncDisposableStack, name: string, front: DnsFront | undefined): Promise<Guest> {
  const authority = front?.authority ?? known?.authority ?? ''
  known ??= front
  const firefox = stack.use(
    await startFirefox({
      directory: join(directory, name),
      preferences: {
        'network.trr.mode': front === undefined ? 5 : 3,
        'network.trr.uri': `${front?.url ?? ''}/dns-query`,
        'network.trr.allow-rfc1918': true,
        // JSON as it is, in the site's own origin.
        'devtools.jsonview.enabled': false,
      },
      authority,
    }),
  )
  return {
    open: (url) => firefox.open(url),
    evaluate: (expression) => firefox.evaluate(expression),
    failure: (url) =>
      firefox.open(url).then(
        () => 'opened',
        (cause: Error) => cause.message,
      ),
  }
}

let known: DnsFront | undefined

async function visit(): Promise<Seen> {
  await using stack = new AsyncDisposableStack()
  const group = stack.use(
    await startGroup([], { site: { name: 'lines', folder: LINES }, arguments: { s1: ['--port', port] } }),
  )
  const front = stack.use(await startDnsFront(directory, group.gateway))
  const http = new URL(group.seeders.all[0]?.ready.http ?? '')
  const at = http.port === '' ? '' : `:${http.port}`
  const make = process.argv[3] === 'firefox' ? firefoxGuest : chromiumGuest
  const guest = await make(stack, 'doh', front)
  const origins: string[] = []
  const pages: string[] = []
  let foreign: string | null = null
  for (const name of ['lines.peer', 'lines.ipn']) {
    await guest.open(`http://${name}${at}/`)
    origins.push(await guest.evaluate<string>('location.origin'))
    pages.push(await guest.evaluate<string>('document.body.textContent'))
    foreign = await guest.evaluate<string | null>(`localStorage.getItem('who')`)
    await guest.evaluate(`localStorage.setItem('who', location.host)`)
  }
  const sentTo = await guest.open(`http://lines.peer:${new URL(group.gateway).port}/?a=b`)
  const nobody = await guest.failure('http://nobody.peer/')
  const elsewhere = await guest.failure('http://example.org/')
  const plain = await make(stack, 'plain', undefined)
  const otherwise = await plain.failure(`http://lines.peer${at}/`)
  return { origins, pages, foreign, sentTo, nobody, elsewhere, otherwise }
}

try {
  process.stdout.write(`${JSON.stringify(await visit())}\n`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
