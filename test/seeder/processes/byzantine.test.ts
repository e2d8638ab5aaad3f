// Of `npm run test:byzantine` the three that tell most: liars on real processes under the load of clients that check everything.

import { test } from 'node:test'
import { runAlone, runFork, runPair } from '#test/byzantine/cases.ts'

const LOAD_MS = 5_000

test('F31 G11 a leader that says two things: no certified lie, no lost write, and the gateway drops it within 10 s of the proof', async (context) => {
  context.diagnostic(JSON.stringify(await runAlone({ kind: 'equivocate', part: 'leader' }, LOAD_MS)))
})

test('F31 §7.2 G2 two liars of four: nobody honest is accused, and what was certified is served', async (context) => {
  const lies = [
    { kind: 'wrong-result', part: 'leader' },
    { kind: 'silent', part: 'follower' },
  ] as const
  context.diagnostic(JSON.stringify(await runPair(lies, LOAD_MS)))
})

test('F31 §7.2 G2 two liars of four make two certificates of one height, and every honest member names the two and nobody else', async (context) => {
  context.diagnostic(JSON.stringify(await runFork()))
})
