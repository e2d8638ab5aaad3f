import { test } from 'node:test'
import { runLargeSite } from '#test/large/large-site.ts'

test('F6 a site of 64 MB is published, written to, exported, taken over by an empty member and imported, in little memory', async (context) => {
  await runLargeSite({ fileBytes: 48e6, databaseBytes: 16e6, note: (text) => context.diagnostic(text) })
})
