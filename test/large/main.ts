// npm run test:large [-- FILES_MB DATABASE_MB]
//
// The large site at its full size: 1 GB of files and 500 MB of database unless said otherwise. It takes about 15 GB of the temporary directory.

import process from 'node:process'
import { runLargeSite, TABLE_HEAD } from '#test/large/large-site.ts'

const [files = 1_000, database = 500] = process.argv.slice(2).map(Number)
console.log(TABLE_HEAD)
try {
  await runLargeSite({ fileBytes: files * 1e6, databaseBytes: database * 1e6, note: (text) => console.log(text) })
  console.log('passed')
  process.exit(0)
} catch (cause) {
  console.error(cause)
  process.exit(1)
}
