// Stack lines of the bundle (`app/script.js:1867:13`) as the author's own (`src/pages.ts:12:5`), by the bundle's source map.
// For the site's log alone: it is no part of what is certified.

import { SourceMap, type SourceMapPayload } from 'node:module'
import { SCRIPT_FILE } from '#seeder/execute/engine/quickjs.ts'

const POSITION = new RegExp(`${SCRIPT_FILE.replace('.', '\\.')}:(\\d+):(\\d+)`, 'g')

/** `map` gives the text of the source map, asked only when there is a position to look up. */
export function readableStack(text: string, map: () => Uint8Array | undefined): string {
  if (!text.includes(`${SCRIPT_FILE}:`)) return text
  const bytes = map()
  const known = bytes === undefined ? undefined : sourceMapFrom(bytes)
  if (known === undefined) return text
  return text.replaceAll(POSITION, (position, line: string, column: string) => {
    const entry = known.findEntry(Number(line) - 1, Number(column) - 1)
    if (!('originalSource' in entry) || entry.originalSource === undefined) return position
    return `${entry.originalSource.replace(/^(\.\.?\/)+/, '')}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}

/** undefined when the uploader's file is no source map. */
function sourceMapFrom(bytes: Uint8Array): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(new TextDecoder().decode(bytes)) as SourceMapPayload)
  } catch {
    return undefined
  }
}
