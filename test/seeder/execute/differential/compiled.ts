// Every WebAssembly module that an engine and a SQLite box compile, as bytes: for places that may not compile.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'

/** By their SHA-256. Nothing of execution may have been used in this thread before: what is compiled already is not seen. */
export function compiledModules(): Record<string, Uint8Array> {
  const modules: Record<string, Uint8Array> = {}
  const native = WebAssembly.Module
  const noting = new Proxy(native, {
    construct(target, [bytes]: [Uint8Array]) {
      modules[hexFromBytes(sha256(bytes))] = bytes
      return new target(bytes as Uint8Array<ArrayBuffer>)
    },
  })
  WebAssembly.Module = noting
  try {
    new Engine()
    new SqliteBox()
  } finally {
    WebAssembly.Module = native
  }
  return modules
}
