// F35 The conformance suite by the address of a gateway alone, as somebody runs it against another's: on a whole network, and against what is no gateway.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { type CommandEnd, interpeer, ROOT, startUp } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

const SUITE = join(ROOT, 'test', 'conformance', 'gateway', 'main.ts')

function conformance(...words: readonly string[]): Promise<CommandEnd> {
  // As its own run: not as a part of this one, whose reporter it would speak to.
  return interpeer(words, { through: [process.execPath, SUITE], cwd: ROOT, env: { NODE_TEST_CONTEXT: '' } })
}

test('F35 a gateway of a running network conforms, by its address alone', async () => {
  await using up = await startUp()
  const { gateway } = up.ready
  await until('a member that answers', async () => {
    const { members } = (await (await fetch(`${gateway}/lookup/name/wiki`)).json()) as { members: { state: string }[] }
    return members.some(({ state }) => state === 'living')
  })
  const domain = `sites.localhost:${new URL(gateway).port}`
  const { code, stdout, stderr } = await conformance(gateway, '--site', 'wiki', '--sites-domain', domain)
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /an answer to which a link leads holds/)
  assert.match(stdout, /the certificate that it shows holds/)
  assert.match(stdout, /needs the key of the network, or seeders of its own/)
})

test('F35 what is no gateway does not conform, and wrong words are told', async () => {
  const other = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end('{"jobs":[]}')
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    assert.equal((await conformance(url, '--site', 'wiki')).code, 1)
    assert.equal((await conformance(url)).code, 2)
    assert.equal((await conformance('gateway.example')).code, 2)
    assert.equal((await conformance('http://127.0.0.1:1')).code, 2)
  } finally {
    other.closeAllConnections()
    other.close()
  }
})
