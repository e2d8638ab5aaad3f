// What every build of V8 must give alike: for each generated program its ending, fuel and a hash of its answer, and the log of the
// vectors with its roots. Bundled for workerd and for browsers too, so it reaches no further than the execution itself does.

import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { programOf } from '#test/seeder/execute/differential/programs.ts'
import { EngineSite } from '#test/seeder/execute/engine/engine-site.ts'
import { log } from '#test/seeder/execute/vector-log.ts'

export type Work = {
  readonly seed: string
  readonly programs: number
  /** Whether the log of the vectors runs as well. */
  readonly vectors: boolean
}

const FUEL = 60_000_000
const SCRIPT = `
const run = async (code) => await (0, eval)('(async () => {' + code + '})')()
export default { fetch: async (request) => run(await request.text()) }`

const shown = (bytes: Uint8Array): string => hexFromBytes(sha256(bytes)).slice(0, 16)

/** One line a result; equal on every machine. */
export function linesOf({ seed, programs, vectors }: Work): string[] {
  const engine = new Engine()
  const sqlite = new SqliteBox()
  const lines = [`engine ${hexFromBytes(engine.digest)}`]
  const site = new EngineSite(SCRIPT, engine, sqlite)
  for (let index = 0; index < programs; index++) {
    const result = site.post(programOf(`${seed} ${index}`), FUEL)
    const ending = result.ok
      ? `${result.response.status} ${shown(result.response.body)}`
      : `${result.failure} ${result.error?.message ?? ''}`
    lines.push(
      `${seed} ${index}: ${result.fuel} ${ending} ${JSON.stringify(result.asked)} ${shown(bytesFromText(JSON.stringify(result.logs)))}`,
    )
  }
  if (vectors) for (const entry of log(engine, sqlite)) lines.push(JSON.stringify(entry))
  return lines
}
