// `core.ts` on a page: takes the files and the work, answers with the lines or with what went wrong. Not in a worker of the page: a worker's
// native stack is small whatever the browser is told, and what a script may nest needs some MiB of it.

import { linesOf, type Work } from '#test/seeder/execute/differential/core.ts'

type Given = { readonly files: Readonly<Record<string, string>>; readonly work: Work }

function differential({ files, work }: Given): { readonly lines?: string[]; readonly error?: string } {
  const given = Object.entries(files).map(([name, text]) => [
    name,
    Uint8Array.from(atob(text), (char) => char.charCodeAt(0)),
  ])
  Object.assign(globalThis, { differentialFiles: Object.fromEntries(given) })
  try {
    return { lines: linesOf(work) }
  } catch (error) {
    return { error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) }
  }
}

Object.assign(globalThis, { differential })
