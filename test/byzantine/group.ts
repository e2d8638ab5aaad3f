// Real seeders, the real gateway and one site, of whose members some lie: each is chosen by its part in the group, once the site runs.
//
//   four honest seeders ──> site ──> who leads? ──> the chosen ones end and come back with `--byzantine`

import { join } from 'node:path'
import { askJson } from '#cli/network/peers.ts'
import { assert } from '#protocol/codec/result.ts'
import type { ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { startGatewayOf } from '#test/support/gateway.ts'
import { type SeederProcess, type Seeders, type SeedersOptions, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

export const SITE = 'objects'
const SITE_FOLDER = join(import.meta.dirname, '..', 'seeder', 'processes', SITE)
const READY_MS = 120_000

export type Part = 'leader' | 'follower'
export type Lie = { readonly kind: ByzantineKind; readonly part: Part }

export type MemberEntry = {
  readonly peer: string
  readonly state: string
  readonly origin: string | null
  readonly tunnel: boolean
}

export type LyingGroup = AsyncDisposable & {
  readonly seeders: Seeders
  readonly gateway: string
  readonly liars: readonly SeederProcess[]
  readonly honest: readonly SeederProcess[]
  /** What the gateway says of the site's members. */
  located(): Promise<readonly MemberEntry[]>
}

/** The leader comes first, then the others in the order of their labels. */
export async function byPart(seeders: Seeders, site: string): Promise<readonly SeederProcess[]> {
  const leader = (await seeders.all[0]?.site(site))?.leader
  const first = seeders.all.filter(({ ready }) => ready.peer === leader)
  assert(first.length === 1, 'one of the seeders leads')
  return [...first, ...seeders.all.filter((seeder) => !first.includes(seeder))]
}

export type GroupOptions = SeedersOptions & {
  /** Absent: the site of the scripted clients. */
  readonly site?: HostedFolder
  /** Of the same members. */
  readonly beside?: readonly HostedFolder[]
}

export type HostedFolder = { readonly name: string; readonly folder: string }

/** The site of the scripted clients. */
export const OBJECTS: HostedFolder = { name: SITE, folder: SITE_FOLDER }

export async function startGroup(lies: readonly Lie[], options: GroupOptions = {}): Promise<LyingGroup> {
  const { site = OBJECTS, beside = [] } = options
  const { name } = site
  await using stack = new AsyncDisposableStack()
  const seeders = stack.use(await startSeeders(options))
  const gateway = stack.use(await startGatewayOf(seeders))
  for (const each of [site, ...beside]) {
    await seeders.publish(each.folder)
    for (const seeder of seeders.all)
      await until(
        `${each.name} at ${seeder.label}`,
        async () => {
          const found = await seeder.site(each.name)
          return found?.state === 'agreeing' && found.height > 0
        },
        READY_MS,
      )
  }
  const [leader, ...followers] = await byPart(seeders, name)
  const liars: SeederProcess[] = []
  for (const { kind, part } of lies) {
    const chosen = part === 'leader' ? leader : followers.pop()
    assert(chosen !== undefined, 'there is such a member')
    chosen.kill('SIGKILL')
    liars.push(await seeders.restart(chosen, '--byzantine', kind))
  }
  const honest = seeders.all.filter((seeder) => !liars.includes(seeder))
  const located = async () =>
    (await askJson<{ members: MemberEntry[] }>(`${gateway.url}/lookup/name/${name}`))?.members ?? []
  await until(
    'the honest members at the gateway',
    async () => {
      const members = await located()
      return honest.every(({ ready }) => members.some(({ peer, state }) => peer === ready.peer && state === 'living'))
    },
    READY_MS,
  )
  const held = stack.move()
  return {
    seeders,
    gateway: gateway.url,
    liars,
    honest,
    located,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
