// F35 `interpeer gateway --on workerd`: the Worker on a machine of one's own, by one command. It says where it is, serves, and whatever ends it leaves
// nothing behind that runs.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { descendants, interpeer, isRunning, type Running, startCommand } from '#test/support/command.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const network = testNetwork({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }] })
const folder = mkdtempSync(join(tmpdir(), 'gateway-command-'))
const file = join(folder, 'network.json')
writeFileSync(file, network.text)
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

const words = (port = '0'): string[] => [
  ...['gateway', '--on', 'workerd', '--dir', join(folder, 'gateway'), '--network', file, '--port', port],
]

async function ready(gateway: Running): Promise<string> {
  return (await gateway.event<{ url: string }>('ready')).url
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGKILL', 137],
] as const)
  test(`F35 a gateway in workerd serves, and by ${signal} ends with all that it started`, async () => {
    await using gateway = startCommand(words())
    const url = await ready(gateway)
    assert.equal((await fetch(`${url}/network`)).headers.get('etag')?.length, 66)
    assert.equal((await fetch(`${url}/wiki/`)).status, 503, 'no seeder has come')
    const key = readFileSync(join(folder, 'gateway', 'gateway.key'), 'utf8')
    const children = descendants(gateway.pid)
    assert.ok(children.some(({ name }) => name === 'workerd'))
    gateway.kill(signal)
    const end = await gateway.exited
    assert.ok(end === code || (signal === 'SIGTERM' && end === 130), `${end}`)
    await until('the end of all children', () => children.filter(isRunning).length === 0, 30_000)
    await assert.rejects(fetch(url))
    // The same directory is the same gateway.
    assert.equal(readFileSync(join(folder, 'gateway', 'gateway.key'), 'utf8'), key)
  })

test('a port that somebody has is said, and nothing runs on', async () => {
  await using gateway = startCommand(words())
  const { port } = new URL(await ready(gateway))
  const second = ['gateway', '--on', 'workerd', '--dir', join(folder, 'second'), '--network', file, '--port', port]
  const end = await interpeer(second)
  assert.notEqual(end.code, 0)
  assert.match(end.stderr, /did not start/)
})
