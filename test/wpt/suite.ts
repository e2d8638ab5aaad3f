// The web-platform tests of `tests/`, each run as a request of a site, and what is expected of them (`expected.json`, ORIGIN.md).
//
//   file → META scripts + file ──(one request)──> verdict of every test ──> against the list
//
// Invariant: a file's verdicts are a function of the image alone, so the list is the same on every machine.

import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'

export const TESTS = join(import.meta.dirname, 'tests')
export const EXPECTED_FILE = join(import.meta.dirname, 'expected.json')
const HARNESS = readFileSync(join(TESTS, 'resources/testharness.js'), 'utf8')

/** What the worker is asked: the body of the request that runs one file. */
export type WptJob = {
  readonly harness: string
  readonly path: string
  readonly title: string
  readonly search: string
  readonly scripts: string
  readonly files: Readonly<Record<string, string>>
}

export type Verdict = { readonly name: string; readonly status: string; readonly message: string }
export type FileResult = { readonly path: string; readonly verdicts: readonly Verdict[]; readonly fuel: number }
/** What `script.js` answers, or how the request ended instead. */
export type WptAnswer = {
  readonly fuel: number
  readonly failure?: string
  readonly harness: string | null
  readonly tests: readonly (readonly [string, string, string])[]
}

/** By path: names of the tests that fail, or why the file is not run. */
export type Expected = Readonly<Record<string, readonly string[] | string>>

export function expected(): Expected {
  return JSON.parse(readFileSync(EXPECTED_FILE, 'utf8')) as Expected
}

export function testPaths(): string[] {
  return readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(any|window)\.js$/.test(path))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
}

function metaOf(source: string, key: string): string[] {
  return Array.from(source.matchAll(new RegExp(`^// META: ${key}=(.*)$`, 'gm')), (match) => match[1]?.trim() ?? '')
}

/** Text files below the file's folder that a test may fetch, by their path. */
function filesFor(source: string, path: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const [, named = ''] of source.matchAll(/fetch\(["'`]([^"'`$]+)["'`]\)/g)) {
    const full = named.startsWith('/') ? named.slice(1) : join(dirname(path), named)
    if (existsSync(join(TESTS, full))) files[full] = readFileSync(join(TESTS, full), 'utf8')
  }
  return files
}

/** Files with thousands of tests come with ranges of them; they are run a few hundred at a time, within the memory of a request. */
const RANGE = 200
const RANGES_TO = 3_600

/** The searches that a file is run with, one after the other. */
function searchesOf(path: string): readonly string[] {
  const variants = metaOf(readFileSync(join(TESTS, path), 'utf8'), 'variant')
  if (variants.length === 0) return ['']
  if (!variants.every((variant) => /^\?\d+-(\d+|last)$/.test(variant))) return variants
  return Array.from({ length: RANGES_TO / RANGE }, (_, index) => `?${index * RANGE + 1}-${(index + 1) * RANGE}`)
}

export function jobOf(path: string, search = ''): WptJob {
  const source = readFileSync(join(TESTS, path), 'utf8')
  const scripts = metaOf(source, 'script').map((script) =>
    readFileSync(join(TESTS, script.startsWith('/') ? script.slice(1) : join(dirname(path), script)), 'utf8'),
  )
  const title = metaOf(source, 'title')[0] ?? path.replace(/^.*\/|\.[^.]*\.js$/g, '')
  // One program, so that what a helper declares with `const` is there for the file.
  const whole = [...scripts, source].join('\n;\n')
  return { harness: HARNESS, path, title, search, scripts: whole, files: filesFor(whole, path) }
}

/** An engine in a thread with the native stack that the pool gives it. */
export class WptThread {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: { stackSizeMb: 64 } })

  async run(path: string): Promise<FileResult> {
    const parts: FileResult[] = []
    for (const search of searchesOf(path)) parts.push(await this.#run(path, search))
    return {
      path,
      verdicts: parts.flatMap((part) => part.verdicts),
      fuel: parts.reduce((sum, part) => sum + part.fuel, 0),
    }
  }

  async #run(path: string, search: string): Promise<FileResult> {
    this.#worker.postMessage(jobOf(path, search))
    const [answer] = (await once(this.#worker, 'message')) as [WptAnswer]
    const verdicts = answer.tests.map(([name, status, message]) => ({ name: name.toWellFormed(), status, message }))
    const broken = (what: string, message: string) =>
      verdicts.push({ name: `harness${search}: ${what}`, status: 'fail', message })
    if (answer.failure !== undefined) broken('no answer', answer.failure)
    else if (answer.harness !== null) broken('did not complete', answer.harness)
    return { path, verdicts, fuel: answer.fuel }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

/** What differs from the list, a line each; empty when all is as expected. */
export function differences({ path, verdicts }: FileResult, list: readonly string[]): string[] {
  const failing = new Map(verdicts.filter(({ status }) => status !== 'pass').map((verdict) => [verdict.name, verdict]))
  const fresh = [...failing.values()]
    .filter(({ name }) => !list.includes(name))
    .map(({ name, status, message }) => `${path}: "${name}" is a new failure (${status}): ${message}`)
  const gone = list
    .filter((name) => !failing.has(name))
    .map((name) => `${path}: "${name}" fails no more: take it off test/wpt/expected.json`)
  return [...fresh, ...gone]
}

export function failingNames({ verdicts }: FileResult): string[] {
  return [...new Set(verdicts.filter(({ status }) => status !== 'pass').map(({ name }) => name))].sort()
}
