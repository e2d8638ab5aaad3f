// Stack lines of the bundle (`app/script.js:1867:13`) as the author's own (`src/pages.ts:12:5`), by the bundle's source map.
// For the site's log alone: it is no part of what is certified.

import { SourceMap, type SourceMapPayload } from 'node:module'
import { SCRIPT_FILE } from '#seeder/execute/engine/quickjs.ts'

const POSITION = new RegExp(`${SCRIPT_FILE.replace('.', '\\.')}:(\\d+):(\\d+)`, 'g')

/** Larger maps are not read: a stack is then shown as the bundle has it. */
export const SOURCE_MAP_BYTES_MAX = 16 * 2 ** 20
/** Each entry of a map becomes an object of its own. */
const MAPPINGS_CHARS_MAX = 4 * 2 ** 20
/** Parsed maps that are kept. */
const MAPS_MAX = 4

/** Parses a site's source map once. */
export class SourcePositions {
  readonly #maps = new Map<string, SourceMap | undefined>()

  /** `key` names the code; `map` gives its source map, asked only when the text has a position and the map is not at hand. */
  readable(text: string, key: string, map: () => Uint8Array | undefined): string {
    if (!text.includes(`${SCRIPT_FILE}:`)) return text
    const known = this.#map(key, map)
    if (known === undefined) return text
    return text.replaceAll(POSITION, (position, line: string, column: string) => {
      const entry = known.findEntry(Number(line) - 1, Number(column) - 1)
      if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') return position
      return `${entry.originalSource.replace(/^(\.\.?\/)+/, '')}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    })
  }

  #map(key: string, map: () => Uint8Array | undefined): SourceMap | undefined {
    if (this.#maps.has(key)) return this.#maps.get(key)
    const parsed = sourceMapFrom(map())
    const [oldest] = this.#maps.keys()
    if (this.#maps.size >= MAPS_MAX && oldest !== undefined) this.#maps.delete(oldest)
    this.#maps.set(key, parsed)
    return parsed
  }
}

/** undefined when there is none, or the uploader's file is no source map. */
function sourceMapFrom(bytes: Uint8Array | undefined): SourceMap | undefined {
  if (bytes === undefined || bytes.length > SOURCE_MAP_BYTES_MAX) return undefined
  try {
    const payload = JSON.parse(new TextDecoder().decode(bytes)) as SourceMapPayload
    if (typeof payload.mappings !== 'string' || payload.mappings.length > MAPPINGS_CHARS_MAX) return undefined
    // Maps of maps are not read: esbuild makes none.
    const flat = { ...payload, sections: undefined, sources: payload.sources.map(String) }
    return new SourceMap(flat as unknown as SourceMapPayload)
  } catch {
    return undefined
  }
}
