// What a network on this machine needs for itself alone: its directory, and the port it was told to use.

import { createServer } from 'node:net'
import { failed } from '#cli/failure.ts'
import { lockDirectory } from '#seeder/store/lock.ts'

/** Holds the directory until disposal; a `Failure` when another process does. */
export function holdDirectory(directory: string, remedy: string): Disposable {
  try {
    return lockDirectory(directory)
  } catch (cause) {
    if ((cause as { reason?: { code?: string } }).reason?.code !== 'store_locked') throw cause
    throw failed('in_use', (cause as Error).message, remedy)
  }
}

/** A `Failure` when somebody listens at the port of 127.0.0.1 already, or we may not. 0 is always free. */
export async function assertFree(port: number): Promise<void> {
  if (port === 0) return
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>()
  const probe = createServer()
  probe.once('error', resolve)
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(undefined)))
  const error = await promise
  if (error === undefined) return
  const what = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`
  throw failed('port_taken', `port ${port} ${what}`, 'Choose another one with --port; 0 takes any.')
}
