// An execution worker: one engine, one SQLite box, a read-only view of the store. It answers one job after the other.

import { parentPort, workerData } from 'node:worker_threads'
import { assert, unreachable } from '#protocol/codec/result.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { AnswerMessage, JobMessage, WorkerSetup } from '#seeder/execute/pool/message.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import { openReader } from '#seeder/store/reader.ts'

assert(parentPort !== null, 'this module runs in a worker thread')
const port = parentPort
const setup = workerData as WorkerSetup
const reader = openReader(setup.store, (cid) => port.postMessage({ kind: 'damaged', cid } satisfies AnswerMessage))
const engine = new Engine({ binary: setup.quickjs })
const executor = new Executor(engine, new SqliteBox(setup.cacheDirectory), openStateTree, reader.get)

function answer(message: JobMessage): AnswerMessage {
  const { id, kind } = message
  switch (kind) {
    case 'block':
      return { id, kind, ...reader.snapshot(() => executor.executeBlock(message.job)) }
    case 'read':
      return { id, kind, result: reader.snapshot(() => executor.executeRead(message.job)) }
    default:
      return unreachable(kind)
  }
}

port.on('message', (message: JobMessage) => {
  try {
    port.postMessage(answer(message))
  } catch (error) {
    const { message: text, stack = '' } = error instanceof Error ? error : new Error(String(error))
    port.postMessage({ id: message.id, kind: 'broken', message: text, stack } satisfies AnswerMessage)
  }
})

port.postMessage({ kind: 'ready' } satisfies AnswerMessage)
