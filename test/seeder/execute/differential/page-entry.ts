// `core.ts` in a browser's worker: takes the files and the work, answers with the lines or with what went wrong.

import { linesOf, type Work } from '#test/seeder/execute/differential/core.ts'

type Given = { readonly files: Readonly<Record<string, string>>; readonly work: Work }
type Port = { onmessage: (event: { data: Given }) => void; postMessage(answer: object): void }

const port = globalThis as unknown as Port
port.onmessage = ({ data: { files, work } }) => {
  const given = Object.entries(files).map(([name, text]) => [
    name,
    Uint8Array.from(atob(text), (char) => char.charCodeAt(0)),
  ])
  Object.assign(globalThis, { differentialFiles: Object.fromEntries(given) })
  try {
    port.postMessage({ lines: linesOf(work) })
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) })
  }
}
