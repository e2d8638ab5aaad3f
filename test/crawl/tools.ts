// Crawlers that this machine has to have, and how each is run: nothing of them is ours.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** Debian's package of the documentation of some version of Python. */
const DOCUMENTATION = ['3.11', '3.12', '3.13', '3.14'].map((version) => `/usr/share/doc/python${version}/html`)
export const LINKINATOR = 'linkinator@7.6.1'
export const LIGHTHOUSE = 'lighthouse@12.8.2'
const RUN_MS_MAX = 30 * 60_000

export type Found = {
  readonly asked: string
  readonly url: string
  readonly status: number
  readonly html: boolean
  /** Those that an engine can use, and those in a file system, which it cannot. */
  readonly canonical: readonly string[]
  readonly disk: readonly string[]
  readonly from: string
}

function has(command: string): boolean {
  return spawnSync('which', [command], { stdio: 'ignore' }).status === 0
}

/** The folder of the documentation; throws with what to install. */
export function neededTools(): string {
  const folder = DOCUMENTATION.find((each) => existsSync(join(each, 'index.html')))
  const missing = [
    ...(has('scrapy') ? [] : ['python3-scrapy']),
    ...(has('wget') ? [] : ['wget']),
    ...(folder === undefined ? ['python3-doc'] : []),
  ]
  if (missing.length > 0 || folder === undefined)
    throw new Error(`This run needs packages of Debian: apt-get install --no-install-recommends ${missing.join(' ')}`)
  return folder
}

export type Ran = { readonly code: number | null; readonly out: string; readonly seconds: number }

/** Runs a command to its end; both of its outputs go to `log`. */
export async function run(command: string, words: readonly string[], cwd: string, log: string): Promise<Ran> {
  const began = performance.now()
  const child = spawn(command, words, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MS_MAX,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  const parts: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => parts.push(part))
  child.stderr.on('data', (part: Buffer) => said.push(part))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const code = await promise
  const out = Buffer.concat(parts).toString()
  writeFileSync(log, Buffer.concat([...said, ...parts]))
  return { code, out, seconds: (performance.now() - began) / 1000 }
}

export type Crawled = { readonly pages: readonly Found[]; readonly seconds: number }

export async function scrapy(
  spider: 'pages' | 'sitemaps',
  settings: Readonly<Record<string, string>>,
  folder: string,
): Promise<Crawled> {
  const out = join(folder, `scrapy-${spider}-${settings.site}.jl`)
  const file = join(folder, `${spider}.py`)
  // `runspider` takes a file with one spider in it.
  const other = spider === 'pages' ? 'Sitemaps(SitemapSpider)' : 'Pages(scrapy.Spider)'
  const source = readFileSync(join(import.meta.dirname, 'spider.py'), 'utf8')
  writeFileSync(file, withoutClass(source, other))
  const words = Object.entries(settings).flatMap(([name, value]) => ['-a', `${name}=${value}`])
  const { code, seconds } = await run('scrapy', ['runspider', file, '-O', out, ...words], folder, `${out}.log`)
  if (code !== 0) throw new Error(`scrapy ended with ${code}: ${out}.log`)
  const lines = readFileSync(out, 'utf8').split('\n')
  return { pages: lines.filter((each) => each !== '').map((each) => JSON.parse(each) as Found), seconds }
}

function withoutClass(source: string, head: string): string {
  const at = source.indexOf(`class ${head}`)
  const next = source.indexOf('\nclass ', at + 1)
  return source.slice(0, at) + (next < 0 ? '' : source.slice(next + 1))
}

export type Fetched = { readonly url: string; readonly html: boolean; readonly canonical: readonly string[] }
export type Mirrored = {
  /** What was answered with 200, where it was found in the end; once for each link that is written otherwise. */
  readonly found: readonly Fetched[]
  readonly broken: readonly string[]
  readonly seconds: number
}

/** The header lines of an answer as wget shows them, indented, redirects before it included; then where it was found. */
const FETCHED = /((?:^ {2}.*\n)+)\S+ \S+ URL:\s?(\S+) \[/gm
const CANONICAL = /<([^>]*)>\s*;\s*rel="?canonical\b/g

/** What a log of `wget --no-verbose --server-response` tells. */
export function wgetLog(text: string): Pick<Mirrored, 'found' | 'broken'> {
  const found = Array.from(text.matchAll(FETCHED), ([, lines = '', url = '']) => {
    const head = lines.slice(lines.lastIndexOf('  HTTP/'))
    const links = Array.from(head.matchAll(/^ {2}link: (.*)$/gim), ([, link = '']) => link).join(', ')
    return {
      url,
      html: /^ {2}content-type: text\/html/im.test(head),
      canonical: Array.from(links.matchAll(CANONICAL), ([, address = '']) => address),
    }
  })
  const broken = Array.from(
    text.matchAll(/^(https?:\S+):\n[^\n]*ERROR (\d+)/gm),
    ([, url, status]) => `${status} ${url}`,
  )
  return { found, broken }
}

/** Follows every link of the site; `broken`: addresses that were answered with an error. */
export async function wget(start: string, site: string, folder: string): Promise<Mirrored> {
  const log = join(folder, `wget-${site}.log`)
  const words = ['--recursive', '--level=inf', '--no-parent', '--delete-after', '--no-verbose', '--server-response']
  const into = `--directory-prefix=${join(folder, 'wget')}`
  const { seconds } = await run('wget', [...words, '--tries=2', into, start], folder, log)
  return { ...wgetLog(readFileSync(log, 'utf8')), seconds }
}

/** A place on this machine: a file, or an address. */
const OWN = /^(?:\/|https?:\/\/(?:localhost|127\.0\.0\.1)[:/])/

export type Checked = {
  readonly links: readonly string[]
  readonly broken: readonly string[]
  readonly seconds: number
}

/**
 * Checks every link of these pages, or of a folder and what is found in it. Links to elsewhere are left alone. It follows no page to another origin
 * than the one it was given, so that pages behind a redirect have to be given one by one.
 */
export async function linkinator(places: readonly string[], site: string, folder: string): Promise<Checked> {
  const log = join(folder, `linkinator-${site}.log`)
  // Without a time-out: one that ends while a body is left unread ends linkinator with it.
  const words = ['--format', 'json', '--concurrency', '8', '--verbosity', 'info']
  // It takes a path without an ending for a folder, as no browser does (RFC 3986 §5.2), unless it is told that there are such pages.
  const recurses = places.length === 1 ? ['--recurse'] : ['--clean-urls']
  const skipped = '^(?!https?://(localhost|127\\.0\\.0\\.1)[:/])'
  const command = process.env.LINKINATOR
  const [program, first] = command === undefined ? ['npx', ['--yes', LINKINATOR]] : [command, []]
  const { out, seconds } = await run(
    program,
    [...first, ...places, ...words, ...recurses, '--skip', skipped],
    folder,
    log,
  )
  if (!out.includes('{')) throw new Error(`linkinator broke off: ${log}`)
  const { links } = JSON.parse(out.slice(out.indexOf('{'))) as {
    links: { url: string; state: string; status: number; parent?: string }[]
  }
  const asked = links.filter(({ url, state }) => state !== 'SKIPPED' && OWN.test(url))
  const broken = asked.filter(({ state }) => state === 'BROKEN').map(({ url, status }) => `${status} ${url}`)
  return { links: asked.map(({ url }) => url), broken, seconds }
}

/** The audits of a page that Lighthouse does not pass, and its mark out of 100. */
export type Audited = { readonly score: number; readonly failed: readonly string[] }

export async function lighthouse(url: string, name: string, folder: string): Promise<Audited> {
  const log = join(folder, `lighthouse-${name}.log`)
  const words = ['--only-categories=seo', '--output=json', '--quiet', '--chrome-flags=--headless=new --no-sandbox']
  const command = process.env.LIGHTHOUSE
  const [program, first] = command === undefined ? ['npx', ['--yes', LIGHTHOUSE]] : [command, []]
  process.env.CHROME_PATH ??= '/usr/bin/chromium'
  const { out, code } = await run(program, [...first, url, ...words], folder, log)
  if (code !== 0) throw new Error(`lighthouse ended with ${code}: ${log}`)
  const report = JSON.parse(out.slice(out.indexOf('{'))) as {
    categories: { seo: { score: number } }
    audits: Record<string, { score: number | null }>
  }
  const failed = Object.entries(report.audits).filter(([, { score }]) => score !== null && score < 1)
  return { score: Math.round(100 * report.categories.seo.score), failed: failed.map(([audit]) => audit) }
}
