// Metered modules, made once: instrumenting costs ~0.1 s a binary and every worker and every start needs the result.
//
//   pinned bytes → (memory, else the file `<key>.wasm` of a directory, else `instrument`) → metered bytes → compiled module
//
// A file holds SHA-256 of what follows, then the metered bytes, so that a torn or foreign file is made again and never run.

import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { instrument } from '#seeder/execute/wasm/instrument.ts'
import type { InstrumentOptions } from '#seeder/execute/wasm/options.ts'

/** Part of every key: raise it when `instrument` gives other bytes for the same input. */
const INSTRUMENTER = 2

/** `module` may be posted to worker threads. */
export type MeteredModule = {
  readonly module: WebAssembly.Module
  /** SHA-256 of the metered bytes: a part of the image that members must share. */
  readonly digest: Digest
}

const modules = new Map<string, MeteredModule>()

/** Throws when `bytes` are not the pinned ones, whose SHA-256 is `pinnedHex`. */
export function meteredModule(
  bytes: Uint8Array,
  pinnedHex: string,
  options: InstrumentOptions,
  directory?: string,
): MeteredModule {
  const found = hexFromBytes(sha256(bytes))
  assert(found === pinnedHex, `the WebAssembly binary has hash ${found} instead of ${pinnedHex}`)
  const key = `${found}-${INSTRUMENTER}-${options.depthMax}`
  const known = modules.get(key)
  if (known !== undefined) return known
  const file = directory === undefined ? undefined : join(directory, `${key}.wasm`)
  const kept = file === undefined ? undefined : readKept(file)
  const metered = kept ?? instrument(bytes, options)
  if (file !== undefined && kept === undefined) keep(file, metered)
  const made = { module: new WebAssembly.Module(metered as Uint8Array<ArrayBuffer>), digest: sha256(metered) }
  modules.set(key, made)
  return made
}

function sha256(bytes: Uint8Array): Digest {
  return new Uint8Array(hash('sha256', bytes, 'buffer')) as Digest
}

function readKept(file: string): Uint8Array | undefined {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch {
    return undefined
  }
  const content = bytes.subarray(DIGEST_BYTES)
  return bytesEqual(sha256(content), bytes.subarray(0, DIGEST_BYTES)) ? content : undefined
}

/** A directory that cannot be written costs time at the next start and nothing else. */
function keep(file: string, metered: Uint8Array): void {
  const fresh = `${file}.${process.pid}`
  try {
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(fresh, Buffer.concat([sha256(metered), metered]))
    renameSync(fresh, file)
  } catch {
    return
  }
}
