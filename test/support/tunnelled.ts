// A group that nobody can dial: each of its members reaches the gateway through a tunnel, and visitors come to the site at the sites domain.

import { type LyingGroup, startGroup } from '#test/byzantine/group.ts'
import { until } from './until.ts'

/** What makes a seeder reach its gateway through a tunnel. */
export const TUNNEL: readonly string[] = ['--reach', 'tunnel']
const LABELS = ['s1', 's2', 's3', 's4']

export type TunnelledGroup = LyingGroup & {
  /** Of the site, at the gateway. */
  readonly carried: string
}

/** With the site published and every tunnel open. */
export async function startTunnelled(site: {
  readonly name: string
  readonly folder: string
}): Promise<TunnelledGroup> {
  await using stack = new AsyncDisposableStack()
  const tunnelled = Object.fromEntries(LABELS.map((label) => [label, TUNNEL]))
  const group = stack.use(await startGroup([], { site, arguments: tunnelled }))
  await until('tunnels to all', () => allTunnelled(group))
  stack.move()
  return { ...group, carried: `http://${site.name}.sites.localhost:${new URL(group.gateway).port}` }
}

/** Every member of the site lives, behind its tunnel. */
export async function allTunnelled({ located }: LyingGroup): Promise<boolean> {
  const members = await located()
  return members.length > 0 && members.every(({ tunnel, state }) => tunnel && state === 'living')
}
