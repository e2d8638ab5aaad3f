// Metrics by Prometheus' conventions, as `promtool check metrics` has them, and a dashboard and alerts that ask for nothing else.
// Names are those of a real seeder with a site.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { assertConventions, assertKnown, familiesOf, namedIn, queries, ROOT } from '#test/support/metrics.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const OPERATE = join(ROOT, 'docs', 'operate')

let seeders: Seeders
let text = ''
before(async () => {
  // One of them with everything that counts something; its authority is nowhere.
  const https = ['--https-name', 's1.localhost', '--https-port', '0', '--acme', 'http://127.0.0.1:1/directory']
  seeders = await startSeeders({ arguments: { s1: [...https, '--dns', '0'] } })
  await seeders.publish(join(import.meta.dirname, '..', 'processes', 'lines'))
  const [seeder] = seeders.all
  await until('the site', async () => ((await seeder?.site('lines'))?.height ?? 0) > 0)
  assert.equal((await seeder?.ask('lines', '/'))?.status, 200)
  text = (await exchange(`${seeder?.ready.control}/metrics`)).body.toString()
})
after(() => seeders?.[Symbol.asyncDispose]())

test('§6 every metric has help, a base unit and a name by the conventions', () => {
  const all = familiesOf(text)
  assert.ok(all.length > 25, String(all.length))
  assertConventions(all)
})

test('§6 no metric is anywhere in the seeder that was not looked at here', () => {
  const known = new Set(familiesOf(text).map(({ name }) => name))
  const named = namedIn('seeder')
  assert.ok(new Set(named).size > 40)
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )
})

test('§6 every query of the dashboard and of the alerts names a metric that exists, counters by their rate', () => {
  const asked = queries().seeders
  assert.ok(asked.length > 20)
  const families = familiesOf(text)
  for (const query of asked) assertKnown(query, families)
})

test('§6 the operator is told what each alert means', () => {
  const guide = readFileSync(join(ROOT, 'docs', 'OPERATE.md'), 'utf8')
  const alerts = readFileSync(join(OPERATE, 'alerts.yml'), 'utf8')
  for (const [, name = ''] of alerts.matchAll(/^ +- alert: (\w+)$/gm)) assert.ok(guide.includes(`\`${name}\``), name)
})
