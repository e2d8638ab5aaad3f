// npm run test:continuity [-- FILE_MB]
//
// A visitor who stays while all members are replaced, with a download of 200 MB unless said otherwise.

import process from 'node:process'
import { runStay } from '#test/continuity/stay.ts'

const [megabytes = 200] = process.argv.slice(2).map(Number)
try {
  console.log(JSON.stringify(await runStay({ fileBytes: megabytes * 1e6, note: (text) => console.log(text) })))
  console.log('passed')
  process.exit(0)
} catch (cause) {
  console.error(cause)
  process.exit(1)
}
