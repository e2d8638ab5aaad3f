// One script in one engine with the real host on an empty state, asked by POST: no blocks, no executor.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { CODEC_DAG_PB, cidFromDigest, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'

const TIME = 1_700_000_000_000
const URL_OF_SITE = 'http://site.peer/'
const RESPONSE_BYTES_MAX = 32 * 2 ** 20

export class EngineSite {
  readonly #engine: Engine
  readonly #sqlite: SqliteBox
  readonly #script: string

  constructor(script: string, engine: Engine = new Engine(), sqlite: SqliteBox = new SqliteBox()) {
    this.#engine = engine
    this.#sqlite = sqlite
    this.#script = script
  }

  post(body: string, fuelMax: number): RunResult {
    const code = cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(this.#script)))
    const site = this.#engine.start(code, () => this.#script)
    assert(site.ok, `the script starts: ${site.ok ? '' : site.error?.message}`)
    const bindings = { db: [], kv: [], files: [], assets: false }
    const headers = [['content-type', 'application/json']]
    return this.#engine.run(site, {
      entry: 'fetch',
      meta: JSON.stringify({ method: 'POST', url: URL_OF_SITE, headers, site: 'site', bindings }),
      body: bytesFromText(body),
      time: TIME,
      seed: sha256(bytesFromText('seed')),
      fuelMax,
      responseBytesMax: RESPONSE_BYTES_MAX,
      operations: (fuel, random) =>
        createHost({
          tree: openStateTree(EMPTY_DIRECTORY, () => undefined),
          sqlite: this.#sqlite,
          manifest: {
            ...{ version: 1, name: 'site', scriptBytes: 1, databases: [], kv: [], files: [], crons: [], assets: null },
            ...{ headers: [], volatile: [], origin: null },
          },
          mode: 'read',
          time: TIME,
          random,
          fuel,
        }),
    })
  }
}
