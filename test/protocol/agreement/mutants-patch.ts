// Makes a copy of the protocol with one rule broken and sets the simulator on it. The product's own files are never touched:
// the copy has a package.json of its own, so that `#protocol/…` means the copied folder inside it.

import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GroupKind } from '#test/simulator/scenario.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** One edit: `find` has to stand in `file` exactly once. */
export type Patch = { readonly file: string; readonly find: string; readonly replace: string }

export type Mutant = {
  /** The rule that it breaks, by its number. */
  readonly rule: string
  readonly what: string
  readonly patches: readonly Patch[]
  /** The invariants of which one has to break. */
  readonly breaks: readonly string[]
  /** Worlds that it may take. */
  readonly seeds: number
  readonly from?: number
  /** Worlds of this kind of group only, or those in which no link is measured, or the world of `powerCutFromSeed`, or those of `worldFromSeed`. */
  readonly worlds?: GroupKind | 'unmeasured' | 'power_cut' | 'set_clocks'
  /** So many epochs in every world, or as many as each has; absent: one. */
  readonly epochs?: number | 'any'
}

export type Kill = {
  readonly runs: number
  /** The seed that killed it, or null: it survived. */
  readonly seed: number | null
  readonly rule: string | null
  /** Invariants that broke beside the expected ones, with how many times. */
  readonly others: Readonly<Record<string, number>>
}

export class StalePatch extends Error {}

export function applyPatch(text: string, patch: Patch): string {
  const pieces = text.split(patch.find)
  if (pieces.length !== 2) {
    throw new StalePatch(`${patch.file}: ${JSON.stringify(patch.find)} occurs ${pieces.length - 1} times, not once`)
  }
  return pieces.join(patch.replace)
}

/** Longest that the hunt for one mutant may take. */
const HUNT_MS_MAX = 900_000

/** Gives `use` a copy of the protocol, with these edits, and of the folders that drive it; the copy goes afterwards. */
export async function inPatchedCopy<T>(
  patches: readonly Patch[],
  folders: readonly string[],
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = await mkdtemp(join(tmpdir(), 'mutant-'))
  try {
    for (const folder of ['protocol', ...folders]) await cp(join(ROOT, folder), join(copy, folder), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    await writeFile(
      join(copy, 'package.json'),
      JSON.stringify({ type: 'module', imports: { '#protocol/*': './protocol/*', '#test/*': './test/*' } }),
    )
    for (const patch of patches) {
      const path = join(copy, patch.file)
      await writeFile(path, applyPatch(await readFile(path, 'utf8'), patch))
    }
    return await use(copy)
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** It did not end within its time: whether the mutant survives is not known. */
export class OutOfTime extends Error {}

export type RunOptions = {
  /** Ways to end that are answers; absent: 0 alone. */
  readonly exitCodes?: readonly number[]
  readonly timeoutMs?: number
}

/** What a script of the copy prints. Whatever ends by no exit code of its own (out of time, a signal) has given no answer. */
export function runInCopy(path: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCodes = [0], timeoutMs = HUNT_MS_MAX } = options
  return new Promise((resolve, reject) => {
    // Tests of a copy are no part of the run that started them.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const limits = { timeout: timeoutMs, maxBuffer: 1 << 22 }
    execFile(process.execPath, [path, ...args], { env, ...limits }, (error, stdout, stderr) => {
      // Of an exit alone the code is a number: it is null after a signal, and a name where nothing was run or too much was printed.
      const code = error === null ? 0 : error.code
      if (typeof code === 'number' && exitCodes.includes(code)) return resolve(stdout)
      const text = `${error?.message ?? ''}\n${stderr}`
      const ranOut = error?.killed === true && error.signal === 'SIGTERM' && code == null
      reject(ranOut ? new OutOfTime(`not within ${timeoutMs} ms: ${text}`) : new Error(text))
    })
  })
}

/** Hunts one mutant in a copy of its own; no patches hunt the unbroken protocol. */
export async function huntMutant(mutant: Mutant): Promise<Kill> {
  const args = [
    String(mutant.from ?? 1),
    String(mutant.seeds),
    mutant.worlds ?? 'any',
    mutant.breaks.join(','),
    String(mutant.epochs ?? 1),
  ]
  const output = await inPatchedCopy(mutant.patches, ['test/simulator'], (copy) =>
    runInCopy(join(copy, 'test/simulator/hunt.ts'), args),
  )
  return JSON.parse(output) as Kill
}
