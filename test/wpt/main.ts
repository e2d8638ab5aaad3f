// `npm run wpt [-- [--write] [part of a path …]]`: runs the web-platform tests, says what differs from `expected.json` (with a part of a path:
// everything that fails), and with `--write` brings that list up to date.

import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { startedWith } from '#test/support/program.ts'
import {
  differences,
  EXPECTED_FILE,
  type Expected,
  expected,
  failingNames,
  testPaths,
  WptThread,
} from '#test/wpt/suite.ts'

const USAGE = `usage: npm run wpt [-- [--write] [part of a path…]]

  --write   bring expected.json up to date

Says what differs from expected.json; with a part of a path, everything that fails there.
Exit codes: 0 nothing differs, 1 something does, 2 usage.`

const { values, positionals } = startedWith(USAGE, {
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const lists: Record<string, Expected[string]> = { ...expected() }
await using thread = new WptThread()
let passed = 0
let failed = 0
let wrong = 0
for (const path of testPaths()) {
  if (positionals.length > 0 && !positionals.some((part) => path.includes(part))) continue
  const list = lists[path] ?? []
  if (typeof list === 'string') continue
  const result = await thread.run(path)
  const failing = result.verdicts.filter(({ status }) => status !== 'pass')
  passed += result.verdicts.length - failing.length
  failed += failing.length
  const lines =
    positionals.length > 0
      ? failing.map(({ name, status, message }) => `${path}: "${name}" (${status}): ${message}`)
      : differences(result, list)
  wrong += differences(result, list).length
  for (const line of lines) process.stdout.write(`${line}\n`)
  if (failing.length > 0) lists[path] = failingNames(result)
  else delete lists[path]
}
const left = Object.values(lists).filter((list) => typeof list === 'string').length
process.stdout.write(`${passed} pass, ${failed} fail, ${left} files are not run; ${wrong} differ from the list\n`)
if (values.write) {
  const sorted = Object.fromEntries(Object.entries(lists).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(EXPECTED_FILE, `${JSON.stringify(sorted, null, 1)}\n`)
} else if (wrong > 0) process.exitCode = 1
