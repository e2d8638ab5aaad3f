// npm run explore -- [--case NAME] [--members 3all|4] [--views N] [--heights N] [--epochs N] [--crashes N] [--timeouts N] [--liar VIEW]
//                    [--handover close|reconfig|both] [--states N] [--minutes N] [--reduced] [--all] [--json]
//
// Explores every reachable state of a small group within bounds. Exit codes: 0 none breaks an invariant, 1 one does, 2 usage.

import { parseArgs } from 'node:util'
import { CASES } from './cases.ts'
import { explore } from './explore.ts'
import type { Bounds } from './world.ts'

function boundsFromArguments(): {
  bounds: readonly (readonly [string, Bounds])[]
  states: number
  ms: number
  json: boolean
  reduced: boolean
  all: boolean
} {
  const { values } = parseArgs({
    options: {
      case: { type: 'string' },
      members: { type: 'string' },
      views: { type: 'string' },
      heights: { type: 'string' },
      epochs: { type: 'string' },
      crashes: { type: 'string' },
      timeouts: { type: 'string' },
      handover: { type: 'string' },
      liar: { type: 'string' },
      states: { type: 'string' },
      minutes: { type: 'string' },
      reduced: { type: 'boolean' },
      all: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  const states = Number(values.states ?? 5_000_000)
  const ms = Number(values.minutes ?? 10) * 60_000
  const json = values.json === true
  const reduced = values.reduced === true
  const all = values.all === true
  const named = CASES.filter(([name]) => values.case === undefined || values.case === name)
  const own = ['members', 'views', 'heights', 'epochs', 'crashes', 'timeouts', 'handover', 'liar'] as const
  if (values.case !== undefined || !own.some((name) => values[name] !== undefined))
    return { bounds: named, states, ms, json, reduced, all }
  const three = values.members === '3all'
  const bounds: Bounds = {
    members: three ? 3 : Number(values.members ?? 4),
    quorum: three ? 'all' : 'bft',
    views: Number(values.views ?? 2),
    heights: Number(values.heights ?? 1),
    epochs: Number(values.epochs ?? 1),
    crashes: Number(values.crashes ?? 0),
    timeouts: Number(values.timeouts ?? 1),
    liar: values.liar === undefined ? null : Number(values.liar),
    handover: (values.handover ?? 'close') as Bounds['handover'],
  }
  return { bounds: [['own', bounds]], states, ms, json, reduced, all }
}

const SHOWS = process.stderr.isTTY || process.env.EXPLORE_SHOWS !== undefined
const { bounds, states, ms, json, reduced, all } = boundsFromArguments()
if (bounds.length === 0) {
  process.stderr.write(`--case takes ${CASES.map(([name]) => name).join(', ')}\n`)
  process.exitCode = 2
}
for (const [name, each] of bounds) {
  const result = explore(each, {
    reduced,
    all,
    statesMax: states,
    withinMs: ms,
    ...(SHOWS
      ? {
          onProgress: (so) =>
            process.stderr.write(
              `\r${name}  ${so.states} states  frontier ${so.frontier}  depth ${so.depth}  ${(so.states / so.seconds).toFixed(0)}/s  ${so.locals} inner  ${so.pairs} pairs `,
            ),
        }
      : {}),
  })
  if (SHOWS) process.stderr.write('\n')
  if (json)
    process.stdout.write(
      `${JSON.stringify({ case: name, ...result, ends: all ? [...result.ends] : result.ends.size })}\n`,
    )
  else {
    const { complete, seconds, depth, frontier, locals, steps, messages, moves, reached } = result
    const end = complete ? 'complete' : `cut off, frontier ${frontier}`
    process.stdout.write(
      `${name}: ${result.states} states (${end}), ${moves} moves, depth ${depth}, ${locals} inner states, ${steps} machine steps, ${messages} messages, ${seconds.toFixed(1)} s, ${(result.states / seconds).toFixed(0)} states/s, reached height ${reached.height} view ${reached.view} epoch ${reached.epoch}\n`,
    )
  }
  if (result.violation !== null) {
    if (!json)
      process.stdout.write(`${result.violation.text}\n${result.violation.path.map((move) => `  ${move}\n`).join('')}`)
    process.exitCode = 1
  }
}
