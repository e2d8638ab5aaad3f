// Metrics as Prometheus reads them, the conventions that `promtool check metrics` has for their names, and what the dashboard and the alerts ask for.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')
const OPERATE = join(ROOT, 'docs', 'operate')

export type Family = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: ReadonlySet<string>
}

export function familiesOf(text: string): readonly Family[] {
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

/** Values by series: `name{label="value"}`. */
export function seriesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      const value = Number(line.slice(at + 1).replace('+Inf', 'Infinity'))
      assert.ok(!Number.isNaN(value), line)
      return [line.slice(0, at), value]
    }),
  )
}

const UNITS_NOT_BASE =
  /_(milliseconds|microseconds|nanoseconds|minutes|hours|days|ms|us|ns|s|sec|kb|mb|gb|kib|mib|kilobytes|megabytes|bits|percent|celcius)(_|$)/

export function assertConventions(families: readonly Family[]): void {
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length)
  for (const { name, help, type, labels } of families) {
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
}

/** Metrics that the sources below a folder name. */
export function namedIn(...folder: readonly string[]): readonly string[] {
  const path = join(ROOT, ...folder)
  return readdirSync(path, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts'))
    .flatMap(
      (file) =>
        readFileSync(join(path, file), 'utf8').match(/(?<=')(?:interpeer|process|nodejs)_[a-z0-9_]+(?=')/g) ?? [],
    )
}

/** What the dashboard and the alerts ask of gateways, and what of seeders. */
export function queries(): { readonly gateways: readonly string[]; readonly seeders: readonly string[] } {
  const { panels } = JSON.parse(readFileSync(join(OPERATE, 'grafana.json'), 'utf8')) as {
    panels: { targets?: { expr: string }[] }[]
  }
  const rules = Array.from(
    readFileSync(join(OPERATE, 'alerts.yml'), 'utf8').matchAll(/^ +expr: (.+)$/gm),
    (match) => match[1] ?? '',
  )
  const all = [...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)), ...rules]
  const isOfGateways = (query: string): boolean => query.includes('interpeer_gateway_')
  return { gateways: all.filter(isOfGateways), seeders: all.filter((query) => !isOfGateways(query)) }
}

/** Each metric of the query exists, and one that counts up is asked for by its rate. */
export function assertKnown(query: string, families: readonly Family[]): void {
  const known = new Map(families.map((family) => [family.name, family]))
  const names = Array.from(query.matchAll(/\b(?:interpeer|process|nodejs)_[a-z0-9_]+/g), ([name]) => name)
  assert.notEqual(names.length, 0, `'${query}' asks for something`)
  for (const name of names) {
    const family = known.get(name) ?? known.get(name.replace(/_(bucket|sum|count)$/, ''))
    assert.ok(family, `${name} exists`)
    if (family.name !== name) assert.equal(family.type, 'histogram')
    if (family.type === 'counter') assert.match(query, new RegExp(`(rate|increase)\\(\\s*${name}`), `${name} counts up`)
  }
}
