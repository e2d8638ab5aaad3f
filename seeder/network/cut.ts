// A connection ended at once. libp2p's muxer takes leave of the other side first, and throws when nothing can be sent any more, as while the
// connection is being closed; what lies below it would stay open, and in a timer or a handler the throw would end this process.

import type { Connection } from '@libp2p/interface'

export function cut(connection: Pick<Connection, 'abort'>, reason: string): void {
  const error = new Error(reason)
  try {
    connection.abort(error)
  } catch {
    // The muxer is closed now, and is passed over the second time.
    connection.abort(error)
  }
}
