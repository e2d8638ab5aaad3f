// `up --target plain --seeders 3`: sites at ports of their own, for tools that cannot resolve `*.localhost`; and what is left when `up` is killed.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { descendants, isRunning, startUp, type Up } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

let up: Up
before(async () => {
  up = await startUp(['--target', 'plain', '--seeders', '3'])
})
after(() => up?.[Symbol.asyncDispose]())

test('§6 --seeders says how many, and groups are as large as the network allows', () => {
  assert.equal(up.ready.seeders.length, 3)
  for (const { members } of up.ready.sites) assert.equal(members.length, 3)
})

test('§6 --target plain leads to 127.0.0.1, where each site has an origin of its own', async () => {
  const origins = new Set<string>()
  for (const { url } of up.ready.sites) {
    const answer = await fetch(url)
    assert.equal(answer.status, 200)
    const { hostname, origin } = new URL(answer.url)
    assert.equal(hostname, '127.0.0.1')
    origins.add(origin)
  }
  assert.equal(origins.size, up.ready.sites.length)
})

test('§6 SIGKILL of up: the gateway, workerd and every seeder end', async () => {
  const children = descendants(up.running.pid)
  assert.ok(children.some(({ name }) => name === 'workerd'))
  assert.ok(children.length >= 5)
  up.running.kill('SIGKILL')
  assert.equal(await up.running.exited, 137)
  await until('the end of all children', () => children.filter(isRunning).length === 0)
})
