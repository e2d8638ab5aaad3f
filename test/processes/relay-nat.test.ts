// F38 Two homes, each behind a NAT of its own, are full members of a group of four: real seeders in network namespaces, with iptables between.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { NAMESPACE, whyNoNat } from '#test/support/nat.ts'
import type { Seen } from './relay-nat-scene.ts'

const SCENE = join(import.meta.dirname, 'relay-nat-scene.ts')
const WHOLE_MS = 900_000

function play(): Promise<Seen> {
  const [command, ...words] = NAMESPACE
  return new Promise((resolve, reject) =>
    execFile(command, [...words, process.execPath, SCENE], { timeout: WHOLE_MS }, (cause, stdout, stderr) =>
      cause === null ? resolve(JSON.parse(stdout) as Seen) : reject(new Error(`${cause.message}: ${stderr}`)),
    ),
  )
}

const skip = whyNoNat() ?? false

test('F38 two homes behind a NAT each form a group with two public seeders, lead it, outlive their relay, take the state anew and come back when their line does', {
  skip,
}, async () => {
  const seen = await play()
  assert.equal(seen.knocked, 'silent', 'from outside nobody gets in')
  for (const addresses of seen.addresses) {
    assert.equal(addresses.length, 2)
    for (const address of addresses) assert.match(address, /^\/p2p\/12D3KooW[1-9A-HJ-NP-Za-km-z]+\/p2p-circuit$/)
  }
  assert.deepEqual(seen.relays.toSorted(), ['public1', 'public2'])
  assert.match(seen.leader, /^home[12]$/)
  for (const line of [
    'from 0',
    'from 1',
    'from 2',
    'from 3',
    'without the relay',
    'through the other',
    'while the line was down',
    'the line is back',
  ])
    assert.ok(seen.lines.includes(line), line)
})
