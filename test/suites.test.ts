// The long suites that `npm run` starts: each says what it takes, and begins nothing for words that it does not know.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const COLUMNS_MAX = 100
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}
const suites = Object.entries(scripts).flatMap(([name, command]) => {
  const program = /^node (test\/\S+\.ts)(?: (.*))?$/.exec(command)
  return program?.[1] === undefined ? [] : [{ name, args: [program[1], ...(program[2]?.split(' ') ?? [])] }]
})

function started(args: readonly string[], word: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...args, word], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 })
}

test('there are suites', () => assert.ok(suites.length >= 12))

for (const { name, args } of suites)
  test(`npm run ${name} says what it takes`, () => {
    const help = started(args, '--help')
    assert.deepEqual([help.status, help.stderr], [0, ''])
    assert.ok(help.stdout.startsWith(`usage: npm run ${name}`) || help.stdout.includes(`npm run ${name} `), help.stdout)
    assert.match(help.stdout, /Exit codes: 0 /)
    for (const line of help.stdout.split('\n')) assert.ok(line.length <= COLUMNS_MAX, line)
    const unknown = started(args, '--no-such-option')
    assert.equal(unknown.status, 2)
    assert.equal(unknown.stdout, '')
    assert.match(unknown.stderr, /--no-such-option[\s\S]*usage: npm run /)
  })
