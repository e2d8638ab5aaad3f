// Answers the questions of `engine-thread.ts`.

import { parentPort } from 'node:worker_threads'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { HostStop } from '#seeder/execute/host/port.ts'
import type { EngineAnswer, EngineQuestion } from '#test/seeder/execute/engine/engine-thread.ts'
import { plainHost } from '#test/seeder/execute/engine/plain-host.ts'

const engine = new Engine()

const OPERATIONS = plainHost(
  (op) => {
    if (op === 'stop') throw new HostStop('memory')
    if (op === 'long') return JSON.stringify('x'.repeat(1000))
    return '{"error":{"code":"operation","message":"none"}}'
  },
  (op) => (op === 'dear' ? Number.POSITIVE_INFINITY : 10),
)

function answer({ script, fuelMax, run }: EngineQuestion): EngineAnswer {
  const site = engine.start(cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(script))), () => script)
  if (!run) return site.ok ? 'started' : site.failure
  if (!site.ok) throw new Error(JSON.stringify(site))
  const bindings = { db: [], kv: [], files: [], assets: false }
  return engine.run(site, {
    entry: 'fetch',
    meta: JSON.stringify({ method: 'GET', url: 'http://site.peer/', headers: [], site: 'site', bindings }),
    body: new Uint8Array(0),
    time: 1_700_000_000_000,
    seed: sha256(bytesFromText('seed')),
    fuelMax,
    responseBytesMax: 1_000_000,
    operations: () => OPERATIONS,
  })
}

parentPort?.on('message', (question: EngineQuestion) => parentPort?.postMessage(answer(question)))
