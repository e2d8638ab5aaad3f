// The code that is live on a state tree, and where the tree has it: `app` is the bundle, beside it stands which update brought it.

import type { SiteManifest } from '#protocol/site/manifest.ts'
import { SYSTEM_PATH } from '#seeder/execute/host/system-schema.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

export const APP = 'app'
/** `{"sequence"}` of the update that is live: an older signed update cannot be ordered again. */
export const UPDATE_FILE = 'update.json'
/** What a bundle's `data` may hold, at the names they have in the state. */
export const FIRST_DATA = ['db', 'files', SYSTEM_PATH] as const

/** A bundle may bring the data that a new site begins with (§5): an exported state's databases, files and records. */
export function takeFirstData(tree: StateTree): void {
  for (const name of FIRST_DATA) {
    const cid = tree.cid(`${APP}/data/${name}`)
    if (cid !== undefined) tree.link(name, cid)
  }
}

/** Sequence of the update that is live; 0 before the first. */
export function liveSequence(tree: StateTree): number {
  const bytes = tree.read(UPDATE_FILE)
  return bytes === undefined ? 0 : (JSON.parse(new TextDecoder().decode(bytes)) as { sequence: number }).sequence
}

/** What the script finds in its `env`. */
export function bindingsOf(manifest: SiteManifest | undefined): object {
  return {
    db: manifest?.databases.map(({ binding }) => binding) ?? [],
    kv: manifest?.kv ?? [],
    files: manifest?.files ?? [],
    assets: manifest?.assets != null,
  }
}
