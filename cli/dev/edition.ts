// One edition of the site in a folder: bundled, addressed, or what is wrong with it.

import { relative, resolve } from 'node:path'
import process from 'node:process'
import { bundleSite } from '#cli/bundle/bundle.ts'
import type { BundleIssue } from '#cli/bundle/config-file.ts'
import { type Packed, packFiles } from '#cli/publish/pack.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { textFromCid } from '#protocol/content/cid.ts'

export type Edition = {
  readonly name: string
  readonly packed: Packed
  /** CID of the bundle: equal sources, equal root. */
  readonly root: string
  readonly scriptBytes: number
  readonly files: number
}

/** Issues name files as one would type them here. */
export async function editionOf(folder: string): Promise<Result<Edition, readonly BundleIssue[]>> {
  const bundle = await bundleSite(folder)
  if (!bundle.ok) return err(bundle.error.map((issue) => ({ ...issue, file: shortPath(resolve(folder, issue.file)) })))
  const { manifest, files } = bundle.value
  const packed = packFiles(files)
  return ok({
    name: manifest.name,
    packed,
    root: textFromCid(packed.root),
    scriptBytes: manifest.scriptBytes,
    files: Object.keys(manifest.assets?.files ?? {}).length,
  })
}

/** As one would type it here: relative when it lies below the current folder. */
export function shortPath(path: string): string {
  const below = relative(process.cwd(), path)
  return below.startsWith('..') ? path : below
}
