// Backpressure of one answer: more goes when the visitor took what was sent.

import type { ServerResponse } from 'node:http'

/** False when the visitor took nothing for `stallMs` or went away. */
export function drained(response: ServerResponse, stallMs: number): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const done = (moves: boolean) => (): void => {
    clearTimeout(timer)
    response.off('drain', onDrain)
    response.off('close', onClose)
    resolve(moves)
  }
  const onDrain = done(true)
  const onClose = done(false)
  const timer = setTimeout(done(false), stallMs)
  response.once('drain', onDrain)
  response.once('close', onClose)
  return promise
}
