// npm run test:continuity [-- FILE_MB]
//
// A visitor who stays while all members are replaced, with a download of 200 MB unless said otherwise.

import process from 'node:process'
import { runStay } from '#test/continuity/stay.ts'
import { startedWith } from '#test/support/program.ts'

const USAGE = `usage: npm run test:continuity [-- FILE_MB]

  FILE_MB   size of the file that is downloaded meanwhile (default 200)

Exit codes: 0 the visitor lost nothing, 1 something, 2 usage.`

const { positionals, count, wrong } = startedWith(USAGE, { allowPositionals: true })
if (positionals.length > 1) wrong('one size is enough')
const megabytes = count('FILE_MB', positionals[0], 200, 1)
try {
  console.log(JSON.stringify(await runStay({ fileBytes: megabytes * 1e6, note: (text) => console.log(text) })))
  console.log('passed')
  process.exit(0)
} catch (cause) {
  console.error(cause)
  process.exit(1)
}
