// The group of four on which the benchmarks look: real seeders as processes, the bench site published on them.

import { createCipheriv } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { FRUGAL_MALLOC } from '#cli/up/child.ts'
import type { Target } from '#test/bench/client.ts'
import type { Counts } from '#test/bench/counters.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

export const SITE = 'bench'
export const CSS_BYTES = 10_240
export const BLOB_BYTES = 1_048_576
const SERVING_MS = 30_000
const LABELS = ['s1', 's2', 's3', 's4']
/** As an operator has it, not as a test. */
const ARGUMENTS = ['--log-level', 'info']

export type BenchGroup = AsyncDisposable & {
  readonly seeders: Seeders
  readonly directory: string
  /** A project to publish, under any name. */
  readonly project: string
  target(seeder: SeederProcess): Target
  /** As the site is asked for at this member. */
  host(seeder: SeederProcess): string
  counts(seeder: SeederProcess): Promise<Counts>
}

/** `more`: arguments of each seeder beside the operator's. */
export async function startGroup(more: readonly string[] = []): Promise<BenchGroup> {
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const project = join(directory, 'project')
  const countsDirectory = join(directory, 'counts')
  mkdirSync(countsDirectory)
  makeProject(project)
  const before = process.env.NODE_OPTIONS
  // As the command starts seeders; the bare programs beside them get the same.
  Object.assign(process.env, FRUGAL_MALLOC)
  process.env.NODE_OPTIONS = `${before ?? ''} --import ${join(import.meta.dirname, 'counters.ts')}`.trim()
  process.env.INTERPEER_BENCH_COUNTS = countsDirectory
  let seeders: Seeders
  try {
    seeders = stack.use(
      await startSeeders({ arguments: Object.fromEntries(LABELS.map((label) => [label, [...ARGUMENTS, ...more]])) }),
    )
  } finally {
    delete process.env.INTERPEER_BENCH_COUNTS
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  }
  await seeders.publish(project, SITE)
  await serving(seeders, [SITE])
  const held = stack.move()
  return {
    seeders,
    directory,
    project,
    target: ({ ready }) => ({ host: '127.0.0.1', port: Number(new URL(ready.http).port) }),
    host: ({ ready, label }) => `${SITE}.${label}.localhost:${new URL(ready.http).port}`,
    async counts({ ready, kill }) {
      const file = join(countsDirectory, `${ready.pid}.json`)
      rmSync(file, { force: true })
      kill('SIGUSR2')
      return until('the counts', () => {
        try {
          return JSON.parse(readFileSync(file, 'utf8')) as Counts
        } catch {
          return undefined
        }
      })
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Every member serves every one of the sites. */
export async function serving(seeders: Seeders, names: readonly string[]): Promise<void> {
  for (const seeder of seeders.all) {
    await until(
      `${names.length} sites at ${seeder.label}`,
      async () => {
        const sites = (await seeder.report())?.sites ?? []
        return names.every((name) =>
          sites.some(
            (site) => site.name === name && site.origin !== undefined && site.height > 0 && site.state === 'agreeing',
          ),
        )
      },
      SERVING_MS,
    )
  }
}

function makeProject(folder: string): void {
  cpSync(join(import.meta.dirname, 'site'), folder, { recursive: true })
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'assets', 'style.css'), styleSheet())
  writeFileSync(join(folder, 'assets', 'about.html'), staticPage())
  writeFileSync(join(folder, 'assets', 'photo.jpg'), noise(BLOB_BYTES))
}

/** The same on every run, and nothing that a coding could shorten. */
function noise(bytes: number): Buffer {
  const key = Buffer.alloc(32, 1)
  return createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}

/** 10 KB of text that a coding would shorten by half. */
export function staticPage(): string {
  const words = noise(CSS_BYTES).toString('hex')
  let text = '<!doctype html><html lang="en"><title>About</title><h1>About</h1>'
  for (let line = 0; text.length < CSS_BYTES; line++) text += `<p>${words.slice(64 * line, 64 * line + 64)}</p>\n`
  return text
}

/** Rules that differ from each other as those of a real sheet do. */
function styleSheet(): string {
  const colours = noise(CSS_BYTES).toString('hex')
  let text = ''
  for (let rule = 0; text.length < CSS_BYTES; rule++)
    text += `.line-${rule} { color: #${colours.slice(6 * rule, 6 * rule + 6)}; margin: ${rule % 7}px; }\n`
  return text.slice(0, CSS_BYTES)
}
