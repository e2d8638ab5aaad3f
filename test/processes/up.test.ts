// `interpeer up` as scripts rely on it: its ready line, what it writes and where, a seeder that ends and comes back, and its own end.

import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { descendants, isRunning, startCommand, startUp, type Up, type UpSeeder } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

const PEER = /^[0-9a-f]{64}$/

let up: Up
before(async () => {
  up = await startUp()
})
after(() => up?.[Symbol.asyncDispose]())

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true }).map(String).sort()
}

test('§6 the ready line has the gateway, the network file, the sites and the seeders, with these fields', async () => {
  const { ready, directory } = up
  assert.deepEqual(Object.keys(ready), ['event', 'gateway', 'network', 'sites', 'seeders'])
  assert.match(ready.gateway, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(ready.network, join(directory, 'network.json'))
  assert.deepEqual(ready.sites.map((site) => site.name).sort(), ['guestbook', 'welcome', 'wiki'])
  const peers = new Set(ready.seeders.map((seeder) => seeder.peer))
  assert.equal(peers.size, 5)
  for (const site of ready.sites) {
    assert.deepEqual(Object.keys(site), ['name', 'url', 'job', 'members'])
    assert.equal(site.url, `${ready.gateway}/${site.name}/`)
    assert.match(site.job, PEER)
    assert.equal(site.members.length, 4)
    for (const member of site.members) assert.ok(peers.has(member))
  }
  for (const seeder of ready.seeders) {
    assert.deepEqual(Object.keys(seeder), ['peer', 'dir', 'http', 'control', 'pid'])
    assert.match(seeder.peer, PEER)
    assert.ok(seeder.dir.startsWith(directory))
    assert.equal((await exchange(`${seeder.control}/metrics`)).status, 200)
    assert.equal((await exchange(`${seeder.http}/.well-known/interpeer/status`)).status, 200)
    assert.ok(descendants(up.running.pid).some(({ pid }) => pid === seeder.pid))
  }
})

test('F29 every site is one redirect away from the gateway', async () => {
  for (const { url } of up.ready.sites) {
    const first = await exchange(url)
    assert.equal(first.status, 307)
    assert.equal((await exchange(String(first.headers.location))).status, 200)
  }
})

test('status --json has the jobs, their members and no evidence', async () => {
  const { code, lines } = await up.run('status', '--json')
  assert.equal(code, 0)
  const { jobs } = lines[0] as { jobs: Record<string, unknown>[] }
  assert.deepEqual(jobs.map((job) => job.name).sort(), ['guestbook', 'welcome', 'wiki'])
  for (const job of jobs) {
    for (const [field, type] of Object.entries({
      job: 'string',
      name: 'string',
      epoch: 'number',
      height: 'number',
      view: 'number',
      leader: 'string',
      stateRoot: 'string',
    }))
      assert.equal(typeof job[field], type, field)
    assert.ok(Number(job.height) >= 1)
    assert.deepEqual(job.evidence, [])
    const members = job.members as Record<string, unknown>[]
    assert.equal(members.length, 4)
    for (const member of members) {
      assert.match(String(member.peer), PEER)
      assert.equal(member.state, 'agreeing')
      assert.equal(typeof member.height, 'number')
    }
  }
})

test('logs --json has a line of the update that made the site', async () => {
  const { code, lines } = await up.run('logs', 'wiki', '--json')
  assert.equal(code, 0)
  const line = lines.find(({ text }) => /^update \d+ is live/.test(String(text)))
  assert.ok(line)
  assert.deepEqual(Object.keys(line).sort(), ['level', 'sequence', 'text', 'time'])
})

test('verify of a page through the gateway is valid, and of nothing says why not', async () => {
  const good = await up.run('verify', `${up.ready.gateway}/wiki/`, '--json')
  assert.equal(good.code, 0, good.stdout)
  assert.equal(good.lines[0]?.valid, true)
  const unknown = await up.run('verify', `${up.ready.gateway}/nothing/`, '--json')
  assert.equal(unknown.code, 1)
  assert.equal(unknown.lines[0]?.valid, false)
  assert.equal(typeof unknown.lines[0]?.code, 'string')
})

test('§6 what is in use already is said in one line, with exit code 1', async () => {
  const { directory, ready } = up
  const again = await up.run('up', '--dir', directory, '--port', '0', '--json')
  assert.equal(again.code, 1)
  assert.deepEqual(
    again.lines.map(({ code }) => code),
    ['in_use'],
  )
  const port = await up.run('up', '--dir', `${directory}-2`, '--port', new URL(ready.gateway).port, '--json')
  assert.equal(port.code, 1)
  assert.deepEqual(
    port.lines.map(({ code }) => code),
    ['port_taken'],
  )
  const [first] = ready.seeders as [UpSeeder]
  const seeder = await up.run('seed', '--dir', first.dir, '--network', ready.network, '--json')
  assert.equal(seeder.code, 1)
  assert.deepEqual(
    seeder.lines.map(({ code }) => code),
    ['store_locked'],
  )
  assert.match(seeder.stderr, /^.+ is in use by process \d+\n$/)
})

test('§6 a seeder that is killed is reported and not restarted; `seed` starts it again with one ready line', async () => {
  const [victim] = up.ready.seeders as [UpSeeder]
  process.kill(victim.pid, 'SIGKILL')
  const exit = await up.running.event<Record<string, unknown>>('exit')
  assert.deepEqual(exit, { event: 'exit', peer: victim.peer, code: 137 })
  const below = descendants(up.running.pid).filter(({ name }) => name.includes('node')).length
  await using again = startCommand(['seed', '--dir', victim.dir, '--network', up.ready.network])
  const ready = await again.event<UpSeeder>('ready')
  assert.equal(ready.peer, victim.peer)
  assert.equal(ready.http, victim.http, 'a restart keeps its ports')
  assert.equal(ready.control, victim.control)
  assert.notEqual(ready.pid, victim.pid)
  await until('it agrees again', async () => {
    const { lines } = await up.run('status', '--json')
    const { jobs } = lines[0] as { jobs: { members: { peer: string; state: string }[] }[] }
    return jobs.every(({ members }) => members.every(({ state }) => state === 'agreeing'))
  })
  assert.equal(again.events.length, 1)
  assert.equal(
    descendants(up.running.pid).filter(({ name }) => name.includes('node')).length,
    below,
    'nobody restarted it',
  )
  again.kill('SIGTERM')
  assert.equal(await again.exited, 130)
  assert.equal(up.running.events.filter(({ event }) => event === 'exit').length, 1)
})

test('§6 Ctrl-C ends up and all its children, with exit code 130; nothing was written outside DIR', async () => {
  const children = descendants(up.running.pid)
  assert.ok(children.some(({ name }) => name === 'workerd'))
  up.running.kill('SIGINT')
  assert.equal(await up.running.exited, 130)
  assert.deepEqual(children.filter(isRunning), [])
  for (const folder of [up.home, up.cwd, up.temporary]) assert.deepEqual(filesBelow(folder), [])
  assert.ok(existsSync(join(up.directory, 'network.pem')))
})
