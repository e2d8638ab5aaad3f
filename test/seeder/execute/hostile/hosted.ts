// A site whose script does what its request's body says, and a block in which a good request follows a hostile one.

import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { leafOf } from '#seeder/agree/execution.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { BlockResult, ExecutionLimits, Outcome } from '#seeder/execute/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import {
  type Blocks,
  type Bundle,
  blockJob,
  hashOf,
  keep,
  LIMITS,
  publish,
  request,
  requestStep,
  sourceOf,
  textOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'

/** A file to which each attack's result is added, for whoever compares what other machines make of them (differential/attacks.test.ts). */
const NOTES = process.env.INTERPEER_ATTACK_NOTES

const engine = new Engine()
const sqlite = new SqliteBox()

/** `POST /run`: the body is run as code with `env`; `POST /good`: writes to every kind of state. */
export const SITE: Bundle = {
  script: `
    const run = async (code, env) => await (0, eval)('(async (env, host) => {' + code + '})')(env, globalThis.__host)
    export default {
      async fetch(request, env) {
        const text = await request.text()
        if (new URL(request.url).pathname === '/run') {
          const made = await run(text, env)
          return made instanceof Response ? made : new Response(String(made).slice(0, 100000))
        }
        await env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind(text).run()
        await env.KV.put('good', text)
        await env.FILES.put('good', text)
        const { n } = await env.DB.prepare('SELECT count(*) AS n FROM note').first()
        return new Response('good ' + n)
      },
    }`,
  manifest: {
    databases: [{ binding: 'DB', migrations: ['0001_note.sql'] }],
    kv: ['KV'],
    files: ['FILES'],
  },
  migrations: { 'DB/0001_note.sql': 'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT)' },
}

export class Site {
  readonly blocks: Blocks
  readonly executor: Executor
  readonly limits: ExecutionLimits
  root: Cid = EMPTY_DIRECTORY
  height = 0

  /** Nothing is published yet. */
  constructor(blocks: Blocks = new Map(), limits: ExecutionLimits = LIMITS) {
    this.blocks = blocks
    this.limits = limits
    this.executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  }

  static published(bundle: Bundle = SITE, limits: ExecutionLimits = LIMITS): Site {
    const site = new Site(new Map(), limits)
    const { response } = site.publish(publish(site.blocks, bundle))
    assert.equal(response.status, 200, textOf(response))
    return site
  }

  publish(codeRoot: Cid): Outcome {
    const { result } = this.executor.executeBlock(
      blockJob(this.root, ++this.height, [updateStep(this.height, codeRoot)], { limits: this.limits }),
    )
    this.take(result)
    const [outcome] = result.outcomes
    assert(outcome !== undefined)
    return outcome
  }

  /** One block of requests with these bodies, on the present state. `fresh`: by an executor that knows nothing yet. */
  block(requests: readonly (readonly [target: string, body: string])[], fresh = false): BlockResult {
    const steps = requests.map(([target, body], index) => ({
      ...requestStep(request('POST', target, body)),
      requestHash: hashOf(`${this.height} ${index}`),
    }))
    const executor = fresh ? new Executor(engine, sqlite, openStateTree, sourceOf(this.blocks)) : this.executor
    const job = blockJob(this.root, this.height + 1, steps, { limits: this.limits })
    const { result } = executor.executeBlock(job)
    return result
  }

  /** The state goes on at the result. */
  take(result: BlockResult): void {
    keep(this.blocks, result.blocks)
    this.root = result.stateRoot
  }

  /**
   * The hostile body as a request, a good one behind it in the same block: no throw, the good one works, a second executor gives
   * the same root, fuel and answers. The outcome of the hostile one.
   */
  attack(body: string, target = '/run'): Outcome {
    const requests = [
      [target, body],
      ['/good', 'x'],
    ] as const
    const result = this.block(requests)
    const again = this.block(requests, true)
    assert.deepEqual(shownResult(again), shownResult(result))
    if (NOTES !== undefined) appendFileSync(NOTES, `${JSON.stringify([body.slice(0, 200), shownResult(result)])}\n`)
    const [hostile, good] = result.outcomes
    assert(hostile !== undefined && good !== undefined)
    assert.match(textOf(good.response), /^good \d+$/)
    assert(hostile.fuel <= this.limits.requestFuelMax)
    if (hostile.failure !== undefined) {
      const alone = this.block([requests[1]], true)
      assert.equal(textOf(good.response), textOf(alone.outcomes[0]?.response ?? good.response))
    }
    return hostile
  }
}

export function shownResult(result: BlockResult): object {
  return {
    root: textFromCid(result.stateRoot),
    code: textFromCid(result.codeRoot),
    leaves: result.outcomes.map((outcome) => leafOf(hashOf('any'), outcome)),
    failures: result.outcomes.map(({ failure }) => failure),
    blocks: result.blocks.length,
  }
}
