// Metrics by Prometheus' conventions, as `promtool check metrics` has them, and a dashboard and alerts that ask for nothing else.
// Names are those of a real seeder with a site.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
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

type Family = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: ReadonlySet<string>
}

function families(): readonly Family[] {
  const lines = text.trimEnd().split('\n')
  return lines.flatMap((line, index) => {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (type === null) return []
    const [, name = '', kind = ''] = type
    const help = /^# HELP \S+ (.*)$/.exec(lines[index - 1] ?? '')?.[1] ?? ''
    const own = lines.filter(
      (each) => !each.startsWith('#') && /^[^{ ]+/.exec(each)?.[0]?.replace(/_(bucket|sum|count)$/, '') === name,
    )
    const labels = own.flatMap((each) => Array.from(each.matchAll(/[{,]([a-zA-Z_]+)="/g), (match) => match[1] ?? ''))
    return [{ name, help, type: kind, labels: new Set(labels) }]
  })
}

const UNITS_NOT_BASE =
  /_(milliseconds|microseconds|nanoseconds|minutes|hours|days|ms|us|ns|s|sec|kb|mb|gb|kib|mib|kilobytes|megabytes|bits|percent|celcius)(_|$)/

test('§6 every metric has help, a base unit and a name by the conventions', () => {
  const all = families()
  assert.ok(all.length > 25, String(all.length))
  assert.equal(new Set(all.map(({ name }) => name)).size, all.length)
  for (const { name, help, type, labels } of all) {
    assert.match(name, /^(interpeer|process|nodejs)_[a-z0-9]+(_[a-z0-9]+)*$/)
    assert.ok(help !== '', `${name} has help`)
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
    assert.doesNotMatch(name, UNITS_NOT_BASE)
    assert.doesNotMatch(name, /_(counter|gauge|histogram|summary|metric|count|sum|bucket)(_|$)/)
    if (name.endsWith('_info')) assert.equal(type, 'gauge')
    for (const label of labels) {
      assert.match(label, /^[a-z][a-z0-9_]*$/)
      if (type !== 'histogram') assert.notEqual(label, 'le')
      assert.ok(
        !name.split('_').includes(label) || label === 'site' || label === 'state',
        `${name} repeats its label ${label}`,
      )
    }
  }
})

test('§6 no metric is anywhere in the seeder that was not looked at here', () => {
  const known = new Set(families().map(({ name }) => name))
  const folder = join(ROOT, 'seeder')
  const sources = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.ts'))
  const named = sources.flatMap(
    (path) =>
      readFileSync(join(folder, path), 'utf8').match(/(?<=')(?:interpeer|process|nodejs)_[a-z0-9_]+(?=')/g) ?? [],
  )
  assert.ok(new Set(named).size > 40)
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  )
})

/** Metrics that a query names. */
function named(query: string): readonly string[] {
  return Array.from(query.matchAll(/\b(?:interpeer|process|nodejs)_[a-z0-9_]+/g), ([name]) => name)
}

function assertKnown(query: string): void {
  const known = new Map(families().map((family) => [family.name, family]))
  const names = named(query)
  assert.notEqual(names.length, 0, `'${query}' asks for something`)
  for (const name of names) {
    const family = known.get(name) ?? known.get(name.replace(/_(bucket|sum|count)$/, ''))
    assert.ok(family, `${name} exists`)
    if (family.name !== name) assert.equal(family.type, 'histogram')
    if (family.type === 'counter') assert.match(query, new RegExp(`(rate|increase)\\(\\s*${name}`), `${name} counts up`)
  }
}

test('§6 every query of the dashboard and of the alerts names a metric that exists, counters by their rate', () => {
  const { panels } = JSON.parse(readFileSync(join(OPERATE, 'grafana.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  assert.ok(queries.length > 12)
  for (const query of queries) assertKnown(query)
  const alerts = readFileSync(join(OPERATE, 'alerts.yml'), 'utf8')
  const rules = Array.from(alerts.matchAll(/^ +expr: (.+)$/gm), (match) => match[1] ?? '')
  assert.ok(rules.length >= 8)
  for (const rule of rules) assertKnown(rule)
})

test('§6 the operator is told what each alert means', () => {
  const guide = readFileSync(join(ROOT, 'docs', 'OPERATE.md'), 'utf8')
  const alerts = readFileSync(join(OPERATE, 'alerts.yml'), 'utf8')
  for (const [, name = ''] of alerts.matchAll(/^ +- alert: (\w+)$/gm)) assert.ok(guide.includes(`\`${name}\``), name)
})
