// The logs of several members as one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogFeed } from '#cli/dev/log-feed.ts'
import type { LogLine } from '#seeder/execute/port.ts'
import type { HostedSite } from '#seeder/serve/port.ts'

function member(): { readonly site: HostedSite; say(text: string, time: number): void } {
  const lines: (LogLine & { readonly sequence: number })[] = []
  const logs: HostedSite['logs'] = ({ limit, after = 0 }) =>
    lines.filter(({ sequence }) => sequence > after).slice(-limit)
  return {
    site: { logs } as HostedSite,
    say: (text, time) => void lines.push({ text, time, level: 'info', sequence: lines.length + 1 }),
  }
}

const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text)

test('a line that every member has is shown once, whichever has it first', () => {
  const [one, two] = [member(), member()]
  const sites = [one.site, two.site]
  const feed = createLogFeed()
  feed.look(sites)
  one.say('written', 5)
  assert.deepEqual(texts(feed.look(sites)), ['written'])
  two.say('written', 5)
  assert.deepEqual(texts(feed.look(sites)), [])
})

test('a line that one block said twice is shown twice, and a line of one member alone once', () => {
  const [one, two] = [member(), member()]
  const sites = [one.site, two.site]
  const feed = createLogFeed()
  feed.look(sites)
  for (const { say } of [one, two]) {
    say('same', 5)
    say('same', 5)
  }
  two.say('read here', 4)
  assert.deepEqual(texts(feed.look(sites)), ['read here', 'same', 'same'])
})

test('what stood in the logs before is not shown', () => {
  const one = member()
  one.say('old', 1)
  const feed = createLogFeed()
  assert.deepEqual(texts(feed.look([one.site])), [])
  one.say('new', 2)
  assert.deepEqual(texts(feed.look([one.site, undefined])), ['new'])
})
