// A site of events for tests, and one who listens to it.

import { request } from 'node:http'
import { assert } from '#protocol/codec/result.ts'
import type { ScriptRequest, ScriptResponse } from '#seeder/execute/port.ts'
import type { AppContext } from '#test/support/hosted-group.ts'
import { textResponse } from '#test/support/hosted-group.ts'

/** A POST adds a line; `/events` tells those after `Last-Event-ID`, numbered from 1. */
export function eventApp(request: ScriptRequest, { state }: AppContext): ScriptResponse {
  const lines = JSON.parse(state.get('lines') ?? '[]') as string[]
  if (request.method === 'POST') {
    state.set('lines', JSON.stringify([...lines, Buffer.from(request.body).toString()]))
    return textResponse(200, String(lines.length + 1))
  }
  const after = Number(request.headers.find(([name]) => name === 'last-event-id')?.[1] ?? 0)
  const events = lines.slice(after).map((line, index) => `id: ${after + index + 1}\ndata: ${line}\n\n`)
  return { status: 200, headers: [['content-type', 'text/event-stream']], body: Buffer.from(events.join('')) }
}

export type Listener = {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  /** As it came, comments included. */
  readonly text: () => string
  /** What the events said. */
  readonly lines: () => string[]
  readonly ended: Promise<void>
  readonly isOver: () => boolean
  leave(): void
}

export function listen(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Listener> {
  const { promise, resolve, reject } = Promise.withResolvers<Listener>()
  const { host, port, pathname, search } = new URL(url)
  const options = {
    host: '127.0.0.1',
    port,
    path: pathname + search,
    headers: { accept: 'text/event-stream', host, ...headers },
  }
  const asking = request(options, (answer) => {
    let text = ''
    let over = false
    answer.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    const ended = new Promise<void>((done) => {
      answer.once('close', () => {
        over = true
        done()
      })
    })
    answer.on('error', () => {})
    assert(answer.statusCode !== undefined, 'an answer has a status')
    resolve({
      status: answer.statusCode,
      headers: answer.headers,
      text: () => text,
      lines: () => Array.from(text.matchAll(/^data: (.*)$/gm), ([, line = '']) => line),
      ended,
      isOver: () => over,
      leave: () => answer.destroy(),
    })
  })
  asking.once('error', reject)
  asking.end()
  return promise
}
