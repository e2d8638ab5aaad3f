// Every decoder of messages that takes bytes or text of a stranger, what reads the head of a request, and every place where a page or a header of a stranger
// is edited. What a script parses by itself runs in its box (`test/wpt/`, `test/seeder/execute/`).

import type { Target } from './target.ts'
import { agreementTargets } from './targets/agreement.ts'
import { answerTargets, someAnswers } from './targets/answers.ts'
import { contentTargets } from './targets/content.ts'
import { cookieTargets } from './targets/cookies.ts'
import { headTargets } from './targets/heads.ts'
import { pageTargets } from './targets/pages.ts'
import { placeTargets } from './targets/places.ts'
import { relayTargets } from './targets/relay.ts'
import { wireTargets } from './targets/wires.ts'

export async function fuzzTargets(): Promise<readonly Target[]> {
  const answers = await someAnswers()
  return [
    ...agreementTargets(answers),
    ...answerTargets(answers),
    ...contentTargets(),
    ...wireTargets(),
    ...(await relayTargets()),
    ...placeTargets(),
    ...pageTargets(),
    ...cookieTargets(),
    ...headTargets(),
  ]
}
