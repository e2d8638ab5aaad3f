// npm run explore -- [--case NAME] [--members 3all|4] [--views N] [--heights N] [--epochs N] [--crashes N] [--timeouts N] [--liar VIEW]
//                    [--handover close|reconfig|both] [--states N] [--minutes N] [--reduced] [--all] [--json]
//
// Explores every reachable state of a small group within bounds. Exit codes: 0 none breaks an invariant, 1 one does, 2 usage.

import { startedWith } from '#test/support/program.ts'
import { CASES } from './cases.ts'
import { explore } from './explore.ts'
import type { Bounds } from './world.ts'

const USAGE = `usage: npm run explore -- [options]

  --case NAME       a case of the list (default: all of them, one after the other):
${CASES.map(([name]) => `                      ${name}`).join('\n')}
  --members 3all|4, --views N, --heights N, --epochs N, --crashes N, --timeouts N, --liar VIEW,
  --handover close|reconfig|both
                    or bounds of one's own
  --states N        no more states than these (default 5000000)
  --minutes N       no longer than this (default 10)
  --reduced         leave out orders of moves that do not touch each other
  --all             go on behind a violation
  --json            a line of JSON a case

Exit codes: 0 no state breaks an invariant, 1 one does, 2 usage.`
const HANDOVERS: readonly Bounds['handover'][] = ['close', 'reconfig', 'both']

function boundsFromArguments(): {
  bounds: readonly (readonly [string, Bounds])[]
  states: number
  ms: number
  json: boolean
  reduced: boolean
  all: boolean
} {
  const { values, count, wrong } = startedWith(USAGE, {
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
  const states = count('--states', values.states, 5_000_000, 1)
  const ms = count('--minutes', values.minutes, 10) * 60_000
  const json = values.json === true
  const reduced = values.reduced === true
  const all = values.all === true
  const named = CASES.filter(([name]) => values.case === undefined || values.case === name)
  if (named.length === 0) wrong(`--case takes ${CASES.map(([name]) => name).join(', ')}`)
  const own = ['members', 'views', 'heights', 'epochs', 'crashes', 'timeouts', 'handover', 'liar'] as const
  if (values.case !== undefined || !own.some((name) => values[name] !== undefined))
    return { bounds: named, states, ms, json, reduced, all }
  const three = values.members === '3all'
  const handover = HANDOVERS.find((each) => each === (values.handover ?? 'close'))
  if (handover === undefined) return wrong(`--handover takes ${HANDOVERS.join(', ')}`)
  const bounds: Bounds = {
    members: three ? 3 : count('--members', values.members, 4, 4),
    quorum: three ? 'all' : 'bft',
    views: count('--views', values.views, 2, 1),
    heights: count('--heights', values.heights, 1, 1),
    epochs: count('--epochs', values.epochs, 1),
    crashes: count('--crashes', values.crashes, 0),
    timeouts: count('--timeouts', values.timeouts, 1),
    liar: values.liar === undefined ? null : count('--liar', values.liar, 0),
    handover,
  }
  return { bounds: [['own', bounds]], states, ms, json, reduced, all }
}

const SHOWS = process.stderr.isTTY || process.env.EXPLORE_SHOWS !== undefined
const { bounds, states, ms, json, reduced, all } = boundsFromArguments()
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
