// npm run test:large [-- FILES_MB DATABASE_MB]
//
// The large site at its full size: 1 GB of files and 500 MB of database unless said otherwise. It takes about 15 GB of the temporary directory.

import process from 'node:process'
import { runLargeSite, TABLE_HEAD } from '#test/large/large-site.ts'
import { startedWith } from '#test/support/program.ts'

const USAGE = `usage: npm run test:large [-- FILES_MB [DATABASE_MB]]

  FILES_MB      of files (default 1000)
  DATABASE_MB   of database (default 500)

Exit codes: 0 every step passed, 1 one did not, 2 usage.`

const { positionals, count, wrong } = startedWith(USAGE, { allowPositionals: true })
if (positionals.length > 2) wrong('two sizes are enough')
const files = count('FILES_MB', positionals[0], 1_000, 1)
const database = count('DATABASE_MB', positionals[1], 500, 1)
console.log(TABLE_HEAD)
try {
  await runLargeSite({ fileBytes: files * 1e6, databaseBytes: database * 1e6, note: (text) => console.log(text) })
  console.log('passed')
  process.exit(0)
} catch (cause) {
  console.error(cause)
  process.exit(1)
}
