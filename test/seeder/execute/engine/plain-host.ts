// The pure operations that the guest library needs for itself (text encoding), by the real host on an empty state.

import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import type { HostOperations } from '#seeder/execute/host/port.ts'
import { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'

const host = createHost({
  tree: openStateTree(EMPTY_DIRECTORY, () => undefined),
  sqlite: new SqliteBox(),
  manifest: {
    ...{ version: 1, name: 'site', scriptBytes: 1, databases: [], kv: [], files: [], crons: [], assets: null },
    ...{ headers: [], volatile: [], origin: null },
  },
  mode: 'read',
  time: 0,
  random: (count) => new Uint8Array(count),
  fuel: { remaining: () => 1e15, charge: () => {} },
})

/** `call` answers what the test is about; the guest library's own needs are met before it. */
export function plainHost(call: HostOperations['call'], cost: (op: string) => number = () => 0): HostOperations {
  return {
    call: (op, text, bytes) => (op.startsWith('utf8.') ? host.call(op, text, bytes) : call(op, text, bytes)),
    cost: (op) => cost(op),
    asked: () => ({ time: false, chance: false }),
    wrote: () => false,
  }
}
