// Runs blocks and reads on state trees: what one worker thread does, without the thread.
//
//   block: due crons → each step { mark → run → roll back when it failed } → commit → root, blocks, outcomes
//   read:  mark → run → always roll back
//
// Invariant: a failed step leaves no trace; the result of a block is a function of the job alone, whatever ran here before.
// What fails as a function of state and request ends that request (`stateFailure`); only the machine's trouble is thrown.

import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { scriptOrigin } from '#protocol/site/manifest.ts'
import { policyOf } from '#protocol/site/policy.ts'
import { Chance } from '#seeder/execute/engine/chance.ts'
import type { Engine, SiteStart } from '#seeder/execute/engine/engine.ts'
import { failureResponse } from '#seeder/execute/engine/failure.ts'
import { SCRIPT_FILE } from '#seeder/execute/engine/quickjs.ts'
import type { RunInput, RunResult } from '#seeder/execute/engine/run.ts'
import { SourcePositions } from '#seeder/execute/engine/source-position.ts'
import { type BundleMismatch, bundleMismatch, MANIFEST_FILE, manifestFromBytes } from '#seeder/execute/host/bundle.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import { runMigrations } from '#seeder/execute/host/migrations.ts'
import { type FuelPurse, HostStop } from '#seeder/execute/host/port.ts'
import { openSystem, type SystemState } from '#seeder/execute/host/system.ts'
import { brokenRows } from '#seeder/execute/host/system-schema.ts'
import { cronFromText, newestTick } from '#seeder/execute/pool/cron.ts'
import { APP, bindingsOf, liveSequence, takeFirstData, UPDATE_FILE } from '#seeder/execute/pool/live-code.ts'
import { cronSeed, readSeed, writeSeed } from '#seeder/execute/pool/seed.ts'
import { SiteLog } from '#seeder/execute/pool/site-log.ts'
import { guarded, stateFailure } from '#seeder/execute/pool/state-fault.ts'
import type {
  BlockJob,
  BlockResult,
  ExecutionLimits,
  Outcome,
  ReadJob,
  ReadResult,
  ScriptRequest,
  ScriptResponse,
  Step,
} from '#seeder/execute/port.ts'
import type { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

/** Open trees that are kept for the next job on their root; a site in use has one or two. */
const TREES_MAX = 16
/** Parsed manifests that are kept. */
const MANIFESTS_MAX = 64
const BUNDLES_MAX = 16

type Request = Extract<Step, { kind: 'request' }>
type Update = Extract<Step, { kind: 'update' }>

/** The code that is live on a tree; started when something runs. */
type App = { readonly codeRoot: Cid; readonly manifest: SiteManifest | undefined; readonly start: () => SiteStart }

export class Executor {
  readonly #engine: Engine
  readonly #sqlite: SqliteBox
  readonly #openTree: (root: Cid) => StateTree
  readonly #trees = new Map<string, StateTree>()
  readonly #positions = new SourcePositions()
  /** By code root; undefined: it is not valid. */
  readonly #manifests = new Map<string, SiteManifest | undefined>()
  /** By code root, of bundles that were read through: one of gigabytes takes longer than its block's time may lie back (R2), so it is begun again. */
  readonly #bundles = new Map<string, BundleMismatch | undefined>()

  constructor(
    engine: Engine,
    sqlite: SqliteBox,
    openTree: (root: Cid, source: BlockSource) => StateTree,
    source: BlockSource,
  ) {
    this.#engine = engine
    this.#sqlite = sqlite
    this.#openTree = (root) => openTree(root, source)
  }

  /**
   * `quiet`: blocks without steps leave this root as it is, because the site has no crons.
   * Throws when the world broke (a block is missing): then there is no result.
   */
  executeBlock(job: BlockJob): { readonly result: BlockResult; readonly quiet: boolean } {
    const tree = this.#take(job.stateRoot)
    const mark = tree.mark()
    let ran = this.#runSteps(job, tree, 'together')
    let made = guarded(() => tree.commit())
    if (!made.ok) {
      tree.rollback(mark)
      ran = this.#runSteps(job, tree, 'each')
      made = { ok: true, value: tree.commit() }
    }
    const { root, blocks } = made.value
    this.#keep(root, tree)
    const codeRoot = tree.cid(APP) ?? EMPTY_DIRECTORY
    const { outcomes, logs } = ran
    const result = { stateRoot: root, codeRoot, outcomes, blocks: [...blocks.values()], logs: logs.lines }
    return { result, quiet: (this.#app(tree).manifest?.crons.length ?? 0) === 0 }
  }

  /**
   * `each`: every step's tree has to be one that can be committed, else the step fails; asked for after a block whose steps made
   * a tree `together` that could not, since an uploader's files may show their damage only when they are hashed.
   */
  #runSteps(job: BlockJob, tree: StateTree, checked: 'together' | 'each'): { outcomes: Outcome[]; logs: SiteLog } {
    const logs = new SiteLog(this.#positions)
    const check = (): void => void (checked === 'each' && tree.cid(''))
    this.#crons(job, tree, logs, check)
    const { requestFuelMax, blockFuelMax } = job.limits
    const outcomes: Outcome[] = []
    let fuel = 0
    for (const step of job.steps) {
      if (outcomes.length > 0 && fuel + requestFuelMax > blockFuelMax) break
      const outcome =
        step.kind === 'request'
          ? this.#request(job, step, tree, logs, check)
          : this.#update(job, step, tree, logs, check)
      outcomes.push(outcome)
      fuel += outcome.fuel
    }
    return { outcomes, logs }
  }

  /** A function of the code root alone. */
  #mismatch(tree: StateTree, codeRoot: Cid, manifest: SiteManifest): BundleMismatch | undefined {
    const key = textFromCid(codeRoot)
    if (this.#bundles.has(key)) return this.#bundles.get(key)
    const found = bundleMismatch(tree, manifest)
    const [oldest] = this.#bundles.keys()
    if (this.#bundles.size >= BUNDLES_MAX && oldest !== undefined) this.#bundles.delete(oldest)
    this.#bundles.set(key, found)
    return found
  }

  executeRead(job: ReadJob): ReadResult {
    const tree = this.#take(job.stateRoot)
    const logs = new SiteLog(this.#positions)
    const mark = tree.mark()
    const input = { request: job.request, name: job.name, time: job.time, seed: readSeed(job), limits: job.limits }
    const ran = guarded(() => this.#fetch(this.#app(tree), tree, input, 'read'))
    const result = ran.ok ? ran.value : stateFailure(ran.error, 0)
    logs.add(tree, result, job.time)
    if (tree.dirty(mark)) tree.rollback(mark)
    this.#keep(job.stateRoot, tree)
    const { response, failure } = answerOf(result)
    return {
      response,
      fuel: result.fuel,
      asked: result.asked,
      wrote: result.wrote,
      ...(failure === undefined ? {} : { failure }),
      logs: logs.lines,
    }
  }

  #request(job: BlockJob, step: Request, tree: StateTree, logs: SiteLog, check: () => void): Outcome {
    const mark = tree.mark()
    let fuel = 0
    const ran = guarded(() =>
      this.#answered(job, step, tree, logs, (burnt) => {
        fuel = burnt
      }),
    )
    const settled = ran.ok ? guarded(check) : ran
    if (ran.ok && settled.ok) return ran.value
    tree.rollback(mark)
    const failed = stateFailure(settled.ok ? { message: '', stack: '' } : settled.error, fuel)
    logs.add(tree, failed, job.time)
    return { ...answerOf(failed), fuel }
  }

  /** `burnt` is told what the run used as soon as it ended. */
  #answered(job: BlockJob, step: Request, tree: StateTree, logs: SiteLog, burnt: (fuel: number) => void): Outcome {
    const kept = this.#keptAnswer(job, step, tree)
    if (kept !== undefined) return kept
    const mark = tree.mark()
    const input = {
      request: step.request,
      name: job.name,
      time: job.time,
      seed: writeSeed(job, step),
      limits: job.limits,
    }
    const result = this.#fetch(this.#app(tree), tree, input, 'ordered')
    burnt(result.fuel)
    logs.add(tree, result, job.time)
    const { response, failure } = answerOf(result)
    if (failure !== undefined) {
      tree.rollback(mark)
      return { response, fuel: result.fuel, failure }
    }
    if (step.idempotency !== undefined) {
      const { key, bodyHash } = step.idempotency
      this.#system(tree, job.time).keepAnswer(key, bodyHash, response, job.limits.idempotencyMs)
    }
    return { response, fuel: result.fuel }
  }

  /** R9: the same key again gives the agreed answer, or 422 when it stands for another body. */
  #keptAnswer(job: BlockJob, step: Request, tree: StateTree): Outcome | undefined {
    if (step.idempotency === undefined) return undefined
    const { key, bodyHash } = step.idempotency
    const kept = this.#system(tree, job.time).answer(key, job.limits.idempotencyMs)
    if (kept === undefined) return undefined
    if (kept.response.body.length > job.limits.responseBytesMax) return brokenRows()
    if (bytesEqual(kept.bodyHash, bodyHash)) return { response: kept.response, fuel: 0, repeated: true }
    const text = 'this Idempotency-Key was used for another body'
    return {
      response: jsonResponse(422, { code: 'idempotency_key_reused', message: text }),
      fuel: 0,
      failure: 'key_reused',
    }
  }

  /** New code: all of it or nothing. */
  #update(job: BlockJob, step: Update, tree: StateTree, logs: SiteLog, check: () => void): Outcome {
    const mark = tree.mark()
    const refused = (code: string, facts: object): Outcome => {
      tree.rollback(mark)
      logs.say('error', `update ${step.sequence} was refused: ${code} ${JSON.stringify(facts)}`, job.time)
      return { response: jsonResponse(409, { code, ...facts }), fuel: 0, failure: code }
    }
    const ran = guarded(() => {
      const outcome = this.#updated(job, step, tree, logs, refused)
      if (outcome.failure === undefined) check()
      return outcome
    })
    return ran.ok ? ran.value : refused('state_damaged', { message: ran.error.message })
  }

  #updated(
    job: BlockJob,
    step: Update,
    tree: StateTree,
    logs: SiteLog,
    refused: (code: string, facts: object) => Outcome,
  ): Outcome {
    const live = liveSequence(tree)
    if (step.sequence <= live) return refused('update_sequence', { sequence: step.sequence, live })
    tree.link(APP, step.codeRoot)
    if (live === 0) takeFirstData(tree)
    const text = tree.read(MANIFEST_FILE)
    const manifest = text === undefined ? undefined : manifestFromBytes(text)
    if (manifest === undefined) return refused('manifest_missing', {})
    if (!manifest.ok) return refused(manifest.error.code, manifest.error)
    const wrong = this.#mismatch(tree, step.codeRoot, manifest.value)
    if (wrong !== undefined) return refused(wrong.code, wrong)
    for (const cron of manifest.value.crons) if (!cronFromText(cron).ok) return refused('cron_form', { cron })
    const start = this.#app(tree).start()
    if (!start.ok && start.failure !== 'no_script') {
      return refused('script_start', { message: told(start.error?.message ?? start.failure) })
    }
    const purse = plainPurse(job.limits.requestFuelMax)
    const chance = new Chance(taggedHash('seed', job.parent, step.requestHash))
    const migrated = runMigrations({
      tree,
      sqlite: this.#sqlite,
      manifest: manifest.value,
      time: job.time,
      random: (count) => chance.bytes(count),
      fuel: purse,
    })
    if (!migrated.ok) return refused(migrated.error.code, migrated.error)
    tree.write(UPDATE_FILE, bytesFromText(JSON.stringify({ sequence: step.sequence })))
    const { applied } = migrated.value
    for (const line of start.logs) logs.say(line.level, line.text, job.time)
    logs.say(
      'info',
      `update ${step.sequence} is live${applied.length > 0 ? `, migrated ${applied.join(', ')}` : ''}`,
      job.time,
    )
    const response = jsonResponse(200, {
      code_root: textFromCid(step.codeRoot),
      migrations: applied,
      sequence: step.sequence,
    })
    return { response, fuel: job.limits.requestFuelMax - purse.remaining() }
  }

  /**
   * Before the block's own steps: each cron that became due since it ran last, once, for its newest tick. Together they
   * may use the fuel of one request; what finds none left runs in the next block, the one that waited longest first.
   */
  #crons(job: BlockJob, tree: StateTree, logs: SiteLog, check: () => void): void {
    const mark = tree.mark()
    const ran = guarded(() => {
      this.#runCrons(job, tree, logs)
      check()
    })
    if (ran.ok) return
    tree.rollback(mark)
    logs.add(tree, stateFailure(ran.error, 0), job.time)
  }

  #runCrons(job: BlockJob, tree: StateTree, logs: SiteLog): void {
    const app = this.#app(tree)
    const crons = app.manifest?.crons ?? []
    if (crons.length === 0) return
    const due: { text: string; last: number; tick: number }[] = []
    for (const text of new Set(crons)) {
      const cron = cronFromText(text)
      if (!cron.ok) continue
      const system = this.#system(tree, job.time)
      const last = system.cronLast(text)
      if (last === undefined) system.cronRan(text, job.time)
      const tick = last === undefined ? undefined : newestTick(cron.value, last, job.time)
      if (last !== undefined && tick !== undefined) due.push({ text, last, tick })
    }
    due.sort((a, b) => a.last - b.last || (a.text < b.text ? -1 : 1))
    let fuel = job.limits.requestFuelMax
    for (const { text, tick } of due) {
      if (fuel <= 0) return
      this.#system(tree, job.time).cronRan(text, tick)
      const mark = tree.mark()
      const result = this.#scheduled(app, tree, job, text, tick, fuel)
      fuel -= result.fuel
      logs.add(tree, result, job.time)
      if (!result.ok) tree.rollback(mark)
    }
  }

  #scheduled(app: App, tree: StateTree, job: BlockJob, cron: string, tick: number, fuel: number): RunResult {
    const limits = { ...job.limits, requestFuelMax: fuel }
    const input = { time: job.time, seed: cronSeed(job, cron), limits }
    const meta = { cron, scheduledTime: tick, site: job.name, bindings: bindingsOf(app.manifest) }
    return this.#run(app, tree, { ...input, entry: 'scheduled', meta: JSON.stringify(meta), body: NO_BYTES }, 'ordered')
  }

  #fetch(
    app: App,
    tree: StateTree,
    input: { request: ScriptRequest; name: string; time: number; seed: Digest; limits: ExecutionLimits },
    mode: 'ordered' | 'read',
  ): RunResult {
    const { method, target, headers, body } = input.request
    const origin = scriptOrigin(app.manifest, input.name)
    const meta = { method, url: origin + target, headers, site: input.name, bindings: bindingsOf(app.manifest) }
    return this.#run(app, tree, { ...input, entry: 'fetch', meta: JSON.stringify(meta), body }, mode)
  }

  #run(
    app: App,
    tree: StateTree,
    input: Pick<RunInput, 'entry' | 'meta' | 'body' | 'time' | 'seed'> & { limits: ExecutionLimits },
    mode: 'ordered' | 'read',
  ): RunResult {
    const { manifest } = app
    const start = app.start()
    if (!start.ok || manifest === undefined) {
      const failure = start.ok ? 'start' : start.failure
      const error = start.ok ? { message: 'the site has no valid site.json', stack: '' } : start.error
      const shown = error === undefined ? {} : { error }
      return { ok: false, failure, ...shown, fuel: 0, asked: NOTHING_ASKED, wrote: false, logs: start.logs }
    }
    const result = this.#engine.run(start, {
      ...input,
      fuelMax: input.limits.requestFuelMax,
      responseBytesMax: input.limits.responseBytesMax,
      operations: (fuel, random) =>
        createHost({ tree, sqlite: this.#sqlite, manifest, mode, time: input.time, random, fuel }),
    })
    if (!result.ok || manifest.csp === undefined) return result
    const { response } = result
    return { ...result, response: { ...response, headers: [...response.headers, ...policyOf(manifest)] } }
  }

  #system(tree: StateTree, time: number): SystemState {
    return openSystem({ tree, sqlite: this.#sqlite, time })
  }

  #app(tree: StateTree): App {
    const codeRoot = tree.cid(APP)
    if (codeRoot === undefined) return { codeRoot: EMPTY_DIRECTORY, manifest: undefined, start: () => NO_SCRIPT }
    const manifest = this.#manifest(codeRoot, () => tree.read(MANIFEST_FILE))
    const script = () => {
      const bytes = tree.read(SCRIPT_FILE)
      return bytes === undefined || bytes.length === 0 ? undefined : new TextDecoder().decode(bytes)
    }
    return { codeRoot, manifest, start: () => this.#engine.start(codeRoot, script) }
  }

  #manifest(codeRoot: Cid, read: () => Uint8Array | undefined): SiteManifest | undefined {
    const key = textFromCid(codeRoot)
    if (this.#manifests.has(key)) return this.#manifests.get(key)
    const parsed = manifestFromBytes(read() ?? NO_BYTES)
    const manifest = parsed.ok ? parsed.value : undefined
    const [oldest] = this.#manifests.keys()
    if (this.#manifests.size >= MANIFESTS_MAX && oldest !== undefined) this.#manifests.delete(oldest)
    this.#manifests.set(key, manifest)
    return manifest
  }

  /** The tree at a root, out of the kept ones: who takes it gives it back at the root where it then is. */
  #take(root: Cid): StateTree {
    const key = textFromCid(root)
    const known = this.#trees.get(key)
    this.#trees.delete(key)
    return known ?? this.#openTree(root)
  }

  #keep(root: Cid, tree: StateTree): void {
    this.#trees.set(textFromCid(root), tree)
    const [oldest] = this.#trees.keys()
    if (this.#trees.size > TREES_MAX && oldest !== undefined) this.#trees.delete(oldest)
  }
}

/** Characters of an error's text that an answer repeats. */
const TOLD_CHARS_MAX = 4_096

function told(text: string): string {
  return text.slice(0, TOLD_CHARS_MAX)
}

const NO_BYTES = new Uint8Array(0)
const NOTHING_ASKED = { time: false, chance: false } as const
const NO_SCRIPT: SiteStart = { ok: false, failure: 'no_script', logs: [] }

function answerOf(result: RunResult): { response: ScriptResponse; failure?: string } {
  if (result.ok) return { response: result.response }
  // A read that wrote is run again as an ordered request; nobody sees this answer.
  if (result.failure === 'wrote') return { response: jsonResponse(409, { code: 'wrote' }), failure: 'wrote' }
  return { response: failureResponse(result.failure), failure: result.failure }
}

function jsonResponse(status: number, value: object): ScriptResponse {
  const headers = [
    ['cache-control', 'no-store'],
    ['content-type', 'application/json'],
  ] as const
  return { status, headers, body: bytesFromText(JSON.stringify(value)) }
}

function plainPurse(fuel: number): FuelPurse {
  let left = fuel
  return {
    remaining: () => left,
    charge(amount) {
      const rest = left - Math.ceil(amount)
      left = rest >= 0 ? rest : 0
      if (!(rest >= 0)) throw new HostStop('fuel')
    },
  }
}
